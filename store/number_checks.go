package store

import (
	"context"
	"fmt"
	"time"

	"duebell/notify"
	"duebell/store/db"
)

// NumbersToCheck are numbers that we text or call and of which nothing was heard since before.
func (s *Store) NumbersToCheck(ctx context.Context, after string, before time.Time, most int) ([]notify.KnownNumber, error) {
	rows, err := s.q.NumbersToCheck(ctx, db.NumbersToCheckParams{After: after, Before: before, MaxRows: int32(most)}) //nolint:gosec // G115: hundreds
	if err != nil {
		return nil, fmt.Errorf("read numbers to check: %w", err)
	}
	list := make([]notify.KnownNumber, len(rows))
	for i, r := range rows {
		list[i] = notify.KnownNumber{Number: r.Number, Verified: r.VerifiedAt}
	}
	return list, nil
}

// RecordCheck records a look-up.
func (s *Store) RecordCheck(ctx context.Context, k notify.KnownNumber, at time.Time) error {
	if err := s.q.RecordCheck(ctx, db.RecordCheckParams{Number: k.Number, At: at, VerifiedAt: k.Verified}); err != nil {
		return fmt.Errorf("note a look-up: %w", err)
	}
	return nil
}
