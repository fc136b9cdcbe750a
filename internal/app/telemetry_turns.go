package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"duebell/ivr"
	"duebell/ivr/webhook"
)

// watchedTurns makes a span of every turn that runs, and counts the captures that come back.
type watchedTurns struct {
	webhook.Turner
	metrics *Metrics
}

// Turn runs one turn.
func (w watchedTurns) Turn(ctx context.Context, s ivr.Session, in ivr.Input) (next ivr.Session, r ivr.Reply, err error) {
	ctx, sp := span(ctx, "turn", attribute.String(attrCall, s.Call), attribute.Int(attrTurn, s.Turn),
		attribute.String(attrStep, string(s.Step)), attribute.String(attrInput, string(in.Kind)))
	outcome := "panicked"
	defer func() {
		sp.SetAttributes(attribute.String(attrOutcome, outcome), attribute.String(attrNextStep, string(next.Step)))
		ended(sp, err)
	}()
	switch {
	case in.Capture != nil:
		w.metrics.captured(in.Capture.Result)
	case s.Step == ivr.TakeMoney && in.Kind == ivr.Silent: // the capture ended without an action request
		w.metrics.captured("")
	}
	next, r, err = w.Turner.Turn(ctx, s, in)
	if outcome = "answered"; err != nil {
		outcome = "failed"
	}
	return next, r, err
}

// watchedMembers counts what becomes of tries to prove an identity.
type watchedMembers struct {
	ivr.Members
	metrics *Metrics
}

// Verify looks up once.
func (w watchedMembers) Verify(ctx context.Context, try ivr.VerifyTry) (ivr.Verified, error) {
	got, err := w.Members.Verify(ctx, try)
	outcome := "verified"
	switch {
	case errors.Is(err, ivr.ErrNotVerified):
		outcome = "refused"
	case err != nil:
		outcome = "error"
	}
	w.metrics.verifications.WithLabelValues(outcome).Inc()
	return got, err
}

// watchedHandOffs counts hand-overs; the reasons are words of the conversation.
type watchedHandOffs struct {
	ivr.HandOffs
	metrics *Metrics
}

// RecordHandOff notes a caller on the way to a person.
func (w watchedHandOffs) RecordHandOff(ctx context.Context, h ivr.HandOff) error {
	w.metrics.handoffs.WithLabelValues(h.Reason).Inc()
	return w.HandOffs.RecordHandOff(ctx, h)
}

// routeSpans names the request's span by its route: no call, turn or reference stands in it.
func routeSpans(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if route := mux.CurrentRoute(r); route != nil {
			if name, err := route.GetPathTemplate(); err == nil {
				s := trace.SpanFromContext(r.Context())
				s.SetName(name)
				s.SetAttributes(attribute.String("http.route", name))
			}
		}
		next.ServeHTTP(rw, r)
	})
}

// errorCounter counts the lines that are logged at error level. By the house's custom these are things
// that only a person can mend.
type errorCounter struct {
	slog.Handler
	metrics *Metrics
}

// Enabled takes errors whatever the handler behind wants to see.
func (c errorCounter) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || c.Handler.Enabled(ctx, level)
}

// Handle counts and passes on.
func (c errorCounter) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		c.metrics.errorsLogged.Inc()
	}
	if !c.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return c.Handler.Handle(ctx, r)
}

// WithAttrs keeps on counting.
func (c errorCounter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return errorCounter{c.Handler.WithAttrs(attrs), c.metrics}
}

// WithGroup keeps on counting.
func (c errorCounter) WithGroup(name string) slog.Handler {
	return errorCounter{c.Handler.WithGroup(name), c.metrics}
}

// measureTurn is what the webhooks report to.
func (m *Metrics) measureTurn(step, outcome string, took time.Duration) {
	m.Turn(step, outcome, took.Seconds())
}
