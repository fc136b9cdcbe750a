package twilio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/twilio/twilio-go/client"
)

// ErrorKind is what a failed request proves.
// It decides whether a create may be sent again, so it never guesses.
type ErrorKind string

const (
	// Refused: Twilio understood and refused; nothing was done, and the same again would be refused.
	Refused ErrorKind = "refused"
	// RateLimited: Twilio did not process it; it may be sent again later.
	RateLimited ErrorKind = "rate_limited"
	// Unreachable: no connection was made, so nothing was sent; it may be sent again later.
	Unreachable ErrorKind = "unreachable"
	// Unknown: it was sent and no answer tells what became of it. A create may have been carried
	// out: look before sending it again.
	Unknown ErrorKind = "unknown"
	// Misconfigured: our account, sender or request is wrong: alarm. Nothing was done.
	Misconfigured ErrorKind = "config"
)

// Error is a failed REST request. Its text holds the operation, the kind and Twilio's code, never a
// telephone number, a text or a URL.
// RetryAfter is what Twilio asked to wait, 0 if it did not say. Status may be 200 where the answer lacked
// what was asked for.
type Error struct {
	Op         string
	Kind       ErrorKind
	Code       int     // Twilio's, 0 if there is none
	Status     int     // of HTTP, 0 if there was no answer
	Trouble    Trouble // the code in our words
	RetryAfter time.Duration
	cause      error // context.Canceled, context.DeadlineExceeded or nil
}

// Error returns the operation, what the failure proves, and the code or status.
func (e *Error) Error() string {
	s := "twilio: " + e.Op + ": " + string(e.Kind)
	if e.Code != 0 {
		s += fmt.Sprintf(" (code %d, %s)", e.Code, e.Trouble)
	} else if e.Status != 0 {
		s += fmt.Sprintf(" (status %d)", e.Status)
	}
	if errors.Is(e.cause, context.Canceled) || errors.Is(e.cause, context.DeadlineExceeded) {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap returns context.Canceled or context.DeadlineExceeded where that ended the request. Other
// causes are not kept: their texts quote URLs and numbers.
func (e *Error) Unwrap() error { return e.cause }

// LogValue returns the fields that may be logged.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("op", e.Op), slog.String("kind", string(e.Kind)), slog.Int("code", e.Code), slog.Int("status", e.Status))
}

// Retryable reports whether sending the same request again cannot do it twice.
func (e *Error) Retryable() bool { return e.Kind == RateLimited || e.Kind == Unreachable }

// AsError returns the *Error in err's chain, and whether there is one.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// outcome returns nil or an *Error, from what twilio-go returned and what the exchange recorded.
// op names the operation for logs. A 2xx with an error of twilio-go's (a body that is no JSON) is Unknown.
func (w *exchange) outcome(op string, err error) error {
	// An error of our own (not sent, or an answer without what was asked for) says already what it
	// proves.
	if own, ok := AsError(err); ok {
		return own
	}
	if err == nil && w.status/100 == 2 {
		return nil
	}
	e := &Error{Op: op, Status: w.status, cause: contextCause(w.ctx, err)}
	var typed *client.TwilioRestError
	if errors.As(err, &typed) {
		e.Code, e.Trouble = typed.Code, Explain(typed.Code)
	}
	e.Kind = w.kind(e)
	// A date is allowed there too; Twilio sends seconds.
	if seconds := parseNumber(w.retryAfter, 0); e.Kind == RateLimited && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// kind returns what the failure proves. In doubt it is Unknown: a create that is wrongly called
// refused would be sent twice.
// The order of the cases matters: each is certain only if those before it do not hold.
func (w *exchange) kind(e *Error) ErrorKind {
	switch {
	case e.Code == 20429, w.status == http.StatusTooManyRequests:
		return RateLimited
	case w.status == 0 && e.Code != 0: // refused by twilio-go itself, before anything was sent
		return Misconfigured
	case w.status == 0 && w.neverSent():
		return Unreachable
	// Every request would fail like this one until somebody mends the credentials.
	case w.status == http.StatusUnauthorized, w.status == http.StatusForbidden:
		return Misconfigured
	// A 5xx may come after the work was done, and 408 before or after it.
	case w.status/100 != 4, w.status == http.StatusRequestTimeout:
		return Unknown
	case e.Code == 0: // not Twilio's words: something in between answered
		return Unknown
	case e.Trouble == AccountTrouble:
		return Misconfigured
	}
	return Refused
}

// contextCause returns which end of the context ended the request, or nil.
// ctx.Err also finds our own time-out, which twilio-go's error may hide.
func contextCause(ctx context.Context, err error) error {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	return ctx.Err()
}

// errNotSent is the error of a request that is not sent because Twilio would refuse or
// misunderstand it.
func errNotSent(op string, kind ErrorKind, trouble Trouble) error {
	return &Error{Op: op, Kind: kind, Trouble: trouble}
}

// errIncompleteReply is the error of an answer that lacks what was asked for: what was done is not
// known.
func errIncompleteReply(op string, status int) error {
	return &Error{Op: op, Kind: Unknown, Status: status}
}

// deref returns what p points to, or the zero value.
// twilio-go's records are all pointers.
func deref[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
