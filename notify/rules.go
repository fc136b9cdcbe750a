package notify

import (
	"fmt"
	"sync"
	"time"

	"duebell/billing"
	"duebell/payments"
)

// Rules decide whether a notice may go, and with which words, from the facts and the time alone. They read no
// database and no clock, and may be used from any number of goroutines. The two caches hold what is the same
// for many members, so that a run over a million accounts is not slowed by it. Nothing in them is about one
// person.
type Rules struct {
	hours  Hours
	words  Words
	cal    *billing.Calendar
	policy billing.Policy

	kinds  map[Kind]*KindSpec
	onBill []KindSpec // rows of the table that speak of bills
	onDraw []KindSpec // and of AutoPay draws

	overridden  map[string]bool // accounts with a due instant of their own (C5)
	daysByClass sync.Map        // *billDays by billClass
	texts       sync.Map        // a reminder's text by sameWords

	segments func(text string) int // nil: not measured (N7)
}

// NewRules returns the rules of a policy. The calendar must be of the same policy.
func NewRules(p billing.Policy, cal *billing.Calendar, words Words) *Rules {
	r := &Rules{hours: NewHours(p, cal), words: words, cal: cal, policy: p, kinds: kinds, overridden: map[string]bool{}}
	for _, s := range kindTable() {
		switch {
		case s.onBill != nil:
			r.onBill = append(r.onBill, s)
		case s.onDraw != nil:
			r.onDraw = append(r.onDraw, s)
		}
	}
	for _, o := range p.DueOverrides {
		r.overridden[o.Scope] = true
	}
	return r
}

// Why a notice was not sent. The words are stored on its row and counted, so that they stay as they are.
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

// Decide returns what becomes of a notice, asked in the transaction that claims it (N2: re-read when sending;
// any doubt: do not send). An error means that the rules could not tell: the notice stays planned and is
// asked about again. It reads nothing itself, because the number is locked while it runs. What it decides is
// written in the same transaction.
func (r *Rules) Decide(f Facts, now time.Time) (Decision, error) {
	// The order matters: what ends a notice for good comes before what makes it wait.
	spec, ok := f.Kind.Spec()
	switch {
	case !ok:
		return drop(WhyUnknownKind), nil
	case !f.NotAfter.IsZero() && now.After(f.NotAfter):
		return drop(WhyTooLate), nil
	case f.Unreachable:
		return suppress(WhyUnreachable), nil
	case f.OptedOut && !f.ByRequest && f.Kind != OptOutConfirm: // O2 exempts the confirmation, O4 what was asked for
		return suppress(WhyOptedOut), nil
	case spec.Basis != OnRequest && !r.consents(f.Consent, f.FromApplication) && !f.ByRequest:
		return drop(WhyNoConsent), nil
	case f.Channel == Voice && f.Kind != CallBack && !r.policy.VoiceReminders: // N10: only where the policy says so
		return drop(WhyNoVoice), nil
	// Waits rather than ends: an operator, or a probe, resumes the kind.
	case f.Paused:
		return Decision{Action: ActionWait, Until: now.Add(pausedWait)}, nil
	}
	if why := r.confirmationHolds(f); why != "" {
		return drop(why), nil
	}
	if spec.Basis == OnAccount {
		return r.decideReminder(f, spec, now)
	}
	dropped := r.dropReasons(&f, spec)
	if spec.Basis == OnPayment && len(f.Reasons) == 0 {
		return Decision{Action: ActionDrop, Why: whyNone(dropped), Dropped: dropped}, nil
	}
	v, err := r.sendNow(f, spec, now)
	v.Dropped = dropped
	return v, err
}

// sendNow returns the decision on a notice whose reasons hold: its text, or when its hours open. A text that
// is longer than allowed is dropped here (fits).
func (r *Rules) sendNow(f Facts, spec KindSpec, now time.Time) (Decision, error) {
	if !spec.AnyHour {
		v, err := r.withinHours(f, now)
		if err != nil || v.Action != ActionSend {
			return v, err
		}
	}
	if f.Channel == Voice { // the words of a call are the conversation's
		return Decision{Action: ActionSend}, nil
	}
	body, err := r.compose(f, Candidate{}, now)
	if err != nil {
		return Decision{}, err
	}
	return r.fits(body), nil
}

