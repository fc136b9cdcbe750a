package payments

import (
	"errors"
	"time"
)

// EventKind is what an event of the processor reports, in our words.
type EventKind string

const (
	EventSettled    EventKind = "settled"    // the money arrived
	EventProcessing EventKind = "processing" // a bank debit was filed
	EventReturned   EventKind = "returned"   // a payment failed: a debit bounced, or a confirm was declined
	EventCanceled   EventKind = "canceled"
	EventDisputed   EventKind = "disputed" // the payer took the money back
	EventOther      EventKind = "other"    // nothing that we act on
)

// Event is one message of the processor about one of its objects. It may come twice, late and in
// any order, and it may be an old one sent again by somebody who recorded it: it is a reason to
// look the object up, never a fact to book.
type Event struct {
	ID       string // the processor's; two deliveries of one event share it
	Kind     EventKind
	IntentID string    // the processor's object; empty when the event is about something else
	Code     string    // why, for returned and disputed: R01 …, insufficient_funds …
	Created  time.Time // by the processor's clock, UTC
}

// ErrEventSignature says that an event's signature is missing or not the processor's.
var ErrEventSignature = errors.New("payments: the event is not signed by the processor")
