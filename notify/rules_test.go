package notify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/lab/vectors"
	"duebell/notify"
	"duebell/payments"
)

// TestN2Decide: one row for each fact that makes a text untrue, forbidden or late.
func TestN2Decide(t *testing.T) {
	type change = func(*notify.Facts)
	tests := []struct {
		name   string
		kind   notify.Kind
		state  payments.State
		change change
		at     string
		do     notify.Action
		why    string
		until  string
	}{
		{name: "receipt of a taken payment", kind: notify.PaymentReceived, state: payments.Taken, do: notify.ActionSend},
		{name: "receipt at night (N5)", kind: notify.PaymentReceived, state: payments.Taken, at: "2026-12-24T03:00:00-05:00", do: notify.ActionSend},
		{name: "receipt of a payment that bounced meanwhile", kind: notify.PaymentReceived, state: payments.Returned, do: notify.ActionDrop, why: notify.WhyNotTaken},
		{name: "receipt while the outcome is unknown", kind: notify.PaymentReceived, state: payments.Unknown, do: notify.ActionDrop, why: notify.WhyNotTaken},
		{name: "receipt without consent", kind: notify.PaymentReceived, state: payments.Taken,
			change: func(f *notify.Facts) { f.Consent = false }, do: notify.ActionDrop, why: notify.WhyNoConsent},
		{name: "receipt asked for on the call", kind: notify.PaymentReceived, state: payments.Taken,
			change: func(f *notify.Facts) { f.Consent, f.ByRequest = false, true }, do: notify.ActionSend},
		{name: "receipt after an opt-out", kind: notify.PaymentReceived, state: payments.Taken,
			change: func(f *notify.Facts) { f.OptedOut = true }, do: notify.ActionSuppress, why: notify.WhyOptedOut},
		{name: "receipt past its window", kind: notify.PaymentReceived, state: payments.Taken,
			change: func(f *notify.Facts) { f.NotAfter = instant(t, noon).Add(-time.Second) }, do: notify.ActionDrop, why: notify.WhyTooLate},
		{name: "receipt at the last instant of its window", kind: notify.PaymentReceived, state: payments.Taken,
			change: func(f *notify.Facts) { f.NotAfter = instant(t, noon) }, do: notify.ActionSend},
		{name: "no payment behind it", kind: notify.PaymentReceived, state: payments.Taken,
			change: func(f *notify.Facts) { f.Reasons[0].Payment = nil }, do: notify.ActionDrop, why: notify.WhyNoPayment},

		{name: "no reason left", kind: notify.PaymentReceived, state: payments.Taken,
			change: func(f *notify.Facts) { f.Reasons = nil }, do: notify.ActionDrop, why: notify.WhyNoReason},
		{name: "a reminder without what it rests on", kind: notify.DueSoon, do: notify.ActionDrop, why: notify.WhyStale},

		{name: "failure not heard (L3)", kind: notify.PaymentFailed, state: payments.Declined, at: "2026-12-24T03:00:00-05:00", do: notify.ActionSend},
		{name: "failure heard on the call", kind: notify.PaymentFailed, state: payments.Declined,
			change: func(f *notify.Facts) { f.Reasons[0].Payment.HeardOnCall = true }, do: notify.ActionDrop, why: notify.WhyHeardOnCall},
		{name: "failure of a payment that was taken", kind: notify.PaymentFailed, state: payments.Taken, do: notify.ActionDrop, why: notify.WhyNotDeclined},

		{name: "written notice at once", kind: notify.TelWrittenNotice, state: payments.Authorized, at: "2026-12-24T03:00:00-05:00", do: notify.ActionSend},
		{name: "written notice of an unknown outcome", kind: notify.TelWrittenNotice, state: payments.Unknown, do: notify.ActionSend},
		{name: "written notice after an opt-out, asked for on this call (O4)", kind: notify.TelWrittenNotice, state: payments.Taken,
			change: func(f *notify.Facts) { f.OptedOut, f.Consent, f.ByRequest = true, false, true }, do: notify.ActionSend},
		{name: "written notice to a number where nothing arrives", kind: notify.TelWrittenNotice, state: payments.Taken,
			change: func(f *notify.Facts) { f.Unreachable, f.ByRequest = true, true }, do: notify.ActionSuppress, why: notify.WhyUnreachable},
		{name: "written notice of a cancelled debit", kind: notify.TelWrittenNotice, state: payments.Voided, do: notify.ActionDrop, why: notify.WhyNoDebit},
		{name: "written notice of a declined debit", kind: notify.TelWrittenNotice, state: payments.Declined, do: notify.ActionDrop, why: notify.WhyNoDebit},

		{name: "return by day", kind: notify.PaymentReturned, state: payments.Returned, do: notify.ActionSend},
		{name: "return by night waits for the window", kind: notify.PaymentReturned, state: payments.Returned,
			at: "2026-12-24T03:00:00-05:00", do: notify.ActionWait, until: "2026-12-24T09:00:00-05:00"},
		{name: "return at the closing instant", kind: notify.PaymentReturned, state: payments.Returned,
			at: "2026-12-23T19:30:00-05:00", do: notify.ActionWait, until: "2026-12-24T09:00:00-05:00"},
		{name: "return where the payer lives further west", kind: notify.PaymentReturned, state: payments.Returned,
			change: func(f *notify.Facts) { f.Zones = []string{"America/New_York", "America/Los_Angeles"} }, at: "2026-12-23T11:00:00-05:00",
			do: notify.ActionWait, until: "2026-12-23T09:00:00-08:00"},
		{name: "return on the day the clocks go forward", kind: notify.PaymentReturned, state: payments.Returned,
			at: "2027-03-14T01:59:59-05:00", do: notify.ActionWait, until: "2027-03-14T09:00:00-04:00"},
		{name: "return whose window ends in the night", kind: notify.PaymentReturned, state: payments.Returned,
			change: func(f *notify.Facts) { f.NotAfter = instant(t, "2026-12-24T08:59:59-05:00") },
			at:     "2026-12-24T03:00:00-05:00", do: notify.ActionDrop, why: notify.WhyTooLate},
		{name: "return, but paid meanwhile", kind: notify.PaymentReturned, state: payments.Returned,
			change: func(f *notify.Facts) { f.Reasons[0].Owed = 0 }, do: notify.ActionDrop, why: notify.WhyNothingOwed},
		{name: "return, but another payment is in flight", kind: notify.PaymentReturned, state: payments.Returned,
			change: func(f *notify.Facts) { f.Reasons[0].InFlight = true }, do: notify.ActionDrop, why: notify.WhyInFlight},
		{name: "return of a terminated account", kind: notify.PaymentReturned, state: payments.Returned,
			change: func(f *notify.Facts) { f.Reasons[0].Terminated = true }, do: notify.ActionDrop, why: notify.WhyTerminated},

		{name: "opt-out confirmed in spite of the opt-out (O2)", kind: notify.OptOutConfirm,
			change: func(f *notify.Facts) { f.OptedOut, f.Consent = true, false }, at: "2026-12-24T03:00:00-05:00", do: notify.ActionSend},
		{name: "opt-out taken back before it was confirmed", kind: notify.OptOutConfirm, do: notify.ActionDrop, why: notify.WhyTextsOn},
		{name: "opt-in taken back before it was confirmed", kind: notify.OptInConfirm,
			change: func(f *notify.Facts) { f.OptedOut, f.ByRequest = true, true }, do: notify.ActionDrop, why: notify.WhyTextsOff},
		{name: "help without consent", kind: notify.HelpReply,
			change: func(f *notify.Facts) { f.Consent = false }, do: notify.ActionSend},
		{name: "unasked help after an opt-out", kind: notify.HelpReply,
			change: func(f *notify.Facts) { f.OptedOut = true }, do: notify.ActionSuppress, why: notify.WhyOptedOut},
		{name: "a kind without words is never sent", kind: "weather", do: notify.ActionDrop, why: notify.WhyUnknownKind},
	}
	rules := newRules(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := facts(t, tt.kind, tt.state)
			if tt.change != nil {
				tt.change(&f)
			}
			if tt.at == "" {
				tt.at = noon
			}
			v, err := rules.Decide(f, instant(t, tt.at))
			if err != nil {
				t.Fatal(err)
			}
			if v.Action != tt.do || v.Why != tt.why || (v.Body != "") != (tt.do == notify.ActionSend) {
				t.Errorf("%s %q, want %s %q", v.Action, v.Why, tt.do, tt.why)
			}
			if tt.until != "" && !v.Until.Equal(instant(t, tt.until)) {
				t.Errorf("until %s, want %s", v.Until, tt.until)
			}
		})
	}
}

