package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"

	"duebell/ivr"
	"duebell/ivr/webhook"
)

// Turner returns an engine that makes a span of every turn and counts the captures that come back.
// The engine's answers pass through unchanged. It is as safe for concurrent use as t is.
func Turner(t webhook.Turner, m *Metrics) webhook.Turner { return tracedTurner{t, m} }

// tracedTurner measures one method; the engine's others are its own.
type tracedTurner struct {
	webhook.Turner
	metrics *Metrics
}

// Turn runs one turn. What the caller keyed or said stays out of the span.
// A turn that panics ends its span as "panicked" and panics on.
func (t tracedTurner) Turn(ctx context.Context, s ivr.Session, in ivr.Input) (next ivr.Session, r ivr.Reply, err error) {
	ctx, sp := startSpan(ctx, "turn", attribute.String(attrCall, s.Call), attribute.Int(attrTurn, s.Turn),
		attribute.String(attrStep, string(s.Step)), attribute.String(attrInput, string(in.Kind)))
	// The deferred function runs in a panic too, and then finds this word unchanged.
	outcome := "panicked"
	defer func() {
		// The next step tells where the caller went, which is what one looks for in a trace.
		sp.SetAttributes(attribute.String(attrOutcome, outcome), attribute.String(attrNextStep, string(next.Step)))
		endSpan(sp, err)
	}()
	switch {
	// Counted before the turn runs: the capture came back, whatever the turn makes of it.
	case in.Capture != nil:
		t.metrics.captureEnded(in.Capture.Result)
	case s.Step == ivr.TakeMoney && in.Kind == ivr.Silent: // <Pay> ended without calling its action URL
		t.metrics.captureEnded("")
	}
	next, r, err = t.Turner.Turn(ctx, s, in)
	if outcome = "answered"; err != nil {
		outcome = "failed"
	}
	return next, r, err
}

// Members returns members that count how each try to prove an identity ended.
// Only Verify is counted; the other methods pass through.
func Members(members ivr.Members, m *Metrics) ivr.Members { return countedMembers{members, m} }

// countedMembers is Members' implementation.
type countedMembers struct {
	ivr.Members
	metrics *Metrics
}

// Verify looks a member up once and compares what was keyed.
func (c countedMembers) Verify(ctx context.Context, try ivr.VerifyTry) (ivr.Verified, error) {
	got, err := c.Members.Verify(ctx, try)
	outcome := "verified"
	switch {
	// Answers that fit several members (ivr.ErrSeveral) fall under the next case.
	case errors.Is(err, ivr.ErrNotVerified):
		outcome = "refused"
	case err != nil:
		outcome = "error"
	}
	c.metrics.verifications.WithLabelValues(outcome).Inc()
	return got, err
}

// HandOffs returns hand-offs that count transfers by their reason, a word of the conversation's own.
func HandOffs(h ivr.HandOffs, m *Metrics) ivr.HandOffs { return countedHandOffs{h, m} }

// countedHandOffs is HandOffs' implementation.
type countedHandOffs struct {
	ivr.HandOffs
	metrics *Metrics
}

// RecordHandOff records that a caller is on the way to a person.
// It is counted before it is stored, because the transfer is made even if the store does not answer. A turn
// that runs twice counts twice.
func (c countedHandOffs) RecordHandOff(ctx context.Context, h ivr.HandOff) error {
	c.metrics.handoffs.WithLabelValues(h.Reason).Inc()
	return c.HandOffs.RecordHandOff(ctx, h)
}
