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

// Store reads and writes everything that duebell keeps in PostgreSQL. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	q    *db.Queries
	jobs Jobs
	keys seal.Keys // seals payment tokens at rest (D2)
	hash seal.Keys // keyed hashes of verification answers (D1)

	machine billing.Clock // the machine's clock, for leases
	refs    atomic.Int64  // of the reminders that this process has planned
}

// Jobs enqueues jobs inside the transaction that makes them necessary: both commit, or neither.
// River's client is one.
type Jobs interface {
	InsertManyFastTx(ctx context.Context, tx pgx.Tx, params []river.InsertManyParams) (int, error)
}

// New returns a Store on an open pool. jobs may be nil in a command that causes no work (import,
// list); then nothing is enqueued, and the workers' next tick finds what is due.
func New(pool *pgxpool.Pool, jobs Jobs, keys, hash seal.Keys, machine billing.Clock) *Store {
	return &Store{pool: pool, q: db.New(pool), jobs: jobs, keys: keys, hash: hash, machine: machine}
}

// Ping returns an error if the database does not answer.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// ChargeJob wakes a worker for one payment attempt. It may be lost or come twice: the attempt's row
// is the truth, and the sweeper enqueues another job for whatever is due.
type ChargeJob struct {
	Key string `json:"key"`
}

// Kind returns the job's name in River.
func (ChargeJob) Kind() string { return "charge" }

// NoticeJob wakes a worker to send notices, or to look up what became of them. It may be lost or
// come twice as well.
type NoticeJob struct {
	IDs []int64 `json:"ids"`
}

// Kind returns the job's name in River.
func (NoticeJob) Kind() string { return "notice" }

// inTx runs f in one transaction; doing is the beginning of its errors. After an error from COMMIT
// itself the transaction may have happened: a caller that must know reads again, or runs the same
// unique write again.
func (s *Store) inTx(ctx context.Context, doing string, f func(q *db.Queries, tx pgx.Tx) error) error {
	return s.inTxAs(ctx, doing, pgx.TxOptions{}, f)
}

// inSnapshot runs f in a read-only transaction in which all statements see the same instant.
func (s *Store) inSnapshot(ctx context.Context, doing string, f func(q *db.Queries) error) error {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return s.inTxAs(ctx, doing, snapshot, func(q *db.Queries, _ pgx.Tx) error { return f(q) })
}

// inTxAs is inTx with the options of the transaction.
func (s *Store) inTxAs(ctx context.Context, doing string, o pgx.TxOptions, f func(q *db.Queries, tx pgx.Tx) error) error {
	tx, err := s.pool.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer func() {
		// After a commit this does nothing. The request's own context may be over by now.
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

// enqueue enqueues jobs within tx, each in the queue of its kind.
func (s *Store) enqueue(ctx context.Context, tx pgx.Tx, jobs ...river.JobArgs) error {
	if len(jobs) == 0 || s.jobs == nil {
		return nil
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		params[i] = river.InsertManyParams{Args: j, InsertOpts: &river.InsertOpts{Queue: j.Kind()}}
	}
	if _, err := s.jobs.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("enqueue jobs: %w", err)
	}
	return nil
}

// ptr returns null for a zero value, so that "not known" is never stored as an empty string or year 1.
func ptr[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// val returns the zero value for null.
func val[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// when is ptr for instants: a time.Time must not be compared with ==.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
