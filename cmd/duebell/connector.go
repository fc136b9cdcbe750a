package main

import (
	"context"
	"log/slog"

	"duebell/internal/app"
)

type connectorCmd struct {
	app.Settings
}

// Run takes bank numbers from Twilio's Pay and gives the processor's token, until a signal comes.
func (c *connectorCmd) Run(ctx context.Context, log *slog.Logger) error {
	cfg, err := c.Read(app.NeedConnector, app.NeedProcessor)
	if err != nil {
		return err
	}
	return app.Listen(ctx, log, app.Listener{Name: "bank connector", Addr: cfg.ConnectorAddr, Handler: app.ConnectorHandler(cfg, log)})
}
