package payments

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Gateway is the card and bank processor as the charge needs it: an object is created unconfirmed,
// then confirmed, looked up by its id, or cancelled (design.md §5, twilio.md §13). Every method
// fails with a *GatewayError; any other error is a bug. Implementations repeat nothing by
// themselves: whether a request may be sent again is the Charger's decision.
type Gateway interface {
	// Create makes the unconfirmed object under the idempotency key. The same key and content give
	// the same object, as long as the processor remembers the key (24 h). No money moves.
	Create(ctx context.Context, key string, c Charge) (Intent, error)
	// Confirm asks for the money under the idempotency key. The object is charged at most once,
	// however many confirms arrive.
	Confirm(ctx context.Context, key, id string, c Charge) (Intent, error)
	// Retrieve looks the object up by its id, the only look-up that is never behind.
	Retrieve(ctx context.Context, id string) (Intent, error)
	// Cancel makes sure that no money will move, or says why it cannot. It returns the object as it
	// then stands.
	Cancel(ctx context.Context, id string) (Intent, error)
}

// Charge is what the processor is told about a payment.
type Charge struct {
	Reference  string // L4's number; goes along as metadata, so that people can find the payment there
	Cents      int64  // the fee included
	Method     Method
	Token      string    // the payment method's id
	AcceptedAt time.Time // instant of assent, for the mandate of a bank debit (UTC)
	PhoneOrder bool      // policy stripe_moto: mark a card payment as phone order at confirm (rule P3: MOTO only where enabled)
}

// IntentState is the processor's state of its object, in its own words (twilio.md §13.2).
type IntentState string

const (
	IntentUnconfirmed IntentState = "requires_confirmation"
	IntentProcessing  IntentState = "processing" // bank: filed with the network; card: not decided yet
	IntentSucceeded   IntentState = "succeeded"
	IntentNeedsAction IntentState = "requires_action"         // the payer would have to do something online
	IntentNoMethod    IntentState = "requires_payment_method" // a confirm was declined
	IntentCanceled    IntentState = "canceled"
	IntentOther       IntentState = "other" // a state that we do not know: counts as unknown, and alarms
)

// Intent is the processor's object: one payment, charged at most once.
type Intent struct {
	ID    string
	State IntentState
	Code  string // decline code where there is one: card_declined, insufficient_funds, R01 …
}

// GatewayKind is what a failed request proves.
type GatewayKind string

const (
	// GatewayLost: no reply, a time-out or a 5xx. The request may or may not have been carried out.
	GatewayLost GatewayKind = "lost"
	// GatewayRefused: the processor understood and refused; nothing was done. Code says why.
	GatewayRefused GatewayKind = "refused"
	// GatewayLater: not processed (429, connection refused before sending): the same request may be
	// sent later.
	GatewayLater GatewayKind = "later"
	// GatewayConfig: our API key or our request is wrong: alarm. Nothing was done.
	GatewayConfig GatewayKind = "config"
	// GatewayKeyReused: the idempotency key was used with other parameters: our bug, alarm. Nothing
	// was done.
	GatewayKeyReused GatewayKind = "key-reused"
)

// GatewayError is a failed request to the processor. It holds no secret and nothing of the
// processor's text.
type GatewayError struct {
	Op       string // create, confirm, retrieve, cancel, tokenize, check
	Kind     GatewayKind
	Code     string  // the processor's short code, for the log and the attempt
	Intent   *Intent // the object as the refusal describes it (a declined confirm carries it), else nil
	Replayed bool    // the stored reply of an earlier request under the same key: a stored 500 needs a new key
	Err      error
}

func (e *GatewayError) Error() string {
	return fmt.Sprintf("processor %s: %s %s", e.Op, e.Kind, e.Code)
}

func (e *GatewayError) Unwrap() error { return e.Err }

// AsGatewayError returns the *GatewayError in err's chain, and whether there is one.
func AsGatewayError(err error) (*GatewayError, bool) {
	var g *GatewayError
	ok := errors.As(err, &g)
	return g, ok
}
