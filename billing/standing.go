package billing

import "time"

// Standing is how an account stands at an instant: what is owed, since when, until when.
type Standing struct {
	Account  Account
	TotalDue Money // everything billed less everything paid; below zero = credit (B7)
	PastDue  Money // the part of it whose due instant has passed
	// NothingDue: the balance is zero within the tolerance, or a credit (M1, B9).
	NothingDue bool

	OldestUnpaid *Bill // what the next cent pays for, oldest bill first; nil when nothing is due
	Newest       *Bill // the newest bill, paid or not; nil when none was ever issued
	OldestDueAt  time.Time
	NextDueAt    time.Time // due instant of the newest bill

	// Clock is the unpaid bill whose grace runs, or will run once it is past due (G6). It is
	// older than OldestUnpaid when a part payment has covered its amount without curing.
	Clock             *Bill
	InGrace           bool
	AfterGrace        bool
	GraceEndsAt       time.Time // zero when nothing is due
	GraceEndsSupplied bool      // billing gave the date: only then may it be voiced (G7)

	LatestCharge  Money  // the newest bill's charge, the measure of M4
	FirstBillOpen bool   // a binder payment is unpaid: a part does not start coverage (B8)
	LastPayment   *Entry // the newest payment of any channel of which nothing came back
}

// Stand works out an account's standing at an instant from everything billed and booked.
// Bills may hold older revisions, and bills and entries may come in any order.
func Stand(a Account, bills []Bill, entries []Entry, at time.Time, cal *Calendar) Standing {
	b := newBook(a, bills, entries, cal)
	tolerance := cal.policy.PaidToleranceCents
	s := Standing{Account: a, TotalDue: -b.paid, LastPayment: b.lastPayment()}
	for _, bill := range b.bills {
		s.TotalDue += bill.Billed
	}
	s.NothingDue = s.TotalDue <= tolerance
	if n := len(b.bills); n > 0 {
		newest := &b.bills[n-1]
		s.Newest, s.NextDueAt, s.LatestCharge = &newest.Bill, newest.dueAt, newest.Billed
	}
	if late := b.pastDue(b.paid, at); late > tolerance {
		s.PastDue = late
	}

	clock := b.delinquentSince(at)
	var missing Money
	for i, part := range b.unpaid(b.paid) {
		// Summed up, because crumbs within the tolerance on several bills may add up to a debt.
		if missing += part; missing > tolerance {
			oldest := &b.bills[i]
			s.OldestUnpaid, s.OldestDueAt = &oldest.Bill, oldest.dueAt
			s.FirstBillOpen = oldest.FirstBill
			if clock == nil {
				clock = oldest
			}
			break
		}
	}
	if clock != nil {
		s.Clock = &clock.Bill
		s.GraceEndsAt, s.GraceEndsSupplied = b.graceEnds(clock)
		pastDue := !onTime(at, clock.dueAt)
		s.InGrace = pastDue && onTime(at, s.GraceEndsAt)
		s.AfterGrace = pastDue && !s.InGrace
	}
	return s
}
