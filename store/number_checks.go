package store

import (
	"context"
	"fmt"
	"time"

	"duebell/notify"
	"duebell/store/db"
)

// NumbersToCheck are numbers that we text or call and of which nothing was heard since before.
func (s *Store) NumbersToCheck(ctx context.Context, after string, before time.Time, most int) ([]notify.Known, error) {
	rows, err := s.q.NumbersToCheck(ctx, db.NumbersToCheckParams{After: after, Before: before, Most: int32(most)}) //nolint:gosec // G115: hundreds
	if err != nil {
		return nil, fmt.Errorf("read numbers to check: %w", err)
	}
	list := make([]notify.Known, len(rows))
	for i, r := range rows {
		list[i] = notify.Known{Number: r.Number, Verified: r.VerifiedAt}
	}
	return list, nil
}

// NoteChecked records a look-up.
func (s *Store) NoteChecked(ctx context.Context, k notify.Known, at time.Time) error {
	if err := s.q.NoteChecked(ctx, db.NoteCheckedParams{Number: k.Number, At: at, VerifiedAt: k.Verified}); err != nil {
		return fmt.Errorf("note a look-up: %w", err)
	}
	return nil
}
