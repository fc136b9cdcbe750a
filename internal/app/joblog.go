package app

import (
	"context"
	"log/slog"
)

// jobLog returns a logger for River whose errors are warnings: its listeners fail during every outage of the
// database and recover by themselves. What an outage does to payments is told by our own lines and by the age of
// the oldest open payment.
func jobLog(log *slog.Logger) *slog.Logger {
	if log == nil {
		return nil
	}
	return slog.New(errorsAsWarnings{log.Handler()})
}

// errorsAsWarnings is a handler that logs errors as warnings.
type errorsAsWarnings struct{ slog.Handler }

// Handle implements slog.Handler. Levels below warning stay as they are.
func (p errorsAsWarnings) Handle(ctx context.Context, r slog.Record) error {
	r.Level = min(r.Level, slog.LevelWarn)
	return p.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler: a logger made from this one does the same.
func (p errorsAsWarnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return errorsAsWarnings{p.Handler.WithAttrs(attrs)}
}

// WithGroup does the same for groups.
func (p errorsAsWarnings) WithGroup(name string) slog.Handler {
	return errorsAsWarnings{p.Handler.WithGroup(name)}
}
