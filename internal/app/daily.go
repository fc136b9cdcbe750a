package app

import (
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// daily has the elected one of all processes queue a job every dailyEvery, for work that is done once a day of the
// domain's clock: most of these jobs find it done.
//
// One worker a process, one attempt a job: what fails is left to the next job, ten minutes later. A leader
// that dies is replaced, and the day's row in the database (DailyDone) keeps the work from being done twice
// in a row.
func daily(config *river.Config, args river.JobArgs) {
	job := func() (river.JobArgs, *river.InsertOpts) {
		return args, &river.InsertOpts{Queue: args.Kind(), MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByState: unfinished}}
	}
	config.PeriodicJobs = append(config.PeriodicJobs, river.NewPeriodicJob(river.PeriodicInterval(dailyEvery), job, nil))
	// A queue of its own: an hour of erasing must not hold up charges.
	config.Queues[args.Kind()] = river.QueueConfig{MaxWorkers: 1}
}

// unfinished are the states of a job that is not done: no second one is queued beside it.
var unfinished = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
}
