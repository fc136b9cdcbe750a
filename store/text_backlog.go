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

// TextBacklog is what waits to be sent, what is in doubt, and what is paused.
type TextBacklog struct {
	First, Reminders int // may go now and have not gone; counted up to 100,000
	OldestReminder   time.Time
	UnknownSince     []time.Time            // each text of which it is not known whether it went
	Stopped          map[notify.Kind]string // kinds that are held back, and by whom
}

// TextBacklog counts the texts that are due at now, lists those in doubt, and names the paused kinds.
func (s *Store) TextBacklog(ctx context.Context, now time.Time) (TextBacklog, error) {
	due, err := s.q.TextsDue(ctx, db.TextsDueParams{Now: now, First: names(notify.FirstKinds()), Reminders: names(notify.CappedKinds()), MaxRows: countedTo})
	if err != nil {
		return TextBacklog{}, fmt.Errorf("count due texts: %w", err)
	}
	seen := TextBacklog{First: int(due.First), Reminders: int(due.Reminders), OldestReminder: due.OldestReminder, Stopped: map[notify.Kind]string{}}
	if seen.UnknownSince, err = s.q.UnknownTexts(ctx, countedTo); err != nil {
		return TextBacklog{}, fmt.Errorf("read texts in doubt: %w", err)
	}
	stopped, err := s.q.PausedKinds(ctx)
	if err != nil {
		return TextBacklog{}, fmt.Errorf("read what is stopped: %w", err)
	}
	for _, row := range stopped {
		seen.Stopped[notify.Kind(row.Kind)] = row.ByWhom
	}
	return seen, nil
}
