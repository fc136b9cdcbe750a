package billing

import "time"

// Standing is how an account stands at an instant: what is owed, since when, and until when it may be paid.
//
// It is one consistent picture: every field is computed from the same bills, entries and instant. Pointers
// are into copies of the bills given to Stand; do not change what they point to. Whether anything in it may
// be said, and to whom, is decided elsewhere.
type Standing struct {
	Account  Account
	TotalDue Money // everything billed less everything paid; below zero = credit (B7)
	PastDue  Money // the part of it whose due instant has passed; 0 within the tolerance
	// NothingDue: the balance is zero within the tolerance, or a credit (M1, B9).
	NothingDue bool

	OldestUnpaid *Bill     // what the next cent pays for, oldest bill first; nil when nothing is due
	Newest       *Bill     // the newest bill, paid or not; nil when none was ever issued
	OldestDueAt  time.Time // due instant of OldestUnpaid
	NextDueAt    time.Time // due instant of the newest bill

	// Clock is the unpaid bill whose grace runs, or will run once it is past due (G6). It is
	// older than OldestUnpaid when a part payment has covered its amount without curing.
	Clock             *Bill
	InGrace           bool      // Clock is past due, and its grace has not ended (G8: warn)
	AfterGrace        bool      // its grace is over (G8: warn, or a person first)
	GraceEndsAt       time.Time // zero when nothing is due
	GraceEndsSupplied bool      // billing gave the date: only then may it be voiced (G7)

	LatestCharge  Money  // the newest bill's charge, the measure of M4
	FirstBillOpen bool   // a binder payment is unpaid: a part does not start coverage (B8)
	LastPayment   *Entry // the newest payment of any channel of which nothing came back
}

// Stand returns an account's standing at an instant, computed from everything billed and booked (B7: billed
// minus paid). Bills may hold older revisions, and bills and entries may come in any order. Every bill that
// is given counts in TotalDue, also one that is issued after at.
//
// What is in flight is not in it: entries are money that was taken or booked (L2: spoken together). at is the
// domain clock. An account without bills stands at minus what was paid.
func Stand(a Account, bills []Bill, entries []Entry, at time.Time, cal *Calendar) Standing {
	l := newLedger(a, bills, entries, cal)
	tolerance := cal.policy.PaidToleranceCents
	s := Standing{Account: a, TotalDue: -l.paid, LastPayment: l.lastPayment()}
	for _, bill := range l.bills {
		s.TotalDue += bill.Billed
	}
	s.NothingDue = s.TotalDue <= tolerance
	if n := len(l.bills); n > 0 {
		newest := &l.bills[n-1]
		s.Newest, s.NextDueAt, s.LatestCharge = &newest.Bill, newest.dueAt, newest.Billed
	}
	// PastDue counts by amount alone; whether a clock runs is delinquentSince's answer, and the two may
	// differ after part payments.
	if late := l.pastDue(l.paid, at); late > tolerance {
		s.PastDue = late
	}

	clock := l.delinquentSince(at)
	var missing Money
	for i, part := range l.unpaid(l.paid) {
		// Summed up, because rests within the tolerance on several bills may add up to a debt (M1).
		if missing += part; missing > tolerance {
			oldest := &l.bills[i]
			s.OldestUnpaid, s.OldestDueAt = &oldest.Bill, oldest.dueAt
			s.FirstBillOpen = oldest.FirstBill
			// No delinquency runs: the clock will be that of the oldest bill still open, once it is past due.
			if clock == nil {
				clock = oldest
			}
			break
		}
	}
	if clock != nil {
		s.Clock = &clock.Bill
		s.GraceEndsAt, s.GraceEndsSupplied = l.graceEnds(clock)
		pastDue := !onTime(at, clock.dueAt)
		s.InGrace = pastDue && onTime(at, s.GraceEndsAt)
		s.AfterGrace = pastDue && !s.InGrace
	}
	return s
}
