package store

import (
	"context"
	"fmt"
	"time"

	"duebell/billing"
	"duebell/store/db"
)

// DailyDone says whether what is done once a day is done.
func (s *Store) DailyDone(ctx context.Context, what string, day billing.Date) (bool, error) {
	done, err := s.q.DailyDone(ctx, db.DailyDoneParams{What: what, LocalDay: dayUTC(day)})
	if err != nil {
		return false, fmt.Errorf("ask whether %s is done: %w", what, err)
	}
	return done, nil
}

// FinishDaily notes that it is.
func (s *Store) FinishDaily(ctx context.Context, what string, day billing.Date, at time.Time) error {
	if err := s.q.FinishDaily(ctx, db.FinishDailyParams{What: what, LocalDay: dayUTC(day), At: at}); err != nil {
		return fmt.Errorf("note that %s is done: %w", what, err)
	}
	return nil
}
