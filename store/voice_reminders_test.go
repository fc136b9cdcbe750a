package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/ivr"
	"duebell/notify"
)

// openCaller is a reminderFixture whose sender places calls; the member at cel has agreed to them and has a landline.
func openCaller(t *testing.T) (*reminderFixture, *switchboard) {
	t.Helper()
	d := newReminderFixture(t, func(p *billing.Policy) {
		p.VoiceReminders, p.RevokeAllFrom.Time = true, textsAt.AddDate(1, 0, 0)
	})
	d.inbox = notify.NewInbox(d.store, d.policy, d.cal, d.clock, discard)
	board := &switchboard{}
	o := d.options()
	o.Dialer = board
	d.sender = d.senderWith(o)
	d.member(one, cel, "")
	d.exec(`UPDATE members SET mobile = false`)
	d.exec(`UPDATE consents SET ended_at = at`)
	consent := feed.Text("consents.csv", "number,channel,source,at,wording\n"+cel+",voice,call,"+textsAt.Format(time.RFC3339)+",yes\n")
	if sum, err := d.store.ImportConsents(context.Background(), consent, textsAt); err != nil || sum.New != 1 {
		t.Fatal(sum, err)
	}
	return d, board
}

// month is what month-end grace brings a member who never pays.
var month = []string{
	"2027-02-20 09:00|0111|due_soon 3", "2027-02-23 09:00|0111|due_today", "2027-02-24 09:00|0111|past_due", "2027-02-25 09:00|0111|grace_ending",
}

func wantCalled(t *testing.T, d *reminderFixture, b *switchboard, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), d.sent()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if len(b.calls) != len(want) {
		t.Errorf("%d calls placed, want %d", len(b.calls), len(want))
	}
	if d.carrier.sent() != 0 {
		t.Errorf("%d texts", d.carrier.sent())
	}
}

// TestN10LandlineIsCalled: the same reminders in the same hours under the same cap, and no text.
func TestN10LandlineIsCalled(t *testing.T) {
	t.Parallel()
	d, board := openCaller(t)
	d.walk("2027-02-01", "2027-02-28")
	wantCalled(t, d, board, month...)
	if got := d.one(`SELECT count(*), count(DISTINCT local_day), min(channel), max(creates) FROM notices`); got != "4|4|voice|1" {
		t.Errorf("%s", got)
	}
	c := board.calls[0]
	if placed, err := d.store.CallAnswered(context.Background(), c.reference, c.sid, d.clock.Now()); err != nil || placed.For != ivr.Reminder {
		t.Errorf("it is for %q, %v", placed.For, err)
	}
}

// TestN10WhoIsNotCalled: policy, consent and refusal, each by itself; and a text goes where it can.
func TestN10WhoIsNotCalled(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(d *reminderFixture){
		"policy is off":  func(d *reminderFixture) { d.policy.VoiceReminders = false; d.apply() },
		"no consent":     func(d *reminderFixture) { d.exec(`DELETE FROM consents`) },
		"wants no calls": func(d *reminderFixture) { d.noMoreCalls() },
		"wants nothing at all": func(d *reminderFixture) {
			d.exec(`INSERT INTO suppressions (number, channel, purpose, source, at) VALUES ($1, 'voice', 'all', 'text', $2)`, cel, textsAt)
		},
		"nothing owed": func(d *reminderFixture) {
			d.at["2027-02-01T03:00"] = func() { d.books(one, billedEach, d.clock.Now()) }
		},
		"on AutoPay": func(d *reminderFixture) { d.exec(`UPDATE accounts SET autopay_day = 21, autopay_last4 = '6789'`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, board := openCaller(t)
			set(d)
			d.walk("2027-02-01", "2027-02-28")
			wantCalled(t, d, board)
		})
	}
	d, board := openCaller(t)
	d.exec(`UPDATE members SET mobile = true`)
	d.exec(`UPDATE consents SET ended_at = NULL`)
	d.walk("2027-02-01", "2027-02-28")
	if len(board.calls) != 0 || d.carrier.sent() != 4 {
		t.Errorf("who can be texted: %d calls, %d texts", len(board.calls), d.carrier.sent())
	}
}

func (d *reminderFixture) noMoreCalls() {
	d.t.Helper()
	if err := d.inbox.NoMoreCalls(context.Background(), cel, "CA1/1"); err != nil {
		d.t.Fatal(err)
	}
}

// TestN10RefusedBetweenPlanAndCall: what is true at the instant of calling counts.
func TestN10RefusedBetweenPlanAndCall(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(d *reminderFixture){
		"7 on another call": func(d *reminderFixture) { d.noMoreCalls() },
		"paid":              func(d *reminderFixture) { d.books(one, billedEach, d.clock.Now()) },
		"switched off":      func(d *reminderFixture) { d.policy.VoiceReminders = false; d.rules = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, board := openCaller(t)
			d.walk("2027-02-01", "2027-02-19")
			d.at["2027-02-20T09:00"] = func() {
				happens(d)
				if d.rules == nil {
					d.apply()
					o := d.options()
					o.Dialer = board
					d.sender = d.senderWith(o)
				}
			}
			d.walk("2027-02-20", "2027-02-20")
			wantCalled(t, d, board)
			if got := d.one(`SELECT channel, state IN ('dropped', 'suppressed') FROM notices`); got != "voice|true" {
				t.Errorf("%s", got)
			}
		})
	}
}

// TestN11ThenCalled: a mobile that turns out to take no texts is called from then on, where its owner agreed.
func TestN11ThenCalled(t *testing.T) {
	t.Parallel()
	d, board := openCaller(t)
	d.exec(`UPDATE members SET mobile = true`)
	d.exec(`UPDATE consents SET ended_at = NULL`)
	d.at["2027-02-20T10:00"] = func() { d.callback(1, "undelivered", notify.Landline) }
	d.walk("2027-02-01", "2027-02-28")
	if diff := cmp.Diff(month, d.sent()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(board.calls) != 3 || d.carrier.sent() != 1 {
		t.Errorf("%d calls, %d texts", len(board.calls), d.carrier.sent())
	}
	for number, want := range map[string]bool{cel: false, "+16175550199": true} {
		if got, err := d.store.TextsArrive(context.Background(), number); err != nil || got != want {
			t.Errorf("a text to %s arrives: %v, %v", number, got, err)
		}
	}
}
