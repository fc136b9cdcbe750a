package app

import (
	"context"
	"log/slog"
)

// jobLog takes River's lines one level down from error: its listeners and janitors meet every outage
// of the database and come back by themselves. What an outage does to payments, our own lines and the
// age of the oldest open payment say.
func jobLog(log *slog.Logger) *slog.Logger {
	if log == nil {
		return nil
	}
	return slog.New(patient{log.Handler()})
}

// patient is a handler that knows no errors.
type patient struct{ slog.Handler }

func (p patient) Handle(ctx context.Context, r slog.Record) error {
	r.Level = min(r.Level, slog.LevelWarn)
	return p.Handler.Handle(ctx, r)
}

func (p patient) WithAttrs(attrs []slog.Attr) slog.Handler {
	return patient{p.Handler.WithAttrs(attrs)}
}
func (p patient) WithGroup(name string) slog.Handler { return patient{p.Handler.WithGroup(name)} }
