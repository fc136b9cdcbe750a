package ivr

import (
	"context"

	"duebell/payments"
	"duebell/voiceprompts"
)

// sayHold says that it takes a moment, then that we are still at it (V7). The silence between two of them is
// max_silence_seconds (V7).
func sayHold(_ context.Context, c *Call) Next {
	if c.OnHold.Turns == 0 {
		c.say("hold", nil)
	} else {
		c.say("still-at-it", nil)
	}
	return Proceed()
}

// hold waits for the outcome, a few seconds a turn, until it is there or hold_patience_seconds are over (L3).
// The charge goes on either way: a worker makes it, not this call. Services.Wait blocks a few seconds of
// machine time, so a charge that takes less is told in the same turn. A database that does not answer counts
// as not known yet.
func hold(ctx context.Context, c *Call, _ Answer) Next {
	a, err := c.Services.Wait(ctx, c.Attempt)
	if err == nil && !a.State.Open() {
		return Go(TellOutcome)
	}
	if err != nil {
		c.Log.Warn("a payment's outcome could not be read while the caller is on hold", "call", c.Session.Call, "attempt", c.Attempt, "error", err)
	}
	if c.now.Sub(c.OnHold.Since) >= c.Policy.HoldPatienceSeconds.Duration() {
		return Go(TellOutcome)
	}
	c.OnHold.Turns++
	return Go(Holding)
}

// tellOutcome says what became of the payment, as the database has it at this instant. It may have moved on
// since hold looked; what is read here is what is said.
func tellOutcome(ctx context.Context, c *Call, _ Answer) Next {
	a, err := c.Checkout.Attempt(ctx, c.Attempt)
	if err != nil {
		c.Log.Warn("a payment's outcome could not be read; the caller heard that it is not known", "call", c.Session.Call, "attempt", c.Attempt, "error", err)
		c.say("unsure", nil, Fact{Says: "unknown", Account: c.Account.Number, Attempt: c.Attempt})
		return Go(Goodbye)
	}
	switch {
	case a.State == payments.Taken:
		return c.tellTaken(ctx, a)
	case a.State == payments.Declined:
		return c.tellDeclined(ctx, a)
	case a.State.Open() && a.AwaitsLetter && a.NotBefore.IsZero():
		c.say("recorded-for-letter", Args{"Reference": voiceprompts.Digits(c.Language.Tag, a.Reference)}, c.fact("in-flight", a))
		return c.afterPayment()
	case a.State.Open():
		return c.tellUnknown(ctx, a)
	case a.State == payments.Returned:
		c.say("came-back", nil)
		return c.afterNoPayment()
	}
	// What is left is closed or voided: no money moved, and none will.
	c.say("not-taken", nil, c.notCharged(a))
	return c.afterNoPayment()
}

// tellTaken says the confirmation number (L4). A receipt goes by text where that was arranged; else it is
// offered afterwards. A bank debit is said to be accepted, not received: the bank may still send it back
// (design §5 (5)).
func (c *Call) tellTaken(ctx context.Context, a payments.Attempt) Next {
	c.outcomeHeard(ctx, a)
	args := Args{"Amount": c.exact(a.Cents + a.Fee), "Number": voiceprompts.Digits(c.Language.Tag, a.Reference)}
	if a.Method == payments.Bank {
		c.say("accepted", args, c.fact("paid", a))
	} else {
		c.say("received", args, c.fact("paid", a))
	}
	if a.TextTo != "" {
		c.say("receipt-goes", Args{"Last": lastFour(c.Language.Tag, a.TextTo)})
	} else {
		c.FollowUp.Receipts = append(c.FollowUp.Receipts, a.Key)
	}
	return Go(OfferText)
}

