package billing

import (
	"cmp"
	"slices"
	"time"
)

// ledger is what an account's standing is computed from: its bills in order of coverage, newest revisions
// only (B5), and its payments in order of receipt, each less what was taken back of it (L5).
// It is made for one question and thrown away; no amount in it is rounded.
type ledger struct {
	account  Account
	cal      *Calendar
	bills    []dueBill
	payments []payment
	paid     Money // the sum of all entries, below zero when more was taken back than came in
}

// dueBill is a bill with the instants that the calendar gives it.
type dueBill struct {
	Bill
	issuedAt time.Time // start of the bill date
	dueAt    time.Time // last second in time
}

// payment is an entry that paid something, and what is left of it after returns.
type payment struct {
	Entry
	left Money
}

// newLedger sorts what Stand was given. Bills and entries may come in any order, older revisions included.
func newLedger(a Account, bills []Bill, entries []Entry, cal *Calendar) *ledger {
	l := &ledger{account: a, cal: cal, payments: standingPayments(entries)}
	for _, entry := range entries {
		l.paid += entry.Cents
	}
	newest := make(map[Month]Bill, len(bills))
	for _, bill := range bills {
		if old, ok := newest[bill.Coverage]; !ok || bill.Revision > old.Revision {
			newest[bill.Coverage] = bill // B5: the highest revision replaces earlier ones
		}
	}
	for _, bill := range newest {
		m := cal.BillMonth(bill.Coverage)
		l.bills = append(l.bills, dueBill{bill, cal.StartOfDay(cal.BillDate(m)), cal.DueAt(a.Kind, a.Number, m)})
	}
	slices.SortFunc(l.bills, func(x, y dueBill) int {
		return cmp.Or(cmp.Compare(x.Coverage.Year, y.Coverage.Year), cmp.Compare(x.Coverage.Month, y.Coverage.Month))
	})
	return l
}

// unpaid returns what each bill still lacks when so much was paid, in cents, in the order of bills (B7: money
// pays the oldest bill first). paid may be below zero: money taken back beyond all payments is owed on the
// oldest bill, so that the parts always sum up to what is owed.
// The sum of the parts is what is owed, at least 0; a credit beyond all bills shows in no part.
func (l *ledger) unpaid(paid Money) []Money {
	parts := make([]Money, len(l.bills))
	for i, bill := range l.bills {
		parts[i] = max(0, bill.Billed-paid)
		paid = max(0, paid-bill.Billed)
	}
	return parts
}

// pastDue returns what the bills whose due instant lies before at still lack when so much was paid.
// paid is not always everything that was paid: delinquentSince asks with what had come in by then.
func (l *ledger) pastDue(paid Money, at time.Time) Money {
	var sum Money
	for i, part := range l.unpaid(paid) {
		if !onTime(at, l.bills[i].dueAt) {
			sum += part
		}
	}
	return sum
}

// issuedBy returns the sum of the bills issued by an instant (C2: the bill date).
func (l *ledger) issuedBy(at time.Time) Money {
	var sum Money
	for _, bill := range l.bills {
		if !bill.issuedAt.After(at) {
			sum += bill.Billed
		}
	}
	return sum
}

// graceEnds returns the last instant in which a bill can be cured, and whether billing supplied it (G5: a
// supplied one wins). One that lies before a due instant that was moved later is out of date (C5).
// NoGrace for a first bill wins over the account's regime (G5: none for first).
func (l *ledger) graceEnds(bill *dueBill) (ends time.Time, supplied bool) {
	if !bill.GraceEndsAt.IsZero() && !bill.GraceEndsAt.Before(bill.dueAt) {
		return bill.GraceEndsAt, true
	}
	regime := l.account.Regime
	if bill.FirstBill {
		regime = NoGrace
	}
	return l.cal.GraceEnds(regime, l.account.Kind, l.account.Number, l.cal.BillMonth(bill.Coverage)), false
}

