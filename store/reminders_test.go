package store_test

import (
	"testing"
	"time"

	"duebell/billing"
	"duebell/payments"
)

// TestN3Regimes: the month's four reminders, as the rule book lists them, of members who never pay.
func TestN3Regimes(t *testing.T) {
	for _, tt := range []struct {
		regime string
		want   []string
	}{
		// February 23rd, 2027 is a Tuesday, so D-3 is a Saturday; grace ends on the 28th.
		{"", []string{
			"2027-02-20 09:00|0111|due_soon 3", "2027-02-23 09:00|0111|due_today", "2027-02-24 09:00|0111|past_due", "2027-02-25 09:00|0111|grace_ending",
			// The clocks go forward on March 14th; grace ends on the 31st. The account's clock is that of the oldest
			// bill (G6), and its grace is over: nothing may be said of another grace.
			"2027-03-13 09:00|0111|due_soon 10", "2027-03-20 09:00|0111|due_soon 3", "2027-03-23 09:00|0111|due_today", "2027-03-24 09:00|0111|past_due",
		}},
		{"next-due", []string{
			"2027-02-13 09:00|0111|due_soon 10", "2027-02-20 09:00|0111|due_soon 3", "2027-02-23 09:00|0111|due_today", "2027-02-24 09:00|0111|past_due",
			// February's grace ends on March 23rd. Of one day's kinds only the highest goes: D-3 a day later.
			"2027-03-20 09:00|0111|grace_ending", "2027-03-21 09:00|0111|due_soon 3", "2027-03-23 09:00|0111|due_today", "2027-03-24 09:00|0111|past_due",
		}},
		{"third-due", []string{
			"2027-02-13 09:00|0111|due_soon 10", "2027-02-20 09:00|0111|due_soon 3", "2027-02-23 09:00|0111|due_today", "2027-02-24 09:00|0111|past_due",
			"2027-03-13 09:00|0111|due_soon 10", "2027-03-20 09:00|0111|due_soon 3", "2027-03-23 09:00|0111|due_today", "2027-03-24 09:00|0111|past_due",
		}},
		{"none", []string{
			"2027-02-13 09:00|0111|due_soon 10", "2027-02-20 09:00|0111|due_soon 3", "2027-02-22 09:00|0111|due_soon 1", "2027-02-23 09:00|0111|due_today",
			"2027-03-13 09:00|0111|due_soon 10", "2027-03-20 09:00|0111|due_soon 3", "2027-03-22 09:00|0111|due_soon 1", "2027-03-23 09:00|0111|due_today",
		}},
	} {
		t.Run("regime "+tt.regime, func(t *testing.T) {
			t.Parallel()
			d := newReminderFixture(t)
			d.member(one, cel, tt.regime)
			d.walk("2027-02-01", "2027-03-31")
			d.want(tt.want...)
		})
	}
}

// TestG3ThirdDue: three months on, grace of the first unpaid bill ends on the 23rd of the third.
func TestG3ThirdDue(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "third-due")
	for _, month := range []string{"2027-03", "2027-04", "2027-05"} {
		d.bill(one, month, 0, billedEach)
	}
	d.walk("2027-05-01", "2027-05-31") // the bill of May 1st is the fourth; the first was due on February 23rd
	d.want("2027-05-20 09:00|0111|grace_ending", "2027-05-21 09:00|0111|due_soon 3", "2027-05-23 09:00|0111|due_today", "2027-05-24 09:00|0111|past_due")
}

// TestSaturdayThe23rd: weekends move nothing (C4), and texts go on them (N4).
func TestSaturdayThe23rd(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.walk("2027-01-01", "2027-01-31")
	d.want("2027-01-20 09:00|0111|due_soon 3", "2027-01-23 09:00|0111|due_today", "2027-01-24 09:00|0111|past_due", "2027-01-28 09:00|0111|grace_ending")
	if day := (billing.Date{Year: 2027, Month: time.January, Day: 23}).Weekday(); day != time.Saturday {
		t.Errorf("that was a %s", day)
	}
}

// TestDSTMonths: in the months in which the clocks change, 9 o'clock is 9 o'clock.
func TestDSTMonths(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "none")
	d.walk("2026-10-31", "2026-11-23") // back on November 1st
	d.want("2026-11-13 09:00|0111|due_soon 10", "2026-11-20 09:00|0111|due_soon 3", "2026-11-22 09:00|0111|due_soon 1", "2026-11-23 09:00|0111|due_today")
	if got := d.one(`SELECT min(tried_at) FROM notices`); got != "2026-11-13T14:00:00Z" {
		t.Errorf("the first went at %s", got)
	}
}

// TestPaidInTheMiddle: from the payment on nothing is said, until the next bill.
func TestPaidInTheMiddle(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.at["2027-02-22T15:00"] = func() { d.books(one, billedEach, d.clock.Now()) }
	d.walk("2027-02-01", "2027-03-20")
	d.want("2027-02-20 09:00|0111|due_soon 3", "2027-03-20 09:00|0111|due_soon 3")
}

