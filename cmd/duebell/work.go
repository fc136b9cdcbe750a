package main

import (
	"context"
	"log/slog"
	"time"

	"duebell/internal/app"
	"duebell/internal/telemetry"
)

type workCmd struct {
	app.Settings
}

// drain is how long running jobs may end by themselves. Twilio's and the processor's requests end
// within 20 s each, and a charge is two of them.
const drain = 40 * time.Second

// Run works until a signal comes.
func (w *workCmd) Run(ctx context.Context, log *slog.Logger) error {
	cfg, err := w.Read(app.NeedDatabase, app.NeedRedis, app.NeedTwilio, app.NeedPublic, app.NeedProcessor, app.NeedDataKeys, app.NeedHashKeys)
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
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if stopErr := work.Stop(stopping); stopErr != nil {
		log.Warn("jobs were cut off; they are taken up again", "error", stopErr)
	}
	return err
}
