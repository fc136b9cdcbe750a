package notify

import (
	"cmp"
	"slices"
	"time"

	"duebell/billing"
)

// Why an account, or a number, gets no reminder.
const (
	WhyStale       = "the import is too old"
	WhyLandline    = "no mobile number and no consent"
	WhyBlocked     = "the account is blocked"
	WhyAutoPay     = "on AutoPay: its own notices only"
	WhyNotNow      = "its words are not true on this day"
	WhyAlreadySent = "said already"
	WhyPlanned     = "planned already"
	WhyOneADay     = "one reminder a day: another has gone"
	WhyOutranked   = "one reminder a day: a more important one goes first"
	WhyCap         = "the month's reminders are needed for more important ones"
	WhyNoHours     = "no sending hours are left in its window"
)

// Reminder is a text to be planned.
type Reminder struct {
	Number    string
	Language  string
	Kind      Kind
	Cause     string // names the one thing that kinds without a cap speak of
	Reasons   []Candidate
	NotBefore time.Time // when it may go: inside its window and the recipient's hours
	NotAfter  time.Time
}

// Withheld says why an account gets nothing; with a kind, why not this one.
type Withheld struct {
	Account    string
	Kind       Kind
	DaysBefore int
	Why        string
}

// Reminders says what is to be planned for a number, and of every account why it gets nothing.
func (r *Rules) Reminders(h Recipient, now time.Time) (send []Reminder, held []Withheld) {
	at := r.dayAt(now)
	at.explain = true
	return r.remindOn(at, &h)
}

// remindOn is Remind for one of many households on a day.
func (r *Rules) remindOn(at *day, h *Recipient) (send []Reminder, held []Withheld) {
	if why := r.barred(h, at.now); why != "" {
		v := view{day: at}
		for i := range h.Accounts {
			v.hold(h.Accounts[i].Account.Number, nil, why)
		}
		return nil, v.held
	}
	v := r.look(h, at)
	for _, t := range v.texts() {
		if why := r.holdBack(v, t); why != "" {
			v.hold("", t.reasons, why)
			continue
		}
		made, ok := r.reminder(h, t, v.fresh(t), at)
		if !ok {
			v.hold("", t.reasons, WhyNoHours)
			continue
		}
		if t.capped() {
			v.chosen = append(v.chosen, t)
		}
		if len(made.Reasons) == 0 {
			v.hold("", t.reasons, WhyPlanned)
			continue
		}
		send = append(send, made)
	}
	return send, v.held
}

// hold notes why an account gets nothing, or why reasons are held back, for whoever wants to know.
func (v *view) hold(account string, list []Candidate, why string) {
	if !v.explain {
		return
	}
	if account != "" {
		v.held = append(v.held, Withheld{Account: account, Why: why})
	}
	for _, c := range list {
		v.held = append(v.held, Withheld{Account: c.Account, Kind: c.Kind, DaysBefore: c.DaysBefore, Why: why})
	}
}

// barred says why nothing goes to a number, whatever is owed; empty when something may.
func (r *Rules) barred(h *Recipient, now time.Time) string {
	switch {
	case r.stale(h.ImportedAt, now):
		return WhyStale
	case h.Unreachable:
		return WhyUnreachable
	case h.OptedOut:
		return WhyOptedOut
	case !r.consents(h.Consent, h.FromApplication) && !h.Mobile:
		return WhyLandline
	case !r.consents(h.Consent, h.FromApplication):
		return WhyNoConsent
	}
	return ""
}

// stale: nobody is reminded of a balance that may be wrong by now (B6).
func (r *Rules) stale(importedAt, now time.Time) bool {
	return importedAt.IsZero() || now.Sub(importedAt) > r.policy.ImportMaxAgeHours.Duration()
}

// silent says why no reminder about an account is true, whatever the day; empty when one may be.
func (r *Rules) silent(o *AccountFacts) string {
	switch {
	case o.Account.Status == billing.StatusTerminated:
		return WhyTerminated
	case o.Account.Status != billing.StatusActive:
		return WhyBlocked
	case o.Owed <= r.policy.PaidToleranceCents: // zero, within the tolerance, or a credit (B9)
		return WhyNothingOwed
	case o.InFlight: // counts as paid (L2)
		return WhyInFlight
	}
	return ""
}

