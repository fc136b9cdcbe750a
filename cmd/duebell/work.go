package main

import (
	"context"
	"log/slog"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/internal/telemetry"
)

type workCmd struct {
	command.Settings
}

// Run works until a signal comes, then lets running jobs end.
func (w *workCmd) Run(ctx context.Context, log *slog.Logger) error {
	cfg, err := w.Load(app.LineNeeds...)
	if err != nil {
		return err
	}
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
	err = app.Listen(ctx, log, app.Listener{Name: "ops", Addr: cfg.OpsAddr, Handler: app.OpsHandler(d.Metrics), Optional: true})
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), app.DrainJobs)
	defer cancel()
	if stopErr := work.Stop(stopping); stopErr != nil {
		log.Warn("jobs were cut off; they are taken up again", "error", stopErr)
	}
	return err
}
