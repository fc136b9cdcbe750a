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

// codeMethodUsed: the payment method has paid, or tried to, before; without a customer it
// works once. A new capture is needed.
const codeMethodUsed = "payment_method_used"

// failure says what a failed request proves. Of stripe-go's error it keeps the status, the
// type, the code and the request's id: its text is the whole reply, with client secrets in it.
func gatewayError(op string, err error) *payments.GatewayError {
	var e *stripego.Error
	if !errors.As(err, &e) {
		return &payments.GatewayError{Op: op, Kind: transportKind(err), Code: "no_answer", Err: transportCause(err)}
	}
	out := &payments.GatewayError{Op: op, Kind: kindOf(e), Code: codeOf(e), Err: fmt.Errorf("status %d, type %s, request %s", e.HTTPStatusCode, e.Type, e.RequestID)}
	if e.LastResponse != nil {
		out.Replayed = e.LastResponse.Header.Get("Idempotent-Replayed") == "true"
	}
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

// kindOf reads the status before the type, and the code before both where it says more.
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

// ourMistakes are codes of requests that no payer can make good.
var configErrorCodes = []stripego.ErrorCode{
	stripego.ErrorCodeAPIKeyExpired, stripego.ErrorCodeSecretKeyRequired, stripego.ErrorCodeURLInvalid,
	stripego.ErrorCodeTestmodeChargesOnly, stripego.ErrorCodePaymentIntentInvalidParameter,
	stripego.ErrorCodePaymentMethodUnactivated, stripego.ErrorCodeTLSVersionUnsupported,
}

func isConfigError(e *stripego.Error) bool {
	if e.Code == "" {
		return !methodWasUsed(e)
	}
	return slices.Contains(configErrorCodes, e.Code) || strings.HasPrefix(string(e.Code), "parameter_")
}

// methodUsed knows the one refusal that has no code and is no mistake of ours by its words.
// If Stripe changes them it counts as a mistake of ours: an alarm, and still no charge.
func methodWasUsed(e *stripego.Error) bool {
	return e.Code == "" && strings.Contains(e.Msg, "may not be used again")
}

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

// transportKind tells a request that never left from one whose fate is unknown: only a
// connection that could not be made proves that nothing was sent.
func transportKind(err error) payments.GatewayKind {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return payments.GatewayLater
	}
	return payments.GatewayLost
}

// transportCause keeps what callers ask errors about, and no text of a reply.
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
