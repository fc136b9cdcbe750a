package notify

import (
	"cmp"
	"slices"
	"time"

	"duebell/billing"
)

// The reminders of rules.md §10. Every rule below is a pure function of what an account owes: it gives
// the window in which its words are true (N6), or nothing. What a number gets of what is true on one
// day is reminders_choose.go; whether it still holds at the instant of sending, reminders_claim.go.
//
// Days are those of the business zone (C1), also where a month is counted; only the hours in which a
// text may go are the recipient's (N4).

// Recipient is everything that the reminders to one number rest on.
type Recipient struct {
	Number          string
	Zones           []string // of the members whose number it is; none: not known
	Mobile          bool
	Consent         bool // in force for payment texts
	FromApplication bool // it rests on the number given on the coverage application (O1)
	OptedOut        bool
	Unreachable     bool
	ImportedAt      time.Time // how fresh the bills are (B6); zero: there was no import
	Accounts        []AccountFacts
	Prior           []PriorReason // of the last months, but for reasons that were dropped
}

// AccountFacts is one account as the reminders see it.
type AccountFacts struct {
	Account  billing.Account
	Language string
	InFlight bool          // a payment is authorized, or the account frozen, and the outcome not known (L2)
	Owed     billing.Money // everything billed less everything paid
	Bills    []billing.Bill
	Older    bool      // Bills holds the newest ones only
	LastPaid time.Time // when the newest money came in, if any did

	// History, where it is given, is the whole of the account: then Owed and Bills are worked out
	// from it.
	History *History

	DrawFailedAt  time.Time     // an AutoPay draw came back; zero: none
	LastDrawn     billing.Money // the AutoPay draw before; zero: not known
	AmountsAgreed bool          // the member agreed that texts state the amount (A2)
}

// History is everything billed and booked of one account.
type History struct {
	Bills   []billing.Bill
	Entries []billing.Entry
}

// PriorReason is a reason that a text stands planned for or went for.
type PriorReason struct {
	Notice     int64
	Kind       Kind
	DaysBefore int
	Account    string
	Coverage   billing.Month
	Language   string
	State      State
	At         time.Time // of the newest create; zero: none left yet
}

// Candidate is a reason to remind, with the window in which its words are true; both ends are in it.
type Candidate struct {
	Kind       Kind
	DaysBefore int // the offset of due_soon
	Account    string
	Language   string
	Coverage   billing.Month
	From       time.Time
	Until      time.Time
	DueAt      time.Time // that the words name; zero where they name none
	Draw       *Draw     // of autopay_upcoming
}

// Draw is what a text says of an AutoPay draw.
type Draw struct {
	On, StopBy    billing.Date
	Last4         string
	Amount, Last  billing.Money
	AmountsAgreed bool
}

// occasions gives the reasons of an account, now or later, one after another to take.
func (r *Rules) occasions(o *AccountFacts, now time.Time, take func(Candidate)) {
	give := func(c Candidate) {
		if now.After(c.Until) || c.From.After(c.Until) { // a moved deadline may leave no day for it
			return
		}
		c.Account, c.Language = o.Account.Number, o.Language
		take(c)
	}
	open := r.unpaid(o)
	if o.Account.OnAutoPay() { // its own kinds only
		for _, b := range open {
			give(r.autoPayUpcoming(o, b))
		}
		if len(open) > 0 && !o.DrawFailedAt.IsZero() {
			give(r.autoPayFailed(o, open[0]))
		}
		return
	}
	for _, b := range open {
		for _, c := range b.days.reasons {
			give(c)
		}
	}
	if b, ok := r.clock(o, open, now); ok && b.days.grace() {
		give(b.days.ending)
	}
}

// openBill is a bill of which something is missing.
type openBill struct {
	*billing.Bill
	days *billDays
}

// billDays are the days in the life of a bill, and what may be said on them.
type billDays struct {
	dueAt     time.Time
	due       billing.Date
	graceEnds time.Time // the due instant itself: no grace (G4)

	coverage billing.Month
	reasons  []Candidate
	ending   Candidate // grace_ending, should this bill's grace be the one that runs
}

