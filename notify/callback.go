package notify

import (
	"context"
	"fmt"
	"time"
)

// A call of ours is a notice too, on the channel voice: planned, claimed, placed once, and settled by
// what the carrier says of it. Its states mean: accepted, the carrier has the call in line or it
// rings; sent, somebody has answered; delivered, it is over; undelivered, nobody answered.

// Dialer places a call. Its create is not idempotent: the courier makes it once and waits for the
// call's own webhooks, which carry the reference.
type Dialer interface {
	// Dial asks for one call. Every error should be a *SendError; any other proves nothing.
	Dial(ctx context.Context, to, reference string) (sid string, err error)
}

// CallState reads the carrier's word for a call; false for a word that tells nothing new.
func CallState(status string) (State, bool) {
	switch status {
	case "queued", "initiated", "ringing":
		return Accepted, true
	case "in-progress", "answered":
		return Sent, true
	case "completed":
		return Delivered, true
	case "busy", "no-answer", "failed", "canceled":
		return Undelivered, true
	}
	return "", false
}

// dial places the call of a claim.
func (c *Sender) dial(ctx context.Context, claim ClaimedNotice) (*DeliveryReport, error) {
	sid, err := c.opts.Dialer.Dial(ctx, claim.Number, claim.Reference)
	if err != nil {
		return nil, c.notSent(ctx, claim, sendError(err))
	}
	return &DeliveryReport{Reference: claim.Reference, SID: sid, State: Accepted}, nil
}

// notRung settles a call whose create has no answer: it would have rung by now, and its webhooks would
// have told. There is nothing to look for.
func (c *Sender) notRung(ctx context.Context, claim ClaimedNotice) error {
	now := c.clock.Now()
	claim.Lookups = len(lookAfter)
	return c.record(ctx, claim, notFound(claim, now), now)
}

// callBack is the answer to PAY and CALL: we call that same number at once, at any hour, because its
// owner asks (N8). What it may not have is told about in the way of any other text.
func (in *Inbox) callBack(t Incoming, answer Reply, f NumberFacts, now time.Time) Effect {
	if f.CallPending {
		return Effect{} // it rings, or will
	}
	today, recent := 0, false
	for _, at := range f.Calls {
		recent = recent || now.Sub(at) < in.policy.CallbackMinGapMinutes.Duration()
		if in.cal.DateOf(at) == in.cal.DateOf(now) {
			today++
		}
	}
	if recent || today >= in.policy.CallbackPerDay || !Callable(t.From) {
		return in.helpOnceADay(answer, f, now)
	}
	answer.Kind, answer.Channel = CallBack, Voice
	answer.NotAfter = now.Add(in.policy.CallbackWaitMinutes.Duration())
	return Effect{Reply: &answer}
}

// NoMoreCalls ends our reminder calls to a number, for whoever pressed the key for it (N10). From the
// switch date on it ends texts as well, and is confirmed by one (O2, O3). cause names the call and turn.
func (in *Inbox) NoMoreCalls(ctx context.Context, number, cause string) error {
	now := in.clock.Now()
	err := in.book.ChangeConsent(ctx, number, now, func(f NumberFacts) Effect {
		e := in.optOut(number, FromKey, "7", in.answer(f, cause), now)
		if !e.Suppress.All {
			e.Suppress.CallsOnly, e.Reply = true, nil
		}
		return e.unlessUnreachable(f)
	})
	if err != nil {
		return fmt.Errorf("switch calls off: %w", err)
	}
	return nil
}

// ConsentToCalls records that the owner of a number wants reminder calls (O1, N10). The caller of this has proven who they
// are, and the number is theirs; words are what they were asked.
func (in *Inbox) ConsentToCalls(ctx context.Context, number, words, cause string) error {
	err := in.book.ChangeConsent(ctx, number, in.clock.Now(), func(NumberFacts) Effect {
		return Effect{Calls: &Consent{Number: number, Source: FromKey, Words: words + " (key 1, " + cause + ")"}}
	})
	if err != nil {
		return fmt.Errorf("record consent to calls: %w", err)
	}
	return nil
}

// WithCallBacks makes PAY and CALL be answered by a call. Without it, where nobody can place one, a person
// is asked to.
func (in *Inbox) WithCallBacks() *Inbox {
	in.calls = true
	return in
}
