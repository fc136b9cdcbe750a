package notify

import (
	"cmp"
	"slices"
	"time"

	"duebell/billing"
)

// Why an account, or a number, gets no reminder. They stand on dropped notices, in the preview and in
// metrics, so the words do not change.
const (
	WhyStale       = "the import is too old"
	WhyLandline    = "no mobile number and no consent"
	WhyBlocked     = "the account is blocked"
	WhyAutoPay     = "on AutoPay: its own notices only"
	WhyNotNow      = "its words are not true on this day"
	WhyAlreadySent = "sent already"
	WhyPlanned     = "planned already"
	WhyOneADay     = "one reminder a day: another has gone"
	WhyOutranked   = "one reminder a day: a more important one goes first"
	WhyCap         = "the month's reminders are needed for more important ones"
	WhyNoHours     = "no sending hours are left in its window"
)

// Reminder is a text to be planned. Reasons are those that have no planned notice yet; the text's window is
// that of all of them.
type Reminder struct {
	Number    string
	Language  string
	Kind      Kind
	Cause     string // identifies the one draw that kinds without a cap speak of
	Reasons   []Candidate
	NotBefore time.Time // when it may go: inside its window and the recipient's hours
	NotAfter  time.Time
}

// Withheld says why an account gets no reminder; with a Kind, why not this one. It is for people: nothing is
// decided by it.
type Withheld struct {
	Account    string
	Kind       Kind
	DaysBefore int
	Why        string
}

// Reminders returns what is to be planned for a number, and for every account why it gets nothing. It is the
// preview's way in, and the tests'; a run of the planner asks remindersOn.
func (r *Rules) Reminders(to Recipient, now time.Time) (send []Reminder, held []Withheld) {
	at := r.dayAt(now)
	at.explain = true
	return r.remindersOn(at, &to)
}

// remindersOn is Reminders for one of many recipients on a day. held is filled only where the day is to be
// explained.
func (r *Rules) remindersOn(at *day, to *Recipient) (send []Reminder, held []Withheld) {
	if why := r.noReminders(to, at.now); why != "" {
		v := view{day: at}
		for i := range to.Accounts {
			v.hold(to.Accounts[i].Account.Number, nil, why)
		}
		return nil, v.held
	}
	// The most important text first: what is chosen counts against the cap of those after it (N3).
	v := r.viewOf(to, at)
	for _, t := range v.texts() {
		if why := r.holdBack(v, t); why != "" {
			v.hold("", t.reasons, why)
			continue
		}
		made, ok := r.reminder(to, t, v.fresh(t), at)
		if !ok {
			v.hold("", t.reasons, WhyNoHours)
			continue
		}
		if t.kind.capped() {
			v.chosen = append(v.chosen, t) // also when it stands planned already: it will go today
		}
		if len(made.Reasons) == 0 {
			v.hold("", t.reasons, WhyPlanned)
			continue
		}
		send = append(send, made)
	}
	return send, v.held
}

// hold notes why an account gets nothing, or why reasons are held back, for the preview.
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

// noReminders returns why this number may get no reminder, whatever is owed, or "".
func (r *Rules) noReminders(to *Recipient, now time.Time) string {
	switch {
	case r.stale(to.ImportedAt, now):
		return WhyStale
	case to.Unreachable:
		return WhyUnreachable
	case to.OptedOut:
		return WhyOptedOut
	case !r.consents(to.Consent, to.FromApplication) && !to.Mobile:
		return WhyLandline
	case !r.consents(to.Consent, to.FromApplication):
		return WhyNoConsent
	}
	return ""
}

// stale says whether the import is too old: nobody is reminded of a balance that may be wrong by now (B6). No
// import at all is stale.
func (r *Rules) stale(importedAt, now time.Time) bool {
	return importedAt.IsZero() || now.Sub(importedAt) > r.policy.ImportMaxAgeHours.Duration()
}

