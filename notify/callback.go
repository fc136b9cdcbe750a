package notify

import (
	"context"
	"fmt"
	"time"
)

// A call of ours is a notice too, on the channel voice: planned, claimed, placed once, and settled by
// what the carrier reports of it. Its states mean: accepted, the call is queued or rings; sent, somebody
// has answered; delivered, it is over; undelivered, nobody answered.

// Dialer places a call. Its create is not idempotent: the sender makes it once and waits for the call's own
// webhooks, which carry the reference. to is E.164. reference stands in the call's own addresses
// (ivr/webhook.OutboundURLs).
type Dialer interface {
	// Dial asks for one call and returns its SID. Every error should be a *SendError; any other proves
	// nothing about whether it rings.
	Dial(ctx context.Context, to, reference string) (sid string, err error)
}

// CallState returns the state that the carrier's status of a call means; false for a status without news. The
// states are those of texts, with the meanings above.
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

// dial places the call of a claim. A crash after the request leaves the lease to run out; the call's own
// webhooks settle the notice. It returns a report, which process writes with those of the batch.
func (c *Sender) dial(ctx context.Context, claim ClaimedNotice) (*DeliveryReport, error) {
	sid, err := c.opts.Dialer.Dial(ctx, claim.Number, claim.Reference)
	if err != nil {
		return nil, c.notSent(ctx, claim, sendError(err))
	}
	return &DeliveryReport{Reference: claim.Reference, SID: sid, State: Accepted}, nil
}

// callNotPlaced settles a call whose create had no answer: it would have rung by now, and its webhooks would
// have reported it. There is nothing to look up. At most one second call is placed (maxCreates), so a phone
// rings twice at worst.
func (c *Sender) callNotPlaced(ctx context.Context, claim ClaimedNotice) error {
	// All look-ups count as made, so that notFound decides on a second call or the end.
	now := c.clock.Now()
	claim.Lookups = len(lookUpAfter)
	return c.record(ctx, claim, notFound(claim, now), now)
}

// callBack returns the answer to PAY and CALL: we call that same number at once, at any hour, because its
// owner asks (N8). A number that may not be called, or was called too often, gets the help text. The call's
// notice has a window of its own; one that finds no free line in it is not placed.
func (in *Inbox) callBack(t Incoming, answer Reply, f NumberFacts, now time.Time) Effect {
	if f.CallPending {
		return Effect{} // it rings, or will ring
	}
	// N8's limits keep a phone that answers by itself from being called round and round.
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

// NoMoreCalls ends our reminder calls to a number (N10: key 7). From the switch date on it ends texts as
// well, and a text confirms it (O3: STOP ends everything; O2: one confirmation). cause identifies the call
// and turn, so that a repeated request is one wish. It is called by the conversation, which says "we will not
// call again" only after it returns nil.
func (in *Inbox) NoMoreCalls(ctx context.Context, number, cause string) error {
	now := in.clock.Now()
	err := in.store.ChangeConsent(ctx, number, now, func(f NumberFacts) Effect {
		e := in.optOut(number, FromKey, "7", in.answer(f, cause), now)
		// Before the switch date the key ends calls only (O3), and no text confirms what a call has said.
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

// ConsentToCalls records that the owner of a number wants reminder calls (N10: opt-in only). The caller of
// the line has proven who they are, and the number is theirs (O1); words are what they were asked. It lifts
// no suppression, and gives no consent to texts.
func (in *Inbox) ConsentToCalls(ctx context.Context, number, words, cause string) error {
	err := in.store.ChangeConsent(ctx, number, in.clock.Now(), func(NumberFacts) Effect {
		return Effect{Calls: &Consent{Number: number, Source: FromKey, Words: words + " (key 1, " + cause + ")"}}
	})
	if err != nil {
		return fmt.Errorf("record consent to calls: %w", err)
	}
	return nil
}

// WithCallBacks returns the inbox set to answer PAY and CALL by a call. Without it, where nobody can place
// calls, a person gets a task to call. It is called once, at the start, and returns the same inbox.
func (in *Inbox) WithCallBacks() *Inbox {
	in.calls = true
	return in
}
