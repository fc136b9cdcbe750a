package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/internal/telemetry"
	"duebell/notify"
	"duebell/voiceprompts"
)

// planJob wakes the planner. It holds no time: the planner reads the domain's clock.
type planJob struct{}

// Kind names the job and its queue.
func (planJob) Kind() string { return "plan" }

// planWorker runs the planner. Of two at once one plans and the other returns at once.
type planWorker struct {
	river.WorkerDefaults[planJob]
	work *Work
	log  *slog.Logger
}

// Timeout is longer than a charge's: a run goes through all accounts.
func (w *planWorker) Timeout(*river.Job[planJob]) time.Duration { return planTimeout }

// Work plans if that is due. A failure is logged and left to the next job, not to River's retries.
func (w *planWorker) Work(ctx context.Context, _ *river.Job[planJob]) error {
	if err := telemetry.Job(ctx, "plan", w.work.PlanReminders); err != nil {
		w.log.Warn("reminders were not all planned; the next run goes on", "error", err)
	}
	return nil
}

// planning has the elected one of all processes queue a job every planEvery. While a run goes on no second job is
// queued.
// RunOnStart: after a restart nothing waits for half a minute. Jobs of a process that dies are rescued by
// River, and the planner's lock ends with its connection.
func planning(config *river.Config) {
	job := func() (river.JobArgs, *river.InsertOpts) {
		return planJob{}, &river.InsertOpts{
			Queue: planJob{}.Kind(), MaxAttempts: 1,
			UniqueOpts: river.UniqueOpts{ByState: unfinished},
		}
	}
	config.PeriodicJobs = append(config.PeriodicJobs,
		river.NewPeriodicJob(river.PeriodicInterval(planEvery), job, &river.PeriodicJobOpts{RunOnStart: true}))
	config.Queues[planJob{}.Kind()] = river.QueueConfig{MaxWorkers: 1}
}

// PlanReminders plans the day's reminders if that is due. The periodic job calls it; dev and scripts, whose clock
// jumps, call it at every move of the clock.
// It returns at once if nothing is to be planned, or if another process is planning.
func (w *Work) PlanReminders(ctx context.Context) error {
	_, err := w.planner.Tick(ctx, w.clock.Now())
	if err != nil {
		return fmt.Errorf("plan reminders: %w", err)
	}
	return nil
}

// NewPlanner returns a planner for a program that plans without being a worker, as the preview does.
// It loads the prompts, because the words of a text decide its length and so whether it may go.
func NewPlanner(store notify.PlanStore, p billing.Policy, log *slog.Logger) (*notify.Planner, error) {
	calendar, err := billing.NewCalendar(p)
	if err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	prompts, err := voiceprompts.Load()
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	return notify.NewPlanner(store, newRules(p, calendar, prompts), log, notify.PlannerOptions{}), nil
}
