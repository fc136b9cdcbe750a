package store

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing/feed"
	"duebell/store/db"
)

// ExportSuppressions writes who wants no texts or calls, and where none arrive: what is in force, in the
// form in which ImportSuppressions reads it.
func (s *Store) ExportSuppressions(ctx context.Context, w io.Writer) (int, error) {
	count := 0
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, snapshot, func(tx pgx.Tx) (err error) {
		count, err = writeSuppressions(ctx, s.q.WithTx(tx), csv.NewWriter(w))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("export suppressions: %w", err)
	}
	return count, nil
}

func writeSuppressions(ctx context.Context, q *db.Queries, out *csv.Writer) (count int, err error) {
	if err := out.Write(feed.SuppressionColumns); err != nil {
		return 0, fmt.Errorf("write the header: %w", err)
	}
	for after := int64(0); ; {
		page, err := q.SuppressionsInForce(ctx, after)
		if err != nil {
			return 0, fmt.Errorf("read suppressions: %w", err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			if err := out.Write([]string{r.Number, r.Channel, r.Purpose, r.Source, instant(r.At), r.Words}); err != nil {
				return 0, fmt.Errorf("write a suppression: %w", err)
			}
			after = r.ID
		}
		count += len(page)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return 0, fmt.Errorf("write the file: %w", err)
	}
	return count, nil
}

// SuppressionSummary is what an import of opt-outs has done.
type SuppressionSummary struct {
	Read     int
	New      int // in force only now
	Consents int // ended by it
}

// suppressionBatch is how many rows go to the database at a time.
const suppressionBatch = 5000

// ImportSuppressions takes opt-outs over that others took down, whole or not at all: a file with a bad
// row gives a *feed.BadRows. The same file again changes nothing, and an opt-out that its owner has
// taken back since stays taken back.
func (s *Store) ImportSuppressions(ctx context.Context, file feed.Source, at time.Time) (SuppressionSummary, error) {
	var sum SuppressionSummary
	err := s.inTx(ctx, "import suppressions", func(q *db.Queries, _ pgx.Tx) error {
		sum = SuppressionSummary{}
		var bad feed.BadRows
		r, err := feed.OpenSuppressions(file, bad.Add)
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }() // it was only read
		var batch suppressionRows
		for r.Next() {
			row := r.Row()
			if row.Sound && row.Suppression.At.After(at) {
				bad.Add(feed.Problem{File: file.Name, Line: row.Line, Column: "at", Reason: "lies in the future"})
			}
			sum.Read++
			batch.add(row.Suppression)
			if bad.Count == 0 && len(batch.Numbers) == suppressionBatch {
				if err := batch.merge(ctx, q, at, &sum); err != nil {
					return err
				}
			}
		}
		if r.Err() != nil {
			return r.Err()
		}
		if bad.Count > 0 {
			return &bad
		}
		return batch.merge(ctx, q, at, &sum)
	})
	return sum, err
}

// suppressionRows are rows on their way into the database.
type suppressionRows struct{ db.ImportSuppressionsParams }

func (b *suppressionRows) add(r feed.Suppression) {
	if len(b.Numbers) == suppressionBatch { // of a file that is refused already
		b.ImportSuppressionsParams = db.ImportSuppressionsParams{}
	}
	b.Numbers = append(b.Numbers, r.Number)
	b.Channels = append(b.Channels, r.Channel)
	b.Purposes = append(b.Purposes, r.Purpose)
	b.Sources = append(b.Sources, r.Source)
	b.Words = append(b.Words, r.Words)
	b.Ats = append(b.Ats, r.At)
}

func (b *suppressionRows) merge(ctx context.Context, q *db.Queries, at time.Time, sum *SuppressionSummary) error {
	fresh, err := q.ImportSuppressions(ctx, b.ImportSuppressionsParams)
	if err != nil {
		return fmt.Errorf("write suppressions: %w", err)
	}
	ended, err := q.EndSuppressedConsents(ctx, db.EndSuppressedConsentsParams{At: &at, Numbers: b.Numbers})
	if err != nil {
		return fmt.Errorf("end consents: %w", err)
	}
	sum.New += int(fresh)
	sum.Consents += int(ended)
	b.ImportSuppressionsParams = db.ImportSuppressionsParams{}
	return nil
}
