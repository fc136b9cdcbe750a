package notify

import (
	"cmp"
	"slices"
	"time"

	"duebell/billing"
)

// What is true of an account, and when: from what it owes and the dates of its bills this file works out the
// reminders of rules.md §10 (kinds.go has the dates of each kind). reminders_choose.go chooses among what is
// true on one day; reminders_claim.go asks again at the instant of sending.
//
// Days are those of the business zone (C1: one business zone), also where a month is counted; only the
// hours in which a text may go are the recipient's (N4).

// Recipient is everything that the reminders to one number depend on. Several members may share the number;
// Accounts holds all of theirs. Consent and suppressions are the number's.
type Recipient struct {
	Number          string
	Zones           []string // IANA names, of the members whose number it is; none: not known
	Mobile          bool
	Consent         bool // in force for payment texts
	FromApplication bool // it rests on the number given on the coverage application (O1)
	OptedOut        bool
	Unreachable     bool      // no text arrives there (N11)
	ImportedAt      time.Time // how fresh the bills are (B6); zero: there was no import
	Accounts        []AccountFacts
	Prior           []PriorReason // of the last months, without reasons that were dropped
}

// AccountFacts is one account as the reminders see it. Bills are the newest revisions, oldest month first.
// For most accounts they are the last few months; where more is needed, History has it (addHistories).
type AccountFacts struct {
	Account  billing.Account
	Language string
	InFlight bool          // a payment is authorized, or the account frozen, and the outcome not known (L2)
	Owed     billing.Money // everything billed less everything paid, in cents
	Bills    []billing.Bill
	Older    bool      // Bills holds only the newest ones
	LastPaid time.Time // when the newest money came in, if any did

	// History, where it is present, is the whole account: then Owed and Bills are worked out from it.
	History *History

	DrawFailedAt  time.Time     // an AutoPay draw came back; zero: none
	LastDrawn     billing.Money // the AutoPay draw before; zero: not known
	AmountsAgreed bool          // the member agreed that texts state the amount (A2)
}

// History is everything billed and booked of one account. billing.Stand computes the standing from it, as it
// does for a caller.
type History struct {
	Bills   []billing.Bill
	Entries []billing.Entry
}

// PriorReason is a reason that already has a notice, planned or sent. It comes with its notice, so the same
// text for two accounts shows twice with one Notice.
type PriorReason struct {
	Notice     int64
	Kind       Kind
	DaysBefore int
	Account    string
	Coverage   billing.Month
	Language   string
	State      State
	At         time.Time // of the newest request to the carrier; zero: none was made yet
}

// Candidate is a reason to remind, with the window in which its words are true; both ends are in it. From is
// zero where the words are true at once. Instants are UTC.
type Candidate struct {
	Kind       Kind
	DaysBefore int // the offset of due_soon
	Account    string
	Language   string
	Coverage   billing.Month
	From       time.Time
	Until      time.Time
	DueAt      time.Time // the due instant that the words name; zero where they name none
	Draw       *Draw     // of autopay_upcoming
}

// Draw is what a text says of an AutoPay draw. Days are those of the business zone; amounts are cents.
type Draw struct {
	On, StopBy    billing.Date
	Last4         string // of the bank account
	Amount, Last  billing.Money
	AmountsAgreed bool
}

// candidates passes the reasons of an account, true now or later, one after another to take. A window that is
// over is not given; one that begins later is, because it counts towards the month's cap.
func (r *Rules) candidates(o *AccountFacts, now time.Time, take func(Candidate)) {
	give := func(c Candidate) {
		if now.After(c.Until) || c.From.After(c.Until) { // a moved deadline may leave no day for it
			return
		}
		c.Account, c.Language = o.Account.Number, o.Language
		take(c)
	}
	unpaid := r.unpaid(o)
	if o.Account.OnAutoPay() { // the kinds of AutoPayOnly, and no others
		if len(unpaid) == 0 {
			return
		}
		for _, s := range r.onDraw {
			for _, c := range s.onDraw(r, o, unpaid) {
				c.Kind = s.Kind
				give(c)
			}
		}
		return
	}
	for _, b := range unpaid {
		for _, c := range b.days.candidates {
			give(c)
		}
	}
	if b, ok := r.graceBill(o, unpaid, now); ok {
		for _, c := range b.days.ofGrace {
			give(c)
		}
	}
}

// openBill is a bill of which something is missing, with its dates. It points into the account's Bills.
type openBill struct {
	*billing.Bill
	days *billDays
}

// billDays are the dates of a bill, and what may be said on them. It is shared by all bills of a class and
// never changed once it is made.
type billDays struct {
	dueAt     time.Time
	due       billing.Date
	graceEnds time.Time // equal to dueAt: there is no grace (G4)

	coverage   billing.Month
	candidates []Candidate
	ofGrace    []Candidate // said only if this bill's grace is the one that runs (G6)
}

