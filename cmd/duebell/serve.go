package main

import (
	"context"
	"log/slog"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/internal/telemetry"
)

// serveCmd is `duebell serve`.
type serveCmd struct {
	command.Settings
}

// Run answers webhooks until a signal comes, then lets the turns in progress end.
//
// It starts also while a store is down (promise P6: line answers). The order of the end: no new requests, turns in
// progress, stores, traces.
func (s *serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	cfg, err := s.Load(app.LineNeeds...)
	if err != nil {
		return err
	}
	end, err := telemetry.Traces(ctx, log, "duebell-serve")
	if err != nil {
		return err
	}
	defer end()
	d := app.Deps{Clock: cfg.Clock(), Log: log, Metrics: telemetry.NewMetrics()}
	serve, err := app.NewServe(ctx, cfg, d)
	if err != nil {
		return err
	}
	// Registered before Listen, so it runs when no more requests come in.
	defer func() {
		if err := serve.Close(); err != nil {
			log.Warn("turns were cut off; Twilio asks again", "error", err)
		}
	}()
	return app.Listen(ctx, log,
		app.Listener{Name: "webhooks", Addr: cfg.HTTPAddr, Handler: serve.Handler()},
		app.Listener{Name: "ops", Addr: cfg.OpsAddr, Handler: app.OpsHandler(d.Metrics), Optional: true})
}
