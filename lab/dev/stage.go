package dev

import (
	"context"
	"fmt"
	"time"

	"duebell/lab/harness"
)

// stage is the world as the telephone's page sees it.
type stage struct {
	w     *harness.World
	moved func()
}

// Now is the domain's time.
func (s *stage) Now() time.Time { return s.w.Now() }

// Until moves the clock.
func (s *stage) Until(ctx context.Context, at time.Time) error {
	defer s.moved()
	return s.w.Until(ctx, at)
}

// shownRows is how much of each view the page shows.
const shownRows = 200

// Rows reads the contract's views.
func (s *stage) Rows(ctx context.Context) (harness.Rows, error) { return s.w.Rows(ctx, shownRows) }

// Trouble breaks a part, or mends it.
func (s *stage) Trouble(ctx context.Context, part, word string) error {
	switch part + " " + word {
	case "redis up":
		s.w.RedisUp()
	case "redis down":
		s.w.RedisDown(ctx)
	case "redis empty":
		return s.w.RedisEmpty(ctx)
	case "database up":
		s.w.DatabaseUp()
	case "database down":
		s.w.DatabaseDown(ctx)
	case "database drops-next-commit-reply":
		s.w.DropNextCommitReply(ctx, harness.OfServe)
	default:
		return s.standIn(part, word)
	}
	return nil
}

// standIn sets one way to misbehave in the place of every other.
func (s *stage) standIn(part, word string) error {
	switch part {
	case "processor":
		return s.w.SetProcessor(word)
	case "twilio":
		if err := s.w.Normal(); err != nil {
			return err
		}
		return s.w.SetTwilio(word)
	}
	return fmt.Errorf("nothing is called %q", part)
}
