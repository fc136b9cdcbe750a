package notify

import (
	"fmt"
	"time"
)

// decideReminder looks at a planned reminder once more, in the transaction that claims it (N2): what was
// true when it was planned may be paid, moved, outranked or used up by now.
func (r *Rules) decideReminder(f Facts, trait KindSpec, now time.Time) (Decision, error) {
	var h Recipient
	if f.Recipient != nil {
		h = *f.Recipient
	}
	if r.stale(h.ImportedAt, now) {
		return drop(WhyStale), nil // planned again as soon as there is a fresh one
	}
	view := r.look(&h, r.dayAt(now))
	t, untrue := view.stillTrue(f)
	if len(t.reasons) == 0 {
		return Decision{Action: ActionDrop, Why: whyNone(untrue), Dropped: untrue}, nil
	}
	v, err := r.inTurn(view, f, t, trait)
	if err == nil && v.Action == ActionSend {
		v, err = r.window(f, now)
	}
	if err == nil && v.Action == ActionSend && f.Channel != Voice { // what is said is the conversation's
		var body string
		if body, err = r.remind(f, t.reasons[0]); err == nil {
			v = r.fits(body)
		}
	}
	v.Dropped = untrue
	return v, err
}

// stillTrue is the text as far as its reasons are open now, and the reasons that are not. A text names
// one due instant: a reason whose deadline has moved apart from the first one's is planned anew.
func (v *view) stillTrue(f Facts) (t text, untrue []DroppedReason) {
	for _, reason := range f.Reasons {
		c, ok := v.find(f.Kind, reason)
		switch {
		case !ok:
			untrue = append(untrue, DroppedReason{Account: reason.Account, DaysBefore: reason.DaysBefore, Why: v.whyNot(f.Kind, reason)})
		case len(t.reasons) > 0 && !t.gathers(textOf(c)):
			untrue = append(untrue, DroppedReason{Account: reason.Account, DaysBefore: reason.DaysBefore, Why: WhyNotNow})
		default:
			if len(t.reasons) == 0 {
				t = textOf(c)
			}
			t.reasons = append(t.reasons, c)
		}
	}
	return t, untrue
}

// gathers is says for a text whose language was decided when it was planned.
func (t text) gathers(o text) bool {
	o.language = t.language
	return t.says(o)
}

// find is the occasion of a planned reason, if its words are true now.
func (v *view) find(k Kind, reason Reason) (Candidate, bool) {
	for _, c := range v.open {
		if c.Kind == k && c.DaysBefore == reason.DaysBefore && c.Account == reason.Account && c.Coverage == reason.Coverage {
			return c, true
		}
	}
	return Candidate{}, false
}

func (v *view) whyNot(k Kind, reason Reason) string {
	if why := v.silence[reason.Account]; why != "" {
		return why
	}
	for _, s := range v.said {
		if s.Account == reason.Account && s.Coverage == reason.Coverage && s.Kind == k {
			return WhyNotNow
		}
	}
	return WhyNoReason // the number is not this account's any more
}

// inTurn holds N3 at the instant of sending: one reminder a day, the most important one, and never
// more than the month's. The others wait in their windows.
func (r *Rules) inTurn(v *view, f Facts, t text, trait KindSpec) (Decision, error) {
	if !trait.Capped {
		return Decision{Action: ActionSend}, nil
	}
	why := r.holdBack(v, t)
	for _, c := range v.open {
		if o := textOf(c); why == "" && o.capped() && r.rank(o.kind, o.days) < r.rank(t.kind, t.days) {
			why = WhyOutranked
		}
	}
	switch why {
	case "":
		return Decision{Action: ActionSend}, nil
	case WhyOneADay, WhyOutranked:
		return r.tomorrow(v, f, t, why)
	}
	return drop(why), nil
}

// tomorrow puts a text off to the next day's hours, if its window reaches so far.
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

// sameWords is what the words of a reminder depend on, but for those of a draw.
type sameWords struct {
	kind     Kind
	language string
	dueAt    int64
}

// remind writes a reminder's text. No amount unless the member agreed to it (N7), no date of grace (G7).
// Words that a hundred thousand get are put together once.
func (r *Rules) remind(f Facts, c Candidate) (string, error) {
	same := sameWords{c.Kind, f.Language, textOf(c).dueAt}
	if body, ok := r.written.Load(same); ok && c.Draw == nil {
		return body.(string), nil
	}
	key, args, err := r.reminderMessage(f, c)
	if err != nil {
		return "", fmt.Errorf("words of %s: %w", f.Kind, err)
	}
	body, err := r.words.Text(f.Language, key, args)
	if err != nil {
		return "", fmt.Errorf("words of %s: %w", f.Kind, err)
	}
	if c.Draw == nil {
		r.written.Store(same, body)
	}
	return body, nil
}