func (d *billDays) grace() bool { return d.graceEnds.After(d.dueAt) }

// billClass is what the days of most bills depend on.
type billClass struct {
	kind     billing.Kind
	regime   billing.Regime
	coverage billing.Month
	first    bool
}

// daysOf works the days of a bill out, once for all bills of its class.
func (r *Rules) daysOf(a *billing.Account, b *billing.Bill) *billDays {
	if !b.GraceEndsAt.IsZero() || r.scopes[a.Number] {
		return r.workOut(a, b)
	}
	class := billClass{a.Kind, a.Regime, b.Coverage, b.FirstBill}
	if days, ok := r.almanac.Load(class); ok {
		return days.(*billDays)
	}
	days := r.workOut(a, b)
	r.almanac.Store(class, days)
	return days
}

func (r *Rules) workOut(a *billing.Account, b *billing.Bill) *billDays {
	month := r.cal.BillMonth(b.Coverage)
	d := &billDays{coverage: b.Coverage, dueAt: r.cal.DueAt(a.Kind, a.Number, month)}
	d.due = r.cal.DateOf(d.dueAt)
	switch {
	case !b.GraceEndsAt.IsZero() && !b.GraceEndsAt.Before(d.dueAt): // G5: billing's word wins; an outdated one does not (C5)
		d.graceEnds = b.GraceEndsAt
	case b.FirstBill:
		d.graceEnds = d.dueAt
	default:
		d.graceEnds = r.cal.GraceEnds(a.Regime, a.Kind, a.Number, month)
	}
	d.reasons = append([]Candidate{r.billReady(d), r.dueToday(d)}, r.dueSoon(d)...)
	if d.grace() {
		d.reasons = append(d.reasons, r.pastDue(d))
		d.ending = r.graceEnding(d)
	}
	return d
}

// billReady: bill date to bill date + 4.
func (r *Rules) billReady(b *billDays) Candidate {
	issued := r.cal.BillDate(r.cal.BillMonth(b.coverage))
	return r.named(BillReady, b, r.days(issued, issued.Add(4)))
}

// dueSoon: each offset until the day before the next smaller one (10: D-10 to D-4; 3: D-3 to D-2; 1: D-1).
func (r *Rules) dueSoon(b *billDays) []Candidate {
	offsets := slices.Clone(r.policy.DueSoonDays)
	slices.Sort(offsets)
	var list []Candidate
	next := 0
	for _, days := range slices.Compact(offsets) {
		c := r.named(DueSoon, b, r.days(b.due.Add(-days), b.due.Add(-next-1)))
		c.DaysBefore, next = days, days
		list = append(list, c)
	}
	return list
}

// dueToday: that day before the latest hour, and before a due instant that was moved to an earlier one.
func (r *Rules) dueToday(b *billDays) Candidate {
	w := r.days(b.due, b.due)
	if latest := r.cal.At(b.due, r.policy.DueTodayLatestLocal).Add(-time.Second); latest.Before(w.until) {
		w.until = latest
	}
	return r.named(DueToday, b, w)
}

// pastDue: due + 1 to due + 3.
func (r *Rules) pastDue(b *billDays) Candidate {
	return r.unnamed(PastDue, b, r.days(b.due.Add(1), b.due.Add(3)))
}

// graceEnding: end - 3 to end - 1, but not before the bill is past due. It names no date (G7).
func (r *Rules) graceEnding(b *billDays) Candidate {
	ends := r.cal.DateOf(b.graceEnds)
	first := ends.Add(-r.policy.GraceEndingDays)
	if first.Before(b.due.Add(1)) {
		first = b.due.Add(1)
	}
	return r.unnamed(GraceEnding, b, r.days(first, ends.Add(-1)))
}

