package telemetry

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exportedAttributes are the only attributes that leave in a span, beside our own duebell.*. The
// instrumentations record more than may be told, and newer versions will record still more: paths and
// addresses that anybody may have typed, statements, and error texts that quote what was sent (promise P4: no secret
// kept; D3: no personal data in traces). Hence a list of what may leave, not of what may not.
var exportedAttributes = []string{
	"http.request.method", "http.response.status_code", "http.route", "url.scheme",
	"server.address", "server.port", "network.protocol.version",
	"db.system", "db.system.name", "db.operation.name", "db.namespace", "db.redis.num_cmd",
	"pgx.sql_state", "pgx.rows_affected", "pgx.operation.type", "error.type",
}

// mayLeave reports whether an attribute may be exported. Ours are safe by their construction: see the list of
// their names.
func mayLeave(key attribute.Key) bool {
	return strings.HasPrefix(string(key), "duebell.") || slices.Contains(exportedAttributes, string(key))
}

// Redact returns an exporter that passes spans on with nothing but harmless attributes.
func Redact(to sdktrace.SpanExporter) sdktrace.SpanExporter { return redactingExporter{to} }

// redactingExporter wraps each span before it is exported. The spans themselves are not changed.
type redactingExporter struct{ sdktrace.SpanExporter }

// ExportSpans passes the spans on, each redacted.
func (e redactingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	redacted := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		redacted[i] = redactedSpan{s}
	}
	return e.SpanExporter.ExportSpans(ctx, redacted)
}

// redactedSpan shows of a span only what may leave.
type redactedSpan struct{ sdktrace.ReadOnlySpan }

// Attributes returns those that may leave.
// Cloned first, because a span's attributes may be read by other processors at the same time.
func (s redactedSpan) Attributes() []attribute.KeyValue {
	return slices.DeleteFunc(slices.Clone(s.ReadOnlySpan.Attributes()), func(a attribute.KeyValue) bool { return !mayLeave(a.Key) })
}

// Events returns names and instants, and of an error its type.
func (s redactedSpan) Events() []sdktrace.Event {
	events := slices.Clone(s.ReadOnlySpan.Events())
	for i := range events {
		events[i].Attributes = slices.DeleteFunc(slices.Clone(events[i].Attributes), func(a attribute.KeyValue) bool { return a.Key != "exception.type" })
	}
	return events
}

// Links returns the linked spans' ids without attributes.
func (s redactedSpan) Links() []sdktrace.Link {
	links := slices.Clone(s.ReadOnlySpan.Links())
	for i := range links {
		links[i].Attributes = nil
	}
	return links
}

// Status returns the code alone: the description is an error's text.
func (s redactedSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}
