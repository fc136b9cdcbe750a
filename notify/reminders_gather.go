package notify

import (
	"context"
	"slices"
	"time"

	"duebell/billing"
)

// Pages are read so that a million accounts cost little: sums for everybody; what was said, and whole
// histories, only where the rules may need them.

// recentMonths is how far back the bills of a page go: further than any grace reaches (G3).
const recentMonths = 4

// saidMonths is how far back a page looks for what was said of a bill.
const saidMonths = 13

// gather reads the households of a page with all that the rules look at; without everyone only those
// for which something is true now.
func (r *Rules) gather(ctx context.Context, page PlanPage, now, importedAt time.Time, everyone bool) ([]Recipient, error) {
	month := billing.MonthOf(r.cal.DateOf(now))
	households, err := page.Recipients(ctx, r.cal.CoverageMonth(month).Add(-recentMonths), everyone)
	if err != nil {
		return nil, err
	}
	for i := range households {
		households[i].ImportedAt = importedAt
	}
	if !everyone {
		households = slices.DeleteFunc(households, func(h Recipient) bool { return !r.mayRemind(&h, now) })
	}
	if len(households) == 0 {
		return nil, nil
	}
	numbers := make([]string, len(households))
	for i, h := range households {
		numbers[i] = h.Number
	}
	said, err := page.PriorReasons(ctx, numbers, r.cal.CoverageMonth(month).Add(-saidMonths))
	if err != nil {
		return nil, err
	}
	for i := range households {
		households[i].Prior = said[households[i].Number]
	}
	return households, r.remember(ctx, page, households, now)
}

// mayRemind says whether anything about a household might be true now that is not said yet, as far as
// its newest bills tell.
func (r *Rules) mayRemind(h *Recipient, now time.Time) bool {
	if r.barred(h, now) != "" {
		return false
	}
	for i := range h.Accounts {
		o := &h.Accounts[i]
		if r.silent(o) != "" {
			continue
		}
		open := false
		r.occasions(o, now, func(c Candidate) { open = open || !c.From.After(now) })
		if b, ok := r.before(o); ok && b.days.grace() { // whose grace may be the one that runs
			open = open || b.days.ending.on(now)
		}
		if open {
			return true
		}
	}
	return false
}

// on says whether the words of an occasion are true at an instant.
func (c *Candidate) on(now time.Time) bool { return !c.From.After(now) && !now.After(c.Until) }

// remember gives their history to the accounts whose grace may have begun with an older bill than
// the oldest unpaid one (G6): those that paid the bill before it late, and those of which the page
// shows too little.
func (r *Rules) remember(ctx context.Context, page PlanPage, households []Recipient, now time.Time) error {
	var accounts []string
	var paid []PaidBill
	for _, h := range households {
		for i := range h.Accounts {
			o := &h.Accounts[i]
			if r.silent(o) != "" || o.Account.OnAutoPay() {
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
			case o.LastPaid.After(b.days.dueAt): // of the rest everything came in time
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
	for _, h := range households {
		for i := range h.Accounts {
			if whole, ok := histories[h.Accounts[i].Account.Number]; ok {
				h.Accounts[i].History = &whole
			}
		}
	}
	return nil
}

// before is the bill before the oldest unpaid one. If it was paid in time, everything was paid at that
// moment, and no older bill's grace runs.
func (r *Rules) before(o *AccountFacts) (openBill, bool) {
	at := r.oldestOpen(o)
	if at <= 0 {
		return openBill{}, false
	}
	return r.openBill(&o.Account, &o.Bills[at-1]), true
}

// oldestOpen is the index of the oldest unpaid bill; -1: none.
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

// overlaps: the bill after b was issued before b was due, so that b paid in time cured nothing.
func (r *Rules) overlaps(o *AccountFacts, b openBill) bool {
	next := o.Bills[r.oldestOpen(o)]
	return !r.cal.StartOfDay(r.cal.BillDate(r.cal.BillMonth(next.Coverage))).After(b.days.dueAt)
}

// surplus is what was paid beyond everything billed up to b.
func (r *Rules) surplus(o *AccountFacts, b openBill) billing.Money {
	surplus := -o.Owed
	for i := range o.Bills {
		if b.Coverage.Before(o.Bills[i].Coverage) {
			surplus += o.Bills[i].Billed
		}
	}
	return surplus
}

// day is an instant with what every look at a household asks of it, worked out once.
type day struct {
	now       time.Time
	date      billing.Date
	monthEnds time.Time
	opens     map[string]time.Time // next opening of the hours, by the recipient's zone
	explain   bool                 // also say why not
}

func (r *Rules) dayAt(now time.Time) *day {
	date := r.cal.DateOf(now)
	return &day{now: now, date: date, monthEnds: r.lastOf(billing.MonthOf(date).Last()), opens: map[string]time.Time{}}
}

// opening is when a number's hours are next open; zero: never, as for a zone that nobody knows.
func (r *Rules) opening(h *Recipient, at *day) time.Time {
	if len(h.Zones) == 1 {
		if opens, ok := at.opens[h.Zones[0]]; ok {
			return opens
		}
	}
	zones, err := r.zones(Facts{Zones: h.Zones, Number: h.Number})
	if err != nil {
		return time.Time{}
	}
	opens := r.hours.NextOpening(at.now, zones...)
	if len(h.Zones) == 1 {
		at.opens[h.Zones[0]] = opens
	}
	return opens
}
