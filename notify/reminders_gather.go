package notify

import (
	"context"
	"slices"
	"time"

	"duebell/billing"
)

// Pages are read so that a million accounts cost little: sums for everybody; earlier notices and whole
// histories only where the rules may need them.

// recentMonths is how many months of bills a page reads: further back than any grace reaches (G3).
const recentMonths = 4

// priorMonths is how many months of bills a page looks back for notices of theirs. A reason is said once
// (N1), and the words of none are true for so long.
const priorMonths = 13

// gather returns the recipients of a page with all that the rules look at; unless everyone is asked for, only
// those for which something may be true now. Everything is read in the page's one transaction, so that it
// fits together.
func (r *Rules) gather(ctx context.Context, page PlanPage, now, importedAt time.Time, everyone bool) ([]Recipient, error) {
	month := billing.MonthOf(r.cal.DateOf(now))
	recipients, err := page.Recipients(ctx, r.cal.CoverageMonth(month).Add(-recentMonths), everyone)
	if err != nil {
		return nil, err
	}
	for i := range recipients {
		recipients[i].ImportedAt = importedAt
	}
	// On most days nothing is true for most numbers: they are left out before anything else is read of them.
	if !everyone {
		recipients = slices.DeleteFunc(recipients, func(to Recipient) bool { return !r.mayRemind(&to, now) })
	}
	if len(recipients) == 0 {
		return nil, nil
	}
	numbers := make([]string, len(recipients))
	for i, to := range recipients {
		numbers[i] = to.Number
	}
	prior, err := page.PriorReasons(ctx, numbers, r.cal.CoverageMonth(month).Add(-priorMonths))
	if err != nil {
		return nil, err
	}
	for i := range recipients {
		recipients[i].Prior = prior[recipients[i].Number]
	}
	return recipients, r.addHistories(ctx, page, recipients, now)
}

// mayRemind says whether any reminder might be true for a number now, as far as its newest bills show. What
// it lets through may still be held back by the rules.
func (r *Rules) mayRemind(to *Recipient, now time.Time) bool {
	if r.noReminders(to, now) != "" {
		return false
	}
	for i := range to.Accounts {
		o := &to.Accounts[i]
		if r.whySilent(o) != "" {
			continue
		}
		open := false
		r.candidates(o, now, func(c Candidate) { open = open || !c.From.After(now) })
		if b, ok := r.before(o); ok { // its grace may be the one that runs
			for _, c := range b.days.ofGrace {
				open = open || c.trueAt(now)
			}
		}
		if open {
			return true
		}
	}
	return false
}

// trueAt says whether the words of a candidate are true at an instant. Both ends of the window are in it.
func (c *Candidate) trueAt(now time.Time) bool { return !c.From.After(now) && !now.After(c.Until) }

// addHistories reads the history of the accounts whose grace may have begun with an older bill than the
// oldest unpaid one (G6): those that paid the bill before it late, and those of which the page shows too
// little. For everybody else the last few months tell all that the rules ask.
func (r *Rules) addHistories(ctx context.Context, page PlanPage, recipients []Recipient, now time.Time) error {
	// accounts need their history in any case; those of paid only if the bill before was paid late.
	var accounts []string
	var paid []PaidBill
	for _, to := range recipients {
		for i := range to.Accounts {
			o := &to.Accounts[i]
			// Nothing is said of them, or nothing that names a grace.
			if r.whySilent(o) != "" || o.Account.OnAutoPay() {
				continue
			}
			b, ok := r.before(o)
			if !ok {
				if o.Older {
					accounts = append(accounts, o.Account.Number)
				}
				continue
			}
			surplus := r.surplus(o, b)
			switch {
			case surplus < 0, r.overlaps(o, b):
				accounts = append(accounts, o.Account.Number)
			case o.LastPaid.After(b.days.dueAt): // all other accounts paid that bill in time
				paid = append(paid, PaidBill{Account: o.Account.Number, DueAt: b.days.dueAt, Surplus: surplus})
			}
		}
	}
	if len(paid) > 0 {
		late, err := page.PaidLate(ctx, paid)
		if err != nil {
			return err
		}
		accounts = append(accounts, late...)
	}
	if len(accounts) == 0 {
		return nil
	}
	histories, err := page.Histories(ctx, accounts)
	if err != nil {
		return err
	}
	for _, to := range recipients {
		for i := range to.Accounts {
			if whole, ok := histories[to.Accounts[i].Account.Number]; ok {
				to.Accounts[i].History = &whole
			}
		}
	}
	return nil
}

// before returns the bill before the oldest unpaid one. If it was paid in time, everything was paid at that
// moment, and no older bill's grace runs. false: the page shows no such bill, which needs the history unless
// there are no older bills.
func (r *Rules) before(o *AccountFacts) (openBill, bool) {
	at := r.oldestOpen(o)
	if at <= 0 {
		return openBill{}, false
	}
	return r.openBill(&o.Account, &o.Bills[at-1]), true
}

// oldestOpen returns the index of the oldest unpaid bill, or -1. It walks back from the newest bill, as
// unpaid does.
func (r *Rules) oldestOpen(o *AccountFacts) int {
	at, rest := -1, o.Owed
	for i := len(o.Bills) - 1; i >= 0 && rest > r.policy.PaidToleranceCents; i-- {
		if o.Bills[i].Billed > 0 {
			at = i
		}
		rest -= o.Bills[i].Billed
	}
	return at
}

// overlaps says whether the bill after b was issued before b was due: then b paid in time cured nothing (G6:
// to cure means to pay the newest bill, too). The account must have an open bill.
func (r *Rules) overlaps(o *AccountFacts, b openBill) bool {
	next := o.Bills[r.oldestOpen(o)]
	return !r.cal.StartOfDay(r.cal.BillDate(r.cal.BillMonth(next.Coverage))).After(b.days.dueAt)
}

// surplus returns what was paid beyond everything billed up to b; negative: something of it is missing.
// Cents.
func (r *Rules) surplus(o *AccountFacts, b openBill) billing.Money {
	surplus := -o.Owed
	for i := range o.Bills {
		if b.Coverage.Before(o.Bills[i].Coverage) {
			surplus += o.Bills[i].Billed
		}
	}
	return surplus
}

// day is an instant, with what is needed of it for every recipient worked out once. It is used by one page,
// in one goroutine: opens is a map without a lock.
type day struct {
	now       time.Time
	date      billing.Date
	monthEnds time.Time
	opens     map[string]time.Time // next opening of the hours, by the recipient's zone
	explain   bool                 // also note why not
}

// dayAt works out what all recipients of an instant share.
func (r *Rules) dayAt(now time.Time) *day {
	date := r.cal.DateOf(now)
	return &day{now: now, date: date, monthEnds: r.endOf(billing.MonthOf(date).Last()), opens: map[string]time.Time{}}
}

// opening returns when a number's hours are next open; zero: never, as for a zone that does not exist.
// Numbers without a known zone are worked out one by one.
func (r *Rules) opening(to *Recipient, at *day) time.Time {
	if len(to.Zones) == 1 {
		if opens, ok := at.opens[to.Zones[0]]; ok {
			return opens
		}
	}
	// Nearly all numbers have one known zone: its next opening is worked out once a page.
	zones, err := r.zones(Facts{Zones: to.Zones, Number: to.Number})
	if err != nil {
		return time.Time{}
	}
	opens := r.hours.NextOpening(at.now, zones...)
	if len(to.Zones) == 1 {
		at.opens[to.Zones[0]] = opens
	}
	return opens
}
