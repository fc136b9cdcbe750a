package billing

import (
	"cmp"
	"slices"
	"time"
)

// book is an account's bills in order of coverage, newest revisions only, and its money in
// order of receipt with everything returned taken out.
type book struct {
	account  Account
	cal      *Calendar
	bills    []dueBill
	payments []payment
	paid     Money // the sum of all entries
}

// dueBill is a bill with the instants that the calendar gives it.
type dueBill struct {
	Bill
	issuedAt time.Time
	dueAt    time.Time
}

// payment is an entry that paid something, and what is left of it after returns.
type payment struct {
	Entry
	left Money
}

func newBook(a Account, bills []Bill, entries []Entry, cal *Calendar) *book {
	b := &book{account: a, cal: cal, payments: standingPayments(entries)}
	for _, entry := range entries {
		b.paid += entry.Cents
	}
	newest := make(map[Month]Bill, len(bills))
	for _, bill := range bills {
		if old, ok := newest[bill.Coverage]; !ok || bill.Revision > old.Revision {
			newest[bill.Coverage] = bill // B5: the highest revision replaces earlier ones
		}
	}
	for _, bill := range newest {
		m := cal.BillMonth(bill.Coverage)
		b.bills = append(b.bills, dueBill{bill, cal.StartOfDay(cal.BillDate(m)), cal.DueAt(a.Kind, a.Number, m)})
	}
	slices.SortFunc(b.bills, func(x, y dueBill) int {
		return cmp.Or(cmp.Compare(x.Coverage.Year, y.Coverage.Year), cmp.Compare(x.Coverage.Month, y.Coverage.Month))
	})
	return b
}

// unpaid is what each bill still lacks when so much was paid, oldest bill first (B7). Money
// that was taken back beyond all payments falls to the oldest bill, so the parts always sum up
// to what is owed.
func (b *book) unpaid(paid Money) []Money {
	parts := make([]Money, len(b.bills))
	for i, bill := range b.bills {
		parts[i] = max(0, bill.Billed-paid)
		paid = max(0, paid-bill.Billed)
	}
	return parts
}

// pastDue is what the bills that fell due before an instant lack when so much was paid.
func (b *book) pastDue(paid Money, at time.Time) Money {
	var sum Money
	for i, part := range b.unpaid(paid) {
		if !onTime(at, b.bills[i].dueAt) {
			sum += part
		}
	}
	return sum
}

// issuedBy is everything billed by an instant.
func (b *book) issuedBy(at time.Time) Money {
	var sum Money
	for _, bill := range b.bills {
		if !bill.issuedAt.After(at) {
			sum += bill.Billed
		}
	}
	return sum
}

// graceEnds is the last instant in which a bill can be cured, and whether billing supplied it
// (G5). A supplied one that lies before a moved due instant is out of date (C5).
func (b *book) graceEnds(bill *dueBill) (ends time.Time, supplied bool) {
	if !bill.GraceEndsAt.IsZero() && !bill.GraceEndsAt.Before(bill.dueAt) {
		return bill.GraceEndsAt, true
	}
	regime := b.account.Regime
	if bill.FirstBill {
		regime = NoGrace
	}
	return b.cal.GraceEnds(regime, b.account.Kind, b.account.Number, b.cal.BillMonth(bill.Coverage)), false
}

// delinquentSince is the bill with which the running delinquency began, or nil when there is
// none. It plays the account's life again: a bill unpaid past its due instant starts the clock,
// and only a payment that leaves nothing billed and unpaid at its moment ends it (G6). Returned
// money was taken out beforehand, so the clock runs as if it had never been paid (L5).
func (b *book) delinquentSince(at time.Time) *dueBill {
	tolerance := b.cal.policy.PaidToleranceCents
	paid := b.paid
	for _, p := range b.payments {
		paid -= p.left // what remains was taken back beyond all payments
	}
	var since *dueBill
	waiting := b.payments
	receive := func(p payment) {
		paid += p.left
		if b.issuedBy(p.ReceivedAt)-paid <= tolerance {
			since = nil
		}
		waiting = waiting[1:]
	}
	for _, bill := range b.byDueInstant() {
		if onTime(at, bill.dueAt) {
			break
		}
		for len(waiting) > 0 && onTime(waiting[0].ReceivedAt, bill.dueAt) {
			receive(waiting[0])
		}
		if since == nil && b.pastDue(paid, bill.dueAt.Add(time.Second)) > tolerance {
			since = bill
		}
	}
	for len(waiting) > 0 {
		receive(waiting[0])
	}
	return since
}

// byDueInstant is the order in which bills fall due; a dated override may change it (C5).
func (b *book) byDueInstant() []*dueBill {
	order := make([]*dueBill, len(b.bills))
	for i := range b.bills {
		order[i] = &b.bills[i]
	}
	slices.SortStableFunc(order, func(x, y *dueBill) int { return x.dueAt.Compare(y.dueAt) })
	return order
}

// lastPayment is the newest payment of any channel of which nothing was taken back, or nil.
func (b *book) lastPayment() *Entry {
	for i := len(b.payments) - 1; i >= 0; i-- {
		if b.payments[i].left == b.payments[i].Cents {
			return &b.payments[i].Entry
		}
	}
	return nil
}

// standingPayments are the payments in order of receipt, each with what is left of it: a
// reversal takes back the payment that its reference names; one that names none takes back the
// newest money first. What is left counts from the payment's own instant (L5).
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

	var unnamed Money
	for _, reversal := range reversals {
		unnamed += takeBack(payments, -reversal.Cents, func(p Entry) bool {
			return reversal.Reference != "" && p.Reference == reversal.Reference
		})
	}
	takeBack(payments, unnamed, func(Entry) bool { return true })
	return payments
}

// takeBack lowers the payments that match, newest first, and returns what found no payment.
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
