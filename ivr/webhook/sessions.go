package webhook

import (
	"context"
	"errors"
)

// Sessions keeps calls between two turns, in one place for all replicas. Each method is one step:
// it happens whole or not at all. Every error but those below means that the place cannot be
// reached just now, and that the same call may be made again.
type Sessions interface {
	// Claim asks for the right to answer a turn, and leaves the delivery's input there in case its
	// process dies. Claiming again with the same ticket does no harm.
	Acquire(ctx context.Context, t Delivery) (TurnLease, error)
	// Finish ends the turn: session, answer and the number of the next turn together. Whoever is
	// first to finish wins; what comes back are the bytes that the ticket's URL gives from now on,
	// and whether they are the caller's own. ErrSuperseded: the call is elsewhere and has no answer
	// to give.
	Finish(ctx context.Context, t Delivery, r TurnResult) (Answer, bool, error)
	// Release gives a claim back unanswered; the input stays for whoever claims next.
	Release(ctx context.Context, t Delivery) error
	// PutInterim fixes what the ticket's URL answers while its turn has no answer. What comes back are
	// the bytes that stand: those given, or those that were faster.
	PutInterim(ctx context.Context, t Delivery, a Answer) (Answer, error)
	// Awaited is the turn that a call waits for, or ErrNoCall.
	Awaited(ctx context.Context, call string) (int, error)
}

// Errors of Sessions that are answers, not failures.
var (
	ErrNoCall     = errors.New("webhook: nothing is known of this call")
	ErrSuperseded = errors.New("webhook: the turn was answered elsewhere")
)

// Delivery is one delivery of one turn.
type Delivery struct {
	Call   string
	Turn   int
	Slot   int    // which of the turn's URLs was posted to
	Holder string // random, one a delivery: a counter would start again when the place loses its memory
	Input  []byte // kept with the claim, sealed; the first delivery's counts
}

// Slots of a turn: its URLs, each with an answer of its own while the turn has none.
const (
	slotTurn     = 0
	slotFallback = lastAgain + 1
	Slots        = slotFallback + 1 // how many a turn has

	lastAgain = 3 // slots 1 to 3 are the "one moment" URLs
)

// Outcome is what became of a claim.
type Outcome string

const (
	Acquired Outcome = "acquired" // answer it: Session and Input are set; no Session: nothing is known of the call
	Answered Outcome = "answered" // Answer is what this URL has given, or now gives
	Older    Outcome = "older"    // the call is further on: Answer asks what is awaited now
	Busy     Outcome = "busy"     // somebody is at it; ask again
)

// Claim is the answer to a claim.
type TurnLease struct {
	Outcome    Outcome
	Session    []byte
	Input      []byte // of the first delivery, which may be another one
	Unreadable bool   // something was kept and cannot be read: a key retired too early, or a fault of ours
	Answer     Answer
	Lang       string // of the call so far, if known
	Step       string // whose answer is awaited, if known
}

// Done is what a turn ends with.
type TurnResult struct {
	Session []byte
	Answer  Answer
	Lang    string
	Step    string
}

// Answer is a document as it was, or will be, written.
type Answer struct {
	Body  []byte
	Delay bool // written a fixed time after its request (I1)
}
