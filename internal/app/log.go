package app

import (
	"io"
	"log/slog"
)

// NewLog writes JSON lines. What may stand in them: call id, turn, step, outcome, milliseconds; account
// and phone numbers as last four; never a secret, an amount with a name, or the body of a message (D1).
func NewLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
