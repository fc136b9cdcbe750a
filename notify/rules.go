package notify

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"duebell/billing"
	"duebell/payments"
)

// Rules decide whether a notice may go, and with which words, from the facts and the time alone.
// A new kind is a row in traits, a case in holds and a case in message.
type Rules struct {
	hours  Hours
	words  Words
	cal    *billing.Calendar
	policy billing.Policy

	segments func(text string) int // nil: not measured

	scopes  map[string]bool // of moved deadlines
	almanac sync.Map        // *billDays by billClass
	written sync.Map        // a reminder's text by sameWords
}

// NewRules puts the rules together.
func NewRules(p billing.Policy, cal *billing.Calendar, words Words) *Rules {
	r := &Rules{hours: NewHours(p, cal), words: words, cal: cal, policy: p, scopes: map[string]bool{}}
	for _, o := range p.DueOverrides {
		r.scopes[o.Scope] = true
	}
	return r
}

// Why a notice was not sent. The words are kept on its row and counted.
const (
	WhyTooLate     = "too late: its words are no longer worth sending"
	WhyTooLong     = "longer than sms_max_segments: shorten the message or raise the limit"
	WhyNoConsent   = "no consent for texts to this number"
	WhyOptedOut    = "opted out"
	WhyUnreachable = "no text arrives under this number"
	WhyNotTaken    = "the payment is not taken"
	WhyNotDeclined = "the payment did not fail"
	WhyHeardOnCall = "the caller heard it on the call"
	WhyNotReturned = "the payment is not returned"
	WhyNothingOwed = "nothing is owed any more"
	WhyInFlight    = "another payment is in flight"
	WhyTerminated  = "the account is terminated"
	WhyNoDebit     = "the debit will not be made"
	WhyNoPayment   = "its payment is not there"
	WhyNoReason    = "no reason is left"
	WhyTextsOn     = "texts are on again"
	WhyTextsOff    = "texts are not on"
	WhyUnknownKind = "no such kind of text"
	WhyNoCalls     = "nobody can place calls"
	WhyNoVoice     = "reminders by voice are switched off"
)

// Decide is asked in the transaction that claims a notice (N2). In any doubt it does not send.
// An error means that we could not tell: the notice stays planned.
func (r *Rules) Decide(f Facts, now time.Time) (Decision, error) {
	trait, ok := f.Kind.Spec()
	switch {
	case !ok:
		return drop(WhyUnknownKind), nil
	case !f.NotAfter.IsZero() && now.After(f.NotAfter):
		return drop(WhyTooLate), nil
	case f.Unreachable:
		return suppress(WhyUnreachable), nil
	case f.OptedOut && !f.ByRequest && f.Kind != OptOutConfirm: // O2 exempts the confirmation, O4 what was asked for
		return suppress(WhyOptedOut), nil
	case !trait.Reply && !r.consents(f.Consent, f.FromApplication) && !f.ByRequest:
		return drop(WhyNoConsent), nil
	case f.Channel == Voice && f.Kind != CallBack && !r.policy.VoiceReminders: // N10
		return drop(WhyNoVoice), nil
	case f.Paused:
		return Decision{Action: ActionWait, Until: now.Add(pausedWait)}, nil
	}
	if why := r.replyHolds(f); why != "" {
		return drop(why), nil
	}
	if trait.Reminder {
		return r.decideReminder(f, trait, now)
	}
	untrue := r.sift(&f)
	if !trait.Reply && len(f.Reasons) == 0 {
		return Decision{Action: ActionDrop, Why: whyNone(untrue), Dropped: untrue}, nil
	}
	v, err := r.timely(f, trait, now)
	v.Dropped = untrue
	return v, err
}

// timely says whether a text whose reasons hold may go now, and writes it.
func (r *Rules) timely(f Facts, trait KindSpec, now time.Time) (Decision, error) {
	if !trait.Answer {
		v, err := r.window(f, now)
		if err != nil || v.Action != ActionSend {
			return v, err
		}
	}
	if f.Channel == Voice { // what is said is the conversation's
		return Decision{Action: ActionSend}, nil
	}
	body, err := r.compose(f, now)
	if err != nil {
		return Decision{}, fmt.Errorf("words of %s: %w", f.Kind, err)
	}
	return r.fits(body), nil
}

// fits sends a text that is no longer than sms_max_segments, and drops a longer one: it is our words that
// are wrong, and cutting them would make them untrue (N7).
func (r *Rules) fits(body string) Decision {
	if r.segments != nil && r.segments(body) > r.policy.SMSMaxSegments {
		return drop(WhyTooLong)
	}
	return Decision{Action: ActionSend, Body: body}
}