// dropReasons leaves in f the reasons that hold and returns the others (N1: reasons no longer true are
// dropped). What is dropped can be planned again later, if it becomes true anew.
func (r *Rules) dropReasons(f *Facts, spec KindSpec) (dropped []DroppedReason) {
	var holding []Reason
	for _, reason := range f.Reasons {
		if why := r.holds(spec, reason); why != "" {
			dropped = append(dropped, DroppedReason{Account: reason.Account, DaysBefore: reason.DaysBefore, Why: why})
			continue
		}
		holding = append(holding, reason)
	}
	f.Reasons = holding
	return dropped
}

// whyNone returns why no reason is left. The first one stands for all of them.
func whyNone(dropped []DroppedReason) string {
	if len(dropped) == 0 {
		return WhyNoReason
	}
	return dropped[0].Why
}

// confirmationHolds returns why the words of a confirmation are no longer true, or "". The owner may have
// texted twice since: STOP and START in one minute leave one true confirmation.
func (r *Rules) confirmationHolds(f Facts) string {
	switch {
	case f.Kind == OptOutConfirm && !f.OptedOut:
		return WhyTextsOn
	case f.Kind == OptInConfirm && (!r.consents(f.Consent, f.FromApplication) || f.OptedOut):
		return WhyTextsOff
	}
	return ""
}

// holds returns why a reason of a kind is no longer true, or "". A kind whose row has no rule is not sent.
func (r *Rules) holds(spec KindSpec, reason Reason) string {
	switch {
	case spec.Basis == OnPayment && reason.Payment == nil:
		return WhyNoPayment
	case spec.holds == nil:
		return WhyUnknownKind
	}
	return spec.holds(r, reason)
}

// holdsReceived asks that the money was taken, and has not come back since.
func (r *Rules) holdsReceived(reason Reason) string {
	if reason.Payment.State != payments.Taken {
		return WhyNotTaken
	}
	return ""
}

// holdsFailed asks that the attempt ended without a charge, and that the caller does not know it yet.
func (r *Rules) holdsFailed(reason Reason) string {
	switch {
	case reason.Payment.State != payments.Declined:
		return WhyNotDeclined
	case reason.Payment.HeardOnCall: // L3: a text only for a failure that the caller did not hear
		return WhyHeardOnCall
	}
	return ""
}

// holdsWrittenNotice asks that the debit is still to come or was made (E6): a voided or declined one needs no
// notice.
func (r *Rules) holdsWrittenNotice(reason Reason) string {
	if s := reason.Payment.State; !s.Open() && s != payments.Taken {
		return WhyNoDebit
	}
	return ""
}

// holdsReturned: "your bill is still unpaid" must be true as well (N2).
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

// withinHours returns ActionSend inside the send window, ActionWait until it opens, or ActionDrop if it opens
// too late (N4: send window in the recipient's time). The opening instant is in the window, the closing
// instant is not.
func (r *Rules) withinHours(f Facts, now time.Time) (Decision, error) {
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

// zones returns the zones in which the recipient may be: those where the member lives; if these are not
// known, all zones of the area code and the business zone (N4). A zone that does not exist is an error: the
// notice waits and an operator sees it, rather than being sent by a guess.
func (r *Rules) zones(f Facts) ([]*time.Location, error) {
	// A window must be open in all of them: a text at 9 in Boston is one at 6 in California.
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

// drop ends a notice for good; its reasons may be planned anew. suppress ends one because the owner of the
// number, or the carrier, wants no texts there.
func drop(why string) Decision     { return Decision{Action: ActionDrop, Why: why} }
func suppress(why string) Decision { return Decision{Action: ActionSuppress, Why: why} }
