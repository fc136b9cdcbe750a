package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Traces sets up the traces of a process and returns the function that exports what is left when the
// process ends. Spans go by OTLP over HTTP to where OTEL_EXPORTER_OTLP_ENDPOINT or
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT points; without either, none are made. OTEL_TRACES_SAMPLER_ARG (0 to
// 1, default 1) is the share of the traces begun here that is kept. Call it before the roles are built.
//
// An error is a wrong setting; a collector that does not answer is none, and shows as a warning in the log.
// Call end once, after the roles are closed.
func Traces(ctx context.Context, log *slog.Logger, service string) (end func(), err error) {
	shutdown, err := exportAsConfigured(ctx, service)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := shutdown(ctx); err != nil {
			log.Warn("the last traces are lost: the collector did not take them in time", "error", err)
		}
	}, nil
}

// exportAsConfigured reads OpenTelemetry's own variables.
// It also tells OpenTelemetry to log its errors in our log.
func exportAsConfigured(ctx context.Context, service string) (shutdown func(context.Context) error, err error) {
	// Off by default: nobody must run a collector to run the line.
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return func(context.Context) error { return nil }, nil
	}
	share, err := sampleShare(os.Getenv("OTEL_TRACES_SAMPLER_ARG"))
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	what, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", service)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { slog.Default().Warn("traces are not delivered", "error", err) }))
	return ExportTo(sdktrace.NewBatchSpanProcessor(Redact(exporter)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))), sdktrace.WithResource(what)), nil
}

// lastExport is how long the last spans may take to leave: the process is ending.
const lastExport = 5 * time.Second

// ExportTo sends the spans of every role built after it to a processor and returns what shuts that down.
// Tests give it a processor that keeps the spans.
func ExportTo(to sdktrace.SpanProcessor, options ...sdktrace.TracerProviderOption) (shutdown func(context.Context) error) {
	provider := sdktrace.NewTracerProvider(append(options, sdktrace.WithSpanProcessor(to))...)
	otel.SetTracerProvider(provider)
	return func(ctx context.Context) error {
		// The process is ending, so ctx is over; the last spans get a time of their own.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastExport)
		defer cancel()
		return provider.Shutdown(ctx)
	}
}

// sampleShare reads OTEL_TRACES_SAMPLER_ARG: a share from 0 to 1; empty means all.
func sampleShare(arg string) (float64, error) {
	if arg == "" {
		return 1, nil
	}
	share, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(share >= 0 && share <= 1) { // written this way round because no comparison with NaN is true
		return 0, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, such as 0.05")
	}
	return share, nil
}

// tracing reports whether spans are exported. Without an exporter the stores are not instrumented at all:
// that would cost each statement some microseconds and memory for nothing.
// A global of OpenTelemetry's answers: the no-op provider is of another type.
func tracing() bool {
	_, ok := otel.GetTracerProvider().(*sdktrace.TracerProvider)
	return ok
}

// Attributes of our own spans. Their values are constants of the program, counts, and opaque ids.
// A new one must hold nothing that a caller brings (D3: no personal data in traces): redact.go lets every
// duebell.* out.
const (
	attrCall     = "duebell.call"
	attrTurn     = "duebell.turn"
	attrStep     = "duebell.step"
	attrInput    = "duebell.input"
	attrNextStep = "duebell.next_step"
	attrOutcome  = "duebell.outcome"
	attrAttempt  = "duebell.attempt"
	attrMethod   = "duebell.method"
	attrState    = "duebell.state"
	attrNotice   = "duebell.notice"
	attrBatch    = "duebell.batch"
	attrClaimed  = "duebell.claimed"
	attrKind     = "duebell.kind"
	attrOp       = "duebell.op"
)

// Job runs one background job inside a span of that name and returns the job's error.
func Job(ctx context.Context, name string, run func(context.Context) error) error {
	return inSpan(ctx, name, run)
}

// ChargeJob is Job for the charge of one attempt, named by its opaque key.
func ChargeJob(ctx context.Context, key string, run func(context.Context) error) error {
	return inSpan(ctx, "charge", run, attribute.String(attrAttempt, key))
}

// NoticeJob is Job for a batch of notices: one alone is named by its row, several by their count.
func NoticeJob(ctx context.Context, ids []int64, run func(context.Context) error) error {
	about := attribute.Int(attrBatch, len(ids))
	if len(ids) == 1 {
		about = attribute.Int64(attrNotice, ids[0])
	}
	return inSpan(ctx, "text", run, about)
}

// inSpan runs a function inside a span of its own and returns its error.
func inSpan(ctx context.Context, name string, run func(context.Context) error, attrs ...attribute.KeyValue) error {
	ctx, s := startSpan(ctx, name, attrs...)
	err := run(ctx)
	endSpan(s, err)
	return err
}

// startSpan starts a span below the one that ctx is in. Without an exporter it costs next to nothing.
func startSpan(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	return otel.Tracer("duebell").Start(ctx, name, trace.WithAttributes(attrs...))
}

// annotate adds attributes to the span that ctx is in.
func annotate(ctx context.Context, attrs ...attribute.KeyValue) {
	trace.SpanFromContext(ctx).SetAttributes(attrs...)
}

// endSpan ends a span. The text of an error stays out of it: it may quote what was sent (promise P4: no secret kept).
func endSpan(s trace.Span, err error) {
	if err != nil {
		s.SetStatus(codes.Error, "")
	}
	s.End()
}
