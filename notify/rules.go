package notify

import (
	"fmt"
	"time"

	"duebell/billing"
	"duebell/payments"
)

// Rules decide whether a notice may go, and with which words, from the facts and the time alone.
// A new kind is a row in traits, a case in holds and a case in words.
type Rules struct {
	hours  Hours
	words  Words
	cal    *billing.Calendar
	policy billing.Policy
}

// NewRules puts the rules together.
func NewRules(p billing.Policy, cal *billing.Calendar, words Words) *Rules {
	return &Rules{hours: NewHours(p, cal), words: words, cal: cal, policy: p}
}

// Why a notice was not sent. The words are kept on its row and counted.
const (
	WhyTooLate     = "too late: its words are no longer worth sending"
	WhyNoConsent   = "no consent for texts to this number"
	WhyOptedOut    = "opted out"
	WhyUnreachable = "no text arrives under this number"
	WhyNotTaken    = "the payment is not taken"
	WhyNotDeclined = "the payment did not fail"
	WhyHeard       = "the caller heard it on the call"
	WhyNotReturned = "the payment is not returned"
	WhyNothingOwed = "nothing is owed any more"
	WhyInFlight    = "another payment is in flight"
	WhyTerminated  = "the account is terminated"
	WhyNoDebit     = "the debit will not be made"
	WhyNoPayment   = "its payment is not there"
	WhyBackAgain   = "texts are on again"
	WhyNotOn       = "texts are not on"
	WhyUnknownKind = "no such kind of text"
)

// Decide is asked in the transaction that claims a notice (N2). In any doubt it does not send.
// An error means that we could not tell: the notice stays planned.
func (r *Rules) Decide(f Facts, now time.Time) (Verdict, error) {
	trait, ok := f.Kind.Traits()
	switch {
	case !ok:
		return drop(WhyUnknownKind), nil
	case !f.NotAfter.IsZero() && now.After(f.NotAfter):
		return drop(WhyTooLate), nil
	case f.Unreachable:
		return suppress(WhyUnreachable), nil
	case f.OptedOut && !f.ByRequest && f.Kind != OptOutConfirm: // O2 exempts the confirmation, O4 what was asked for
		return suppress(WhyOptedOut), nil
	case !trait.Reply && !f.Consent && !f.ByRequest:
		return drop(WhyNoConsent), nil
	}
	if why := r.holds(f); why != "" {
		return drop(why), nil
	}
	if !trait.Answer {
		v, err := r.window(f, now)
		if err != nil || v.Do != DoSend {
			return v, err
		}
	}
	body, err := r.compose(f, now)
	if err != nil {
		return Verdict{}, fmt.Errorf("words of %s: %w", f.Kind, err)
	}
	return Verdict{Do: DoSend, Body: body}, nil
}

// holds says why the words of a kind are not true any more; empty when they are.
func (r *Rules) holds(f Facts) string {
	trait, _ := f.Kind.Traits()
	p := f.Payment
	if trait.Payment && p == nil {
		return WhyNoPayment
	}
	switch f.Kind {
	case OptOutConfirm:
		if !f.OptedOut {
			return WhyBackAgain
		}
	case OptInConfirm:
		if !f.Consent || f.OptedOut {
			return WhyNotOn
		}
	case PaymentReceived:
		if p.State != payments.Taken {
			return WhyNotTaken
		}
	case PaymentFailed:
		if p.State != payments.Declined {
			return WhyNotDeclined
		}
		if p.Heard { // L3: only a failure that the caller did not hear
			return WhyHeard
		}
	case TelWrittenNotice:
		if !p.State.Open() && p.State != payments.Taken {
			return WhyNoDebit
		}
	case PaymentReturned:
		return r.holdsReturned(p)
	}
	return ""
}

// holdsReturned: "your bill is still unpaid" must hold as well (N2).
func (r *Rules) holdsReturned(p *Payment) string {
	switch {
	case p.State != payments.Returned:
		return WhyNotReturned
	case p.InFlight:
		return WhyInFlight
	case p.Owed <= r.policy.PaidToleranceCents:
		return WhyNothingOwed
	case p.Terminated:
		return WhyTerminated
	}
	return ""
}

// window holds N4 for what nobody has just asked for.
func (r *Rules) window(f Facts, now time.Time) (Verdict, error) {
	zone := r.cal.Zone()
	if f.Zone != "" {
		own, err := time.LoadLocation(f.Zone)
		if err != nil {
			return Verdict{}, fmt.Errorf("time zone of the recipient: %w", err)
		}
		zone = own
	}
	opens := r.hours.NextOpening(now, zone)
	switch {
	case opens.IsZero(), !f.NotAfter.IsZero() && opens.After(f.NotAfter):
		return drop(WhyTooLate), nil
	case opens.After(now):
		return Verdict{Do: DoWait, Until: opens}, nil
	}
	return Verdict{Do: DoSend}, nil
}

func drop(why string) Verdict     { return Verdict{Do: DoDrop, Why: why} }
func suppress(why string) Verdict { return Verdict{Do: DoSuppress, Why: why} }
