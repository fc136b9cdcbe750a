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

// exportFile writes a header and, page by page, the rows that page returns, all read in one
// snapshot. last is the id of a page's last row, after which the next page begins. It returns how
// many rows it wrote.
//
// what names the data in errors. A page without rows ends the file, so page must return rows strictly after
// the id it is given.
func (s *Store) exportFile(
	ctx context.Context, what string, w io.Writer, header []string, page func(q *db.Queries, after int64) (rows [][]string, last int64, err error),
) (count int, err error) {
	err = s.inSnapshot(ctx, "export "+what, func(q *db.Queries) error {
		out := csv.NewWriter(w)
		if err := out.Write(header); err != nil {
			return fmt.Errorf("write the header: %w", err)
		}
		for after := int64(0); ; {
			rows, last, err := page(q, after)
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
		// csv.Writer keeps errors of its buffer until here; without this look a full disk would go unnoticed.
		out.Flush()
		if err := out.Error(); err != nil {
			return fmt.Errorf("write the file: %w", err)
		}
		return nil
	})
	return count, err
}

// fileBatch is how many rows one statement of an import holds.
// Large enough that the round trips do not count, small enough for the memory of one statement's arrays.
const fileBatch = 5000

// fileRows collects rows of a file, and writes them a batch at a time.
// One is used by one import only; after a bad row it is thrown away with what it holds.
type fileRows interface {
	// add collects a row and returns the instant that it names.
	add(r *feed.Row) time.Time
	// merge writes the collected rows and forgets them.
	merge(ctx context.Context, q *db.Queries, at time.Time) error
}

// importFile loads a file whole or not at all, in one transaction, and returns how many rows it
// read. A file with bad rows gives a *feed.BadRows that names all of them.
//
// begin returns an empty collector. A crash before COMMIT leaves the database as it was; after a lost COMMIT
// reply the same file is imported once more and changes nothing. The transaction lasts as long as the
// reading, which is bounded by the file; it takes no lock that calls or texts wait for, beyond the rows it
// writes.
func (s *Store) importFile(
	ctx context.Context, file feed.Source, open func(feed.Source, func(feed.Problem)) (*feed.Reader, error), at time.Time, begin func() fileRows,
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
			if named := rows.add(row); row.Sound && named.After(at) {
				bad.Add(feed.Problem{File: file.Name, Line: row.Line, Column: "at", Reason: "lies in the future"})
			}
			if read++; read%fileBatch != 0 {
				continue
			}
			if bad.Count > 0 { // the file is refused already; read on to report every problem
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
