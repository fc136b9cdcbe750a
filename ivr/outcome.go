package ivr

import (
	"context"

	"duebell/payments"
	"duebell/voiceprompts"
)

// speakHold says that it takes a moment, then that we are still at it (V7).
func speakHold(_ context.Context, c *Call) Next {
	if c.Holds == 0 {
		c.say("hold", nil)
	} else {
		c.say("still-at-it", nil)
	}
	return Proceed()
}

// hold waits for the outcome, a few seconds a turn, until it is there or patience is over (L3).
func hold(ctx context.Context, c *Call, _ Answer) Next {
	a, err := c.Services.Wait(ctx, c.Attempt)
	if err == nil && !a.State.Open() {
		return Go(TellOutcome)
	}
	if err != nil {
		c.Log.Warn("outcome not known while on hold", "call", c.Session.Call, "attempt", c.Attempt, "error", err)
	}
	if c.now.Sub(c.HoldSince) >= c.Policy.HoldPatienceSeconds.Duration() {
		return Go(TellOutcome)
	}
	c.Holds++
	return Go(Holding)
}

// tellOutcome says what became of the payment, as the book has it at this instant.
func tellOutcome(ctx context.Context, c *Call, _ Answer) Next {
	a, err := c.Checkout.Attempt(ctx, c.Attempt)
	if err != nil {
		c.Log.Warn("outcome not readable", "call", c.Session.Call, "attempt", c.Attempt, "error", err)
		c.say("unsure", nil, Fact{Says: "unknown", Account: c.Account, Attempt: c.Attempt})
		return Go(Goodbye)
	}
	switch {
	case a.State == payments.Taken:
		return c.tellTaken(ctx, a)
	case a.State == payments.Declined:
		return c.tellDeclined(ctx, a)
	case a.State.Open() && a.AwaitsLetter && a.NotBefore.IsZero():
		c.say("recorded-for-letter", Args{"Reference": voiceprompts.Digits(c.Lang, a.Reference)}, c.fact("in-flight", a))
		return c.afterOne()
	case a.State.Open():
		return c.tellUnknown(ctx, a)
	case a.State == payments.Returned:
		c.say("came-back", nil)
		return c.afterLoss()
	}
	c.say("not-taken", nil, c.notCharged(a))
	return c.afterLoss()
}

func (c *Call) tellTaken(ctx context.Context, a payments.Attempt) Next {
	c.heard(ctx, a)
	args := Args{"Amount": c.exact(a.Cents + a.Fee), "Number": voiceprompts.Digits(c.Lang, a.Reference)}
	if a.Method == payments.Bank {
		c.say("accepted", args, c.fact("paid", a))
	} else {
		c.say("received", args, c.fact("paid", a))
	}
	if a.TextTo != "" {
		c.say("receipt-goes", Args{"Last": lastFour(c.Lang, a.TextTo)})
	} else {
		c.Receipts = append(c.Receipts, a.Key)
	}
	return Go(OfferText)
}

func (c *Call) tellDeclined(ctx context.Context, a payments.Attempt) Next {
	c.heard(ctx, a)
	switch {
	case a.Code == payments.CodeWantsVerification:
		c.say("declined-verification", nil, c.notCharged(a))
	case a.Method == payments.Bank:
		c.say("declined-bank", nil, c.notCharged(a))
	default:
		c.say("declined-card", nil, c.notCharged(a))
	}
	c.Captures++
	if c.Captures >= c.Policy.PayTriesCall {
		return c.toPerson("declined", c.onward())
	}
	return Go(AfterDecline)
}

// tellUnknown is the sentence of L3: what we have, what we do not know, and how it will be learnt.
func (c *Call) tellUnknown(ctx context.Context, a payments.Attempt) Next {
	c.say("outcome-unknown", Args{"Reference": voiceprompts.Digits(c.Lang, a.Reference)}, c.fact("unknown", a))
	if a.TextTo != "" {
		c.say("result-by-text", Args{"Last": lastFour(c.Lang, a.TextTo)})
	} else {
		c.mark(ctx, Goodbye) // however the call ends now, it has not broken off: the next one tells
		c.say("result-by-phone", Args{"Time": c.timeOfDay(laterToday(c.now, c.Calendar.Zone()))})
	}
	return c.afterOne()
}

// heard notes that the caller heard the outcome; a failure is then not texted as well.
func (c *Call) heard(ctx context.Context, a payments.Attempt) {
	if err := c.Checkout.MarkHeard(ctx, a.Key); err != nil {
		c.Log.Warn("not noted that the outcome was heard", "call", c.Session.Call, "attempt", a.Key, "error", err)
	}
}

// mayOfferText offers a receipt once, where something was paid for which none goes by itself and there is
// a number to text.
func mayOfferText(ctx context.Context, c *Call) Next {
	if c.Several && len(c.Queue) > 0 { // offered when the last account is paid
		return Go(NextAccount)
	}
	c.Several = false
	if len(c.Receipts) == 0 || c.TextOffered || c.Caller == "" {
		return Go(AnythingElse)
	}
	switch arrives, err := c.Texts.Arrives(ctx, c.Caller); {
	case err != nil: // in doubt nothing is promised
		return Go(AnythingElse)
	case !arrives:
		return Go(OfferCalls)
	}
	return Proceed()
}

func textReceipt(ctx context.Context, c *Call, a Answer) Next {
	c.TextOffered = true // once it is answered: a wrong key or a person asked for is no answer
	if a.Option != "yes" {
		return Go(AnythingElse)
	}
	for _, key := range c.Receipts {
		if err := c.Checkout.TextResult(ctx, key, c.Caller); err != nil {
			return c.stumbled(err)
		}
	}
	c.Receipts = nil
	c.say("receipt-goes", callerEnding(c))
	return Go(AnythingElse)
}

func anythingElse(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "more" {
		return Go(Goodbye)
	}
	c.Captures, c.Faults, c.Several, c.Queue = 0, 0, false, nil
	if !c.Member.Verified() {
		return Go(MainMenu)
	}
	return c.toAccount()
}