// MeasureWith has the rules count the segments of every text with count before it goes (N7).
func (r *Rules) MeasureWith(count func(text string) int) *Rules {
	r.segments = count
	return r
}

// consents reports whether a consent counts: its basis is one of sms_basis (O1). Whatever is not the
// application's number is the person's own yes, by text, key, speech or letter.
func (r *Rules) consents(given, fromApplication bool) bool {
	basis := "opt_in"
	if fromApplication {
		basis = "application"
	}
	return given && slices.Contains(r.policy.SMSBasis, basis)
}

// sift leaves the reasons that hold and gives the others back (N1).
func (r *Rules) sift(f *Facts) (untrue []DroppedReason) {
	var holding []Reason
	for _, reason := range f.Reasons {
		if why := r.holds(f.Kind, reason); why != "" {
			untrue = append(untrue, DroppedReason{Account: reason.Account, DaysBefore: reason.DaysBefore, Why: why})
			continue
		}
		holding = append(holding, reason)
	}
	f.Reasons = holding
	return untrue
}

// whyNone is why nothing is left to say.
func whyNone(untrue []DroppedReason) string {
	if len(untrue) == 0 {
		return WhyNoReason
	}
	return untrue[0].Why
}

// replyHolds says why the words of an answer are not true any more; empty when they are.
func (r *Rules) replyHolds(f Facts) string {
	switch {
	case f.Kind == OptOutConfirm && !f.OptedOut:
		return WhyTextsOn
	case f.Kind == OptInConfirm && (!r.consents(f.Consent, f.FromApplication) || f.OptedOut):
		return WhyTextsOff
	}
	return ""
}

// holds says why a reason of a kind does not hold any more; empty when it does. A kind without a
// case has no rule yet: nothing of it is sent.
func (r *Rules) holds(k Kind, reason Reason) string {
	p := reason.Payment
	if t, _ := k.Spec(); t.Payment && p == nil {
		return WhyNoPayment
	}
	switch k {
	case PaymentReceived:
		if p.State != payments.Taken {
			return WhyNotTaken
		}
	case PaymentFailed:
		if p.State != payments.Declined {
			return WhyNotDeclined
		}
		if p.HeardOnCall { // L3: only a failure that the caller did not hear
			return WhyHeardOnCall
		}
	case TelWrittenNotice:
		if !p.State.Open() && p.State != payments.Taken {
			return WhyNoDebit
		}
	case PaymentReturned:
		return r.holdsReturned(reason)
	default:
		return WhyUnknownKind
	}
	return ""
}

// holdsReturned: "your bill is still unpaid" must hold as well (N2).
func (r *Rules) holdsReturned(reason Reason) string {
	switch {
	case reason.Payment.State != payments.Returned:
		return WhyNotReturned
	case reason.InFlight:
		return WhyInFlight
	case reason.Owed <= r.policy.PaidToleranceCents:
		return WhyNothingOwed
	case reason.Terminated:
		return WhyTerminated
	}
	return ""
}

// window holds N4 for what nobody has just asked for.
func (r *Rules) window(f Facts, now time.Time) (Decision, error) {
	zones, err := r.zones(f)
	if err != nil {
		return Decision{}, err
	}
	opens := r.hours.NextOpening(now, zones...)
	switch {
	case opens.IsZero(), !f.NotAfter.IsZero() && opens.After(f.NotAfter):
		return drop(WhyTooLate), nil
	case opens.After(now):
		return Decision{Action: ActionWait, Until: opens}, nil
	}
	return Decision{Action: ActionSend}, nil
}

// zones are where the recipient may be: where the member lives; if that is not known, all zones of the
// area code, and the business zone as well (N4).
func (r *Rules) zones(f Facts) ([]*time.Location, error) {
	var zones []*time.Location
	names := f.Zones
	if len(names) == 0 {
		zones, names = append(zones, r.cal.Zone()), ZonesOf(f.Number)
	}
	for _, name := range names {
		zone, err := zoneNamed(name)
		if err != nil {
			return nil, fmt.Errorf("time zone of the recipient: %w", err)
		}
		zones = append(zones, zone)
	}
	return zones, nil
}

func drop(why string) Decision     { return Decision{Action: ActionDrop, Why: why} }
func suppress(why string) Decision { return Decision{Action: ActionSuppress, Why: why} }