// TestPaidASecondBefore: planned, due, and paid just before the sender looks: not sent (N2).
func TestPaidASecondBefore(t *testing.T) {
	for name, pays := range map[string]func(d *reminderFixture){
		"external":         func(d *reminderFixture) { d.books(one, billedEach, d.clock.Now()) },
		"by phone":         func(d *reminderFixture) { d.pays(payments.Card) },
		"still in flight":  func(d *reminderFixture) { d.authorized(one, payments.Card, "", false) },
		"account has died": func(d *reminderFixture) { d.exec(`UPDATE accounts SET status = 'terminated'`) },
		"on AutoPay now":   func(d *reminderFixture) { d.exec(`UPDATE accounts SET autopay_day = 21, autopay_last4 = '6789'`) },
		"opted out":        func(d *reminderFixture) { d.receive("SM1", cel, "STOP") },
		"new number":       func(d *reminderFixture) { d.exec(`UPDATE members SET phone = '+16175550199'`) },
		"import is old":    func(d *reminderFixture) { d.exec(`UPDATE import_runs SET as_of = as_of - interval '2 days'`) },
		"lower revision":   func(d *reminderFixture) { d.bill(one, "2027-03", 1, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newReminderFixture(t)
			d.member(one, cel, "")
			d.walk("2027-02-01", "2027-02-19")
			d.walkTo("2027-02-20T08:59")
			if got := d.one(`SELECT kind, state, not_before FROM notices`); got != "due_soon|planned|2027-02-20T14:00:00Z" {
				t.Fatalf("planned: %s", got)
			}
			d.clock.at = d.local("2027-02-20T09:00").Add(-time.Second)
			pays(d)
			d.clock.at = d.local("2027-02-20T09:00")
			d.tick()
			d.want()
			if got := d.one(`SELECT state IN ('dropped', 'suppressed'), why <> '' FROM notices WHERE kind = 'due_soon'`); got != "true|true" {
				t.Errorf("ended: %s", got)
			}
		})
	}
}

// TestMovedDeadline: snow moves February's due instant to the 25th at noon; the reminders move along
// (C5), also those that were planned for the old day.
func TestMovedDeadline(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.walk("2027-02-01", "2027-02-22")
	d.walkTo("2027-02-23T03:00")
	if got := d.one(`SELECT count(*) FROM notices WHERE kind = 'due_today' AND state = 'planned'`); got != "1" {
		t.Fatalf("%s planned for the 23rd", got)
	}
	d.policy.DueOverrides = []billing.DueOverride{{
		Scope: "all", BillMonth: billing.Month{Year: 2027, Month: time.February},
		DueAt: billing.Instant{Time: d.local("2027-02-25T12:00")}, Reason: "snow", AnnouncedAt: billing.Instant{Time: d.clock.Now()},
	}}
	d.apply()
	d.walk("2027-02-23", "2027-02-28")
	d.want("2027-02-20 09:00|0111|due_soon 3", "2027-02-25 09:00|0111|due_today", "2027-02-26 09:00|0111|grace_ending", "2027-02-27 09:00|0111|past_due")
	if got := d.one(`SELECT body FROM notices WHERE kind = 'due_today' AND body IS NOT NULL`); got !=
		"Health Connector payment reminder: your bill is due today by 12 PM ET. Pay now at 1-877-623-6765 or reply PAY for a call. STOP to opt out, HELP for help." {
		t.Error(got)
	}
}

// TestRevisedBill: a new revision repeats nothing (N1), and one of nothing stops everything.
func TestRevisedBill(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.at["2027-02-20T12:00"] = func() { d.bill(one, "2027-03", 1, 25000) }
	d.at["2027-02-23T12:00"] = func() { d.bill(one, "2027-03", 2, 0) }
	d.walk("2027-02-01", "2027-02-28")
	d.want("2027-02-20 09:00|0111|due_soon 3", "2027-02-23 09:00|0111|due_today")
}

// TestPartPaymentAndCredit: a part paid changes nothing; what is paid too much is credit (B9).
func TestPartPaymentAndCredit(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.member(two, del, "")
	d.at["2027-02-10T12:00"] = func() {
		d.books(one, billedEach-1, d.clock.Now())
		d.books(two, 2*billedEach+1, d.clock.Now())
	}
	d.walk("2027-02-01", "2027-03-31")
	d.want(
		"2027-02-20 09:00|0111|due_soon 3", "2027-02-23 09:00|0111|due_today", "2027-02-24 09:00|0111|past_due", "2027-02-25 09:00|0111|grace_ending",
		"2027-03-13 09:00|0111|due_soon 10", "2027-03-20 09:00|0111|due_soon 3", "2027-03-23 09:00|0111|due_today", "2027-03-24 09:00|0111|past_due",
	)
}

// TestOptOutInTheMiddle: STOP ends it; START brings back what comes after, and nothing that is past.
func TestOptOutInTheMiddle(t *testing.T) {
	t.Parallel()
	d := newReminderFixture(t)
	d.member(one, cel, "")
	d.at["2027-02-21T12:00"] = func() { d.receive("SM1", cel, "STOP") }
	d.at["2027-02-23T20:00"] = func() { d.receive("SM2", cel, "START") }
	d.walk("2027-02-01", "2027-02-28")
	d.want("2027-02-20 09:00|0111|due_soon 3", "2027-02-24 09:00|0111|past_due", "2027-02-25 09:00|0111|grace_ending")
}

// pays is a payment by phone of the whole bill.
func (d *reminderFixture) pays(m payments.Method) {
	d.t.Helper()
	d.taken(one, m, "", false) // 50.00
	d.taken(one, m, "", false)
}

// walkTo goes on within a day to an instant and ticks once there.
func (d *reminderFixture) walkTo(at string) {
	d.t.Helper()
	now := d.local(at)
	if day := d.cal.DateOf(now); d.cal.DateOf(d.clock.Now()) != day {
		d.clock.at = d.cal.At(day, 2*3600)
		d.machine.at = d.clock.at
		d.imports(d.clock.at)
	}
	d.clock.at, d.machine.at = now, now
	d.tickAll()
}
