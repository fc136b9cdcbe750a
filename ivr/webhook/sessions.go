package webhook

import (
	"context"
	"errors"
)

// Sessions keeps calls between two turns, in one place for all replicas. Each method is atomic: it happens
// whole or not at all. Every error but those below means that the place cannot be reached just now, and that
// the method may be called again. All of a call lies under one key, so that a step of it is one script on one
// node of a cluster.
type Sessions interface {
	// Acquire asks for the lease on a turn, the right to answer it. The delivery's input is stored with
	// it: should its process die, whoever acquires the lease after it has run out goes on with that
	// input. The holder may acquire again, and so holds it longer.
	Acquire(ctx context.Context, t Delivery) (TurnLease, error)
	// Finish ends the turn: it stores session, answer and the number of the next turn together. Whoever
	// is first to finish wins. It returns the bytes that the delivery's URL gives from now on, and whether
	// they are the caller's own; or ErrSuperseded, where the call has gone on and holds no answer for it.
	Finish(ctx context.Context, t Delivery, r TurnResult) (Answer, bool, error)
	// Release gives a lease back with the turn unanswered. The input stays for whoever acquires it next.
	Release(ctx context.Context, t Delivery) error
	// PutInterim stores what the delivery's URL answers while its turn has no answer, so that repeats of the
	// request get the same bytes. It returns those that stand: these, or others that were faster.
	PutInterim(ctx context.Context, t Delivery, a Answer) (Answer, error)
	// Awaited returns the number of the turn that a call waits for, or ErrNoCall.
	Awaited(ctx context.Context, call string) (int, error)
}

// Errors of Sessions that are answers, not failures.
var (
	ErrNoCall     = errors.New("webhook: nothing is known of this call")
	ErrSuperseded = errors.New("webhook: the turn was answered elsewhere")
)

// Delivery is one delivery of one turn. Two deliveries of one turn differ in Holder, and perhaps in Slot.
type Delivery struct {
	Call   string
	Turn   int
	Slot   int    // which of the turn's URLs was posted to, 0 to Slots-1
	Holder string // of the lease: random, one a delivery; a counter would start again when Redis loses it
	Input  []byte // stored with the lease, sealed; the first delivery's counts
}

// Slots of a turn: its URLs, each with an interim answer of its own while the turn has none (design §4.5).
const (
	slotTurn     = 0
	slotFallback = lastAgain + 1
	Slots        = slotFallback + 1 // how many a turn has

	lastAgain = 3 // slots 1 to 3 are the "one moment" URLs
)

// Outcome is what came of asking for a lease. Busy is followed by asking again; every other outcome ends the
// asking.
type Outcome string

const (
	Acquired Outcome = "acquired" // answer it: Session and Input are set; no Session: nothing is known of the call
	Answered Outcome = "answered" // Answer is what this URL has given, or now gives
	Older    Outcome = "older"    // the call is further on: Answer asks what is awaited now
	Busy     Outcome = "busy"     // another delivery holds the lease; ask again
)

// TurnLease is what Acquire returns: the lease, or the answer that makes it needless. Session and Input
// belong to Acquired, Answer to Answered and Older. Lang and Step are told with every outcome, so that
// something sensible can be said when the time runs out.
type TurnLease struct {
	Outcome    Outcome
	Session    []byte
	Input      []byte // of the first delivery, which may be another one
	Unreadable bool   // something was kept and cannot be read: a key retired too early, or a fault of ours
	Answer     Answer
	Lang       string // of the call so far, if known
	Step       string // whose answer is awaited, if known
}

// TurnResult is what a turn ends with. Session is the JSON of an ivr.Session; the store seals it and the
// answer.
type TurnResult struct {
	Session []byte
	Answer  Answer
	Lang    string
	Step    string
}

// Answer is a TwiML document, byte for byte as it was or will be written. Whoever asks for the same URL again
// gets the same bytes (design §4.2: stored bytes), with the same delay.
type Answer struct {
	Body  []byte
	Delay bool // written 400 ms after its request (I1: failures take equal time)
}
