package app

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

// Telemetry sets up traces for a process: by OTLP over HTTP when OTEL_EXPORTER_OTLP_ENDPOINT or
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says where to, otherwise not at all. Of every trace that begins
// here the share OTEL_TRACES_SAMPLER_ARG (0 to 1, all by default) is kept. It is to be called before
// the roles are built; shutdown hands over what is left.
func Telemetry(ctx context.Context, service string) (shutdown func(context.Context) error, err error) {
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
	return Trace(sdktrace.NewBatchSpanProcessor(OnlyKnown(exporter)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))), sdktrace.WithResource(what)), nil
}

// handOver is how long the last spans may take to leave: the process is ending.
const handOver = 5 * time.Second

// Trace hands the spans of every role built after it to a processor.
func Trace(to sdktrace.SpanProcessor, options ...sdktrace.TracerProviderOption) (shutdown func(context.Context) error) {
	provider := sdktrace.NewTracerProvider(append(options, sdktrace.WithSpanProcessor(to))...)
	otel.SetTracerProvider(provider)
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handOver)
		defer cancel()
		return provider.Shutdown(ctx)
	}
}

func sampleShare(arg string) (float64, error) {
	if arg == "" {
		return 1, nil
	}
	share, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(share >= 0 && share <= 1) { // asked this way round, because no comparison with NaN is true
		return 0, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG is no share from 0 to 1")
	}
	return share, nil
}

// traced says whether anybody receives spans. What nobody receives is not made: instrumented stores
// cost each statement some microseconds and memory.
func traced() bool {
	_, ok := otel.GetTracerProvider().(*sdktrace.TracerProvider)
	return ok
}

// Attributes of our own spans. Their values are our own words and numbers, and opaque ids.
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

// span begins one of ours.
func span(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	return otel.Tracer("duebell").Start(ctx, name, trace.WithAttributes(attrs...))
}

// note says something about the span that is at work.
func note(ctx context.Context, attrs ...attribute.KeyValue) {
	trace.SpanFromContext(ctx).SetAttributes(attrs...)
}

// ended ends a span. An error's text stays out of it: it may quote what was sent.
func ended(s trace.Span, err error) {
	if err != nil {
		s.SetStatus(codes.Error, "")
	}
	s.End()
}
