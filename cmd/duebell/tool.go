package main

import (
	"context"
	"log/slog"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
)

// openTool reads the settings and opens the store for one command.
// The caller closes the tool. needs must hold NeedDatabase; a setting that is missing is a
// *app.SettingsError.
func openTool(ctx context.Context, s command.Settings, log *slog.Logger, needs ...app.Need) (*app.Tool, error) {
	return app.NewTool(ctx, s.Settings, log, needs...)
}