// view is what is true of a number at an instant, and what was said to it.
type view struct {
	*day
	rules   *Rules
	said    []PriorReason
	open    []Candidate   // words that are true now and have not gone
	ahead   []coming      // capped ones of this month that have not gone: open, or still to come if unpaid
	gone    int           // capped texts that went this month (N3)
	today   []PriorReason // of those, today's
	chosen  []text        // capped ones that this look lets go
	held    []Withheld
	silence map[string]string // why nothing about an account is true
}

// coming is a text that has still to go, as far as one must tell it from others.
type coming struct {
	kind     Kind
	days     int
	from     int64
	language string
}

// look gathers what is true of a number now and later this month.
func (r *Rules) look(h *Recipient, at *day) *view {
	v := &view{day: at, rules: r, said: h.Prior}
	for i := range h.Accounts {
		o := h.Accounts[i].read(at.now, r.cal)
		if why := r.silent(o); why != "" {
			if v.silence == nil {
				v.silence = map[string]string{}
			}
			v.silence[o.Account.Number] = why
			v.hold(o.Account.Number, nil, why)
			continue
		}
		before := len(v.open)
		r.occasions(o, at.now, v.place)
		if len(v.open) == before && v.explain {
			v.hold(o.Account.Number, nil, v.whyNothing(o))
		}
	}
	v.countGone()
	return v
}

// place sorts an occasion into what is open and what is still to come.
func (v *view) place(c Candidate) {
	if state := v.state(c); state != "" && state != Planned {
		return
	}
	if !c.From.After(v.now) {
		v.open = append(v.open, c)
	}
	if traits[c.Kind].Capped && !c.From.After(v.monthEnds) {
		v.ahead = append(v.ahead, coming{c.Kind, c.DaysBefore, c.From.Unix(), c.Language})
	}
}

// whyNothing is why an account that owes has no open reason.
func (v *view) whyNothing(o *AccountFacts) string {
	for _, s := range v.said {
		if s.Account == o.Account.Number && !s.At.IsZero() && v.rules.cal.DateOf(s.At) == v.date {
			return WhyAlreadySent
		}
	}
	if o.Account.OnAutoPay() {
		return WhyAutoPay
	}
	return WhyNotNow
}

// state is where the text of an occasion is; empty: none was planned.
func (v *view) state(c Candidate) State {
	for _, s := range v.said {
		if s.Kind == c.Kind && s.DaysBefore == c.DaysBefore && s.Account == c.Account && s.Coverage == c.Coverage {
			return s.State
		}
	}
	return ""
}

// countGone counts the capped texts of this month, each on the day on which it went (N3).
func (v *view) countGone() {
	if len(v.said) == 0 {
		return
	}
	seen := map[int64]bool{}
	for _, s := range v.said {
		trait, _ := s.Kind.Spec()
		if !trait.Capped || !s.State.wentOut() || s.At.IsZero() || seen[s.Notice] {
			continue
		}
		day := v.rules.cal.DateOf(s.At)
		if billing.MonthOf(day) != billing.MonthOf(v.date) {
			continue
		}
		seen[s.Notice] = true
		v.gone++
		if day == v.date {
			v.today = append(v.today, s)
		}
	}
}

// wentOut says whether a text may be on somebody's phone, or on its way there.
func (s State) wentOut() bool {
	switch s {
	case Claimed, Unknown, Accepted, Sent, Delivered, Undelivered:
		return true
	}
	return false
}

// text is what one text would say, with the reasons that it gathers (N1).
type text struct {
	kind     Kind
	days     int
	dueAt    int64
	language string
	cause    string
	reasons  []Candidate
}

func (t text) capped() bool {
	trait, _ := t.kind.Spec()
	return trait.Capped
}

// same says whether two texts say the same, be it in two languages.
func (t text) same(kind Kind, days int) bool { return t.kind == kind && t.days == days }

