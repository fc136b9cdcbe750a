package dev

import (
	"context"
	"fmt"
	"time"

	"duebell/lab/harness"
)

// environment is the harness as the phone's page sees it: phone.Environment. It adds what dev does after a move
// of the clock.
type environment struct {
	h     *harness.Harness
	moved func() // called after the clock has moved
}

// Now returns the domain clock's time, in UTC.
func (e *environment) Now() time.Time { return e.h.Now() }

// Until moves the clock and returns when nothing due is left undone. The clock's time is saved even if that
// failed half-way.
func (e *environment) Until(ctx context.Context, at time.Time) error {
	defer e.moved()
	return e.h.Until(ctx, at)
}

// shownRows is how many rows of each view the page shows, the newest.
const shownRows = 200

// Rows reads the contract's views, past every fault.
func (e *environment) Rows(ctx context.Context) (harness.Rows, error) {
	return e.h.Rows(ctx, shownRows)
}

// Charges returns what the processor charged; nothing where somebody else's is used.
func (e *environment) Charges(ctx context.Context) ([]harness.Charge, error) {
	// The page then shows no charges; that is no failure.
	if e.h.Processor() == nil {
		return nil, nil
	}
	return e.h.Charges(ctx)
}

// Trouble breaks a part or mends it, by the words of scripts. Parts and words that are none are an error.
func (e *environment) Trouble(ctx context.Context, part, word string) error {
	switch part + " " + word {
	case "redis up":
		e.h.RedisUp()
	case "redis down":
		e.h.RedisDown(ctx)
	case "redis empty":
		return e.h.RedisEmpty(ctx)
	case "database up":
		e.h.DatabaseUp()
	case "database down":
		e.h.DatabaseDown(ctx)
	// Of serve: on the page it is the caller's own payment that one wants to see in doubt.
	case "database drops-next-commit-reply":
		e.h.DropNextCommitReply(ctx, harness.RoleServe)
	default:
		return e.setStandIn(part, word)
	}
	return nil
}

// setStandIn sets one way to misbehave in the place of every other: the page has one word a part, scripts may
// have several at once.
func (e *environment) setStandIn(part, word string) error {
	switch part {
	case "processor":
		return e.h.SetProcessor(word)
	case "twilio":
		// The harness keeps several of Twilio's faults at once; the processor's replace each other.
		if err := e.h.EndTwilioFaults(); err != nil {
			return err
		}
		return e.h.SetTwilio(word)
	}
	return fmt.Errorf("nothing that can break is called %q", part)
}
