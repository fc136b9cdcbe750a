package store_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"duebell/billing"
	"duebell/notify"
	"duebell/store"
)

// TestN6OutageOfADay: what is still true goes a day later, once; what is not is not said at all.
func TestN6OutageOfADay(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	for day, happens := range map[string]bool{"20": true, "23": true, "24": true} {
		d.at["2027-02-"+day+"T00:00"] = func() { d.outage = happens }
	}
	d.at["2027-02-21T00:00"] = func() { d.outage = false }
	d.at["2027-02-25T00:00"] = func() { d.outage = false }
	d.walk("2027-02-01", "2027-02-28")
	d.want("2027-02-21 09:00|0111|due_soon 3", "2027-02-25 09:00|0111|grace_ending", "2027-02-26 09:00|0111|past_due")
}

// TestN6CarrierDownAllAfternoon: planned texts wait, are looked at again, and go once.
func TestN6CarrierDownAllAfternoon(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "next-due")
	d.at["2027-02-13T08:00"] = func() { d.carrier.before = always(errLater) }
	d.at["2027-02-14T10:00"] = func() { d.carrier.before = nil }
	d.at["2027-02-23T08:00"] = func() { d.carrier.before = always(errLater) } // until it is too late for "today"
	d.at["2027-02-23T15:00"] = func() { d.carrier.before = nil }
	d.walk("2027-02-01", "2027-02-28")
	d.want("2027-02-14 10:00|0111|due_soon 10", "2027-02-20 09:00|0111|due_soon 3", "2027-02-24 09:00|0111|past_due")
	if got := d.one(`SELECT state, why FROM notices WHERE kind = 'due_today'`); got != "dropped|"+notify.WhyTooLate {
		t.Errorf("due_today is %s", got)
	}
}

// TestB6StaleImport: nothing is planned or sent on old balances; with a fresh import it goes on.
func TestB6StaleImport(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.at["2027-02-19T00:00"] = func() { d.noImport = true }
	d.at["2027-02-21T00:00"] = func() { d.noImport = false }
	d.walk("2027-02-01", "2027-02-22")
	d.want("2027-02-21 09:00|0111|due_soon 3")
}

// TestG6LatePayer: who pays the late bill only after the next one was issued keeps the old clock.
func TestG6LatePayer(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "next-due")
	d.member(two, del, "next-due")
	d.at["2027-02-28T12:00"] = func() { d.books(two, billedEach, d.clock.Now()) } // cured: nothing else was billed yet
	d.at["2027-03-02T12:00"] = func() { d.books(one, billedEach, d.clock.Now()) } // not cured
	d.bill(one, "2027-03", 0, billedEach)
	d.bill(two, "2027-03", 0, billedEach)
	d.walk("2027-02-27", "2027-03-25")
	d.want(
		"2027-03-13 09:00|0112|due_soon 10",
		"2027-03-20 09:00|0111|grace_ending", "2027-03-20 09:00|0112|due_soon 3", "2027-03-21 09:00|0111|due_soon 3",
		"2027-03-23 09:00|0111|due_today", "2027-03-23 09:00|0112|due_today",
		"2027-03-24 09:00|0111|past_due", "2027-03-24 09:00|0112|past_due",
	)
}

// TestN1Household: one text to a number, whatever is behind it; whose bill is paid is left out.
func TestN1Household(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.member(two, cel, "")
	d.exec(`INSERT INTO accounts (account, member_id, kind, status) VALUES ('700000003', '100' || $1, 'dental', 'active')`, one)
	d.accounts = append(d.accounts, "700000003")
	d.at["2027-02-20T08:00"] = func() { d.books(two, billedEach, d.clock.Now()) } // planned at 02:00 for three
	d.walk("2027-02-01", "2027-02-21")
	d.want("2027-02-20 09:00|0111|due_soon 3 for 2")
	if got := d.one(`SELECT account, dropped_why FROM notice_reasons WHERE dropped_why IS NOT NULL`); got != two+"|"+notify.WhyNothingOwed {
		t.Errorf("left out: %s", got)
	}
}

// TestN3SharedNumber: two accounts with different clocks do not get two texts a day, nor more than
// the month's four between them; two languages are two texts.
func TestN3SharedNumber(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.member(two, cel, "none")
	d.exec(`UPDATE members SET language = 'es' WHERE member_id = '100' || $1`, two)
	d.walk("2027-02-01", "2027-02-28")
	d.want("2027-02-23 09:00|0111|due_today", "2027-02-23 09:00|0111|due_today", "2027-02-24 09:00|0111|past_due", "2027-02-25 09:00|0111|grace_ending")
}

