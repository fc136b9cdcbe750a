package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/internal/telemetry"
	"duebell/store"
)

// eraseFrom is the hour, in the business zone, from which rows are erased: the import is in and the line is quiet.
const eraseFrom = 3

// eraseJob erases rows whose retention period is over (D4: retention). It holds no time: the eraser reads the
// domain's clock.
type eraseJob struct{}

// Kind names the job and its queue.
func (eraseJob) Kind() string { return "erase" }

// eraser erases what the policy no longer has us keep.
type eraser struct {
	river.WorkerDefaults[eraseJob]
	store    *store.Store
	policy   billing.Policy
	calendar *billing.Calendar
	clock    billing.Clock // domain
	machine  billing.Clock
	metrics  *telemetry.Metrics
	log      *slog.Logger
}

// Timeout is longer than a charge's: a run goes through all accounts, with rests.
func (e *eraser) Timeout(*river.Job[eraseJob]) time.Duration { return dailyTimeout }

// Work erases if that is due. A failure is logged and left to the next job, not to River's retries.
func (e *eraser) Work(ctx context.Context, _ *river.Job[eraseJob]) error {
	if err := telemetry.Job(ctx, "erase", e.tick); err != nil {
		e.log.Warn("not everything old was erased; the next run goes on", "error", err)
	}
	return nil
}

// tick erases once a day, in the small hours, or later if they were missed.
// A run that was cut off, or that met an error in one table, is not recorded as done and is made again ten
// minutes later.
func (e *eraser) tick(ctx context.Context) error {
	now := e.clock.Now()
	day := e.calendar.DateOf(now)
	// Day and hour are the domain clock's: a shifted clock erases by its own day.
	if now.In(e.calendar.Zone()).Hour() < eraseFrom {
		return nil
	}
	if done, err := e.store.DailyDone(ctx, eraseJob{}.Kind(), day); err != nil || done {
		return err
	}
	erased, err := e.store.Erase(ctx, horizons(e.policy, e.calendar, now), e.rest())
	// Counted also after an error: those rows are gone.
	for what, n := range erased {
		e.metrics.Erased(what, int(n))
	}
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return e.store.FinishDaily(ctx, eraseJob{}.Kind(), day, now)
}

// rest returns what waits between two batches, as long as the last one took, at most longestRest: erasing never
// takes more than half of what the database can do.
// The first call measures from the making of rest, so it must be made right before Erase.
func (e *eraser) rest() func(context.Context) error {
	began := e.machine.Now()
	return func(ctx context.Context) error {
		pause := time.NewTimer(min(e.machine.Now().Sub(began), longestRest))
		defer pause.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
			began = e.machine.Now()
			return nil
		}
	}
}

// horizons returns the instants before which rows are erased: now, less the policy's days and years. Days are those
// of the calendar in the business zone (C1: zone rules, not 24-hour steps).
func horizons(p billing.Policy, cal *billing.Calendar, now time.Time) store.Horizons {
	local := now.In(cal.Zone())
	days := func(n int) time.Time { return local.AddDate(0, 0, -n) }
	years := func(n int) time.Time { return local.AddDate(-n, 0, 0) }
	ledger := years(p.LedgerYears)
	// The newest bill at that instant was issued on the 1st of its month and covers the next (C2).
	month := billing.Month{Year: ledger.Year(), Month: ledger.Month()}
	return store.Horizons{
		TextWords: days(p.MessageTextDays), CallEvents: days(p.CallEventDays), FailedIDs: days(p.FailedIDDays), Webhooks: days(p.RawWebhookDays),
		Evidence: years(p.EvidenceYears), Consents: years(p.ConsentYears), Ledger: ledger, FirstMonth: month.Add(2),
	}
}
