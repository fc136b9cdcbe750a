package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing/feed"
)

// ImportOptions is what an import needs besides its files.
// AsOf and At are two clocks: AsOf is billing's word and says how old the balances are, At is ours and must
// not lie before it.
type ImportOptions struct {
	AsOf     time.Time            // the instant at which billing made the files: how fresh they are (B6)
	At       time.Time            // now, by the domain clock
	Rules    feed.Rules           // the forms of the cells
	Progress func(ImportProgress) // called every few thousand rows; may be nil
	Report   func(feed.Problem)   // called with every problem as it is found; may be nil
}

// ImportProgress is how far the reading of one file has come.
type ImportProgress struct {
	File  string // empty while the staged rows are checked and merged
	Kind  feed.Kind
	Rows  int64
	Bytes int64
	Size  int64 // of the file; 0 when it is not known
}

// ImportSummary counts what an import has done.
type ImportSummary struct {
	Read    map[feed.Kind]int64 // rows in the files, for every kind that came
	Changed map[feed.Kind]int64 // rows that are new or different from what was there
	Answers int64               // answers on file that are new, different or gone
	// Of the rows of money (B7): Foreign is money that came in elsewhere. Echoes are entries of
	// ours that billing has booked. Mismatches claim to be echoes and are not: they are neither
	// merged nor counted, and a person has a task.
	Foreign, Echoes, Mismatches      int64
	ConsentsGiven, ConsentsWithdrawn int64
}

// importLock is the advisory lock of the merge: one import at a time. Any number does that nothing
// else locks.
const importLock = 0x64756562696d7074

// staging is the SQL that makes the staging tables of one connection.
//
//go:embed staging.sql
var staging string

// Import loads files of billing whole or not at all (B7). Rows are copied into temporary tables of
// one connection first and checked there, so that the transaction that locks out others is short.
// Files with bad rows give a *feed.BadRows. A crash at any point leaves everything as it was. The
// same files again change nothing, so after a lost reply import once more.
//
// Two imports at once stage side by side and merge one after another. Calls and texts go on meanwhile: a
// reader sees either the old state or the new one. The opts callbacks run on the importing goroutine.
//
// A file dated after opts.At, and a Store without hash keys, are refused before anything is read.
func (s *Store) Import(ctx context.Context, files []feed.Source, opts ImportOptions) (ImportSummary, error) {
	switch {
	case s.hash.IsZero():
		return ImportSummary{}, errors.New("import: DUEBELL_HASH_KEYS is not set: without a key the verification answers cannot be stored")
	case opts.AsOf.After(opts.At):
		return ImportSummary{}, errors.New("import: the time of the files lies in the future, so they would never count as old (B6); check the value and the clock")
	}
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return ImportSummary{}, fmt.Errorf("import: %w", err)
	}
	defer giveBack(ctx, pooled)
	conn := pooled.Conn()

	// IDs()[0] is the newest hash key: with each import the answers move to it.
	im := &importing{conn: conn, files: files, opts: opts, hash: s.hash, keyID: s.hash.IDs()[0], read: map[feed.Kind]int64{}}
	if _, err := conn.Exec(ctx, staging); err != nil {
		return ImportSummary{}, fmt.Errorf("import: make the staging tables: %w", err)
	}
	for i := range files {
		if err := im.stage(ctx, i); err != nil {
			return ImportSummary{}, fmt.Errorf("import: %w", err)
		}
	}
	// Without statistics the planner takes a million staged rows for a handful.
	if _, err := conn.Exec(ctx, "ANALYZE stage_members, stage_accounts, stage_bills, stage_payments"); err != nil {
		return ImportSummary{}, fmt.Errorf("import: analyze the staged rows: %w", err)
	}
	// An empty progress tells that the reading is over and the checks begin.
	im.progress(ImportProgress{})
	var done ImportSummary
	// BeginFunc rolls back on any error. An error of COMMIT itself leaves the outcome open: the same files
	// again settle it.
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
		done, err = im.merge(ctx, s.q.WithTx(tx))
		return err
	})
	if err != nil {
		return ImportSummary{}, fmt.Errorf("import: %w", err)
	}
	return done, nil
}

// giveBack returns a connection to the pool without its staging tables. Where they cannot be dropped (the
// import was cut off, the server is gone) the connection is closed, and they end with it.
func giveBack(ctx context.Context, conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "DISCARD TEMP"); err != nil {
		_ = conn.Hijack().Close(ctx)
		return
	}
	conn.Release()
}

// ImportedAsOf returns as of when the balances are (B6); zero: bills were never imported.
// Only runs that brought bills count: a file of members alone makes no balance newer.
func (s *Store) ImportedAsOf(ctx context.Context) (time.Time, error) {
	at, err := s.q.NewestImport(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("age of the import: %w", err)
	}
	return at, nil
}
