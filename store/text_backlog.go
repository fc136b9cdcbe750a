package store

import (
	"context"
	"fmt"
	"time"

	"duebell/notify"
	"duebell/store/db"
)

// maxCounted bounds the counts of a backlog, so that reading it stays fast: more is too much in any
// case.
const maxCounted = 100_000

// TextBacklog is what waits to be sent, what is in doubt, and what is paused.
type TextBacklog struct {
	First, Reminders int                    // due and not sent: answers and payment texts; reminders. Counted up to 100,000
	OldestReminder   time.Time              // since when the oldest reminder has been due; now: none is
	UnknownSince     []time.Time            // of each text of which it is not known whether it was sent
	Paused           map[notify.Kind]string // who paused a kind
}

// TextBacklog counts the texts that are due at now, lists those in doubt, and names the paused kinds.
// It feeds the gauges, so the parts are read one after another and need not fit together to the row.
func (s *Store) TextBacklog(ctx context.Context, now time.Time) (TextBacklog, error) {
	due, err := s.q.TextsDue(ctx, db.TextsDueParams{Now: now, First: names(notify.FirstKinds()), Reminders: names(notify.CappedKinds()), MaxRows: maxCounted})
	if err != nil {
		return TextBacklog{}, fmt.Errorf("count due texts: %w", err)
	}
	b := TextBacklog{First: int(due.First), Reminders: int(due.Reminders), OldestReminder: due.OldestReminder, Paused: map[notify.Kind]string{}}
	if b.UnknownSince, err = s.q.UnknownTexts(ctx, maxCounted); err != nil {
		return TextBacklog{}, fmt.Errorf("read texts in doubt: %w", err)
	}
	pauses, err := s.q.PausedKinds(ctx)
	if err != nil {
		return TextBacklog{}, fmt.Errorf("read paused kinds: %w", err)
	}
	for _, row := range pauses {
		b.Paused[notify.Kind(row.Kind)] = row.ByWhom
	}
	return b, nil
}