// whySilent returns why no reminder about an account is true on any day, or "". Any doubt is a reason (N2:
// any doubt: do not send).
func (r *Rules) whySilent(o *AccountFacts) string {
	switch {
	case o.Account.Status == billing.StatusTerminated:
		return WhyTerminated
	case o.Account.Status != billing.StatusActive:
		return WhyBlocked
	case o.Owed <= r.policy.PaidToleranceCents: // zero, within the tolerance, or a credit (B9: no reminder)
		return WhyNothingOwed
	case o.InFlight: // counts as paid (L2)
		return WhyInFlight
	}
	return ""
}

// view is what is true of a number at an instant, and what went to it before. It is made for one number and
// one instant, by the planner and by a claim alike, and used by one goroutine.
type view struct {
	*day
	rules    *Rules
	prior    []PriorReason
	open     []Candidate   // words that are true now and have not gone
	pending  []pendingText // capped texts of this month that have not gone: open, or true later if nothing is paid
	sent     int           // capped texts that went this month (N3)
	today    []PriorReason // of those, today's
	chosen   []text        // capped texts that this run lets go
	held     []Withheld
	silenced map[string]string // why nothing about an account is true
}

// pendingText identifies a text that is still due this month.
type pendingText struct {
	kind     Kind
	days     int
	from     int64
	language string
}

// viewOf returns what is true of a number now and later this month. It is the one place where facts become
// candidates, so what was planned and what is sent are judged alike.
func (r *Rules) viewOf(to *Recipient, at *day) *view {
	v := &view{day: at, rules: r, prior: to.Prior}
	for i := range to.Accounts {
		o := to.Accounts[i].withHistory(at.now, r.cal)
		if why := r.whySilent(o); why != "" {
			if v.silenced == nil {
				v.silenced = map[string]string{}
			}
			v.silenced[o.Account.Number] = why
			v.hold(o.Account.Number, nil, why)
			continue
		}
		before := len(v.open)
		r.candidates(o, at.now, v.add)
		if len(v.open) == before && v.explain {
			v.hold(o.Account.Number, nil, v.whyNothing(o))
		}
	}
	v.countSent()
	return v
}

// add sorts a candidate into what is open and what is still pending this month.
func (v *view) add(c Candidate) {
	// N1: a reason is said once. One that was sent, dropped or suppressed is neither open nor pending.
	if state := v.state(c); state != "" && state != Planned {
		return
	}
	if !c.From.After(v.now) {
		v.open = append(v.open, c)
	}
	if c.Kind.capped() && !c.From.After(v.monthEnds) {
		v.pending = append(v.pending, pendingText{c.Kind, c.DaysBefore, c.From.Unix(), c.Language})
	}
}

// whyNothing returns why an account that owes has no open reason.
func (v *view) whyNothing(o *AccountFacts) string {
	for _, s := range v.prior {
		if s.Account == o.Account.Number && !s.At.IsZero() && v.rules.cal.DateOf(s.At) == v.date {
			return WhyAlreadySent
		}
	}
	if o.Account.OnAutoPay() {
		return WhyAutoPay
	}
	return WhyNotNow
}

// state returns the state of the notice of a candidate; empty: none was planned. The newest of several is not
// looked for: a reason has one notice (N1).
func (v *view) state(c Candidate) State {
	for _, s := range v.prior {
		if s.Kind == c.Kind && s.DaysBefore == c.DaysBefore && s.Account == c.Account && s.Coverage == c.Coverage {
			return s.State
		}
	}
	return ""
}