// delinquentSince returns the bill with which the running delinquency began, or nil when there is none. It
// goes through the account's history in order of time: a bill unpaid past its due instant starts the clock,
// and only a payment that leaves nothing billed and unpaid at its moment stops it (G6: part payments do not
// restart it). Returned money was taken out beforehand, so the clock runs as if it had never come (L5).
func (l *ledger) delinquentSince(at time.Time) *dueBill {
	// Start from what is paid but is no payment of a date: money taken back beyond all payments. Payments
	// come in below, each at its own instant.
	tolerance := l.cal.policy.PaidToleranceCents
	paid := l.paid
	for _, p := range l.payments {
		paid -= p.left // what is left (zero or less) was taken back beyond all payments
	}
	var since *dueBill // with which the clock runs now
	waiting := l.payments
	// receive takes the next payment in, and stops the clock if nothing issued by then is left unpaid (G6:
	// cure pays all).
	receive := func(p payment) {
		paid += p.left
		if l.issuedBy(p.ReceivedAt)-paid <= tolerance {
			since = nil
		}
		waiting = waiting[1:]
	}
	for _, bill := range l.byDueInstant() {
		if onTime(at, bill.dueAt) {
			break
		}
		// Money received in time for this bill comes first.
		for len(waiting) > 0 && onTime(waiting[0].ReceivedAt, bill.dueAt) {
			receive(waiting[0])
		}
		// A second past the due instant: the bill itself counts as missed only then.
		if since == nil && l.pastDue(paid, bill.dueAt.Add(time.Second)) > tolerance {
			since = bill
		}
	}
	for len(waiting) > 0 { // what came after the last due instant may still cure it
		receive(waiting[0])
	}
	return since
}

// byDueInstant returns the bills in the order in which they fall due, which a dated override may change (C5).
func (l *ledger) byDueInstant() []*dueBill {
	order := make([]*dueBill, len(l.bills))
	for i := range l.bills {
		order[i] = &l.bills[i]
	}
	slices.SortStableFunc(order, func(x, y *dueBill) int { return x.dueAt.Compare(y.dueAt) })
	return order
}

// lastPayment returns the newest payment of any channel of which nothing was taken back, or nil.
// A payment that came back in part is passed over too: it is no payment to be named as "your last payment".
func (l *ledger) lastPayment() *Entry {
	for i := len(l.payments) - 1; i >= 0; i-- {
		if l.payments[i].left == l.payments[i].Cents {
			return &l.payments[i].Entry
		}
	}
	return nil
}

// standingPayments returns the payments in order of receipt, each with what is left of it. A reversal takes
// back the payment that its reference names; one that names none, or more than it, takes back the newest
// money first. What is left counts from the payment's own instant (L5).
func standingPayments(entries []Entry) []payment {
	var payments []payment
	var reversals []Entry
	for _, entry := range entries {
		if entry.Cents > 0 {
			payments = append(payments, payment{entry, entry.Cents})
		} else if entry.Cents < 0 {
			reversals = append(reversals, entry)
		}
	}
	slices.SortStableFunc(payments, func(x, y payment) int { return x.ReceivedAt.Compare(y.ReceivedAt) })

	var unnamed Money // taken back, and no payment found under that reference
	for _, reversal := range reversals {
		unnamed += takeBack(payments, -reversal.Cents, func(p Entry) bool {
			return reversal.Reference != "" && p.Reference == reversal.Reference
		})
	}
	takeBack(payments, unnamed, func(Entry) bool { return true })
	return payments
}

// takeBack lowers the payments that match, newest first, by amount in all. It returns what is left of amount
// when no payment is.
func takeBack(payments []payment, amount Money, match func(Entry) bool) Money {
	for i := len(payments) - 1; i >= 0 && amount > 0; i-- {
		if match(payments[i].Entry) {
			taken := min(amount, payments[i].left)
			payments[i].left -= taken
			amount -= taken
		}
	}
	return amount
}
