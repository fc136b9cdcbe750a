package app

import (
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// daily has the elected one of all replicas put a job in line every little while, for what is done once a
// day of the domain clock: most of these jobs find it done.
func daily(config *river.Config, args river.JobArgs) {
	job := func() (river.JobArgs, *river.InsertOpts) {
		return args, &river.InsertOpts{Queue: args.Kind(), MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByState: unfinished}}
	}
	config.PeriodicJobs = append(config.PeriodicJobs, river.NewPeriodicJob(river.PeriodicInterval(dailyEvery), job, nil))
	config.Queues[args.Kind()] = river.QueueConfig{MaxWorkers: 1}
}

// unfinished are the states of a job that is still to be done: another one is not put beside it.
var unfinished = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
}