// countSent counts the capped texts of this month, each on the day on which it went (N3: late sending counts
// on its own day). A create in doubt counts: it may be on a phone.
func (v *view) countSent() {
	if len(v.prior) == 0 {
		return
	}
	seen := map[int64]bool{} // a notice with several reasons is one text
	for _, s := range v.prior {
		if !s.Kind.capped() || !s.State.wentOut() || s.At.IsZero() || seen[s.Notice] {
			continue
		}
		day := v.rules.cal.DateOf(s.At)
		if billing.MonthOf(day) != billing.MonthOf(v.date) {
			continue
		}
		seen[s.Notice] = true
		v.sent++
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
	dueAt    int64 // Unix seconds
	language string
	cause    string
	reasons  []Candidate
}

// same says whether two texts say the same, be it in two languages.
func (t text) same(kind Kind, days int) bool { return t.kind == kind && t.days == days }

// textOf returns the text that a candidate asks for, still without reasons.
func textOf(c Candidate) text {
	t := text{kind: c.Kind, days: c.DaysBefore, language: c.Language}
	if !c.DueAt.IsZero() {
		t.dueAt = c.DueAt.Unix()
	}
	if !c.Kind.capped() { // N1: one notice for each draw
		t.cause = string(c.Kind) + " " + c.Account + " " + c.Coverage.String()
	}
	return t
}

// equals says whether one notice can carry both texts.
func (t text) equals(o text) bool {
	return t.same(o.kind, o.days) && t.dueAt == o.dueAt && t.language == o.language && t.cause == o.cause
}

// texts returns the texts that the open reasons make, the most important first.
func (v *view) texts() []text {
	var list []text
	for _, c := range v.open {
		t := textOf(c)
		at := slices.IndexFunc(list, t.equals)
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

// rank returns a kind's priority with its offset, the smallest first; below zero for kinds without a cap
// (N3: due_soon 3, 10, 1). The day before comes behind the other offsets: due_today follows it the next
// morning.
func (r *Rules) rank(k Kind, days int) int {
	const offsets = 1000 // more days than any policy has
	spec, ok := r.kinds[k]
	if !ok || spec.Rank == 0 {
		return -1
	}
	if days == 1 {
		days = offsets - 1
	}
	return spec.Rank*offsets + days
}

// holdBack returns why a text does not go now although its words are true, or "" (N3). Of one day's kinds
// only the highest goes, and only if that leaves enough of the month for what is more important. The planner
// asks again at its next run; what becomes of a claimed one is decided by withinCap.
func (r *Rules) holdBack(v *view, t text) string {
	if !t.kind.capped() {
		return ""
	}
	// The same text in a second language may follow on the same day: several members share the number.
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
	if v.sent+len(v.chosen)+r.moreImportant(v, t) >= r.policy.ReminderCapPerMonth {
		return WhyCap
	}
	return ""
}

// moreImportant counts the texts above t in priority that are still due this month if nothing is paid. Those
// of the past are not counted: pending holds what has not gone and can still go.
func (r *Rules) moreImportant(v *view, t text) int {
	n := 0
	// Several accounts may have the same text pending; it counts once.
	for i, c := range v.pending {
		if r.rank(c.kind, c.days) < r.rank(t.kind, t.days) && !slices.Contains(v.pending[:i], c) {
			n++
		}
	}
	return n
}

// fresh returns the reasons of a text that have no planned notice yet.
func (v *view) fresh(t text) []Candidate {
	if len(v.prior) == 0 {
		return t.reasons
	}
	planned := func(c Candidate) bool { return v.state(c) == Planned }
	return slices.DeleteFunc(slices.Clone(t.reasons), planned)
}

// reminder returns the text as it is to be planned, for these of its reasons; false when no sending hours are
// left in its window. Both ends are instants of the domain clock.
func (r *Rules) reminder(to *Recipient, t text, fresh []Candidate, at *day) (Reminder, bool) {
	m := Reminder{Number: to.Number, Language: t.language, Kind: t.kind, Cause: t.cause, Reasons: fresh}
	// The notice lives as long as its longest reason; reasons that end before are dropped when it is claimed.
	for _, c := range t.reasons {
		if c.Until.After(m.NotAfter) {
			m.NotAfter = c.Until
		}
	}
	m.NotBefore = r.opening(to, at)
	return m, !m.NotBefore.IsZero() && !m.NotBefore.After(m.NotAfter)
}
