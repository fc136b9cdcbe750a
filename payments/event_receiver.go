package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Events takes the processor's events. An event is news, not truth: it makes us look, and what the
// processor then says of its object decides. So events may come twice, late, and in any order.
// Only a dispute is taken from the event itself, because the object does not show it.
//
// News may meet a worker who has asked a moment before and writes a moment later. So what is told
// here is either met by the state that the worker has written, or makes him look again.
type EventReceiver struct {
	store   EventStore
	gateway Gateway
	clock   Clock
	log     *slog.Logger
}

// EventBook is the events' part of the book of attempts.
type EventStore interface {
	AttemptByIntent(ctx context.Context, intentID string) (Attempt, error)
	// LookNow lets the next worker look at an open attempt at once, and nudges one. Overtaken says that
	// what a worker has in hand is no longer true: its claim ends. ErrTooLate: it was settled meanwhile.
	LookUpNow(ctx context.Context, a Attempt, overtaken bool, now time.Time) error
	Return(ctx context.Context, key, code string, at time.Time) error
	// Contradict leaves a task: money has moved on an attempt that is on record as never charged.
	TaskForContradiction(ctx context.Context, a Attempt, at time.Time) error
	// NoteEvent writes down that an event has been dealt with.
	RecordEvent(ctx context.Context, e Event, at time.Time) error
}

// ErrTooEarly says that an event overtook our own record: it is to be delivered again.
var ErrTooEarly = errors.New("payments: the event is ahead of our record")

// NewEvents puts the receiver of events together.
func NewEventReceiver(book EventStore, gateway Gateway, clock Clock, log *slog.Logger) *EventReceiver {
	return &EventReceiver{store: book, gateway: gateway, clock: clock, log: log}
}

// Receive deals with one event whose signature was checked. An error asks for it to be delivered again.
func (e *EventReceiver) Receive(ctx context.Context, ev Event) error {
	err := e.apply(ctx, ev)
	if errors.Is(err, ErrTooLate) { // settled between our look and our word: now it is met as it stands
		err = e.apply(ctx, ev)
	}
	if err != nil {
		return err
	}
	return e.store.RecordEvent(ctx, ev, e.clock.Now())
}

func (e *EventReceiver) apply(ctx context.Context, ev Event) error {
	a, err := e.store.AttemptByIntent(ctx, ev.IntentID)
	switch {
	case errors.Is(err, ErrNoSuchAttempt): // a stray object of a repeated create, or not ours
		e.log.Info("event of an object that is not ours", "event", ev.ID, "kind", string(ev.Kind))
		return nil
	case err != nil:
		return fmt.Errorf("find the event's attempt: %w", err)
	case a.State.Open():
		return e.lookUpOpen(ctx, a, ev)
	case a.State == Taken:
		return e.handleTaken(ctx, a, ev)
	case a.State == Declined:
		return e.handleDeclined(ctx, a, ev)
	}
	return nil // final: states only move forward
}

// hasten has an open attempt looked at. A debit that the worker knows as filed may have come back
// since: it may not be recorded as taken on the strength of an older answer.
func (e *EventReceiver) lookUpOpen(ctx context.Context, a Attempt, ev Event) error {
	overtaken := a.Method == Bank && (ev.Kind == EventReturned || ev.Kind == EventCanceled)
	if err := e.store.LookUpNow(ctx, a, overtaken, e.clock.Now()); err != nil {
		return fmt.Errorf("look at the attempt: %w", err)
	}
	if ev.Kind == EventDisputed {
		return ErrTooEarly
	}
	return nil
}

// takenBack returns a payment that bounced, if the processor's object says so too, or is disputed.
func (e *EventReceiver) handleTaken(ctx context.Context, a Attempt, ev Event) error {
	switch ev.Kind {
	case EventDisputed:
		return e.store.Return(ctx, a.Key, orElse(ev.Code, "disputed"), e.clock.Now())
	case EventReturned, EventCanceled:
		intent, err := e.gateway.Retrieve(ctx, a.IntentID)
		if err != nil {
			return fmt.Errorf("look at the returned payment: %w", err)
		}
		if intent.State == IntentNoMethod || intent.State == IntentCanceled {
			return e.store.Return(ctx, a.Key, orElse(ev.Code, orElse(intent.Code, "returned")), e.clock.Now())
		}
	}
	return nil
}

// contradicted: declined is written only where no money can move any more. If the processor says
// otherwise a person must know at once.
func (e *EventReceiver) handleDeclined(ctx context.Context, a Attempt, ev Event) error {
	if ev.Kind != EventSettled && ev.Kind != EventProcessing && ev.Kind != EventDisputed {
		return nil
	}
	intent, err := e.gateway.Retrieve(ctx, a.IntentID)
	if err != nil {
		return fmt.Errorf("look at the declined payment: %w", err)
	}
	if intent.State != IntentSucceeded && intent.State != IntentProcessing {
		return nil // old news of a debit that came to nothing
	}
	e.log.Error("money has moved on a payment that is on record as declined", "attempt", a.Key, "event", ev.ID)
	return e.store.TaskForContradiction(ctx, a, e.clock.Now())
}
