package processor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Advance tells the processor that the clock stands at now: held answers whose time has come go out, bank
// debits settle or bounce, old keys are forgotten and every waiting event is sent. It returns when that is
// done; events that nobody took stay for the next time. Two at once take turns. The error is the context's.
func (p *Processor) Advance(ctx context.Context, now time.Time) error {
	p.moving.Lock()
	defer p.moving.Unlock()
	// Held answers first: the product should know of a filed debit before it hears of its end.
	if err := p.releaseHeld(ctx, now); err != nil {
		return fmt.Errorf("processor: release answers: %w", err)
	}
	p.mu.Lock()
	p.sweepKeys(now)
	p.settle(now)
	p.mu.Unlock()
	if err := p.deliver(ctx); err != nil {
		return fmt.Errorf("processor: deliver events: %w", err)
	}
	return nil
}

// settle ends the bank debits whose two banking days are over, in their order. Each event carries the instant
// at which it happened, however far the clock jumped. A debit that bounces is declined afresh:
// payment_intent.payment_failed with the network's return code (twilio.md §13.3). The lock is held.
func (p *Processor) settle(now time.Time) {
	var due []*intent
	for _, in := range p.state.Intents {
		if in.Status == processing && !in.SettlesAt.IsZero() && !in.SettlesAt.After(now) {
			// A disputed debit has lost its day (Dispute), so it is settled once only.
			due = append(due, in)
		}
	}
	slices.SortStableFunc(due, func(a, b *intent) int { return cmp.Compare(a.SettlesAt.UnixNano(), b.SettlesAt.UnixNano()) })
	for _, in := range due {
		m := p.state.Methods[in.Charged]
		if m.Outcome == "" {
			in.Status = succeeded
			p.queueEvent("payment_intent.succeeded", in.view(), in.SettlesAt)
			continue
		}
		in.Returned = true
		p.decline(in, m, apiError{
			Type: cardError, Code: m.Outcome, DeclineCode: m.Outcome, NetworkCode: bankCodes[m.Outcome],
			Message: "The debit was returned by the bank.",
		}, in.SettlesAt)
	}
}

// Dispute lets the payer take the money back: charge.dispute.created waits to be sent. It takes a
// PaymentIntent's id or our reference. An error when there is no such payment, or its money has gone back
// already. The whole amount is disputed; evidence, and the dispute's further course, are not played
// (twilio.md §15).
func (p *Processor) Dispute(idOrReference string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	in := p.find(idOrReference)
	if in == nil {
		return errors.New("processor: dispute: no such payment")
	}
	if !in.Moved || in.Returned {
		return fmt.Errorf("processor: dispute: no money of this payment is left to take back (status %s)", in.Status)
	}
	in.Returned = true
	in.SettlesAt = time.Time{} // its outcome is known
	reason := "fraudulent"
	if p.state.Methods[in.Charged].Type == usBank {
		reason = "debit_not_authorized"
	}
	now := p.cfg.Now()
	p.queueEvent("charge.dispute.created", map[string]any{
		"id": p.id("du"), "object": "dispute", "amount": in.Amount, "currency": "usd", "charge": in.Charge,
		"payment_intent": in.ID, "reason": reason, "status": "needs_response", "created": now.Unix(), "livemode": false,
	}, now)
	return nil
}
