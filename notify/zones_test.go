package notify_test

import (
	"slices"
	"strings"
	"testing"

	"duebell/billing"
	"duebell/lab/vectors"
	"duebell/notify"
	"duebell/payments"
)

// TestN4Vectors: from a number and what is known of its owner to whether a text may go now.
func TestN4Vectors(t *testing.T) {
	rules := newRules(t)
	for _, row := range vectors.CSV(t, "quiet_hours.csv") {
		t.Run(row["case_id"], func(t *testing.T) {
			f := facts(t, notify.PaymentReturned, payments.Returned)
			f.Zones, f.Number = nil, ""
			if row["member_zone"] != "" {
				f.Zones = []string{row["member_zone"]}
			}
			if row["area_code"] != "" {
				f.Number = "+1" + row["area_code"] + "5550123"
			}
			at, next := instant(t, row["instant_utc"]), instant(t, row["next_allowed_utc"])
			v, err := rules.Decide(f, at)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case row["allowed"] == "true" && v.Action != notify.ActionSend:
				t.Errorf("%s, want it sent (%s)", v.Action, row["note"])
			case row["allowed"] != "true" && (v.Action != notify.ActionWait || !v.Until.Equal(next)):
				t.Errorf("%s until %s, want it to wait until %s (%s)", v.Action, v.Until.UTC(), next, row["note"])
			}
			if row["member_zone"] == "" {
				want := strings.Split(row["zones_used"], "|")
				got := append([]string{"America/New_York"}, notify.ZonesOf(f.Number)...)
				slices.Sort(want)
				slices.Sort(got)
				if got = slices.Compact(got); !slices.Equal(got, want) {
					t.Errorf("zones %v, want %v", got, want)
				}
			}
		})
	}
}

// TestZonesOf: the zones of area codes, split and unmapped ones included.
func TestZonesOf(t *testing.T) {
	for number, want := range map[string]string{
		"+16175550101": "America/New_York", "+12145550101": "America/Chicago", "+16045550101": "America/Vancouver",
		"+18765550101": "America/Jamaica", "+12085550101": "America/Boise America/Los_Angeles", "+13605550101": "America/Los_Angeles",
		"+18775550101": "", "+19005550101": "", "+442071838750": "Europe/London", "": "", "anonymous": "",
	} {
		if got := strings.Join(notify.ZonesOf(number), " "); got != want {
			t.Errorf("%s: %q, want %q", number, got, want)
		}
	}
}

// TestCallable: only numbers at the price of a plain call are called back (N8).
func TestCallable(t *testing.T) {
	for number, want := range map[string]bool{
		"+16175550101": true, "+16045550101": true, "+18775550101": true,
		"+19005550101": false, "+442071838750": false, "+1617555010": false, "262966": false, "": false, "anonymous": false,
	} {
		if got := notify.Callable(number); got != want {
			t.Errorf("%s: %v", number, got)
		}
	}
}

// TestN4MemberInNoKnownZone: billing may leave the zone out; an area code that it cannot be sure of then counts.
func TestN4MemberInNoKnownZone(t *testing.T) {
	cal, err := billing.NewCalendar(billing.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	f := facts(t, notify.PaymentReturned, payments.Returned)
	f.Zones, f.Number = nil, "+14155550101"
	at := instant(t, "2026-07-23T10:00:00-04:00")
	v, err := newRules(t).Decide(f, at)
	if err != nil || v.Action != notify.ActionWait || cal.DateOf(v.Until) != cal.DateOf(at) || v.Until.Sub(at).Hours() != 2 {
		t.Errorf("%s until %s, %v", v.Action, v.Until, err)
	}
}
