package app

import (
	"context"

	"github.com/redis/go-redis/v9"

	"duebell/billing"
	"duebell/internal/twilio"
	"duebell/ivr/webhook"
	"duebell/notify"
	"duebell/store"
	"duebell/store/limits"
)

// calls reports whether the line can place calls: it needs a number that they come from.
func (c Config) calls() bool { return c.TwilioPhoneNumber != "" }

// pacer returns what holds texts and calls to the limits of the sender and of the lines (N9: pacing).
// The key of the limits is the sender: all processes that send by it share them in Redis.
func pacer(cfg Config, cache redis.UniversalClient, st *store.Store, machine billing.Clock, calendar *billing.Calendar) *notify.Pacer {
	// The service, where there is one: Twilio then picks the number, and the limits are the service's.
	sender := cfg.TwilioMessagingServiceSID
	if sender == "" {
		sender = cfg.TwilioPhoneNumber
	}
	// The carrier counts and bills segments, not texts.
	segments := func(body string) int { _, _, n := twilio.Segments(body); return n }
	return notify.NewPacer(limits.New(cache), st, machine, notify.PaceFromPolicy(cfg.SendLimits, sender, segments, cfg.Policy, calendar))
}

// FetchSMS returns one text as Twilio knows it.
// Ours is not filled in: who asks by SID knows whose text it is.
func (c carrier) FetchSMS(ctx context.Context, sid string) (notify.CarrierText, error) {
	m, err := c.client.FetchMessage(ctx, sid)
	if err != nil {
		return notify.CarrierText{}, sendError(err)
	}
	return notify.CarrierText{
		SID: m.SID, Body: m.Body, Status: string(m.Status), Code: m.ErrorCode, Trouble: notify.Trouble(twilio.Explain(m.ErrorCode)), CreatedAt: m.CreatedAt,
	}, nil
}

// ringSeconds is how long a phone that we call rings. Voicemail takes most calls before that.
const ringSeconds = 30

// Dial places one call and returns its SID. Its webhooks carry the reference; whether a person or a machine
// answered is found out before anything is said.
// A create of a call is not idempotent (twilio.md §5): after a lost answer the caller waits for its webhooks,
// which carry the reference. Any error is a *notify.SendError.
func (c carrier) Dial(ctx context.Context, to, reference string) (string, error) {
	// The reference is in each of them, so whichever comes first tells which call it is.
	document, fallback, status := webhook.OutboundURLs(c.publicURL, reference)
	placed, err := c.client.PlaceCall(ctx, twilio.Call{
		To: to, From: c.from, URL: document, FallbackURL: fallback, StatusCallback: status, RingSeconds: ringSeconds, DetectMachine: true,
	})
	if err != nil {
		return "", sendError(err)
	}
	return placed.SID, nil
}

// outbound returns what the webhooks of placed calls ask; nil if the line places none.
// As in callable the nil must be one of the interface.
func (s *Serve) outbound() webhook.OutboundCalls {
	if !s.cfg.calls() {
		return nil
	}
	return s.store
}
