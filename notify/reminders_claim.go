package notify

import "time"

// decideReminder checks a planned reminder again, in the transaction that claims it (N2): what was true when
// it was planned may be paid, moved, outranked or used up by now. It is Decide for kinds on an account: who
// may be texted at all was asked before. The other notices of the same number are in the facts, those of this
// transaction included.
func (r *Rules) decideReminder(f Facts, spec KindSpec, now time.Time) (Decision, error) {
	var to Recipient
	// Without one nothing is known of the number, and the missing import counts as too old.
	if f.Recipient != nil {
		to = *f.Recipient
	}
	if r.stale(to.ImportedAt, now) {
		return drop(WhyStale), nil // planned again as soon as there is a fresh import
	}
	// The same view that the planner makes, from the facts of this transaction.
	view := r.viewOf(&to, r.dayAt(now))
	t, dropped := view.stillTrue(f)
	if len(t.reasons) == 0 {
		return Decision{Action: ActionDrop, Why: whyNone(dropped), Dropped: dropped}, nil
	}
	v, err := r.withinCap(view, f, t, spec)
	if err == nil && v.Action == ActionSend {
		v, err = r.withinHours(f, now)
	}
	if err == nil && v.Action == ActionSend && f.Channel != Voice { // the words of a call are the conversation's
		var body string
		if body, err = r.reminderText(f, t.reasons[0], now); err == nil {
			v = r.fits(body)
		}
	}
	v.Dropped = dropped
	return v, err
}

// stillTrue returns the text with the reasons that are true now, and the reasons that are not. A text names
// one due instant: a reason whose deadline has moved apart from the first one's is planned anew. Reasons are
// asked in the order in which they were planned.
func (v *view) stillTrue(f Facts) (t text, dropped []DroppedReason) {
	for _, reason := range f.Reasons {
		c, ok := v.find(f.Kind, reason)
		switch {
		case !ok:
			dropped = append(dropped, DroppedReason{Account: reason.Account, DaysBefore: reason.DaysBefore, Why: v.whyNot(f.Kind, reason)})
		case len(t.reasons) > 0 && !t.gathers(textOf(c)):
			dropped = append(dropped, DroppedReason{Account: reason.Account, DaysBefore: reason.DaysBefore, Why: WhyNotNow})
		default:
			if len(t.reasons) == 0 {
				t = textOf(c)
			}
			t.reasons = append(t.reasons, c)
		}
	}
	return t, dropped
}

// gathers says whether two texts say the same. The language does not count: it was decided when the
// notice was planned.
func (t text) gathers(o text) bool {
	o.language = t.language
	return t.equals(o)
}

// find returns the candidate of a planned reason, if its words are true now. Not found means paid, moved,
// outside its window, or another account's number by now.
func (v *view) find(k Kind, reason Reason) (Candidate, bool) {
	for _, c := range v.open {
		if c.Kind == k && c.DaysBefore == reason.DaysBefore && c.Account == reason.Account && c.Coverage == reason.Coverage {
			return c, true
		}
	}
	return Candidate{}, false
}

// whyNot returns why a planned reason is not true now. The words are for the row and the metrics; they decide
// nothing.
func (v *view) whyNot(k Kind, reason Reason) string {
	if why := v.silenced[reason.Account]; why != "" {
		return why
	}
	for _, s := range v.prior {
		if s.Account == reason.Account && s.Coverage == reason.Coverage && s.Kind == k {
			return WhyNotNow
		}
	}
	return WhyNoReason // the number is not this account's any more
}

// withinCap holds N3 at the instant of sending: one reminder a day, the most important one, and never more
// than the month's. The others wait in their windows. The month's count includes what other senders have
// claimed, because claims of one number run one after another.
func (r *Rules) withinCap(v *view, f Facts, t text, spec KindSpec) (Decision, error) {
	if !spec.Capped() {
		return Decision{Action: ActionSend}, nil
	}
	why := r.holdBack(v, t)
	// A more important text may have become true since this one was planned: it goes first.
	for _, c := range v.open {
		if o := textOf(c); why == "" && o.kind.capped() && r.rank(o.kind, o.days) < r.rank(t.kind, t.days) {
			why = WhyOutranked
		}
	}
	switch why {
	case "":
		return Decision{Action: ActionSend}, nil
	// Used up is used up, but tomorrow is another day of the window (N6).
	case WhyOneADay, WhyOutranked:
		return r.tomorrow(v, f, t, why)
	}
	return drop(why), nil
}

// tomorrow puts a text off to the next day's hours, if its window reaches so far, and else drops it. Tomorrow
// is the business zone's next day; the hours in it are the recipient's.
func (r *Rules) tomorrow(v *view, f Facts, t text, why string) (Decision, error) {
	zones, err := r.zones(f)
	if err != nil {
		return Decision{}, err
	}
	opens := r.hours.NextOpening(r.cal.StartOfDay(v.date.Add(1)), zones...)
	for _, c := range t.reasons {
		if !opens.IsZero() && !opens.After(c.Until) {
			return Decision{Action: ActionWait, Until: opens, Why: why}, nil
		}
	}
	return drop(why), nil
}

// sameWords is what the words of a reminder depend on, those of a draw excepted. Zones and accounts are not
// among it: no text names them (N7).
type sameWords struct {
	kind     Kind
	language string
	dueAt    int64
}

// reminderText returns a reminder's text: no amount unless the member agreed to it (N7), no date of grace
// (G7). Words that a hundred thousand members get are put together once. The cache may be filled twice with
// the same text; that does no harm.
func (r *Rules) reminderText(f Facts, c Candidate, now time.Time) (string, error) {
	// The words of a draw hold its own amounts and days, and are put together each time.
	same := sameWords{c.Kind, f.Language, textOf(c).dueAt}
	if body, ok := r.texts.Load(same); ok && c.Draw == nil {
		return body.(string), nil
	}
	body, err := r.compose(f, c, now)
	if err == nil && c.Draw == nil {
		r.texts.Store(same, body)
	}
	return body, err
}
