// Package payments takes money once, or not at all, and always knows which.
//
// It owns the attempt (one try to take one payment), its states, the evidence of
// consent, the gateway seam behind which the card processor lies, receipts and
// returns. It refuses to know about phones: what is said and keyed is ivr's.
package payments

import (
	"errors"
	"time"

	"duebell/billing"
)

// State of an attempt. The order of the words is the order of a good payment.
type State string

const (
	Offered    State = "offered"    // written before <Pay> is spoken; promises nothing
	Tokenized  State = "tokenized"  // we hold a sealed token; promises nothing
	Authorized State = "authorized" // consent is on record: the member has paid in time
	Confirming State = "confirming" // the processor's object exists, its id is stored; a confirm may have been sent
	Unknown    State = "unknown"    // a confirm was sent and its outcome is not known
	Taken      State = "taken"      // the processor took (card) or filed (bank) it
	Declined   State = "declined"   // never charged, and that is certain
	Returned   State = "returned"   // taken, then bounced or disputed
	Voided     State = "voided"     // cancelled after consent, before any confirm
	Closed     State = "closed"     // never consented to; nothing was charged
)

// Open says whether the outcome is still ahead. At most one attempt an account may be open.
func (s State) Open() bool { return s == Authorized || s == Confirming || s == Unknown }

// Method is how the money moves: "card" or "bank".
type Method string

const (
	Card Method = "card"
	Bank Method = "bank"
)

// BankType is the kind of bank account the caller named before the capture.
type BankType string

const (
	NoBank           BankType = ""
	Checking         BankType = "checking"
	Savings          BankType = "savings"
	BusinessChecking BankType = "business-checking"
)

// Errors that callers of this package tell apart.
var (
	ErrNoSuchAttempt  = errors.New("payments: no such attempt")
	ErrKeyReused      = errors.New("payments: this turn has already offered another payment")
	ErrAccountOpen    = errors.New("payments: another payment on this account is still open")
	ErrTooLate        = errors.New("payments: the attempt is past that point")
	ErrClosed         = errors.New("payments: the attempt was closed; nothing was charged")
	ErrLimit          = errors.New("payments: too many declines or payments; no capture now")
	ErrReferenceInUse = errors.New("payments: the drawn reference is in use")
	ErrFrozen         = errors.New("payments: this account's payments are frozen")
)

// Attempt is one try to take one payment for one account.
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
	Reference string // L4: nine digits, made at authorization; the confirmation number once taken
	Last4     string
	IntentID  string // the processor's object
	Code      string // decline or return code in our words

	OfferedAt    time.Time
	AuthorizedAt time.Time // = received (C6)
	SettledAt    time.Time // taken, declined, voided or closed
	ReturnedAt   time.Time
	NotBefore    time.Time // a bank debit with a letter: not before this; zero while the letter is unposted
	AwaitsLetter bool
	TextTo       string // where texts of this payment go; empty = none may go
	Language     string
	Heard        bool // the caller heard the outcome on the call
}

// Confirmation is the reference once the money is taken, else empty.
func (a Attempt) Confirmation() string {
	if a.State == Taken || a.State == Returned {
		return a.Reference
	}
	return ""
}
