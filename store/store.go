package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/internal/seal"
	"duebell/store/db"
)

// Store is the program's memory in PostgreSQL.
type Store struct {
	pool *pgxpool.Pool
	q    *db.Queries
	jobs Jobs
	keys seal.Keys // seals tokens at rest
	hash seal.Keys // keyed hashes of verification answers

	machine billing.Clock // the machine's clock, for leases
	refs    atomic.Int64  // of the reminders that this process has planned
}

// Jobs puts work in line inside the transaction that makes it necessary. River's client is one.
type Jobs interface {
	InsertManyFastTx(ctx context.Context, tx pgx.Tx, params []river.InsertManyParams) (int, error)
}

// New wraps an open pool. jobs may be nil in a program that never causes work (import, list).
func New(pool *pgxpool.Pool, jobs Jobs, keys, hash seal.Keys, machine billing.Clock) *Store {
	return &Store{pool: pool, q: db.New(pool), jobs: jobs, keys: keys, hash: hash, machine: machine}
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// ChargeJob asks a worker to bring one payment attempt forward. It is a nudge: the row is the truth.
type ChargeJob struct {
	Key string `json:"key"`
}

// Kind names the job in River.
func (ChargeJob) Kind() string { return "charge" }

// NoticeJob asks a worker to send notices, or to settle what became of them. A nudge as well.
type NoticeJob struct {
	IDs []int64 `json:"ids"`
}

// Kind names the job in River.
func (NoticeJob) Kind() string { return "notice" }

// inTx runs f in one transaction. After an error from COMMIT itself it may have happened: who must know
// asks again.
func (s *Store) inTx(ctx context.Context, doing string, f func(q *db.Queries, tx pgx.Tx) error) error {
	return s.inTxAs(ctx, doing, pgx.TxOptions{}, f)
}

// inSnapshot reads what belongs together, as it stood at one instant.
func (s *Store) inSnapshot(ctx context.Context, doing string, f func(q *db.Queries) error) error {
	asOne := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return s.inTxAs(ctx, doing, asOne, func(q *db.Queries, _ pgx.Tx) error { return f(q) })
}

func (s *Store) inTxAs(ctx context.Context, doing string, o pgx.TxOptions, f func(q *db.Queries, tx pgx.Tx) error) error {
	tx, err := s.pool.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer func() {
		// After a commit this does nothing; the request's own context may be over by then.
		_ = tx.Rollback(context.WithoutCancel(ctx))
	}()
	if err := f(s.q.WithTx(tx), tx); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("%s: commit: %w", doing, err)
	}
	return nil
}

// nudge puts jobs in line within tx.
func (s *Store) nudge(ctx context.Context, tx pgx.Tx, jobs ...river.JobArgs) error {
	if len(jobs) == 0 || s.jobs == nil {
		return nil
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		params[i] = river.InsertManyParams{Args: j, InsertOpts: &river.InsertOpts{Queue: j.Kind()}}
	}
	if _, err := s.jobs.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("nudge: %w", err)
	}
	return nil
}

// ptr gives null for a zero value, so that "not known" is never stored as an empty string or year 1.
func ptr[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// val gives the zero value for null.
func val[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// when is ptr for instants; a time.Time is not safely comparable.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
