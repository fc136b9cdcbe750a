package app

import (
	"io"
	"log/slog"
)

// NewLog returns a logger that writes JSON lines. They may hold call id, turn, step, outcome and milliseconds, and
// account and phone numbers as last four; never a secret, an amount with a name, or the body of a message (D1: no
// secret in a log).
// level may be changed while the program runs, if it is a *slog.LevelVar.
func NewLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
