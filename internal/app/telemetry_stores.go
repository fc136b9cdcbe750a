package app

import (
	"net/http"
	"strings"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
)

// sqlTracer counts statements, and makes spans of them where somebody receives spans: by the
// statement's name, without its text and without arguments.
func sqlTracer(m *Metrics) pgx.QueryTracer {
	counter := m.statementCounter()
	if !traced() {
		return counter
	}
	return multitracer.New(counter, otelpgx.NewTracer(
		otelpgx.WithDisableSQLStatementInAttributes(), otelpgx.WithSpanNameFunc(statementName), otelpgx.WithDisableAcquireTracer()))
}

// statementName is the name that a statement has in store/queries, else its first word.
func statementName(sql string) string {
	if rest, named := strings.CutPrefix(sql, "-- name: "); named {
		if words := strings.Fields(firstLine(rest)); len(words) > 0 {
			return words[0]
		}
	}
	return "sql " + statementKind(sql)
}

// requestSpans makes a span of every request, where somebody receives spans. Whoever calls us from
// outside cannot say which trace it belongs to, nor that it is kept.
func requestSpans(h http.Handler) http.Handler {
	if !traced() {
		return h
	}
	return otelhttp.NewHandler(h, "request",
		otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }))
}
