package main

import (
	"context"
	"log/slog"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/internal/telemetry"
)

// workCmd is `duebell work`.
type workCmd struct {
	command.Settings
}

// Run works until a signal comes, then lets running jobs end.
//
// The order of the end: no new jobs, running ones until DrainJobs is over, then stores and traces. A charge
// that is cut off is looked up by another worker once its lease has run out.
func (w *workCmd) Run(ctx context.Context, log *slog.Logger) error {
	cfg, err := w.Load(app.LineNeeds...)
	if err != nil {
		return err
	}
	// The lab plans reminders itself whenever its clock moves; here the worker does.
	cfg.Reminders = true
	end, err := telemetry.Traces(ctx, log, "duebell-work")
	if err != nil {
		return err
	}
	defer end()
	d := app.Deps{Clock: cfg.Clock(), Log: log, Metrics: telemetry.NewMetrics()}
	work, err := app.NewWork(ctx, cfg, d)
	if err != nil {
		return err
	}
	if err := work.Start(ctx); err != nil {
		return err
	}
	// Nothing but metrics is served, so this only waits for the signal.
	err = app.Listen(ctx, log, app.Listener{Name: "ops", Addr: cfg.OpsAddr, Handler: app.OpsHandler(d.Metrics), Optional: true})
	// ctx has ended by the signal, so the draining needs a time of its own.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), app.DrainJobs)
	defer cancel()
	if stopErr := work.Stop(stopping); stopErr != nil {
		log.Warn("jobs were cut off; they are taken up again", "error", stopErr)
	}
	return err
}
