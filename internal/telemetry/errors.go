package telemetry

import (
	"context"
	"log/slog"
)

// CountErrors returns a logger that counts the lines logged at error level. By the project's custom each is
// something that only a person can mend. A logger that counts already is returned as it is.
func CountErrors(log *slog.Logger, m *Metrics) *slog.Logger {
	if _, counts := log.Handler().(errorCounter); counts {
		return log
	}
	return slog.New(errorCounter{log.Handler(), m})
}

// errorCounter is a handler in front of the real one.
type errorCounter struct {
	slog.Handler
	metrics *Metrics
}

// Enabled takes errors even if the handler behind would drop them: they are counted in any case.
func (c errorCounter) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || c.Handler.Enabled(ctx, level)
}

// Handle counts the record and passes it on.
func (c errorCounter) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		c.metrics.errorsLogged.Inc()
	}
	if !c.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return c.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that counts into the same metric.
func (c errorCounter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return errorCounter{c.Handler.WithAttrs(attrs), c.metrics}
}

// WithGroup returns a handler that counts into the same metric.
func (c errorCounter) WithGroup(name string) slog.Handler {
	return errorCounter{c.Handler.WithGroup(name), c.metrics}
}
