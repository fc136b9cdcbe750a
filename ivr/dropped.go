package ivr

import (
	"context"
	"errors"
	"time"

	"duebell/payments"
	"duebell/voiceprompts"
)

// outcomeKeptFor is how long the line keeps the outcome of a payment for a caller whom it told to call again (L3).
const outcomeKeptFor = 7 * 24 * time.Hour

// findDropped looks for an earlier call of the same number about the same member or, for a guest, about the
// same account: one that broke off within the window (I7: fifteen minutes), or one that did not learn what
// became of its payment (L3). It says whether there is one, and keeps it in the session. The caller has been
// verified anew by then. A database that does not answer is no reason to hold the caller up: the call goes on
// as if there were none. A second payment stays impossible all the same while one is open, because the
// authorizing transaction refuses it (design §5).
func (c *Call) findDropped(ctx context.Context) bool {
	if c.Caller == "" {
		return false
	}
	last, err := c.Milestones.DroppedCall(ctx, DroppedCallQuery{
		Call: c.Session.Call, Caller: c.Caller, Member: c.Member.ID, Account: c.Account.Number,
		Since: c.now.Add(-c.Policy.ResumeMinutes.Duration()), PromisedSince: c.now.Add(-outcomeKeptFor),
	})
	if err != nil {
		if !errors.Is(err, ErrNoMilestone) {
			c.Log.Warn("earlier call not readable", "call", c.Session.Call, "error", err)
		}
		return false
	}
	// The attempt is the other call's; tellDropped asks the database what became of it.
	c.Attempt, c.Dropped = last.Attempt, Dropped{OutcomePromised: last.Step == Goodbye}
	return true
}

// tellDropped says what became of the earlier call's payment, and lets the caller go on where that call broke
// off. An offer that was never authorized is closed first: only then is "nothing was charged" true. The state
// is read in the turn that speaks of it. Marking the outcome as heard ends the promise to tell it (L3), and
// keeps a failure from being texted as well.
func tellDropped(ctx context.Context, c *Call, _ Answer) Next {
	a, err := c.Checkout.Attempt(ctx, c.Attempt)
	if err != nil {
		return c.fail(err)
	}
	// It speaks of this payment, and not of the call: another account may have been paid in that (rule P6).
	taken, nothing, ofWhat := "dropped-taken", "dropped-nothing", Args{"Amount": c.exact(a.Cents)}
	if c.Dropped.OutcomePromised {
		taken, nothing, ofWhat = "promised-taken", "promised-nothing", nil
	}
	switch {
	case a.State == payments.Taken:
		c.say(taken, Args{"Amount": c.exact(a.Cents + a.Fee), "Number": voiceprompts.Digits(c.Language.Tag, a.Reference)}, c.fact("paid", a))
		c.outcomeHeard(ctx, a)
	case a.State.Open() && c.Guest.Paying:
		c.say("in-flight-own", Args{"Amount": c.exact(a.Cents + a.Fee), "Reference": voiceprompts.Digits(c.Language.Tag, a.Reference)}, c.fact("in-flight", a))
		return Go(AnythingElse)
	case a.State.Open(): // the standing tells it
	case a.State == payments.Returned:
		c.say("came-back", nil)
		c.outcomeHeard(ctx, a)
	default:
		switch err := c.endOffer(ctx, a); {
		case errors.Is(err, payments.ErrTooLate): // the other call has come to its consent after all
			return tellDropped(ctx, c, Answer{})
		case err != nil:
			return c.fail(err)
		}
		c.say(nothing, ofWhat, c.notCharged(a))
		c.outcomeHeard(ctx, a)
		// Nothing moved, so the pay menu may offer the very same payment once more.
		c.Dropped = Dropped{Account: a.Account, Amount: a.Cents, Method: a.Method, BankType: a.BankType}
	}
	switch {
	case c.Guest.Paying:
		return Go(AskAmount)
	case c.Account.Number == "":
		return Go(ChooseAccount)
	}
	return Go(TellStanding)
}

// endOffer closes what the earlier call only offered. What is settled stays as it is. payments.ErrTooLate: it
// was authorized between the look and the close, and tellDropped begins again.
func (c *Call) endOffer(ctx context.Context, a payments.Attempt) error {
	if a.State == payments.Offered || a.State == payments.Tokenized {
		return c.Checkout.CloseOffer(ctx, a.Key)
	}
	return nil
}
