package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/internal/telemetry"
	"duebell/internal/twilio"
	"duebell/notify"
	"duebell/store"
)

// checkJob looks up whether numbers have changed hands (O5: numbers are checked for reassignment).
type checkJob struct{}

// Kind names the job and its queue.
func (checkJob) Kind() string { return "check-numbers" }

// numberChecker runs the look-ups once a day.
// The query of numbers skips what was looked up lately, so a run that is cut off goes on where it stopped.
type numberChecker struct {
	river.WorkerDefaults[checkJob]
	store    *store.Store
	check    *notify.NumberChecker
	calendar *billing.Calendar
	clock    billing.Clock // domain
	metrics  *telemetry.Metrics
	log      *slog.Logger
}

// Timeout is longer than a charge's: the first run asks for every number.
func (n *numberChecker) Timeout(*river.Job[checkJob]) time.Duration { return dailyTimeout }

// Work looks up the numbers that are due. What fails is left to the next job.
func (n *numberChecker) Work(ctx context.Context, _ *river.Job[checkJob]) error {
	if err := telemetry.Job(ctx, "check numbers", n.tick); err != nil {
		n.log.Warn("not every number was looked up for having changed hands; the next run goes on", "error", err)
	}
	return nil
}

// tick runs the day's check if it is not done. The day is that of the business zone.
func (n *numberChecker) tick(ctx context.Context) error {
	now := n.clock.Now()
	day := n.calendar.DateOf(now)
	if done, err := n.store.DailyDone(ctx, checkJob{}.Kind(), day); err != nil || done {
		return err
	}
	sum, err := n.check.Run(ctx)
	// Counted also after an error: those look-ups were made and are billed.
	for answer, count := range sum {
		n.metrics.NumbersChecked(string(answer), count)
	}
	if err != nil {
		return err
	}
	return n.store.FinishDaily(ctx, checkJob{}.Kind(), day, now)
}

// reassignments asks Twilio's Lookup, which asks the carriers.
// It implements notify.Directory. Each look-up costs money (twilio.md §7).
type reassignments struct{ client *twilio.Client }

// Reassigned returns whether a number has changed hands since a day.
func (d reassignments) Reassigned(ctx context.Context, number string, since time.Time) (notify.Reassignment, error) {
	answer, err := d.client.LookUpReassignment(ctx, number, since)
	if err != nil {
		return "", sendError(err)
	}
	return notify.Reassignment(answer), nil
}
