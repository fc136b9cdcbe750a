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
// Leases are compared by the machine's clock: another process's lease must run out in real time, also while
// the domain clock stands still or jumps (tests, dev). refs counts from 0 in every process; the random part
// of a reference keeps two processes apart.
// It does not own the pool: whoever opened it closes it, after the last call to the Store has returned.
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
	// InsertManyFastTx inserts jobs within tx by one COPY and returns how many. A rolled back tx leaves none.
	InsertManyFastTx(ctx context.Context, tx pgx.Tx, params []river.InsertManyParams) (int, error)
}

// New returns a Store on an open pool. jobs may be nil in a command that causes no work (import,
// list); then nothing is enqueued, and the workers' next tick finds what is due.
// keys seals and opens payment tokens; hash computes the keyed hashes of verification answers. Either may
// hold several keys, newest first: values are written under the newest and read under any.
func New(pool *pgxpool.Pool, jobs Jobs, keys, hash seal.Keys, machine billing.Clock) *Store {
	return &Store{pool: pool, q: db.New(pool), jobs: jobs, keys: keys, hash: hash, machine: machine}
}

// Ping returns an error if the database does not answer.
// It takes a connection of the pool, so it also waits, until ctx ends, while the pool has none to give.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// ChargeJob wakes a worker for one payment attempt. It may be lost or come twice: the attempt's row
// is the truth, and the sweeper enqueues another job for whatever is due.
// It carries the attempt's random key and nothing else: River's table is a table too, and no secret may lie
// in it (D1: no secret stored).
type ChargeJob struct {
	Key string `json:"key"`
}

// Kind returns the job's name in River.
func (ChargeJob) Kind() string { return "charge" }

// NoticeJob wakes a worker to send notices, or to look up what became of them. It may be lost or
// come twice as well.
// IDs are row ids of notices, at most a batch (firstBatch or ReminderBatch). A notice whose state has moved
// on by the time the job runs is passed over by ClaimNotices.
type NoticeJob struct {
	IDs []int64 `json:"ids"`
}

// Kind returns the job's name in River.
func (NoticeJob) Kind() string { return "notice" }

// inTx runs f in one transaction; doing is the beginning of its errors. After an error from COMMIT
// itself the transaction may have happened: a caller that must know reads again, or runs the same
// unique write again.
// f may not keep q or tx beyond its return. It must not call a method of Store that takes another connection
// while the pool may be exhausted: each of them waits for a connection that this transaction may be holding.
func (s *Store) inTx(ctx context.Context, doing string, f func(q *db.Queries, tx pgx.Tx) error) error {
	return s.inTxAs(ctx, doing, pgx.TxOptions{}, f)
}

// inSnapshot runs f in a read-only transaction in which all statements see the same instant.
// Nothing that commits meanwhile is seen: sums over several tables fit together. No lock is taken, so a slow
// reader delays no writer.
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
		// A panic in f ends here as well: without the rollback the connection would go back to the pool with
		// a transaction open.
		// After a commit this does nothing. The request's own context may be over by now.
		_ = tx.Rollback(context.WithoutCancel(ctx))
	}()
	if err := f(s.q.WithTx(tx), tx); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	// The reply may be lost although the server has committed. Nobody here can know; see the callers' unique
	// keys.
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("%s: commit: %w", doing, err)
	}
	return nil
}

// enqueue enqueues jobs within tx, each in the queue of its kind.
// Nothing to enqueue, or a Store without Jobs, is no error: every caller's rows are found again by a sweep
// (WakeDue for charges, EnqueueDue for notices).
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
// Do not use it where the zero value is a fact of its own, such as zero cents.
func ptr[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// val returns the zero value for null.
// It is the inverse of ptr: what was stored as null reads as zero.
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
