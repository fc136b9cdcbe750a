package stripe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	stripego "github.com/stripe/stripe-go/v85"

	"duebell/payments"
)

// codeMethodUsed is the code of a payment method that has paid, or tried to, before: without a
// customer it works once (twilio.md §13.1). A new capture is needed.
const codeMethodUsed = "payment_method_used"

// gatewayError returns what a failed request proves. Of stripe-go's error it keeps the status, the type, the
// code and the request's id: its text is the whole reply, with client secrets in it (promise P4: no secret is
// kept or shown). It never returns nil.
func gatewayError(op string, err error) *payments.GatewayError {
	var e *stripego.Error
	if !errors.As(err, &e) {
		return &payments.GatewayError{Op: op, Kind: transportKind(err), Code: "no_answer", Err: transportCause(err)}
	}
	// The request's id is Stripe's own: by it a person finds the whole exchange in Stripe's log.
	out := &payments.GatewayError{Op: op, Kind: kindOf(e), Code: codeOf(e), Err: fmt.Errorf("status %d, type %s, request %s", e.HTTPStatusCode, e.Type, e.RequestID)}
	if e.LastResponse != nil {
		out.Replayed = e.LastResponse.Header.Get("Idempotent-Replayed") == "true"
	}
	// A refused confirm or cancel comes with the object; its state is what the Charger decides by.
	if e.PaymentIntent != nil && e.PaymentIntent.ID != "" {
		intent := intentOf(e.PaymentIntent)
		if intent.Code == "" && e.HTTPStatusCode == http.StatusPaymentRequired {
			intent.Code = out.Code
		}
		out.Intent = &intent
		if out.Kind == payments.GatewayRefused && intent.Code != "" {
			out.Code = intent.Code
		}
	}
	return out
}

// kindOf returns what Stripe's error proves. It reads the status before the type, and the code
// before both where it says more. In doubt it must not be GatewayRefused: a refused create is
// recorded as never charged.
func kindOf(e *stripego.Error) payments.GatewayKind {
	switch {
	case e.Code == stripego.ErrorCodeIdempotencyKeyInUse, e.HTTPStatusCode == http.StatusConflict:
		return payments.GatewayLost // the first request under this key is still under way
	case e.HTTPStatusCode >= 500:
		return payments.GatewayLost
	case e.HTTPStatusCode == http.StatusTooManyRequests:
		return payments.GatewayLater
	case e.Type == stripego.ErrorTypeIdempotency:
		return payments.GatewayKeyReused
	case e.HTTPStatusCode == http.StatusUnauthorized, e.HTTPStatusCode == http.StatusForbidden, e.HTTPStatusCode == http.StatusNotFound:
		return payments.GatewayConfig // a wrong key, or one of another account: it does not know our object
	case e.HTTPStatusCode == http.StatusPaymentRequired, e.PaymentIntent != nil:
		return payments.GatewayRefused
	case isConfigError(e):
		return payments.GatewayConfig
	}
	return payments.GatewayRefused
}

// configErrorCodes are codes of requests that no payer can make good: our key, our parameters, our
// account.
var configErrorCodes = []stripego.ErrorCode{
	stripego.ErrorCodeAPIKeyExpired, stripego.ErrorCodeSecretKeyRequired, stripego.ErrorCodeURLInvalid,
	stripego.ErrorCodeTestmodeChargesOnly, stripego.ErrorCodePaymentIntentInvalidParameter,
	stripego.ErrorCodePaymentMethodUnactivated, stripego.ErrorCodeTLSVersionUnsupported,
}

// isConfigError reports whether an invalid request is a mistake of ours. One without a code is, but for a
// used payment method. Either way nothing was charged; the difference is an alarm.
func isConfigError(e *stripego.Error) bool {
	if e.Code == "" {
		return !methodWasUsed(e)
	}
	return slices.Contains(configErrorCodes, e.Code) || strings.HasPrefix(string(e.Code), "parameter_")
}

// methodWasUsed recognises, by its words, the one refusal that has no code and is no mistake of
// ours. If Stripe changes the words it counts as a mistake of ours: an alarm, and still no charge.
func methodWasUsed(e *stripego.Error) bool {
	return e.Code == "" && strings.Contains(e.Msg, "may not be used again")
}

// codeOf returns a short code for the log and the attempt: never empty, never a sentence of Stripe's. The
// order is from the most telling word to the least.
func codeOf(e *stripego.Error) string {
	switch {
	case methodWasUsed(e):
		return codeMethodUsed
	case e.HTTPStatusCode == http.StatusPaymentRequired && e.Code != "":
		return failureCode(e, e.PaymentIntent != nil && isBankDebit(e.PaymentIntent), "")
	case e.Code != "":
		return string(e.Code)
	case e.Type != "":
		return string(e.Type)
	}
	return "status_" + fmt.Sprint(e.HTTPStatusCode)
}

// transportKind returns GatewayLater for a request that was certainly not sent, GatewayLost for any other:
// only a connection that could not be made proves that nothing was sent. A TLS failure or a reset may come
// after the request was read.
func transportKind(err error) payments.GatewayKind {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return payments.GatewayLater
	}
	return payments.GatewayLost
}

// transportCause returns an error that keeps what callers ask errors about (cancelled, timed out),
// and no text of a reply.
func transportCause(err error) error {
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return errors.New(op.Op + " failed")
	}
	return errors.New("connection lost or answer unreadable")
}
