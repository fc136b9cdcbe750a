package processor

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// eventVersion is the API version in which events are written: the one of stripe-go v85,
// whose webhook package refuses events of another release train.
const eventVersion = "2026-03-25.dahlia"

// Delivery says how events reach the product. Handlers must cope with all of them: idempotent by event id, and
// states only move forward (twilio.md §13.1).
type Delivery string

const (
	// Normal: once each, in the order in which they happened.
	Normal Delivery = "normal"
	// Twice: every event is sent two times, as may happen at Stripe.
	Twice Delivery = "twice"
	// Reversed: the newest first; Stripe promises no order.
	Reversed Delivery = "reversed"
	// Withheld: nothing is sent until another word is set.
	Withheld Delivery = "withheld"
)

// event waits until the product has answered it with 2xx. Payload is what is sent and signed, fixed when it
// happened.
type event struct {
	ID      string
	Type    string
	Payload []byte

	// Sent in the round that is under way, taken or not; a round tries each event once.
	tried bool
}

// SetDelivery changes how events reach the product, those that wait included. An unknown word is an error.
func (p *Processor) SetDelivery(d Delivery) error {
	if !slices.Contains([]Delivery{Normal, Twice, Reversed, Withheld}, d) {
		return fmt.Errorf("processor: no such delivery: %q", string(d))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivery = d
	return nil
}

// Undelivered returns the number of events that the product has not taken yet.
func (p *Processor) Undelivered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.state.Events)
}

// queueEvent queues an event with the object as it is now, and the instant at which it happened. Without a
// subscriber there is none. It is sent by the next Advance. The lock is held.
func (p *Processor) queueEvent(kind string, object any, at time.Time) {
	// Not kept for a later subscriber, as Stripe sends none of the past either.
	if p.cfg.WebhookURL == "" {
		return
	}
	// Turned into bytes now: a later change of the object must not change what happened.
	e := &event{ID: p.id("evt"), Type: kind}
	e.Payload = mustJSON(map[string]any{
		"id": e.ID, "object": "event", "api_version": eventVersion, "created": at.Unix(),
		"data": map[string]any{"object": object}, "livemode": false, "pending_webhooks": 1,
		"request": map[string]any{"id": nil, "idempotency_key": nil}, "type": kind,
	})
	p.state.Events = append(p.state.Events, e)
}

// deliver sends every waiting event once (or twice), also those that arise meanwhile. An event that was taken
// is dropped, all others stay for the next round: Stripe too sends them again until they are answered. The
// only error is the context's. The caller holds moving.
func (p *Processor) deliver(ctx context.Context) error {
	p.mu.Lock()
	// A new round: what was not taken in the last one is tried again.
	for _, e := range p.state.Events {
		e.tried = false
	}
	p.mu.Unlock()
	for {
		e, times, url, secret := p.nextEvent()
		if e == nil {
			return nil
		}
		// Sent twice and taken once is taken: the second time only shows that the handler copes with it.
		taken := false
		for range times {
			taken = p.send(ctx, e, url, secret) || taken
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if taken {
			p.mu.Lock()
			// By its id and not its place: events may have been added since.
			p.state.Events = slices.DeleteFunc(p.state.Events, func(other *event) bool { return other.ID == e.ID })
			p.mu.Unlock()
		}
	}
}

// nextEvent returns an event that was not tried in this round and marks it tried, how often to send it, and
// where to; nil when there is none.
func (p *Processor) nextEvent() (e *event, times int, url, secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Looked at for each event, so a change in the middle of a round counts at once.
	if p.delivery == Withheld || p.cfg.WebhookURL == "" {
		return nil, 0, "", ""
	}
	times = 1
	if p.delivery == Twice {
		times = 2
	}
	// Over the events as they are now; those added by the product's own requests are among them.
	order := slices.All(p.state.Events)
	if p.delivery == Reversed {
		order = slices.Backward(p.state.Events)
	}
	for _, candidate := range order {
		if !candidate.tried {
			candidate.tried = true
			return candidate, times, p.cfg.WebhookURL, p.cfg.WebhookSecret
		}
	}
	return nil, 0, "", ""
}

// send posts one event and says whether the product took it (2xx). It is signed anew at each try, as at
// Stripe, with the domain clock's instant.
func (p *Processor) send(ctx context.Context, e *event, url, secret string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(e.Payload))
	if err != nil {
		p.log.Error("processor: event not sent", "type", e.Type, "err", err)
		return false
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Stripe-Signature", signature(p.cfg.Now(), e.Payload, secret))
	res, err := p.cfg.Client.Do(req)
	if err != nil {
		p.log.Info("processor: event not taken", "type", e.Type, "err", err)
		return false
	}
	defer res.Body.Close()
	p.log.Info("processor: event sent", "type", e.Type, "status", res.StatusCode)
	return res.StatusCode >= 200 && res.StatusCode < 300
}

// signature returns the header Stripe-Signature by scheme v1: HMAC-SHA256 over "timestamp.payload".
func signature(at time.Time, payload []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(payload)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}
