package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"duebell/notify"
	"duebell/store"
)

// TextsAndCalls is all that the product asks of Twilio's API while it works.
type TextsAndCalls interface {
	notify.Texter
	notify.Poller
	notify.Dialer
}

// Carrier returns an API that counts and times each request to Twilio's API and makes a span of it.
// Numbers, words and SIDs stay out of labels and spans.
func Carrier(c TextsAndCalls, m *Metrics) TextsAndCalls { return measuredCarrier{c, m} }

// measuredCarrier implements every method: a new one must be measured as well.
type measuredCarrier struct {
	carrier TextsAndCalls
	metrics *Metrics
}

// SendSMS creates one text.
func (c measuredCarrier) SendSMS(ctx context.Context, to, body, statusCallback string) (sid, status string, err error) {
	ctx, done := c.begin(ctx, "send-text")
	sid, status, err = c.carrier.SendSMS(ctx, to, body, statusCallback)
	done(err)
	return sid, status, err
}

// FindSMS lists texts to a number.
func (c measuredCarrier) FindSMS(ctx context.Context, to string, from, until time.Time) ([]notify.CarrierText, error) {
	ctx, done := c.begin(ctx, "find-texts")
	found, err := c.carrier.FindSMS(ctx, to, from, until)
	done(err)
	return found, err
}

// FetchSMS reads one text.
func (c measuredCarrier) FetchSMS(ctx context.Context, sid string) (notify.CarrierText, error) {
	ctx, done := c.begin(ctx, "fetch-text")
	found, err := c.carrier.FetchSMS(ctx, sid)
	done(err)
	return found, err
}

// Dial places one call.
func (c measuredCarrier) Dial(ctx context.Context, to, reference string) (sid string, err error) {
	ctx, done := c.begin(ctx, "place-call")
	sid, err = c.carrier.Dial(ctx, to, reference)
	done(err)
	return sid, err
}

// begin starts the span and the clock of one request; the returned function ends both.
func (c measuredCarrier) begin(ctx context.Context, op string) (context.Context, func(error)) {
	ctx, s := startSpan(ctx, "twilio "+op, attribute.String(attrOp, op))
	began := time.Now()
	return ctx, func(err error) {
		kind := "ok"
		// The kinds are the closed list of package notify, so they may be labels.
		if e := (*notify.SendError)(nil); errors.As(err, &e) {
			kind = string(e.Kind)
		} else if err != nil {
			kind = "error"
		}
		countRequest(c.metrics.twilio, c.metrics.twilioTime, op, kind, began)
		s.SetAttributes(attribute.String(attrOutcome, kind))
		endSpan(s, err)
	}
}

// NoticeStore returns a store that notes in the span of a text job what becomes of its notices: of one alone its
// kind and state, of several how many were claimed.
func NoticeStore(b notify.NoticeStore) notify.NoticeStore { return tracedNotices{b} }

// tracedNotices passes every method on; those below also write into the span.
type tracedNotices struct{ notify.NoticeStore }

// ClaimNotices claims notices for sending.
// The decision of a single notice is written too, because one that is dropped is not among the claims.
func (t tracedNotices) ClaimNotices(ctx context.Context, ids []int64, at notify.ClaimTime, decide func([]notify.Facts) ([]notify.Decision, error)) ([]notify.ClaimedNotice, error) {
	claims, err := t.NoticeStore.ClaimNotices(ctx, ids, at, func(facts []notify.Facts) ([]notify.Decision, error) {
		decisions, err := decide(facts)
		if len(ids) == 1 && len(decisions) == 1 {
			annotate(ctx, attribute.String(attrKind, string(facts[0].Kind)), attribute.String(attrOutcome, string(decisions[0].Action)))
		}
		return decisions, err
	})
	switch {
	case err != nil:
	case len(ids) == 1 && len(claims) == 1:
		annotate(ctx, attribute.String(attrKind, string(claims[0].Kind)), attribute.String(attrState, string(claims[0].State)))
	case len(ids) > 1:
		annotate(ctx, attribute.Int(attrClaimed, len(claims)))
	}
	return claims, err
}

