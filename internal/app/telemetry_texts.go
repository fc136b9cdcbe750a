package app

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"duebell/notify"
	"duebell/store"
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
func (w watchedTexter) FindSMS(ctx context.Context, to string, from, until time.Time) ([]notify.CarrierText, error) {
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

// watchedNotices tells the span of a batch of texts what kind they are and how far they come: of one alone
// its own, of more how many.
type watchedNotices struct{ notify.NoticeStore }

// ClaimNotices puts notices into the courier's hands.
func (w watchedNotices) ClaimNotices(ctx context.Context, ids []int64, at notify.ClaimTime, decide func([]notify.Facts) ([]notify.Decision, error)) ([]notify.ClaimedNotice, error) {
	claims, err := w.NoticeStore.ClaimNotices(ctx, ids, at, func(facts []notify.Facts) ([]notify.Decision, error) {
		verdicts, err := decide(facts)
		if len(ids) == 1 && len(verdicts) == 1 {
			note(ctx, attribute.String(attrKind, string(facts[0].Kind)), attribute.String(attrOutcome, string(verdicts[0].Action)))
		}
		return verdicts, err
	})
	switch {
	case err != nil:
	case len(ids) == 1 && len(claims) == 1:
		note(ctx, attribute.String(attrKind, string(claims[0].Kind)), attribute.String(attrState, string(claims[0].State)))
	case len(ids) > 1:
		note(ctx, attribute.Int(attrClaimed, len(claims)))
	}
	return claims, err
}

// RecordNotice writes what came of a claim.
func (w watchedNotices) RecordNotice(ctx context.Context, c notify.ClaimedNotice, r notify.SendResult, at time.Time) error {
	err := w.NoticeStore.RecordNotice(ctx, c, r, at)
	if err == nil {
		note(ctx, attribute.String(attrState, string(r.State)))
	}
	return err
}

// RecordReports writes the carrier's word.
func (w watchedNotices) RecordReports(ctx context.Context, list []notify.DeliveryReport, at time.Time) ([]notify.ReportResult, error) {
	got, err := w.NoticeStore.RecordReports(ctx, list, at)
	if err == nil && len(list) == 1 {
		note(ctx, attribute.String(attrState, string(list[0].State)))
	}
	return got, err
}

// textsSeen shows what an operator must know of the texts.
func (m *Metrics) textsSeen(seen store.TextBacklog, now time.Time) {
	m.textsDue.WithLabelValues("first").Set(float64(seen.First))
	m.textsDue.WithLabelValues("reminders").Set(float64(seen.Reminders))
	m.remindersOld.Set(age(seen.OldestReminder, now))
	m.textsStopped.Reset()
	for kind, by := range seen.Stopped {
		m.textsStopped.WithLabelValues(string(kind), byWhom(by)).Set(1)
	}
	counts := make([]int, len(unknownAges)+1)
	for _, since := range seen.UnknownSince {
		i := 0
		for i < len(unknownAges) && now.Sub(since) > unknownAges[i].age {
			i++
		}
		counts[i]++
	}
	for i, a := range unknownAges {
		m.textsUnknown.WithLabelValues(a.label).Set(float64(counts[i]))
	}
	m.textsUnknown.WithLabelValues("over").Set(float64(counts[len(unknownAges)]))
}

// unknownAges are the bounds of duebell_texts_unknown. Look-ups end after ten minutes: what is older is in
// nobody's hands.
var unknownAges = []struct {
	label string
	age   time.Duration
}{{"2m", 2 * time.Minute}, {"10m", 10 * time.Minute}, {"1h", time.Hour}}

// byWhom keeps names of people out of labels.
func byWhom(who string) string {
	if who != notify.ByCarrier {
		return "operator"
	}
	return who
}

// watchedInbox counts what comes in, and who wants nothing more.
type watchedInbox struct {
	notify.InboundStore
	metrics *Metrics
}

// ReceiveText keeps a text and carries its effect out.
func (w watchedInbox) ReceiveText(ctx context.Context, t notify.InboundText, at time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	decide, count := w.watch(decide)
	err := w.InboundStore.ReceiveText(ctx, t, at, decide)
	if err == nil {
		w.metrics.textsIn.WithLabelValues(string(t.Class)).Inc()
		count()
	}
	return err
}

// ChangeConsent carries out a wish that came another way.
func (w watchedInbox) ChangeConsent(ctx context.Context, number string, at time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	decide, count := w.watch(decide)
	err := w.InboundStore.ChangeConsent(ctx, number, at, decide)
	if err == nil {
		count()
	}
	return err
}

// watch looks at what is decided: an opt-out counts once it is written, and a repeated one does not.
func (w watchedInbox) watch(decide func(notify.NumberFacts) notify.Effect) (watched func(notify.NumberFacts) notify.Effect, count func()) {
	source := notify.Source("")
	watched = func(f notify.NumberFacts) notify.Effect {
		e := decide(f)
		if source = ""; e.Suppress != nil && (f.Suppressed == "" || f.Suppressed == notify.FromUnreachable) {
			source = e.Suppress.Source
		}
		return e
	}
	return watched, func() {
		if source != "" {
			w.metrics.optOuts.WithLabelValues(string(source)).Inc()
		}
	}
}
