package processor

import (
	"slices"
	"strconv"
	"time"
)

// bankCodes are Stripe's words for a failed debit and the network's return code for each (twilio.md §13.3).
var bankCodes = map[string]string{
	"insufficient_funds": "R01",
	"account_closed":     "R02",
	"no_account":         "R03",
}

// ownCode are declines whose code is a word of its own; all others are card_declined.
var ownCode = []string{"expired_card", "incorrect_cvc", "processing_error", "authentication_required"}

// confirmIntent is where money moves: a card is charged or declined at once, a bank debit is filed and
// settles or bounces later. The lock is held, so of two confirms at once one finds the other's outcome: a
// PaymentIntent is paid at most once.
func (p *Processor) confirmIntent(req request, q params, now time.Time) (any, *apiError) {
	in := p.state.byID[req.id]
	if in == nil {
		return nil, noSuch("payment_intent", "intent")
	}
	if fault := confirmable(in); fault != nil {
		return nil, fault
	}
	// It is there: a PaymentIntent that requires confirmation holds a payment method, and none is ever
	// removed.
	m := p.state.Methods[in.Method]
	if fault := mandate(m, q, now); fault != nil {
		return nil, fault
	}
	// The product names payment_method_types, so it should never meet this.
	if in.Automatic && q["return_url"] == "" {
		return nil, invalid("", "return_url", "This PaymentIntent is configured to accept payment methods enabled in your "+
			"Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`.")
	}
	// Another PaymentIntent was confirmed with it since this one was made. Stripe refuses, and the
	// PaymentIntent waits for another one.
	if m.Used {
		in.Status, in.Method = requiresMethod, ""
		return nil, p.usable(m.ID, in.Types)
	}
	// Used up by the try, also where it is declined; Stripe's published test methods never are.
	m.Used = !m.Published
	// From here on the try counts: method used up, charge id given, an earlier error forgotten.
	in.ConfirmedAt, in.Charged, in.Error = now, m.ID, nil
	in.Charge = p.id(map[string]string{card: "ch", usBank: "py"}[m.Type])
	failHard := q["error_on_requires_action"] == "true"
	// The played refusal comes before what the card or account would have said.
	if p.faultApplies(declines) {
		return nil, p.decline(in, m, refusal(m), now)
	}
	if m.Type == card {
		return p.chargeCard(in, m, q, now)
	}
	return p.fileDebit(in, m, failHard, now)
}

// confirmable refuses a confirm in the wrong state, in Stripe's words and with the object; nil for the right
// one.
func confirmable(in *intent) *apiError {
	switch in.Status {
	case requiresConfirmation:
		return nil
	case requiresMethod:
		return wrongState(in, in.view(), "You cannot confirm this PaymentIntent because it's missing a payment method.")
	case succeeded:
		return wrongState(in, in.view(), "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.")
	default:
		return wrongState(in, in.view(), "This PaymentIntent's status is "+in.Status+", it cannot be confirmed.")
	}
}

// mandate demands a bank debit's acceptance, and refuses one with a card. Only offline acceptance is known:
// without a collection method, which is how a phone authorization is told (twilio.md §13.1, SEC class).
func mandate(m *method, q params, now time.Time) *apiError {
	const stem = "mandate_data[customer_acceptance]"
	kind, accepted := q[stem+"[type]"], q[stem+"[accepted_at]"]
	_, offline := q[stem+"[offline]"]
	if m.Type == card {
		if kind != "" || accepted != "" || offline {
			return invalid("payment_intent_invalid_parameter", "mandate_data", "Mandate data cannot be given for this card payment.")
		}
		return nil
	}
	if _, ok := q[moto]; ok {
		return invalid("payment_intent_invalid_parameter", moto, "This PaymentIntent does not take card options.")
	}
	switch {
	case kind == "":
		return missing("mandate_data")
	// online wants the payer's address and browser, which a phone call has not.
	case kind != "offline":
		return invalid("", stem+"[type]", "Invalid type: the stand-in takes offline.")
	case accepted == "":
		return nil // Stripe takes the present instant then
	}
	// accepted_at is in Unix seconds: the instant of assent, which cannot lie ahead.
	at, err := strconv.ParseInt(accepted, 10, 64)
	if err != nil || time.Unix(at, 0).After(now) {
		return invalid("parameter_invalid_integer", stem+"[accepted_at]", "Invalid timestamp: must be in the past.")
	}
	return nil
}

