package main

import (
	"context"
	"log/slog"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
)

// openTool reads the settings and opens the store for one command.
func openTool(ctx context.Context, s command.Settings, log *slog.Logger, needs ...app.Need) (*app.Tool, error) {
	return app.NewTool(ctx, s.Settings, log, needs...)
}
