package harness

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// logs keeps every line that the product logs, without its time, and passes it on.
type logs struct {
	on       slog.Handler // may be nil
	mu       *sync.Mutex
	list     *[]LogLine
	with     string       // attributes given before
	silenced *atomic.Bool // set: nobody is there to hear it; may be nil
}

// LogLine is one line as text.
type LogLine struct {
	Level slog.Level
	Text  string
}

func newLogs(on slog.Handler) *logs { return &logs{on: on, mu: new(sync.Mutex), list: new([]LogLine)} }

// Enabled takes every level: the search for secrets wants the debug lines too.
func (l *logs) Enabled(context.Context, slog.Level) bool { return true }

func (l *logs) Handle(ctx context.Context, r slog.Record) error {
	if l.silenced != nil && l.silenced.Load() {
		return nil
	}
	var b strings.Builder
	b.WriteString(r.Message + l.with)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(text(a))
		return true
	})
	l.mu.Lock()
	if len(*l.list) == maxKept { // dev runs for days
		*l.list = append([]LogLine(nil), (*l.list)[maxKept/2:]...)
	}
	*l.list = append(*l.list, LogLine{r.Level, b.String()})
	l.mu.Unlock()
	if l.on != nil && l.on.Enabled(ctx, r.Level) {
		return l.on.Handle(ctx, r)
	}
	return nil
}

// silencedBy is the same for somebody who falls silent at some time.
func (l *logs) silencedBy(over *atomic.Bool) *logs {
	own := *l
	own.silenced = over
	return &own
}

func text(a slog.Attr) string { return fmt.Sprintf(" %s=%v", a.Key, a.Value.Resolve()) }

func (l *logs) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *l
	for _, a := range attrs {
		next.with += text(a)
	}
	if l.on != nil {
		next.on = l.on.WithAttrs(attrs)
	}
	return &next
}

func (l *logs) WithGroup(name string) slog.Handler {
	next := *l
	if l.on != nil {
		next.on = l.on.WithGroup(name)
	}
	return &next
}

// since gives the lines from the n-th on.
func (l *logs) since(n int) []LogLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]LogLine(nil), (*l.list)[min(n, len(*l.list)):]...)
}

// clear forgets all lines.
func (l *logs) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	*l.list = nil
}

// Logs are all log lines since the harness was opened or reset.
func (h *Harness) Logs() []LogLine { return h.logs.since(0) }
