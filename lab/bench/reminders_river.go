package bench

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"duebell/internal/app"
)

// The baseline: River, doing nothing, on the same PostgreSQL. Once with as many jobs at once as a worker
// of ours has requests at the carrier, and once with as many as bring it the most. A text is no job here, because a
// job of ours carries a batch of them; jobs that do nothing are compared with texts that do everything.

const (
	mostAtOnce = 1000             // more bring River nothing
	cooldown   = time.Millisecond // between two fetches: the shortest there is, so that no setting holds it back
)

// noop is the job of which River makes the most: no arguments, no work.
type noop struct{}

// Kind returns the job's name in River's table.
func (noop) Kind() string { return "noop" }

// river measures both and fills in the report. The number of jobs follows the number of accounts, within
// bounds: too few say nothing, and more than a hundred thousand say the same.
func (b *reminderBench) river(ctx context.Context) (err error) {
	n := min(max(b.o.Accounts, 5000), 100_000)
	r := b.report
	if r.RiverPerS, err = noopJobs(ctx, b.stores.dsn, n, app.MaxTextsInProgress); err != nil {
		return err
	}
	if r.RiverMostPerS, err = noopJobs(ctx, b.stores.dsn, n, mostAtOnce); err != nil {
		return err
	}
	r.Ratio, r.RatioToMost = r.TextsPerS/r.RiverPerS, r.TextsPerS/r.RiverMostPerS
	return nil
}

// noopJobs has River work n jobs that do nothing, atOnce of them at a time, and returns jobs a second. A job is
// done when its row says so: River records the ends of jobs in batches, later than the work function returns.
// It empties the job table first, so nothing else of the run may need it any more.
func noopJobs(ctx context.Context, dsn string, n, atOnce int) (float64, error) {
	pool, err := openPool(ctx, dsn)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	// Jobs of the product that are left would be of a kind that this client does not know.
	if _, err := pool.Exec(ctx, `DELETE FROM river_job`); err != nil {
		return 0, err
	}
	var done atomic.Int64
	all := make(chan struct{})
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(context.Context, *river.Job[noop]) error {
		// Equal, not more: the channel is closed once even if River should run a job again.
		if done.Add(1) == int64(n) {
			close(all)
		}
		return nil
	}))
	// Straight in this process: what is measured is River and PostgreSQL, and no wiring of ours.
	client, err := river.NewClient[pgx.Tx](riverpgxv5.New(pool), &river.Config{
		Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: atOnce, FetchCooldown: cooldown, FetchPollInterval: 10 * cooldown}},
	})
	if err != nil {
		return 0, err
	}
	jobs := make([]river.InsertManyParams, n)
	for i := range jobs {
		jobs[i].Args = noop{}
	}
	// All are there before the clock starts: inserting is no part of what is measured.
	if _, err := client.InsertManyFast(ctx, jobs); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := client.Start(ctx); err != nil {
		return 0, err
	}
	select {
	case <-all:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	// All have run; now their rows must say so.
	for open := true; open && err == nil; {
		if err = pause(ctx, 5*time.Millisecond); err == nil {
			err = pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM river_job WHERE state = 'running')`).Scan(&open)
		}
	}
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	return float64(n) / took.Seconds(), client.Stop(ctx)
}
