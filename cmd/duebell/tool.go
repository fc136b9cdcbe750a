package main

import (
	"context"
	"log/slog"
	"os"

	"duebell/internal/app"
	"duebell/internal/dev"
)

// openTool opens what an operator's command needs. In a shell that knows a dev (.duebell/dev.env) it goes
// by dev's clock: its books would lie in the future, or the past, of the machine's.
func openTool(ctx context.Context, s app.Settings, log *slog.Logger, needs ...app.Need) (*app.Tool, error) {
	tool, err := app.NewTool(ctx, s, log, needs...)
	control := os.Getenv(dev.ControlVariable)
	if err != nil || control == "" {
		return tool, err
	}
	now, err := dev.Now(ctx, control)
	if err != nil {
		tool.Close()
		return nil, err
	}
	tool.Clock = app.NewDomainClock(now, false)
	return tool, nil
}
