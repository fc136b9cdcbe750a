// Package payments takes money once, or not at all, and always knows which.
//
// It owns the attempt (one try to take one payment), its states, the evidence of
// consent, the gateway seam behind which the card processor lies, the processor's
// events, and what a person decides about an unknown outcome. It refuses to know
// about phones: what is said and keyed belongs to package ivr.
//
// Where to start: attempt.go for the states, checkout.go for what a call does,
// charger.go for what a worker does and what a crash at each line leaves behind,
// sweeper.go for how everything that was left behind is picked up again.
package payments

import (
	"errors"
	"time"

	"duebell/billing"
)

// State is the state of an attempt. The order of the words is the order of a good payment:
//
//	offered → tokenized → authorized → confirming → taken | declined | unknown
//	taken → returned; offered, tokenized → closed; authorized → voided
//
// States only move forward. Who moves them is said at each word (design.md §5); the database
// holds the words and what must be set with each by CHECK constraints.
type State string

const (
	// Offered is written by Checkout.Offer before <Pay> is spoken: account, amount, method and fee
	// are fixed from here on. It promises nothing and blocks no other payment. It leaves by a token
	// (tokenized), by a card's consent (authorized, with the token in the same transaction), or by
	// Checkout.CloseOffer and the Sweeper (closed).
	Offered State = "offered"

	// Tokenized is written by Checkout.Tokenize: the sealed token of the bank account lies on the
	// row. The caller has not consented, so it still promises nothing. It leaves by the spoken
	// assent (authorized) or is closed like an offer; the token is then erased.
	Tokenized State = "tokenized"

	// Authorized is written by Checkout.Authorize, in one transaction with the evidence of consent,
	// the written notice and the charge job. From this instant the member has paid in time (C6:
	// received = authorized). It is open: a unique index lets no second attempt of the account in.
	// It leaves when the processor's object is stored (confirming), when its create is refused
	// (declined), or when the caller cancels while no worker holds it and no object exists
	// (voided).
	Authorized State = "authorized"

	// Confirming is written by the Charger together with the id of the processor's object and
	// before the confirm is sent: from here on money may move. Still open. It leaves by what the
	// object says (taken, declined) or by its silence (unknown).
	Confirming State = "confirming"

	// Unknown is written when a worker gives back an attempt whose object exists and is not final.
	// Still open. Workers look the object up after 10 s, 1 min, 5 min and then every 15 min; after
	// pending_resolve_hours a person gets a task as well. It leaves only by evidence: a final state
	// of the object, or a Resolver's verdict that the processor does not contradict (L3: only
	// evidence ends it).
	Unknown State = "unknown"

	// Taken is written when the processor has charged the card or accepted (filed) the bank debit,
	// in one transaction with the ledger entry and the receipt. It leaves only if the money comes
	// back (returned).
	Taken State = "taken"

	// Declined is final: nothing was charged, and that is certain. It is written when the create
	// was refused, when the object is in a final state that charges nothing, or after a successful
	// cancel.
	Declined State = "declined"

	// Returned is final: a payment that was taken bounced or was disputed. The reversal stands in
	// the ledger and the bill is open again as of its original due date (L5: return = reversal).
	Returned State = "returned"

	// Voided is final: the caller cancelled after consent and before a worker had submitted anything.
	Voided State = "voided"

	// Closed is final: an offer that nobody consented to. A consent that comes later is refused,
	// and the caller hears that nothing was charged.
	Closed State = "closed"
)

// Open reports whether the outcome is still ahead: authorized, confirming or unknown. An account
// has at most one open attempt; a partial unique index of the database holds that, whatever the
// code does.
func (s State) Open() bool { return s == Authorized || s == Confirming || s == Unknown }

// Method is how the money moves: "card" or "bank".
type Method string

const (
	Card Method = "card"
	Bank Method = "bank"
)

// BankType is the kind of bank account that the caller named before the capture; empty for cards.
type BankType string

const (
	NoBank           BankType = ""
	Checking         BankType = "checking"
	Savings          BankType = "savings"
	BusinessChecking BankType = "business-checking"
)

// Errors that callers of this package tell apart. Each proves that the operation changed nothing.
var (
	ErrNoSuchAttempt  = errors.New("payments: no such attempt")
	ErrKeyReused      = errors.New("payments: this turn has already offered another payment")
	ErrAccountOpen    = errors.New("payments: another payment on this account is still open")
	ErrTooLate        = errors.New("payments: the attempt has moved on, or another worker has leased it")
	ErrClosed         = errors.New("payments: the attempt was closed; nothing was charged")
	ErrLimit          = errors.New("payments: too many declines or payments; no capture now")
	ErrReferenceInUse = errors.New("payments: the drawn reference is in use")
	ErrFrozen         = errors.New("payments: this account's payments are frozen")
)

// Attempt is one try to take one payment for one account. Amounts are cents, instants are UTC of
// the domain clock; a zero instant means that it has not happened.
type Attempt struct {
	Key       string // random; the stem of the processor's idempotency keys
	Call      string // Twilio's CallSid; unique together with Turn
	Turn      int
	Account   string
	Cents     billing.Money // without the fee
	Fee       billing.Money
	Method    Method
	BankType  BankType
	Guest     bool
	Caller    string // E.164, empty when withheld
	Holder    string // name for the terms and the bank debit
	State     State
	Reference string // L4: nine digits with a Luhn check, made at authorization
	Last4     string // of the card or bank account; shorter where the capture showed less
	IntentID  string // the processor's object; empty until its create was answered and stored
	Code      string // decline or return code in our words

	OfferedAt    time.Time
	AuthorizedAt time.Time // = received (C6)
	SettledAt    time.Time // taken, declined, voided or closed
	ReturnedAt   time.Time
	NotBefore    time.Time // a debit is submitted no earlier (E6); zero while its letter is not posted
	AwaitsLetter bool      // the written notice of this debit goes by letter
	TextTo       string    // E.164 of whoever gets the texts about this payment; empty = no text may go
	Language     string
	Heard        bool // the caller heard the outcome on the call
}

// Confirmation returns the confirmation number, which is the reference once the money was taken;
// empty before.
func (a Attempt) Confirmation() string {
	if a.State == Taken || a.State == Returned {
		return a.Reference
	}
	return ""
}
