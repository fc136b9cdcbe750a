package payments

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Gateway is the card and bank processor as the charge needs it: an object is created
// unconfirmed, then confirmed, looked up by its id, or cancelled (design.md §5, twilio.md §13).
// Every method may return a *GatewayError; anything else is a bug.
type Gateway interface {
	// Create makes the unconfirmed object under key. The same key and content give the same object.
	Create(ctx context.Context, key string, c Charge) (Intent, error)
	// Confirm asks for the money under key.
	Confirm(ctx context.Context, key, id string, c Charge) (Intent, error)
	// Retrieve looks the object up by id; it is the only look-up that tells the truth at once.
	Retrieve(ctx context.Context, id string) (Intent, error)
	// Cancel makes sure that no money will move, or says why it cannot.
	Cancel(ctx context.Context, id string) (Intent, error)
}

// Charge is what the processor is told. Cents includes the fee.
type Charge struct {
	Reference  string // ours, goes along as metadata
	Cents      int64
	Method     Method
	Token      string    // the payment method's id
	AcceptedAt time.Time // instant of assent, for the mandate of a bank debit (UTC)
	PhoneOrder bool      // policy stripe_moto: mark a card payment as phone order at confirm
}

// IntentState is what the processor says of its object, in our words.
type IntentState string

const (
	IntentUnconfirmed IntentState = "requires_confirmation"
	IntentProcessing  IntentState = "processing"
	IntentSucceeded   IntentState = "succeeded"
	IntentNeedsAction IntentState = "requires_action"
	IntentNoMethod    IntentState = "requires_payment_method" // a confirm was declined
	IntentCanceled    IntentState = "canceled"
	IntentOther       IntentState = "other" // a word we do not know: unknown, alarm
)

// Intent is the processor's object.
type Intent struct {
	ID    string
	State IntentState
	Code  string // decline code where there is one: card_declined, insufficient_funds, R01 …
}

// GatewayKind says what a failed request proves.
type GatewayKind string

const (
	// GatewayLost: no reply, a time-out or a 5xx. The request may or may not have been carried out.
	GatewayLost GatewayKind = "lost"
	// GatewayRefused: the processor understood and refused; nothing was done. Code says why.
	GatewayRefused GatewayKind = "refused"
	// GatewayLater: not processed (429, connection refused before sending): try again later.
	GatewayLater GatewayKind = "later"
	// GatewayConfig: our key or request is wrong: alarm.
	GatewayConfig GatewayKind = "config"
	// GatewayKeyReused: the key was used with other parameters: our bug, alarm.
	GatewayKeyReused GatewayKind = "key-reused"
)

// GatewayError is a failed request to the processor. It holds no secret and no processor prose.
type GatewayError struct {
	Op       string
	Kind     GatewayKind
	Code     string  // the processor's short code, for the log and the attempt
	Intent   *Intent // the object as the refusal describes it (a declined confirm carries it)
	Replayed bool    // a stored reply of an earlier try under the same key (a stored 500: take a new key)
	Err      error
}

func (e *GatewayError) Error() string {
	return fmt.Sprintf("gateway %s: %s %s", e.Op, e.Kind, e.Code)
}

func (e *GatewayError) Unwrap() error { return e.Err }

// AsGatewayError finds the gateway's error in err.
func AsGatewayError(err error) (*GatewayError, bool) {
	var g *GatewayError
	ok := errors.As(err, &g)
	return g, ok
}