// RecordNotice stores the result of a claim.
func (t tracedNotices) RecordNotice(ctx context.Context, c notify.ClaimedNotice, r notify.SendResult, at time.Time) error {
	err := t.NoticeStore.RecordNotice(ctx, c, r, at)
	if err == nil {
		annotate(ctx, attribute.String(attrState, string(r.State)))
	}
	return err
}

// RecordReports stores delivery states that the carrier reported.
func (t tracedNotices) RecordReports(ctx context.Context, list []notify.DeliveryReport, at time.Time) ([]notify.ReportResult, error) {
	got, err := t.NoticeStore.RecordReports(ctx, list, at)
	if err == nil && len(list) == 1 {
		annotate(ctx, attribute.String(attrState, string(list[0].State)))
	}
	return got, err
}

// setTexts shows the backlog of texts, those in doubt, and the kinds that are held back.
// The pauses are set anew each time, so that one that has ended disappears.
func (m *Metrics) setTexts(seen store.TextBacklog, now time.Time) {
	m.textsDue.WithLabelValues("first").Set(float64(seen.First))
	m.textsDue.WithLabelValues("reminders").Set(float64(seen.Reminders))
	m.remindersOld.Set(ageSeconds(seen.OldestReminder, now))
	m.textsStopped.Reset()
	for kind, by := range seen.Paused {
		m.textsStopped.WithLabelValues(string(kind), heldBackBy(by)).Set(1)
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

// unknownAges are the bounds of duebell_texts_unknown. Look-ups end after ten minutes; what is still unknown
// then, nothing in the program will settle.
var unknownAges = []struct {
	label string
	age   time.Duration
}{{"2m", 2 * time.Minute}, {"10m", 10 * time.Minute}, {"1h", time.Hour}}

// heldBackBy returns who paused a kind without naming people: a label may hold no name (D3: no personal data in metrics).
func heldBackBy(who string) string {
	if who != notify.ByCarrier {
		return "operator"
	}
	return who
}

// InboundStore returns a store that counts incoming texts by what they ask for, and opt-outs by how they came.
func InboundStore(b notify.InboundStore, m *Metrics) notify.InboundStore { return countedInbound{b, m} }

// countedInbound counts two methods; the others pass through.
type countedInbound struct {
	notify.InboundStore
	metrics *Metrics
}

// ReceiveText stores a text and applies its effect.
// A text that was received before is an error of the store and is not counted again.
func (c countedInbound) ReceiveText(ctx context.Context, t notify.InboundText, at time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	decide, count := c.observe(decide)
	err := c.InboundStore.ReceiveText(ctx, t, at, decide)
	if err == nil {
		c.metrics.textsIn.WithLabelValues(string(t.Class)).Inc()
		count()
	}
	return err
}

// ChangeConsent applies an opt-in or opt-out that came another way than by text.
func (c countedInbound) ChangeConsent(ctx context.Context, number string, at time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	decide, count := c.observe(decide)
	err := c.InboundStore.ChangeConsent(ctx, number, at, decide)
	if err == nil {
		count()
	}
	return err
}

// observe wraps a decision so that count, called once it is stored, counts the opt-out in it. A repeated
// opt-out is not counted; one from a number that was merely unreachable is.
func (c countedInbound) observe(decide func(notify.NumberFacts) notify.Effect) (observed func(notify.NumberFacts) notify.Effect, count func()) {
	// The store may call the decision more than once; the last call is the one that was stored.
	source := notify.Source("")
	observed = func(f notify.NumberFacts) notify.Effect {
		e := decide(f)
		if source = ""; e.Suppress != nil && (f.Suppressed == "" || f.Suppressed == notify.FromUnreachable) {
			source = e.Suppress.Source
		}
		return e
	}
	return observed, func() {
		if source != "" {
			c.metrics.optOuts.WithLabelValues(string(source)).Inc()
		}
	}
}