// TestN1ReasonsThatHold: reasons that are no longer true are dropped, and the notice goes with the others.
func TestN1ReasonsThatHold(t *testing.T) {
	f := facts(t, notify.PaymentReturned, payments.Returned)
	paid := f.Reasons[0]
	paid.Account, paid.Owed = "712345686", 0
	f.Reasons = append(f.Reasons, paid)
	v, err := newRules(t).Decide(f, instant(t, noon))
	if err != nil {
		t.Fatal(err)
	}
	want := []notify.DroppedReason{{Account: "712345686", Why: notify.WhyNothingOwed}}
	if diff := cmp.Diff(want, v.Dropped); diff != "" || v.Action != notify.ActionSend {
		t.Errorf("%s; untrue (-want +got):\n%s", v.Action, diff)
	}
}

// TestDecideKnowsNoSuchZone: with a time zone that does not exist nothing is sent (N2: any doubt).
func TestDecideKnowsNoSuchZone(t *testing.T) {
	f := facts(t, notify.PaymentReturned, payments.Returned)
	f.Zones = []string{"America/Nowhere"}
	if v, err := newRules(t).Decide(f, instant(t, noon)); err == nil {
		t.Errorf("decided %s", v.Action)
	}
}

// TestN4Hours checks the send window against the vectors, with the zones that they name.
func TestN4Hours(t *testing.T) {
	p := billing.DefaultPolicy()
	cal, err := billing.NewCalendar(p)
	if err != nil {
		t.Fatal(err)
	}
	hours := notify.NewHours(p, cal)
	for _, row := range vectors.CSV(t, "quiet_hours.csv") {
		t.Run(row["instant_utc"]+" "+row["zones_used"], func(t *testing.T) {
			at := instant(t, row["instant_utc"])
			zones := zonesOf(t, row["zones_used"])
			if got, want := hours.Open(at, zones...), row["allowed"] == "true"; got != want {
				t.Errorf("open %v, want %v (%s)", got, want, row["note"])
			}
			if got, want := hours.NextOpening(at, zones...), instant(t, row["next_allowed_utc"]); !got.Equal(want) {
				t.Errorf("next opening %s, want %s (%s)", got.UTC(), want, row["note"])
			}
		})
	}
}

// TestN4Holidays: a holiday has a send window unless the policy says otherwise.
func TestN4Holidays(t *testing.T) {
	p := billing.DefaultPolicy()
	p.SMSSkipHolidays = true
	cal, err := billing.NewCalendar(p)
	if err != nil {
		t.Fatal(err)
	}
	christmas := instant(t, "2026-12-25T12:00:00-05:00")
	got := notify.NewHours(p, cal).NextOpening(christmas, cal.Zone())
	if want := instant(t, "2026-12-26T09:00:00-05:00"); !got.Equal(want) {
		t.Errorf("next opening %s, want %s", got, want)
	}
}

func zonesOf(t *testing.T, joined string) []*time.Location {
	t.Helper()
	var zones []*time.Location
	for _, name := range strings.Split(joined, "|") {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	return zones
}
