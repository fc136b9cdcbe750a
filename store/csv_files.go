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

// Files of our own: opt-outs and consents, out and in again.

// exportFile writes a header and, page by page, what page gives: all as it stood at one instant. A page ends
// with the number of its last row, from which the next goes on.
func (s *Store) exportFile(
	ctx context.Context, what string, w io.Writer, header []string, page func(q *db.Queries, after int64) (rows [][]string, last int64, err error),
) (count int, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.pool, snapshot, func(tx pgx.Tx) error {
		out := csv.NewWriter(w)
		if err := out.Write(header); err != nil {
			return fmt.Errorf("write the header: %w", err)
		}
		for after := int64(0); ; {
			rows, last, err := page(s.q.WithTx(tx), after)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				break
			}
			for _, row := range rows {
				if err := out.Write(row); err != nil {
					return fmt.Errorf("write a row: %w", err)
				}
			}
			count, after = count+len(rows), last
		}
		out.Flush()
		if err := out.Error(); err != nil {
			return fmt.Errorf("write the file: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("export %s: %w", what, err)
	}
	return count, nil
}

// ownBatch is how many rows go to the database at a time.
const ownBatch = 5000

// ownRows are rows of such a file on their way into the database.
type ownRows interface {
	// add takes a row and gives the instant that it names.
	add(r *feed.Row) time.Time
	// merge writes what was added, and begins anew.
	merge(ctx context.Context, q *db.Queries, at time.Time) error
}

// importFile reads a file whole or not at all: one with a bad row gives a *feed.BadRows.
func (s *Store) importFile(
	ctx context.Context, file feed.Source, open func(feed.Source, func(feed.Problem)) (*feed.Reader, error), at time.Time, begin func() ownRows,
) (read int, err error) {
	err = s.inTx(ctx, "import "+file.Name, func(q *db.Queries, _ pgx.Tx) error {
		read = 0
		var bad feed.BadRows
		r, err := open(file, bad.Add)
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }() // it was only read
		rows := begin()
		for r.Next() {
			row := r.Row()
			if said := rows.add(row); row.Sound && said.After(at) {
				bad.Add(feed.Problem{File: file.Name, Line: row.Line, Column: "at", Reason: "lies in the future"})
			}
			if read++; read%ownBatch != 0 {
				continue
			}
			if bad.Count > 0 { // the file is refused already; it is read on for its problems
				rows = begin()
			} else if err := rows.merge(ctx, q, at); err != nil {
				return err
			}
		}
		if r.Err() != nil {
			return r.Err()
		}
		if bad.Count > 0 {
			return &bad
		}
		return rows.merge(ctx, q, at)
	})
	return read, err
}
