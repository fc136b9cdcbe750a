package app

import (
	"context"
	"log/slog"
)

// Traces sets up the traces of a service; the function it returns exports what is left when the service ends.
func Traces(ctx context.Context, log *slog.Logger, service string) (end func(), err error) {
	shutdown, err := Telemetry(ctx, service)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := shutdown(ctx); err != nil {
			log.Warn("the last traces are lost", "error", err)
		}
	}, nil
}
