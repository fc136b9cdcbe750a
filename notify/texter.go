package notify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Texter is the carrier's API for texts. A create is not idempotent and takes no idempotency key: the same
// request twice may be two texts on a phone, so the sender makes it once and then looks it up. Package
// internal/twilio implements it. Its calls are made outside any transaction.
type Texter interface {
	// SendSMS creates one text and returns its SID and first status. Every error should be a *SendError;
	// any other proves nothing about whether the text went.
	SendSMS(ctx context.Context, to, body, statusCallback string) (sid, status string, err error)
	// FindSMS returns the texts to a number that were created between two instants, whoever sent them.
	FindSMS(ctx context.Context, to string, from, until time.Time) ([]CarrierText, error)
}

// CarrierText is a text as the carrier lists it. One without CreatedAt counts as created at the time in
// question (aroundCreate).
type CarrierText struct {
	SID       string
	Body      string
	Status    string
	Code      int
	Trouble   Trouble
	Ours      bool // sent by our number or our messaging service
	CreatedAt time.Time
}

// SendKind says what a failed create proves. It decides whether the create may be made again without a
// look-up: after rate_limited and account, where nothing was sent, and after a refusal that says to try
// later.
type SendKind string

const (
	// SendRefused: the carrier understood and will not send it. Trouble says why.
	SendRefused SendKind = "refused"
	// SendRateLimited: not processed (429, or no connection was made): the same create later is safe.
	SendRateLimited SendKind = "rate_limited"
	// SendUnknown: a time-out, a lost reply or a 5xx. It may have been sent.
	SendUnknown SendKind = "unknown"
	// SendAccountFault: our account, sender or request is wrong; nothing was sent: alarm.
	SendAccountFault SendKind = "account"
)

// SendKinds returns all of them. Stand-ins and tests go through all of them.
func SendKinds() []SendKind {
	return []SendKind{SendRefused, SendRateLimited, SendUnknown, SendAccountFault}
}

// Trouble is what a carrier's error code means to us, in one word. The words are those of package
// internal/twilio, which maps the codes.
type Trouble string

// Troubles that change what happens next. Any other word is only stored.
const (
	TryLater        Trouble = "try_later"
	WrongNumber     Trouble = "wrong_number"
	Landline        Trouble = "landline"
	OptedOut        Trouble = "opted_out"
	CarrierFiltered Trouble = "carrier_filtered"
	AccountTrouble  Trouble = "account_trouble"
)

// Permanent says whether no text will ever arrive under this number (N11: undeliverable for good).
func (t Trouble) Permanent() bool { return t == WrongNumber || t == Landline }

// NeedsAlarm says whether an operator must look at our sender or our words.
func (t Trouble) NeedsAlarm() bool { return t == CarrierFiltered || t == AccountTrouble }

// SendError is a failed create. It holds neither the number nor the words, so that it may be logged. Code and
// Trouble are zero where the carrier gave none.
type SendError struct {
	Kind    SendKind
	Code    int
	Trouble Trouble
	Err     error
}

func (e *SendError) Error() string { return fmt.Sprintf("send text: %s, code %d", e.Kind, e.Code) }

func (e *SendError) Unwrap() error { return e.Err }

// sendError returns what an error of a create proves; an error of another type proves nothing.
func sendError(err error) *SendError {
	if s := (*SendError)(nil); errors.As(err, &s) {
		return s
	}
	return &SendError{Kind: SendUnknown, Err: err}
}

// State is how far a notice has come. The words are those of the view contract.texts. Claimed to Undelivered
// are states of which something may be on a phone (wentOut); the last three count as not sent.
type State string

const (
	Planned     State = "planned"     // may be sent from its window on
	Claimed     State = "claimed"     // claimed by one sender; a create may have left
	Unknown     State = "unknown"     // a create left and its outcome is not known
	Accepted    State = "accepted"    // the carrier has it
	Sent        State = "sent"        // handed on; may be the last word
	Delivered   State = "delivered"   // on the phone
	Undelivered State = "undelivered" // it did not arrive
	Failed      State = "failed"      // refused
	Dropped     State = "dropped"     // no longer true, allowed or timely: never sent
	Suppressed  State = "suppressed"  // its owner wants no texts
)

// stateOf returns the state that the carrier's status of a text means; false for a status that we do not
// know. A status that is not listed tells nothing; the text exists all the same (accepted).
func stateOf(status string) (State, bool) {
	switch status {
	case "accepted", "scheduled", "queued", "sending":
		return Accepted, true
	case "sent", "partially_delivered":
		return Sent, true
	case "delivered", "read":
		return Delivered, true
	case "undelivered":
		return Undelivered, true
	case "failed", "canceled":
		return Failed, true
	}
	return "", false
}
