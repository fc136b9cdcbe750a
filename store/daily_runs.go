package store

import (
	"context"
	"fmt"
	"time"

	"duebell/billing"
	"duebell/store/db"
)

// DailyDone returns whether a job that runs once a day is done for a day of the business zone.
//
// what is the job's own name, day its date in the business zone (C1: one business zone). Two machines may
// both get false and both run the job; each job must bear that.
func (s *Store) DailyDone(ctx context.Context, what string, day billing.Date) (bool, error) {
	done, err := s.q.DailyDone(ctx, db.DailyDoneParams{What: what, LocalDay: dayUTC(day)})
	if err != nil {
		return false, fmt.Errorf("read whether %s is done: %w", what, err)
	}
	return done, nil
}

// FinishDaily records that it is. A crash before this has the whole job run again, so a daily job
// must be safe to repeat.
// Written by a second machine it changes nothing.
func (s *Store) FinishDaily(ctx context.Context, what string, day billing.Date, at time.Time) error {
	if err := s.q.FinishDaily(ctx, db.FinishDailyParams{What: what, LocalDay: dayUTC(day), At: at}); err != nil {
		return fmt.Errorf("record that %s is done: %w", what, err)
	}
	return nil
}
