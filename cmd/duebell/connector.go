package main

import (
	"context"
	"log/slog"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/internal/telemetry"
)

// connectorCmd is `duebell connector`, which runs apart from everything else: it needs no database, no Redis
// and no sealing key.
type connectorCmd struct {
	command.Settings
}

// Run takes bank numbers from Twilio's <Pay> and returns the processor's token, until a signal comes.
// It stops like serve: requests in progress end, then the last traces leave.
func (c *connectorCmd) Run(ctx context.Context, log *slog.Logger) error {
	cfg, err := c.Load(app.NeedConnector, app.NeedProcessor)
	if err != nil {
		return err
	}
	// Before the handler is built: what is traced is decided once.
	end, err := telemetry.Traces(ctx, log, "duebell-connector")
	if err != nil {
		return err
	}
	defer end()
	d := app.Deps{Clock: cfg.Clock(), Log: log, Metrics: telemetry.NewMetrics()}
	return app.Listen(ctx, log,
		app.Listener{Name: "bank connector", Addr: cfg.ConnectorAddr, Handler: app.ConnectorHandler(cfg, d)},
		app.Listener{Name: "ops", Addr: cfg.OpsAddr, Handler: app.OpsHandler(d.Metrics), Optional: true})
}
