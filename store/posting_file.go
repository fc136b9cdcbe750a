package store

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"duebell/billing"
	"duebell/store/db"
)

// PostingColumns is the header of the posting file. Its last line is the trailer: record is
// "trailer", count and cents are the number and the sum of the entries before it.
// cents are whole cents without a sign for payments and negative for reversals; received_at is RFC 3339 in
// UTC, in the trailer the instant of the export.
var PostingColumns = []string{"record", "our_reference", "account", "kind", "method", "cents", "received_at", "count"}

// PostingTotals are the control totals of a posting file.
type PostingTotals struct {
	Count int
	Cents billing.Money // reversals lower it
}

// ExportPayments writes the posting file as CSV: every payment that we took, and every reversal,
// that billing has not echoed yet (B7, rule P5). It changes nothing: an entry stays in the file until an
// import brings its echo, so a file that is lost is simply written again. All pages are read in one
// snapshot: the trailer must fit the lines above it.
//
// A payment may stand in many files before its echo comes; billing knows it again by our_reference. w has the
// broken beginning of a file after an error.
func (s *Store) ExportPayments(ctx context.Context, w io.Writer, at time.Time) (PostingTotals, error) {
	var totals PostingTotals
	err := s.inSnapshot(ctx, "export payments", func(q *db.Queries) (err error) {
		totals, err = writePosting(ctx, q, csv.NewWriter(w), at)
		return err
	})
	if err != nil {
		return PostingTotals{}, err
	}
	return totals, nil
}

// writePosting writes header, entries page by page, and trailer, and returns the control totals.
// after is the id of the last entry: pages of 5,000 are read by key, so an entry is neither missed nor
// repeated.
func writePosting(ctx context.Context, q *db.Queries, out *csv.Writer, at time.Time) (PostingTotals, error) {
	var totals PostingTotals
	if err := out.Write(PostingColumns); err != nil {
		return totals, fmt.Errorf("write the header: %w", err)
	}
	for after := int64(0); ; {
		page, err := q.UnpostedEntries(ctx, after)
		if err != nil {
			return totals, fmt.Errorf("read entries: %w", err)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			line := []string{"entry", e.Reference, e.Account, e.Kind, e.Method, strconv.FormatInt(e.Cents, 10), instant(e.ReceivedAt), ""}
			if err := out.Write(line); err != nil {
				return totals, fmt.Errorf("write an entry: %w", err)
			}
			totals.Count++
			totals.Cents += billing.Money(e.Cents)
			after = e.ID
		}
	}
	trailer := []string{"trailer", "", "", "", "", strconv.FormatInt(totals.Cents.Cents(), 10), instant(at), strconv.Itoa(totals.Count)}
	if err := out.Write(trailer); err != nil {
		return totals, fmt.Errorf("write the trailer: %w", err)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return totals, fmt.Errorf("write the file: %w", err)
	}
	return totals, nil
}

// instant writes an instant as the import reads it; UTC, because a file has no zone of its own.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
