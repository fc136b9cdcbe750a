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
	return slog.New(patient{log.Handler()})
}

// patient is a handler that logs errors as warnings.
type patient struct{ slog.Handler }

// Handle implements slog.Handler. Levels below warning stay as they are.
func (p patient) Handle(ctx context.Context, r slog.Record) error {
	r.Level = min(r.Level, slog.LevelWarn)
	return p.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler: a logger made from this one is patient too.
func (p patient) WithAttrs(attrs []slog.Attr) slog.Handler {
	return patient{p.Handler.WithAttrs(attrs)}
}

// WithGroup does the same for groups.
func (p patient) WithGroup(name string) slog.Handler { return patient{p.Handler.WithGroup(name)} }
