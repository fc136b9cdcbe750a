package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"duebell/notify"
)

// TestPreview: a dry run says of everybody what they would get, or why nothing, and writes nothing.
func TestPreview(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	ctx := context.Background()
	numbers := map[string]string{"700000001": cel, "700000004": "+16175550114", "700000005": "+16175550115", "700000006": "+16175550116",
		"700000007": "+16175550117", "700000008": "+16175550118", "700000009": "+16175550119", "700000010": "+16175550120", "700000011": "+16175550121"}
	for account, number := range numbers {
		d.member(account, number, "")
	}
	d.member(two, cel, "")
	d.imports(d.local("2027-02-01T02:00"))
	d.exec(`INSERT INTO members (member_id, name, language, time_zone) VALUES ('100700000003', 'Sample', 'en', '')`)
	d.exec(`INSERT INTO accounts (account, member_id, kind, status) VALUES ('700000003', '100700000003', 'health', 'active')`)
	d.books("700000004", billedEach, d.local("2027-02-10T12:00"))
	d.receive("SM1", numbers["700000005"], "STOP")
	d.exec(`UPDATE accounts SET autopay_day = 21, autopay_last4 = '6789' WHERE account = '700000006'`)
	d.exec(`UPDATE accounts SET status = 'terminated' WHERE account = '700000007'`)
	d.exec(`UPDATE accounts SET status = 'blocked' WHERE account = '700000008'`)
	d.exec(`UPDATE consents SET ended_at = at WHERE number = $1`, numbers["700000009"])
	d.exec(`UPDATE members SET mobile = false WHERE phone = $1`, numbers["700000009"])
	if err := d.store.SuppressNumber(ctx, notify.Suppression{Number: numbers["700000010"], Source: notify.FromUnreachable}, d.clock.Now()); err != nil {
		t.Fatal(err)
	}
	d.exec(`UPDATE accounts SET frozen_at = $1 WHERE account = '700000011'`, d.clock.Now())

	got := map[string]string{}
	stale, err := d.planner.Preview(ctx, d.local("2027-02-20T08:00"), func(_ notify.Recipient, send []notify.Reminder, held []notify.Withheld) error {
		for _, m := range send {
			for _, c := range m.Reasons {
				got[c.Account] = fmt.Sprintf("%s %d at %s", m.Kind, c.DaysBefore, m.NotBefore.In(d.cal.Zone()).Format("15:04"))
			}
		}
		for _, w := range held {
			got[w.Account] = w.Why
		}
		return nil
	})
	if err != nil || !stale {
		t.Errorf("stale %v, %v", stale, err)
	}
	want := map[string]string{
		one: "due_soon 3 at 09:00", two: "due_soon 3 at 09:00", "700000003": notify.WhyNoNumber, "700000004": notify.WhyNothingOwed,
		"700000005": notify.WhyOptedOut, "700000006": notify.WhyAutoPay, "700000007": notify.WhyTerminated, "700000008": notify.WhyBlocked,
		"700000009": notify.WhyLandline, "700000010": notify.WhyUnreachable, "700000011": notify.WhyInFlight,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := d.one(`SELECT count(*) FROM notices WHERE kind = 'due_soon'`); got != "0" {
		t.Errorf("%s texts planned by a dry run", got)
	}
}

// TestPausedCampaign: a kind that is held back waits, other kinds do not, and it goes again when resumed.
func TestPausedCampaign(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	ctx := context.Background()
	d.member(one, cel, "next-due")
	pause := func(pause bool) func() {
		return func() {
			var fresh bool
			var err error
			if pause {
				fresh, err = d.store.PauseKind(ctx, notify.DueSoon, "misprint", d.clock.Now())
			} else {
				fresh, err = d.store.ResumeKind(ctx, notify.DueSoon)
			}
			if err != nil || !fresh {
				t.Errorf("pause %v: %v, %v", pause, fresh, err)
			}
		}
	}
	d.at["2027-02-13T08:00"] = pause(true)
	d.at["2027-02-14T12:00"] = pause(false)
	d.at["2027-02-15T00:00"] = pause(true)
	d.walk("2027-02-01", "2027-02-24")
	d.want("2027-02-14 12:00|0111|due_soon 10", "2027-02-23 09:00|0111|due_today", "2027-02-24 09:00|0111|past_due")
	paused, err := d.store.PausedKinds(ctx)
	if err != nil || len(paused) != 1 || paused[0].Kind != notify.DueSoon || paused[0].Why != "misprint" {
		t.Errorf("paused: %v, %v", paused, err)
	}
	counts := map[string]int{}
	list, err := d.store.ReminderCounts(ctx, d.local("2027-02-01T00:00"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		counts[fmt.Sprintf("%s %s %s", c.Kind, c.State, c.Why)] = c.Texts
	}
	want := map[string]int{
		"due_soon accepted ": 1, "due_soon dropped " + notify.WhyTooLate: 2, "due_today accepted ": 1, "past_due accepted ": 1,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
