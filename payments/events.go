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
type Events struct {
	book    EventBook
	gateway Gateway
	clock   Clock
	log     *slog.Logger
}

// EventBook is the events' part of the book of attempts.
type EventBook interface {
	AttemptByIntent(ctx context.Context, intentID string) (Attempt, error)
	// LookNow lets the next worker look at an open attempt at once, and nudges one.
	LookNow(ctx context.Context, a Attempt, now time.Time) error
	Return(ctx context.Context, key, code string, at time.Time) error
	// NoteEvent writes down that an event has been dealt with.
	NoteEvent(ctx context.Context, e Event, at time.Time) error
}

// ErrTooEarly says that an event overtook our own record: it is to be delivered again.
var ErrTooEarly = errors.New("payments: the event is ahead of our record")

// NewEvents puts the receiver of events together.
func NewEvents(book EventBook, gateway Gateway, clock Clock, log *slog.Logger) *Events {
	return &Events{book: book, gateway: gateway, clock: clock, log: log}
}

// Receive deals with one event whose signature was checked. An error asks for it to be delivered again.
func (e *Events) Receive(ctx context.Context, ev Event) error {
	a, err := e.book.AttemptByIntent(ctx, ev.IntentID)
	switch {
	case errors.Is(err, ErrNoSuchAttempt): // a stray object of a repeated create, or not ours
		e.log.Info("event of an object that is not ours", "event", ev.ID, "kind", string(ev.Kind))
		return e.book.NoteEvent(ctx, ev, e.clock.Now())
	case err != nil:
		return fmt.Errorf("find the event's attempt: %w", err)
	}
	if err := e.apply(ctx, a, ev); err != nil {
		return err
	}
	return e.book.NoteEvent(ctx, ev, e.clock.Now())
}

func (e *Events) apply(ctx context.Context, a Attempt, ev Event) error {
	switch {
	case a.State.Open():
		if err := e.book.LookNow(ctx, a, e.clock.Now()); err != nil {
			return fmt.Errorf("look at the attempt: %w", err)
		}
		if ev.Kind == EventDisputed {
			return ErrTooEarly
		}
		return nil
	case a.State != Taken:
		return nil // final: states only move forward
	case ev.Kind == EventDisputed:
		return e.book.Return(ctx, a.Key, orElse(ev.Code, "disputed"), e.clock.Now())
	case ev.Kind == EventReturned || ev.Kind == EventCanceled:
		intent, err := e.gateway.Retrieve(ctx, a.IntentID)
		if err != nil {
			return fmt.Errorf("look at the returned payment: %w", err)
		}
		if intent.State == IntentNoMethod || intent.State == IntentCanceled {
			return e.book.Return(ctx, a.Key, orElse(ev.Code, orElse(intent.Code, "returned")), e.clock.Now())
		}
	}
	return nil
}