// TestAutoPayMembersOnlyTheirOwn: told of the draw ten days ahead, once for each draw, and nothing else.
func TestAutoPayMembersOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.member(two, cel, "")
	d.exec(`UPDATE accounts SET autopay_day = 21, autopay_last4 = '6789'`)
	d.walk("2027-02-01", "2027-02-28")
	d.want("2027-02-01 09:00|0111|autopay_upcoming", "2027-02-01 09:00|0111|autopay_upcoming")
	// The 21st is a Sunday: the draw is on Friday the 19th, and three banking days before it is the 16th (Monday
	// is Washington's birthday).
	want := "Health Connector: AutoPay will draw your payment on Fri 2/19. To stop or change it, call 1-877-623-6765 by Tue 2/16. " +
		"STOP to opt out, HELP for help."
	if got := d.lines(`SELECT DISTINCT body FROM notices`); len(got) != 1 || got[0] != want {
		t.Errorf("%q", got)
	}
}

// TestA5TooLateForANotice: a bill that comes less than ten days before its draw is announced to nobody.
func TestA5TooLateForANotice(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.exec(`UPDATE accounts SET autopay_day = 21, autopay_last4 = '6789'`)
	d.accounts = nil
	d.at["2027-02-10T00:00"] = func() { d.bill(one, "2027-03", 0, billedEach) }
	d.walk("2027-02-01", "2027-02-28")
	d.want()
}

// TestTruthComesBack: a reason that was dropped because its payment was in flight is planned again
// when the payment fails.
func TestTruthComesBack(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.at["2027-02-20T08:00"] = func() { d.authorized(one, "card", "", false) }
	d.at["2027-02-20T12:00"] = func() {
		d.exec(`UPDATE payment_attempts SET state = 'voided', token_sealed = NULL, settled_at = $1`, d.clock.Now())
	}
	d.walk("2027-02-01", "2027-02-21")
	d.want("2027-02-20 12:00|0111|due_soon 3")
}

// TestARunHasALength: a run's end is as long after its start as the machine's clock has measured, on the clock of the
// domain, which may stand still or be shifted.
func TestARunHasALength(t *testing.T) {
	d := newReminderFixture(t)
	d.machine.at = d.clock.at.Add(1000 * time.Hour)
	run := notify.PlanRun{Day: billing.DateIn(d.clock.at, time.UTC), StartedAt: d.clock.at}
	d.exec(`INSERT INTO import_runs (as_of, loaded_at, bills) VALUES ($1, $1, 0)`, d.clock.at)
	state, err := d.store.PlanState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run.ImportRun = state.ImportRun
	if err := d.store.PlanExclusively(t.Context(), run, func(context.Context) (int, error) {
		d.machine.add(90 * time.Second)
		return 0, nil
	}); err != nil {
		t.Fatal(err)
	}
	if state, err = d.store.PlanState(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := state.Last.FinishedAt.Sub(state.Last.StartedAt); took != 90*time.Second {
		t.Errorf("a run of 90 s is recorded as one of %s", took)
	}
}

// TestTwoPlannersAtOnce: one of them plans; and if the lock fails them, the schema does not.
func TestTwoPlannersAtOnce(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*reminderFixture) notify.PlanStore{
		"with the lock":    func(d *reminderFixture) notify.PlanStore { return d.store },
		"without the lock": func(d *reminderFixture) notify.PlanStore { return plannerWithoutLock{d.store, nil} },
	} {
		t.Run(name, func(t *testing.T) {
			d := newReminderFixture(t)
			d.crowd(50)
			var planners sync.WaitGroup
			for range 4 {
				planners.Go(func() {
					p := notify.NewPlanner(open(d), d.rules, discard, notify.PlannerOptions{Page: 7})
					if _, err := p.Run(context.Background(), d.clock.Now()); err != nil {
						t.Error(err)
					}
				})
			}
			planners.Wait()
			d.wantCrowd(50)
		})
	}
}

