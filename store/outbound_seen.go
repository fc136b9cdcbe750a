package store

import (
	"context"
	"fmt"
	"time"

	"duebell/notify"
	"duebell/store/db"
)

// countedTo bounds the counts of an operator's view: what is more is too much in any case.
const countedTo = 100_000

// TextsSeen is what an operator must know of the texts.
type TextsSeen struct {
	First, Reminders int // may go now and have not gone; counted up to 100,000
	OldestReminder   time.Time
	UnknownSince     []time.Time            // each text of which it is not known whether it went
	Stopped          map[notify.Kind]string // kinds that are held back, and by whom
}

// SeeTexts reads it.
func (s *Store) SeeTexts(ctx context.Context, now time.Time) (TextsSeen, error) {
	due, err := s.q.TextsDue(ctx, db.TextsDueParams{Now: now, First: names(notify.FirstKinds()), Reminders: names(notify.CappedKinds()), Most: countedTo})
	if err != nil {
		return TextsSeen{}, fmt.Errorf("count due texts: %w", err)
	}
	seen := TextsSeen{First: int(due.First), Reminders: int(due.Reminders), OldestReminder: due.OldestReminder, Stopped: map[notify.Kind]string{}}
	if seen.UnknownSince, err = s.q.UnknownTexts(ctx, countedTo); err != nil {
		return TextsSeen{}, fmt.Errorf("read texts in doubt: %w", err)
	}
	stopped, err := s.q.Stopped(ctx)
	if err != nil {
		return TextsSeen{}, fmt.Errorf("read what is stopped: %w", err)
	}
	for _, row := range stopped {
		seen.Stopped[notify.Kind(row.Kind)] = row.ByWhom
	}
	return seen, nil
}