func textOf(c Candidate) text {
	t := text{kind: c.Kind, days: c.DaysBefore, language: c.Language}
	if !c.DueAt.IsZero() {
		t.dueAt = c.DueAt.Unix()
	}
	if !t.capped() { // N1: one notice for each draw
		t.cause = string(c.Kind) + " " + c.Account + " " + c.Coverage.String()
	}
	return t
}

func (t text) says(o text) bool {
	return t.same(o.kind, o.days) && t.dueAt == o.dueAt && t.language == o.language && t.cause == o.cause
}

// texts are the texts that the open reasons make, the most important first.
func (v *view) texts() []text {
	var list []text
	for _, c := range v.open {
		t := textOf(c)
		at := slices.IndexFunc(list, t.says)
		if at < 0 {
			at, list = len(list), append(list, t)
		}
		// One reason of an account in a text: where a moved deadline makes two bills due at once, the older.
		if !slices.ContainsFunc(list[at].reasons, func(o Candidate) bool { return o.Account == c.Account }) {
			list[at].reasons = append(list[at].reasons, c)
		}
	}
	slices.SortStableFunc(list, func(a, b text) int {
		return cmp.Or(cmp.Compare(v.rules.rank(a.kind, a.days), v.rules.rank(b.kind, b.days)),
			cmp.Compare(a.dueAt, b.dueAt), cmp.Compare(a.language, b.language))
	})
	return list
}

// rank is N3's priority, 0 the highest: grace_ending, due_today, past_due, due_soon 3, 10, 1,
// bill_ready. The day before comes behind the other offsets: due_today follows it the next morning.
func (r *Rules) rank(k Kind, days int) int {
	const offsets = 1000 // more than any policy has days
	switch k {
	case GraceEnding:
		return 0
	case DueToday:
		return 1
	case PastDue:
		return 2
	case DueSoon:
		if days <= 1 {
			days = offsets
		}
		return 3 + days
	case BillReady:
		return 3 + offsets + 1
	}
	return -1 // no cap, no rank
}

// holdBack says why a text does not go now although its words are true; empty: it goes. Of one day's
// kinds only the highest goes, and only if that leaves enough of the month for what is more important.
func (r *Rules) holdBack(v *view, t text) string {
	if !t.capped() {
		return ""
	}
	for _, s := range v.today {
		if !t.same(s.Kind, s.DaysBefore) || s.Language == t.language {
			return WhyOneADay
		}
	}
	for _, c := range v.chosen {
		if !t.same(c.kind, c.days) || c.dueAt != t.dueAt {
			return WhyOutranked
		}
	}
	if v.gone+len(v.chosen)+r.moreImportant(v, t) >= r.policy.ReminderCapPerMonth {
		return WhyCap
	}
	return ""
}

// moreImportant counts the texts above t in priority that are still to come this month if nothing is
// paid.
func (r *Rules) moreImportant(v *view, t text) int {
	n := 0
	for i, c := range v.ahead {
		if r.rank(c.kind, c.days) < r.rank(t.kind, t.days) && !slices.Contains(v.ahead[:i], c) {
			n++
		}
	}
	return n
}

// fresh are the reasons of a text that no text stands planned for.
func (v *view) fresh(t text) []Candidate {
	if len(v.said) == 0 {
		return t.reasons
	}
	planned := func(c Candidate) bool { return v.state(c) == Planned }
	return slices.DeleteFunc(slices.Clone(t.reasons), planned)
}

// reminder is the text as it is to be planned, for these of its reasons; false when no sending hours
// are left in its window.
func (r *Rules) reminder(h *Recipient, t text, fresh []Candidate, at *day) (Reminder, bool) {
	m := Reminder{Number: h.Number, Language: t.language, Kind: t.kind, Cause: t.cause, Reasons: fresh}
	for _, c := range t.reasons {
		if c.Until.After(m.NotAfter) {
			m.NotAfter = c.Until
		}
	}
	m.NotBefore = r.opening(h, at)
	return m, !m.NotBefore.IsZero() && !m.NotBefore.After(m.NotAfter)
}
