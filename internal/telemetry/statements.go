package telemetry

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
)

// SQLTracer returns a tracer for pgx that counts statements, and makes spans of them while spans are exported:
// by the statement's name, without its text and without arguments.
// Like Requests it looks once whether spans are exported, when it is built.
func SQLTracer(m *Metrics) pgx.QueryTracer {
	counter := m.statementCounter()
	if !tracing() {
		return counter
	}
	// The statement's text stays out of spans, although ours hold no values: a library's might.
	return multitracer.New(counter, otelpgx.NewTracer(
		otelpgx.WithDisableSQLStatementInAttributes(), otelpgx.WithSpanNameFunc(statementName), otelpgx.WithDisableAcquireTracer()))
}

// statementName returns the name that a statement has in store/queries, else its first word.
// sqlc puts the name into the first line of every statement, as a comment.
func statementName(sql string) string {
	if rest, named := strings.CutPrefix(sql, "-- name: "); named {
		if words := strings.Fields(firstLine(rest)); len(words) > 0 {
			return words[0]
		}
	}
	return "sql " + statementKind(sql)
}

// Kinds of statements; other carries no data: begin, rollback, savepoints, settings.
const (
	readStatement   = "read"
	writeStatement  = "write"
	commitStatement = "commit"
	otherStatement  = "other"
)

var (
	sqlComments = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/`)
	sqlChanges  = regexp.MustCompile(`(?i)\b(insert\s+into|update|delete\s+from|merge\s+into)\b`)
)

// statementKind classifies a statement by its first word. A SELECT that locks rows is a read; a WITH is a
// write as soon as one of its parts writes.
// It is a rough reading, for counting only: a function call that writes, in a SELECT, counts as a read.
func statementKind(sql string) string {
	sql = strings.TrimLeft(sqlComments.ReplaceAllString(sql, " "), " \t\r\n(;")
	word, _, _ := strings.Cut(sql, " ")
	switch strings.ToLower(strings.TrimRight(firstLine(word), ";")) {
	case "commit", "end":
		return commitStatement
	case "select", "table", "values", "show":
		return readStatement
	case "insert", "update", "delete", "merge", "copy", "truncate":
		return writeStatement
	case "with":
		if sqlChanges.MatchString(sql) {
			return writeStatement
		}
		return readStatement
	}
	return otherStatement
}

// firstLine returns s up to its first line break.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// statementCounter counts the statements sent to PostgreSQL. It never looks at arguments.
type statementCounter struct {
	counts map[string]prometheus.Counter
	unsure prometheus.Counter
	kinds  sync.Map // kind by statement; statements are constants of the program, so it stays small
}

// statementCounter returns a counter whose series all exist from the start.
func (m *Metrics) statementCounter() *statementCounter {
	c := &statementCounter{counts: map[string]prometheus.Counter{}, unsure: m.commitsUnsure}
	for _, kind := range []string{readStatement, writeStatement, commitStatement, otherStatement} {
		c.counts[kind] = m.statements.WithLabelValues(kind)
	}
	return c
}

// count counts one statement and returns its kind. Classifying uses regular expressions, so its result is
// kept.
func (c *statementCounter) count(sql string) string {
	kind, known := c.kinds.Load(sql)
	if !known {
		kind = statementKind(sql)
		c.kinds.Store(sql, kind)
	}
	c.counts[kind.(string)].Inc()
	return kind.(string)
}

// commitSent is the context key that marks a COMMIT on its way.
type commitSent struct{}

// TraceQueryStart counts the statement and marks a COMMIT that is about to be sent.
// A COMMIT on a dead connection or after the end of ctx is never sent, so nothing about it is unsure.
func (c *statementCounter) TraceQueryStart(ctx context.Context, conn *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if c.count(d.SQL) == commitStatement && ctx.Err() == nil && !conn.IsClosed() {
		return context.WithValue(ctx, commitSent{}, true)
	}
	return ctx
}

// TraceQueryEnd counts a COMMIT that was sent and not answered: whether it happened is unknown. An error from
// the server is an answer. (pgx v5.12 calls a simple query safe to retry after its connection broke; that is
// wrong for a COMMIT, so pgconn.SafeToRetry is not asked.)
func (c *statementCounter) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	if d.Err == nil || ctx.Value(commitSent{}) == nil {
		return
	}
	if refusal := (*pgconn.PgError)(nil); !errors.As(d.Err, &refusal) {
		c.unsure.Inc()
	}
}

// TraceBatchStart counts nothing: the statements of the batch are counted one by one.
func (c *statementCounter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery counts one statement of a batch.
func (c *statementCounter) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	c.count(d.SQL)
}

// TraceBatchEnd counts nothing.
func (c *statementCounter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceCopyFromStart counts a COPY as one write.
func (c *statementCounter) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	c.counts[writeStatement].Inc()
	return ctx
}

// TraceCopyFromEnd counts nothing.
func (c *statementCounter) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {}
