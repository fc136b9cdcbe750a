package app

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// knownAttributes are all that leaves in a span, beside our own duebell.*. The instrumentations know
// more than may be told, and newer versions will know more still: paths and addresses that anybody may
// have typed, statements, and error texts that quote what was sent (P4, D3).
var knownAttributes = []string{
	"http.request.method", "http.response.status_code", "http.route", "url.scheme",
	"server.address", "server.port", "network.protocol.version",
	"db.system", "db.system.name", "db.operation.name", "db.namespace", "db.redis.num_cmd",
	"pgx.sql_state", "pgx.rows_affected", "pgx.operation.type", "error.type",
}

func isKnown(key attribute.Key) bool {
	return strings.HasPrefix(string(key), "duebell.") || slices.Contains(knownAttributes, string(key))
}

// OnlyKnown lets an exporter see of every span what is known to be harmless.
func OnlyKnown(to sdktrace.SpanExporter) sdktrace.SpanExporter { return knownExporter{to} }

type knownExporter struct{ sdktrace.SpanExporter }

// ExportSpans passes the spans on, each reduced.
func (e knownExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	reduced := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		reduced[i] = knownSpan{s}
	}
	return e.SpanExporter.ExportSpans(ctx, reduced)
}

// knownSpan is a span without what is not known to be harmless.
type knownSpan struct{ sdktrace.ReadOnlySpan }

// Attributes are the known ones.
func (s knownSpan) Attributes() []attribute.KeyValue {
	return slices.DeleteFunc(slices.Clone(s.ReadOnlySpan.Attributes()), func(a attribute.KeyValue) bool { return !isKnown(a.Key) })
}

// Events keep their names and instants, and an error its type.
func (s knownSpan) Events() []sdktrace.Event {
	events := slices.Clone(s.ReadOnlySpan.Events())
	for i := range events {
		events[i].Attributes = slices.DeleteFunc(slices.Clone(events[i].Attributes), func(a attribute.KeyValue) bool { return a.Key != "exception.type" })
	}
	return events
}

// Links keep whom they link to.
func (s knownSpan) Links() []sdktrace.Link {
	links := slices.Clone(s.ReadOnlySpan.Links())
	for i := range links {
		links[i].Attributes = nil
	}
	return links
}

// Status keeps its code: the description is an error's text.
func (s knownSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}