// chargeCard charges, declines, or asks for authentication, as the card's published behaviour says. A decline
// is final for this try and has an event of its own.
func (p *Processor) chargeCard(in *intent, m *method, q params, now time.Time) (any, *apiError) {
	switch {
	case m.Outcome == "authentication_required" && q[moto] == "true":
		// a phone order is outside of strong authentication
	case m.Outcome == "authentication_required" && q["error_on_requires_action"] == "true":
		return nil, p.decline(in, m, cardDecline("authentication_required"), now)
	case m.Outcome == "authentication_required":
		// No money has moved, and no caller can be redirected: the product cancels.
		in.Status, in.Action = requiresAction, "redirect_to_url"
		return in.view(), nil
	case m.Outcome != "":
		return nil, p.decline(in, m, cardDecline(m.Outcome), now)
	}
	in.Status, in.Moved = succeeded, true
	p.queueEvent("payment_intent.succeeded", in.view(), now)
	return in.view(), nil
}

// fileDebit takes the debit on: it is processing, which the product counts as taken (twilio.md §13.2, table).
// Its outcome comes two banking days later (settle.go). An account that is to be verified first ends in
// requires_action, or fails where the confirm asked for that.
func (p *Processor) fileDebit(in *intent, m *method, failHard bool, now time.Time) (any, *apiError) {
	if p.faultApplies(wantsVerification) {
		if failHard {
			return nil, p.decline(in, m, apiError{
				status: 402, Type: invalidRequest, Code: "payment_intent_action_required",
				Message: "This payment required an action, but `error_on_requires_action` was set.",
			}, now)
		}
		in.Status, in.Action = requiresAction, "verify_with_microdeposits"
		return in.view(), nil
	}
	// Moved at once: the debit is filed, whatever becomes of it.
	in.Status, in.Moved, in.SettlesAt = processing, true, p.cfg.AddBankingDays(now, 2)
	p.queueEvent("payment_intent.processing", in.view(), now)
	return in.view(), nil
}

// decline records the refusal: the PaymentIntent loses its payment method and waits for another one. The
// error it returns carries the PaymentIntent; what is recorded does not, or it would hold itself. The lock is
// held.
func (p *Processor) decline(in *intent, m *method, why apiError, now time.Time) *apiError {
	// As it is now, for the record: the PaymentIntent itself no longer names it.
	shown := m.view()
	recorded := why
	recorded.Charge, recorded.Method = in.Charge, &shown
	in.Status, in.Method, in.Error = requiresMethod, "", &recorded
	p.queueEvent("payment_intent.payment_failed", in.view(), now)
	reply := recorded
	view := in.view()
	reply.Intent = &view
	return &reply
}

// refusal returns what "declines" says of a card, and of a bank account.
func refusal(m *method) apiError {
	if m.Type == card {
		return cardDecline("generic_decline")
	}
	return apiError{
		status: 402, Type: invalidRequest, Code: "payment_method_bank_account_blocked",
		Message: "This bank account cannot be debited.",
	}
}

// cardDecline returns the error of a declined card, in Stripe's words. Word is a decline code.
func cardDecline(word string) apiError {
	e := apiError{status: 402, Type: cardError, Code: "card_declined", DeclineCode: word, Message: "Your card was declined."}
	// The decline code stays the same word.
	if slices.Contains(ownCode, word) {
		e.Code = word
	}
	return e
}
