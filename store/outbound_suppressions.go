package store

import (
	"context"
	"fmt"
	"io"
	"time"

	"duebell/billing/feed"
	"duebell/store/db"
)

// ExportSuppressions writes who wants no texts or calls, and where none arrive: what is in force, in the
// form in which ImportSuppressions reads it.
func (s *Store) ExportSuppressions(ctx context.Context, w io.Writer) (int, error) {
	return s.exportFile(ctx, "suppressions", w, feed.SuppressionColumns, func(q *db.Queries, after int64) (rows [][]string, last int64, err error) {
		page, err := q.SuppressionsInForce(ctx, after)
		if err != nil {
			return nil, 0, fmt.Errorf("read suppressions: %w", err)
		}
		for _, r := range page {
			rows, last = append(rows, []string{r.Number, r.Channel, r.Purpose, r.Source, instant(r.At), r.Words}), r.ID
		}
		return rows, last, nil
	})
}

// SuppressionSummary is what an import of opt-outs has done.
type SuppressionSummary struct {
	Read     int
	New      int // in force only now
	Consents int // ended by it
}

// ImportSuppressions takes opt-outs over that others took down, whole or not at all. The same file again
// changes nothing, and an opt-out that its owner has taken back since stays taken back.
func (s *Store) ImportSuppressions(ctx context.Context, file feed.Source, at time.Time) (sum SuppressionSummary, err error) {
	read, err := s.importFile(ctx, file, feed.OpenSuppressions, at, func() ownRows {
		sum = SuppressionSummary{}
		return &suppressionRows{sum: &sum}
	})
	sum.Read = read
	return sum, err
}

// suppressionRows are rows on their way into the database.
type suppressionRows struct {
	db.ImportSuppressionsParams
	sum *SuppressionSummary
}

func (b *suppressionRows) add(row *feed.Row) time.Time {
	r := row.Suppression
	b.Numbers = append(b.Numbers, r.Number)
	b.Channels = append(b.Channels, r.Channel)
	b.Purposes = append(b.Purposes, r.Purpose)
	b.Sources = append(b.Sources, r.Source)
	b.Words = append(b.Words, r.Words)
	b.Ats = append(b.Ats, r.At)
	return r.At
}

func (b *suppressionRows) merge(ctx context.Context, q *db.Queries, at time.Time) error {
	fresh, err := q.ImportSuppressions(ctx, b.ImportSuppressionsParams)
	if err != nil {
		return fmt.Errorf("write suppressions: %w", err)
	}
	ended, err := q.EndSuppressedConsents(ctx, db.EndSuppressedConsentsParams{At: &at, Numbers: b.Numbers})
	if err != nil {
		return fmt.Errorf("end consents: %w", err)
	}
	b.sum.New += int(fresh)
	b.sum.Consents += int(ended)
	b.ImportSuppressionsParams = db.ImportSuppressionsParams{}
	return nil
}
