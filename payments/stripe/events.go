package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	stripego "github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"duebell/payments"
)

// eventKinds are the events that we act on. payment_failed comes for a declined card as well as for a debit
// that bounced: the attempt's own state tells which. Any other type is EventOther, which is recorded and
// moves nothing.
var eventKinds = map[stripego.EventType]payments.EventKind{
	stripego.EventTypePaymentIntentSucceeded:     payments.EventSettled,
	stripego.EventTypePaymentIntentProcessing:    payments.EventProcessing,
	stripego.EventTypePaymentIntentPaymentFailed: payments.EventReturned,
	stripego.EventTypePaymentIntentCanceled:      payments.EventCanceled,
	stripego.EventTypeChargeDisputeCreated:       payments.EventDisputed,
}

// ParseEvent checks an event's signature and returns the event. payload is the body as it came, header the
// Stripe-Signature header. The signature's age is not checked here: stripe-go measures it by the machine's
// clock, and an event may rightly come late. So an event that somebody recorded can be sent again;
// payments.EventReceiver bears that. A missing or wrong signature is payments.ErrEventSignature; any other
// error is an event that cannot be read. It does no more than read: what an event changes is decided by
// EventReceiver, by the attempt's own state.
func ParseEvent(payload []byte, header, secret string) (payments.Event, error) {
	if secret == "" {
		return payments.Event{}, fmt.Errorf("parse event: no secret is configured: %w", payments.ErrEventSignature)
	}
	// It compares the signature in constant time, and reads nothing of a body whose signature is wrong.
	e, err := webhook.ConstructEventIgnoringTolerance(payload, header, secret)
	switch {
	case errors.Is(err, webhook.ErrNotSigned), errors.Is(err, webhook.ErrInvalidHeader), errors.Is(err, webhook.ErrNoValidSignature):
		return payments.Event{}, fmt.Errorf("parse event: %w", payments.ErrEventSignature)
	case err != nil: // its text is dropped: it may quote the payload
		return payments.Event{}, errors.New("parse event: unreadable, or of another API version than stripe-go's")
	case e.Data == nil || e.ID == "":
		return payments.Event{}, errors.New("parse event: nothing in it")
	}
	out := payments.Event{ID: e.ID, Kind: payments.EventOther, Created: time.Unix(e.Created, 0).UTC()}
	kind, known := eventKinds[e.Type]
	if !known {
		return out, nil
	}
	out.Kind = kind
	if kind == payments.EventDisputed {
		return readDispute(out, e.Data.Raw)
	}
	var pi stripego.PaymentIntent
	if err := json.Unmarshal(e.Data.Raw, &pi); err != nil || pi.ID == "" {
		return payments.Event{}, errors.New("parse event: no payment intent in it")
	}
	out.IntentID = pi.ID
	if pi.LastPaymentError != nil && kind == payments.EventReturned {
		out.Code = failureCode(pi.LastPaymentError, isBankDebit(&pi), networkCodeIn(e.Data.Raw))
	}
	return out, nil
}

// readDispute fills in what a dispute says: the object it is about, and why the payer disputes it. A dispute
// of anything but a PaymentIntent is an error, so that Stripe delivers it again and it is noticed. out is the
// event without these two; it comes back filled in.
func readDispute(out payments.Event, raw json.RawMessage) (payments.Event, error) {
	var d stripego.Dispute
	if err := json.Unmarshal(raw, &d); err != nil || d.PaymentIntent == nil || d.PaymentIntent.ID == "" {
		return payments.Event{}, errors.New("parse event: no payment intent in the dispute")
	}
	out.IntentID, out.Code = d.PaymentIntent.ID, string(d.Reason)
	if code := bankCodes[out.Code]; code != "" {
		out.Code = code
	}
	return out, nil
}
