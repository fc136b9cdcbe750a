package payments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"duebell/billing"
)

// EventReceiver applies the processor's events to our attempts. An event is news, not truth: it
// makes us look, and what the processor then says of its object decides. So events may come twice,
// late, and in any order. Only a dispute is taken from the event itself, because the object does
// not show it.
//
// An event may arrive while a worker holds an answer that is older than the event and has not
// written it yet. Either the receiver finds the state that the worker has written, or it revokes
// the worker's lease, so that the worker has to look again: no event is lost between the two.
//
// A crash anywhere in Receive leaves an event that was not answered: the processor delivers it
// again, and applying it twice does no harm.
type EventReceiver struct {
	store   EventStore
	gateway Gateway
	clock   billing.Clock
	log     *slog.Logger
}

// EventStore keeps the attempts for EventReceiver; package store implements it.
type EventStore interface {
	AttemptByIntent(ctx context.Context, intentID string) (Attempt, error)
	// LookUpNow makes an open attempt due at once and wakes a worker. revokeLease ends the lease of
	// the worker that holds it: the fence then refuses what that worker writes. ErrTooLate: the
	// attempt was settled meanwhile.
	LookUpNow(ctx context.Context, a Attempt, revokeLease bool, now time.Time) error
	// Return writes the reversal, the text and the task of a taken attempt; on any other it does
	// nothing.
	Return(ctx context.Context, key, code string, at time.Time) error
	// TaskForContradiction leaves a task: money has moved on an attempt that is on record as never
	// charged.
	TaskForContradiction(ctx context.Context, a Attempt, at time.Time) error
	// RecordEvent records that an event was dealt with; again, it does nothing.
	RecordEvent(ctx context.Context, e Event, at time.Time) error
}

// ErrTooEarly says that an event is ahead of our own record: the processor is to deliver it again.
var ErrTooEarly = errors.New("payments: the event is ahead of our record")

// NewEventReceiver makes an EventReceiver.
func NewEventReceiver(store EventStore, gateway Gateway, clock billing.Clock, log *slog.Logger) *EventReceiver {
	return &EventReceiver{store: store, gateway: gateway, clock: clock, log: log}
}

// Receive applies one event whose signature was checked, and records it. An error asks the
// processor to deliver the event again.
func (e *EventReceiver) Receive(ctx context.Context, ev Event) error {
	err := e.apply(ctx, ev)
	if errors.Is(err, ErrTooLate) { // settled between our read and our write: now it is treated as it stands
		err = e.apply(ctx, ev)
	}
	if err != nil {
		return err
	}
	return e.store.RecordEvent(ctx, ev, e.clock.Now())
}

// apply does what the event asks for in the attempt's present state.
func (e *EventReceiver) apply(ctx context.Context, ev Event) error {
	a, err := e.store.AttemptByIntent(ctx, ev.IntentID)
	switch {
	case errors.Is(err, ErrNoSuchAttempt): // an unused object of a repeated create, or not ours
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
	return nil // voided, returned and closed are final: states only move forward
}

// lookUpOpen has an open attempt looked up at once. A debit that a worker has seen as filed may
// have come back since: the lease is revoked, so that the worker cannot record it as taken on the
// strength of an older answer.
func (e *EventReceiver) lookUpOpen(ctx context.Context, a Attempt, ev Event) error {
	revoke := a.Method == Bank && (ev.Kind == EventReturned || ev.Kind == EventCanceled)
	if err := e.store.LookUpNow(ctx, a, revoke, e.clock.Now()); err != nil {
		return fmt.Errorf("look at the attempt: %w", err)
	}
	// A dispute stands nowhere but in its event, so that must come again once the attempt is taken.
	if ev.Kind == EventDisputed {
		return ErrTooEarly
	}
	return nil
}

// handleTaken returns a payment that is disputed, or that bounced if the processor's object says so
// too: an old event sent again must not reopen a bill.
func (e *EventReceiver) handleTaken(ctx context.Context, a Attempt, ev Event) error {
	switch ev.Kind {
	case EventDisputed:
		return e.store.Return(ctx, a.Key, cmp.Or(ev.Code, "disputed"), e.clock.Now())
	case EventReturned, EventCanceled:
		intent, err := e.gateway.Retrieve(ctx, a.IntentID)
		if err != nil {
			return fmt.Errorf("look at the returned payment: %w", err)
		}
		if intent.State == IntentNoMethod || intent.State == IntentCanceled {
			return e.store.Return(ctx, a.Key, cmp.Or(ev.Code, intent.Code, "returned"), e.clock.Now())
		}
	}
	return nil
}

// handleDeclined leaves a task if the processor's object says that money moved on a declined
// payment. Declined is written only where no money can move any more, so this is a fault of ours or
// theirs, and a person must know at once.
func (e *EventReceiver) handleDeclined(ctx context.Context, a Attempt, ev Event) error {
	if ev.Kind != EventSettled && ev.Kind != EventProcessing && ev.Kind != EventDisputed {
		return nil
	}
	intent, err := e.gateway.Retrieve(ctx, a.IntentID)
	if err != nil {
		return fmt.Errorf("look at the declined payment: %w", err)
	}
	if intent.State != IntentSucceeded && intent.State != IntentProcessing {
		return nil // an old event of a debit that came to nothing
	}
	e.log.Error("money has moved on a payment that is on record as declined", "attempt", a.Key, "event", ev.ID)
	return e.store.TaskForContradiction(ctx, a, e.clock.Now())
}