// TestKilledInTheMiddle: a run that dies anywhere leaves nothing twice and nothing out, and the next
// one is due at once.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, dies := range map[string]func(*reminderFixture, context.CancelFunc){
		"told to stop": func(_ *reminderFixture, stop context.CancelFunc) { stop() },
		"connections cut": func(d *reminderFixture, _ context.CancelFunc) {
			d.lines(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newReminderFixture(t)
			d.crowd(50)
			for page := range 4 {
				ctx, stop := context.WithCancel(context.Background())
				n := 0
				planStore := plannerWithoutLock{d.store, func(notify.Page) {
					if n == page {
						dies(d, stop)
					}
					n++
				}}
				p := notify.NewPlanner(planStore, d.rules, discard, notify.PlannerOptions{Page: 7, Workers: 1})
				if _, err := p.Run(ctx, d.clock.Now()); err == nil {
					t.Errorf("killed on page %d, and nobody noticed", page)
				}
				stop()
				d.pool.Reset() // the next run's connections are its own
			}
			if due, err := d.planner.Due(context.Background(), d.clock.Now()); err != nil || !due {
				t.Fatalf("due %v, %v", due, err)
			}
			d.tickAll()
			d.wantCrowd(50)
			if due, err := d.planner.Due(context.Background(), d.clock.Now()); err != nil || due {
				t.Errorf("due again: %v, %v", due, err)
			}
		})
	}
}

// crowd is so many members on the morning of D-3.
func (d *reminderFixture) crowd(n int) {
	d.t.Helper()
	d.exec(`INSERT INTO members (member_id, name, phone, mobile, language, time_zone)
		SELECT (100000000000 + i)::text, 'Sample', '+1617' || (5550000 + i), true, 'en', 'America/New_York' FROM generate_series(1, $1) i`, n)
	d.exec(`INSERT INTO accounts (account, member_id, kind, status) SELECT (700000000 + i)::text, (100000000000 + i)::text, 'health', 'active' FROM generate_series(1, $1) i`, n)
	d.exec(`INSERT INTO bills (account, coverage_month, revision, billed_cents) SELECT account, '2027-03-01', 0, 100 FROM accounts`)
	d.exec(`INSERT INTO consents (number, channel, purpose, source, at) SELECT phone, 'sms', 'payments', 'application', $1 FROM members`, d.clock.Now())
	d.clock.at = d.local("2027-02-20T08:00")
	d.machine.at = d.clock.at
	d.exec(`INSERT INTO import_runs (as_of, loaded_at, bills) VALUES ($1, $1, 0)`, d.clock.Now())
}

func (d *reminderFixture) wantCrowd(n int) {
	d.t.Helper()
	if got := d.one(`SELECT count(*), count(DISTINCT number) FROM notices WHERE kind = 'due_soon' AND state = 'planned'`); got != sprint(n, n) {
		d.t.Errorf("notices and numbers: %s, want %d", got, n)
	}
	if got := d.one(`SELECT count(*), count(DISTINCT notice_id), count(DISTINCT account) FROM notice_reasons WHERE dropped_why IS NULL`); got != sprint(n, n, n) {
		d.t.Errorf("reasons, their notices, their accounts: %s, want %d", got, n)
	}
}

// plannerWithoutLock is a store whose lock does not hold, and that tells of each page before it is planned.
type plannerWithoutLock struct {
	*store.Store
	planning func(notify.Page)
}

func (u plannerWithoutLock) PlanExclusively(ctx context.Context, _ notify.PlanRun, f func(context.Context) (int, error)) error {
	_, err := f(ctx)
	return err
}

// ReadPage tells after the page was read and written, and before it is committed.
func (u plannerWithoutLock) ReadPage(ctx context.Context, page notify.Page, f func(notify.PlanPage) error) error {
	return u.Store.ReadPage(ctx, page, func(tx notify.PlanPage) error {
		if err := f(tx); err != nil || u.planning == nil {
			return err
		}
		u.planning(page)
		return nil
	})
}

// sprint writes numbers as lines does.
func sprint(n ...int) string {
	return strings.Join(strings.Fields(strings.Trim(fmt.Sprint(n), "[]")), "|")
}

// TestN3OneADayWhateverWaits: what could not go yesterday does not go beside what is more important
// today, also when two senders look at both in the same moment.
func TestN3OneADayWhateverWaits(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.at["2027-02-24T08:00"] = func() { d.carrier.before = always(errLater) }
	d.walk("2027-02-01", "2027-02-24")
	d.carrier.before = nil
	d.walkTo("2027-02-25T03:00")
	d.clock.at = d.local("2027-02-25T09:00")
	d.machine.at = d.clock.at
	var senders sync.WaitGroup
	for _, id := range d.lines(`SELECT id FROM notices WHERE state = 'planned'`) {
		senders.Go(func() {
			n, err := strconv.ParseInt(id, 10, 64)
			if err == nil {
				err = d.newSender(d.store).Send(context.Background(), n)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	d.walk("2027-02-26", "2027-02-28")
	d.want("2027-02-20 09:00|0111|due_soon 3", "2027-02-23 09:00|0111|due_today", "2027-02-25 09:00|0111|grace_ending", "2027-02-26 09:00|0111|past_due")
}