// tellDeclined says that nothing was charged and why, and counts the capture (rule P3: a few a call). The bank's
// or card issuer's own reason is not spoken. "Verification wanted" is told apart, because another way to pay
// helps there.
func (c *Call) tellDeclined(ctx context.Context, a payments.Attempt) Next {
	c.outcomeHeard(ctx, a)
	switch {
	case a.Code == payments.CodeWantsVerification:
		c.say("declined-verification", nil, c.notCharged(a))
	case a.Method == payments.Bank:
		c.say("declined-bank", nil, c.notCharged(a))
	default:
		c.say("declined-card", nil, c.notCharged(a))
	}
	c.Captures.Failed++
	if c.Captures.Failed >= c.Policy.PayTriesCall {
		return c.toPerson("declined", c.stepAfterPayment())
	}
	return Go(AfterDecline)
}

// tellUnknown says what L3 wants said: that we have the authorization, do not know the outcome, not to pay
// again, and how the caller will learn it. The milestone marks the call as ended in order, so that a later
// call finds the promise and not a broken call (findDropped). A worker settles the attempt meanwhile, whether
// or not anybody listens.
func (c *Call) tellUnknown(ctx context.Context, a payments.Attempt) Next {
	c.say("outcome-unknown", Args{"Reference": voiceprompts.Digits(c.Language.Tag, a.Reference)}, c.fact("unknown", a))
	if a.TextTo != "" {
		c.say("result-by-text", Args{"Last": lastFour(c.Language.Tag, a.TextTo)})
	} else {
		c.saveMilestone(ctx, Goodbye) // however the call ends now, it has not broken off: the next one tells
		c.say("result-by-phone", Args{"Time": c.timeOfDay(callBackAfter(c.now, c.Calendar.Zone()))})
	}
	return c.afterPayment()
}

// outcomeHeard records that the caller heard the outcome; a failure is then not texted as well (L3). Heard
// means said in a turn that ended: nobody knows whether the caller still held the telephone.
func (c *Call) outcomeHeard(ctx context.Context, a payments.Attempt) {
	if err := c.Checkout.MarkHeard(ctx, a.Key); err != nil {
		c.Log.Warn("could not record that the caller heard the outcome; a failure will be texted as well", "call", c.Session.Call, "attempt", a.Key, "error", err)
	}
}

// mayOfferText offers a receipt by text once a call, after the last account of a batch, where something was
// paid of which no text goes by itself and there is a number to text. Where no text can arrive, reminder
// calls are offered instead (N10).
func mayOfferText(ctx context.Context, c *Call) Next {
	if c.Batch.Confirmed && len(c.Batch.Queue) > 0 { // offered when the last account is paid
		return Go(NextAccount)
	}
	c.Batch = Batch{}
	if len(c.FollowUp.Receipts) == 0 || c.FollowUp.ReceiptOffered || c.Caller == "" {
		return Go(AnythingElse)
	}
	switch arrives, err := c.Texts.TextsArrive(ctx, c.Caller); {
	case err != nil: // in doubt nothing is promised
		return Go(AnythingElse)
	case !arrives:
		return Go(OfferCalls)
	}
	return Proceed()
}

// textReceipt sends the receipts of everything paid on this call to the calling number, which has just said
// yes (design §5: else offered once). The yes on this call is the consent (O4: asked for on that very call).
// A failure between two receipts leads to a person; those that were planned go.
func textReceipt(ctx context.Context, c *Call, a Answer) Next {
	c.FollowUp.ReceiptOffered = true // once it is answered: a wrong key or a person asked for is no answer
	if a.Option != "yes" {
		return Go(AnythingElse)
	}
	for _, key := range c.FollowUp.Receipts {
		if err := c.Checkout.TextResult(ctx, key, c.Caller); err != nil {
			return c.fail(err)
		}
	}
	c.FollowUp.Receipts = nil
	c.say("receipt-goes", callerEnding(c))
	return Go(AnythingElse)
}

// anythingElse begins another round, in which captures count anew, or ends the call. Tries of the whole call
// do not begin anew (V3).
func anythingElse(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "more" {
		return Go(Goodbye)
	}
	c.Captures, c.Batch = Captures{}, Batch{}
	if !c.Member.Verified() {
		return Go(MainMenu)
	}
	return c.toAccount()
}
