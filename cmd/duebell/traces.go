package main

import (
	"context"
	"log/slog"

	"duebell/internal/app"
)

// traces sets up a role's traces; the function it returns hands over what is left when the role ends.
func traces(ctx context.Context, log *slog.Logger, service string) (end func(), err error) {
	shutdown, err := app.Telemetry(ctx, service)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := shutdown(ctx); err != nil {
			log.Warn("the last traces are lost", "error", err)
		}
	}, nil
}