// hasGrace says whether the bill may still be paid after its due instant without consequences.
func (d *billDays) hasGrace() bool { return d.graceEnds.After(d.dueAt) }

// billClass is what the dates of most bills depend on. A million bills have a handful of classes. Whatever
// else a bill's dates depend on (an override, a grace end of billing's) makes it a case of its own.
type billClass struct {
	kind     billing.Kind
	regime   billing.Regime
	coverage billing.Month
	first    bool
}

// daysOf returns the dates of a bill. They are worked out once for all bills of a class; a bill with a grace
// end or a due instant of its own is worked out by itself. An override for all accounts or for a kind is in
// the class already; only one for this very account is not.
func (r *Rules) daysOf(a *billing.Account, b *billing.Bill) *billDays {
	if !b.GraceEndsAt.IsZero() || r.overridden[a.Number] {
		return r.workOut(a, b)
	}
	// Two goroutines may work out the same class at once; both get the same dates.
	class := billClass{a.Kind, a.Regime, b.Coverage, b.FirstBill}
	if days, ok := r.daysByClass.Load(class); ok {
		return days.(*billDays)
	}
	days := r.workOut(a, b)
	r.daysByClass.Store(class, days)
	return days
}

// workOut computes the dates of one bill, and what each kind may say on them. Each rule of a kind is asked
// once here, so that a million bills cost a handful of these.
func (r *Rules) workOut(a *billing.Account, b *billing.Bill) *billDays {
	month := r.cal.BillMonth(b.Coverage)
	d := &billDays{coverage: b.Coverage, dueAt: r.cal.DueAt(a.Kind, a.Number, month)}
	d.due = r.cal.DateOf(d.dueAt)
	switch {
	case !b.GraceEndsAt.IsZero() && !b.GraceEndsAt.Before(d.dueAt): // G5: billing's date wins; C5: never before the due instant
		d.graceEnds = b.GraceEndsAt
	case b.FirstBill: // G4: a first bill has no grace
		d.graceEnds = d.dueAt
	default:
		d.graceEnds = r.cal.GraceEnds(a.Regime, a.Kind, a.Number, month)
	}
	for _, s := range r.onBill {
		for _, c := range s.onBill(r, d) {
			c.Kind, c.Coverage = s.Kind, b.Coverage
			if s.runningGrace {
				d.ofGrace = append(d.ofGrace, c)
			} else {
				d.candidates = append(d.candidates, c)
			}
		}
	}
	return d
}

// endOf returns the last second of a local day: deadlines are counted in whole seconds. The next midnight is
// found by the calendar, so that days of 23 or 25 hours end when they should (C1).
func (r *Rules) endOf(d billing.Date) time.Time {
	return r.cal.StartOfDay(d.Add(1)).Add(-time.Second)
}

// withHistory returns the account with Owed and Bills taken from its history, where there is one. Bills and
// entries outside the page then count too, so a bill that was paid late long ago is seen.
func (o *AccountFacts) withHistory(now time.Time, cal *billing.Calendar) *AccountFacts {
	if o.History == nil {
		return o
	}
	// A copy: the caller's facts are read again for the next look.
	whole := *o
	whole.Owed = billing.Stand(o.Account, o.History.Bills, o.History.Entries, now, cal).TotalDue
	whole.Bills, whole.Older = newest(o.History.Bills), false
	return &whole
}

// newest returns the highest revision of each month, oldest month first (B5: it replaces earlier ones). The
// given slice stays as it is.
func newest(bills []billing.Bill) []billing.Bill {
	list := slices.Clone(bills)
	slices.SortFunc(list, func(a, b billing.Bill) int {
		return cmp.Or(cmp.Compare(a.Coverage.Year, b.Coverage.Year), cmp.Compare(a.Coverage.Month, b.Coverage.Month), cmp.Compare(b.Revision, a.Revision))
	})
	return slices.CompactFunc(list, func(a, b billing.Bill) bool { return a.Coverage == b.Coverage })
}

// unpaid returns the bills of which more than the tolerance is missing, oldest first. Money is applied to the
// oldest bill first (B7), so what is owed lies at the newest end. It needs the total alone and no entries:
// from the newest bill backwards, each takes its part of what is owed.
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

// openBill joins a bill with its dates.
func (r *Rules) openBill(a *billing.Account, b *billing.Bill) openBill {
	return openBill{b, r.daysOf(a, b)}
}

// graceBill returns the bill whose grace runs, or will run once it is past due (G6): the oldest unpaid one,
// or the older one that the history shows. false: nothing is unpaid, and no grace runs.
func (r *Rules) graceBill(o *AccountFacts, unpaid []openBill, now time.Time) (openBill, bool) {
	if o.History != nil {
		s := billing.Stand(o.Account, o.History.Bills, o.History.Entries, now, r.cal)
		if s.Clock == nil {
			return openBill{}, false
		}
		return r.openBill(&o.Account, s.Clock), true
	}
	if len(unpaid) == 0 {
		return openBill{}, false
	}
	return unpaid[0], true
}
