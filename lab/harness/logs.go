package harness

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// logs is a slog.Handler that keeps every line without its time, and passes it on to another handler. Handlers
// that WithAttrs and WithGroup return share mu and list with it, so that all roles write one list.
type logs struct {
	on       slog.Handler // may be nil
	mu       *sync.Mutex
	list     *[]LogLine
	with     string       // attributes given before
	silenced *atomic.Bool // set: nobody is there to hear it; may be nil
}

// LogLine is one log line: its level, and message and attributes as text.
type LogLine struct {
	Level slog.Level
	Text  string
}

// newLogs returns one with no lines, which passes lines on to another handler; that one may be nil.
func newLogs(on slog.Handler) *logs { return &logs{on: on, mu: new(sync.Mutex), list: new([]LogLine)} }

// Enabled takes every level: the search for secrets reads the debug lines too.
func (l *logs) Enabled(context.Context, slog.Level) bool { return true }

// Handle keeps the line, unless its process is dead, and passes it on. It holds the lock only while it appends:
// the other handler may be slow.
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

// silencedBy returns the same handler for a process that may die: once over is set, its lines are dropped, as
// nobody would ever hear them. Without it a script would fail on errors that a killed process could not have
// logged.
func (l *logs) silencedBy(over *atomic.Bool) *logs {
	own := *l
	own.silenced = over
	return &own
}

// text returns an attribute as it is searched: a space, the key, an equals sign and the value. A value that
// masks itself (LogValuer) is resolved first, so that what is kept is what a log file would hold.
func text(a slog.Attr) string { return fmt.Sprintf(" %s=%v", a.Key, a.Value.Resolve()) }

// WithAttrs returns a handler whose lines carry these attributes too.
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

// WithGroup passes the group on; the lines that are kept do without it.
func (l *logs) WithGroup(name string) slog.Handler {
	next := *l
	if l.on != nil {
		next.on = l.on.WithGroup(name)
	}
	return &next
}

// since returns a copy of the lines from the n-th on; none when there are fewer.
func (l *logs) since(n int) []LogLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]LogLine(nil), (*l.list)[min(n, len(*l.list)):]...)
}

// clear forgets all lines, for a new script.
func (l *logs) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	*l.list = nil
}

// Logs returns all log lines since the harness was opened or reset, oldest first, debug lines too. Of more than
// maxKept only the newer ones are left.
func (h *Harness) Logs() []LogLine { return h.logs.since(0) }
