package store

import (
	"context"
	"fmt"
	"time"

	"duebell/notify"
	"duebell/store/db"
)

// NumbersToCheck returns the next numbers, at most limit, that we text or call and of which nobody
// knows since before that they are still their owner's (O5: numbers are checked for reassignment).
//
// after is the last number of the page before, empty for the first. Verified is since when we know whose the
// number is, which is what the carrier is asked about.
func (s *Store) NumbersToCheck(ctx context.Context, after string, before time.Time, limit int) ([]notify.KnownNumber, error) {
	rows, err := s.q.NumbersToCheck(ctx, db.NumbersToCheckParams{After: after, Before: before, MaxRows: int32(limit)}) //nolint:gosec // G115: hundreds
	if err != nil {
		return nil, fmt.Errorf("read numbers to check: %w", err)
	}
	list := make([]notify.KnownNumber, len(rows))
	for i, r := range rows {
		list[i] = notify.KnownNumber{Number: r.Number, Verified: r.VerifiedAt}
	}
	return list, nil
}

// RecordCheck stores a look-up made at an instant. What was known of the number before is never set
// back.
func (s *Store) RecordCheck(ctx context.Context, k notify.KnownNumber, at time.Time) error {
	if err := s.q.RecordCheck(ctx, db.RecordCheckParams{Number: k.Number, At: at, VerifiedAt: k.Verified}); err != nil {
		return fmt.Errorf("record the check of a number: %w", err)
	}
	return nil
}
