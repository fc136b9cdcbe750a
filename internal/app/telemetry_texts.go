package app

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"duebell/notify"
)

// watchedTexter counts and times what Twilio's API is asked.
type watchedTexter struct {
	texter    texter
	publicURL string // below which the webhooks of calls lie
	metrics   *Metrics
}

// SendSMS creates one text.
func (w watchedTexter) SendSMS(ctx context.Context, to, body, statusCallback string) (sid, status string, err error) {
	ctx, done := w.begin(ctx, "send-text")
	sid, status, err = w.texter.SendSMS(ctx, to, body, statusCallback)
	done(err)
	return sid, status, err
}

// FindSMS lists texts to a number.
func (w watchedTexter) FindSMS(ctx context.Context, to string, from, until time.Time) ([]notify.Found, error) {
	ctx, done := w.begin(ctx, "find-texts")
	found, err := w.texter.FindSMS(ctx, to, from, until)
	done(err)
	return found, err
}

func (w watchedTexter) begin(ctx context.Context, op string) (context.Context, func(error)) {
	ctx, sp := span(ctx, "twilio "+op, attribute.String(attrOp, op))
	began := time.Now()
	return ctx, func(err error) {
		kind := "ok"
		if e := (*notify.SendError)(nil); errors.As(err, &e) {
			kind = string(e.Kind)
		} else if err != nil {
			kind = "error"
		}
		asked(w.metrics.twilio, w.metrics.twilioTime, op, kind, began)
		sp.SetAttributes(attribute.String(attrOutcome, kind))
		ended(sp, err)
	}
}

// watchedNotices tells the span of a text what kind it is and how far it comes.
type watchedNotices struct{ notify.Book }

// TakeNotice puts a notice into the courier's hands.
func (w watchedNotices) TakeNotice(ctx context.Context, id int64, at notify.Moment, decide func(notify.Facts) (notify.Verdict, error)) (notify.Claim, error) {
	c, err := w.Book.TakeNotice(ctx, id, at, func(f notify.Facts) (notify.Verdict, error) {
		v, err := decide(f)
		note(ctx, attribute.String(attrKind, string(f.Kind)), attribute.String(attrOutcome, string(v.Do)))
		return v, err
	})
	if err == nil {
		note(ctx, attribute.String(attrKind, string(c.Kind)), attribute.String(attrState, string(c.State)))
	}
	return c, err
}

// RecordNotice writes what came of a claim.
func (w watchedNotices) RecordNotice(ctx context.Context, c notify.Claim, r notify.Result, at time.Time) error {
	err := w.Book.RecordNotice(ctx, c, r, at)
	if err == nil {
		note(ctx, attribute.String(attrState, string(r.State)))
	}
	return err
}

// ReportNotice writes the carrier's word.
func (w watchedNotices) ReportNotice(ctx context.Context, r notify.Report, at time.Time) (notify.Reported, error) {
	got, err := w.Book.ReportNotice(ctx, r, at)
	if err == nil {
		note(ctx, attribute.String(attrState, string(r.State)))
	}
	return got, err
}