// autoPayUpcoming: as soon as the bill is there, and no later than the notice of a draw must be out
// (A5). Past that the words could promise a stop that comes too late.
func (r *Rules) autoPayUpcoming(o *AccountFacts, b openBill) Candidate {
	draw := r.cal.AutoPayDraw(r.cal.BillMonth(b.Coverage), o.Account.AutoPayDay)
	stop := r.cal.AutoPayStopBy(draw)
	last := r.cal.AutoPayNoticeBy(draw)
	if stop.Before(last) {
		last = stop
	}
	c := r.unnamed(AutoPayUpcoming, b.days, window{until: r.lastOf(last)})
	c.Draw = &Draw{
		On: draw, StopBy: stop, Last4: o.Account.AutoPayLast4, Amount: o.Owed, Last: o.LastDrawn, AmountsAgreed: o.AmountsAgreed,
	}
	return c
}

// autoPayFailed: from the failure on, a week.
func (r *Rules) autoPayFailed(o *AccountFacts, b openBill) Candidate {
	return r.unnamed(AutoPayFailed, b.days, window{o.DrawFailedAt, o.DrawFailedAt.Add(traits[AutoPayFailed].Window)})
}

// window is a stretch of time; both ends are in it.
type window struct{ from, until time.Time }

// days is the window of whole local days.
func (r *Rules) days(first, last billing.Date) window {
	return window{r.cal.StartOfDay(first), r.lastOf(last)}
}

// lastOf is the last second of a day.
func (r *Rules) lastOf(d billing.Date) time.Time {
	return r.cal.StartOfDay(d.Add(1)).Add(-time.Second)
}

// named is an occasion whose words name the due instant: after it they are untrue.
func (r *Rules) named(k Kind, b *billDays, w window) Candidate {
	if w.until.After(b.dueAt) {
		w.until = b.dueAt
	}
	c := r.unnamed(k, b, w)
	c.DueAt = b.dueAt
	return c
}

func (r *Rules) unnamed(k Kind, b *billDays, w window) Candidate {
	return Candidate{Kind: k, Coverage: b.coverage, From: w.from, Until: w.until}
}

// read fills in from the history, where there is one, what the rules look at.
func (o *AccountFacts) read(now time.Time, cal *billing.Calendar) *AccountFacts {
	if o.History == nil {
		return o
	}
	whole := *o
	whole.Owed = billing.Stand(o.Account, o.History.Bills, o.History.Entries, now, cal).TotalDue
	whole.Bills, whole.Older = newest(o.History.Bills), false
	return &whole
}

// newest are the highest revisions, oldest month first (B5).
func newest(bills []billing.Bill) []billing.Bill {
	list := slices.Clone(bills)
	slices.SortFunc(list, func(a, b billing.Bill) int {
		return cmp.Or(cmp.Compare(a.Coverage.Year, b.Coverage.Year), cmp.Compare(a.Coverage.Month, b.Coverage.Month), cmp.Compare(b.Revision, a.Revision))
	})
	return slices.CompactFunc(list, func(a, b billing.Bill) bool { return a.Coverage == b.Coverage })
}

// unpaid are the bills of which more than the tolerance is missing, oldest first. Money is applied to
// the oldest bill first (B7), so what is owed lies at the newest end.
func (r *Rules) unpaid(o *AccountFacts) []openBill {
	rest := o.Owed
	open := make([]openBill, 0, 2)
	for i := len(o.Bills) - 1; i >= 0; i-- { // rest is what this bill and all older ones lack
		b := &o.Bills[i]
		if rest <= r.policy.PaidToleranceCents {
			break
		}
		if b.Billed > 0 || i == 0 && !o.Older { // money taken back beyond all payments falls to the oldest
			open = append(open, r.openBill(&o.Account, b))
		}
		rest -= b.Billed
	}
	slices.Reverse(open)
	return open
}

func (r *Rules) openBill(a *billing.Account, b *billing.Bill) openBill {
	return openBill{b, r.daysOf(a, b)}
}

// clock is the bill whose grace runs, or will run once it is past due (G6): the oldest unpaid one,
// or the older one that the history tells of.
func (r *Rules) clock(o *AccountFacts, open []openBill, now time.Time) (openBill, bool) {
	if o.History != nil {
		s := billing.Stand(o.Account, o.History.Bills, o.History.Entries, now, r.cal)
		if s.Clock == nil {
			return openBill{}, false
		}
		return r.openBill(&o.Account, s.Clock), true
	}
	if len(open) == 0 {
		return openBill{}, false
	}
	return open[0], true
}
