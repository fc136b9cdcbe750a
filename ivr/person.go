package ivr

import (
	"context"
	"errors"

	"duebell/payments"
)

// stumbled is where every failure of our own ends: nothing is promised, the log knows, a person is next.
func (c *Call) stumbled(err error) Next {
	c.Log.Warn("a step could not do its work", "call", c.Session.Call, "step", string(c.Step), "error", err)
	c.say("trouble", nil)
	return c.toPerson("trouble", AnythingElse)
}

// reachPerson dials a person while people are there and there is a number to dial. Otherwise the
// caller hears the hours and goes on: never a dead end (H2, P5).
func reachPerson(ctx context.Context, c *Call) Next {
	if c.Policy.AgentDial == "" || !c.Hours.Open(c.now) {
		return c.nobodyThere()
	}
	h := HandOff{
		Call: c.Session.Call, Turn: c.Session.Turn, Reason: c.PersonFor, Verified: c.Member.Verified(), Account: c.Account,
		Attempt: c.Attempt, Lang: c.Lang, Step: c.CameFrom, At: c.now,
	}
	if err := c.Logbook.HandOff(ctx, h); err != nil { // the transfer matters more than its record
		c.Log.Warn("hand-over not recorded", "call", c.Session.Call, "error", err)
	}
	return Proceed()
}

// nobodyThere says when people are there and what can be done now.
func (c *Call) nobodyThere() Next {
	if c.Hours.Open(c.now) {
		c.say("no-transfer", nil)
	} else {
		next := c.Hours.NextOpening(c.now)
		c.say("agents-closed", Args{"Day": c.day(next), "Time": c.timeOfDay(next)})
	}
	return c.afterNobody()
}

// afterNobody goes back to where the caller came from. Where asking again cannot help, the line
// offers what else it can do, and after too many misses it says good-bye.
func (c *Call) afterNobody() Next {
	switch {
	case c.TriesCall >= c.Policy.TriesCall:
		return Go(Goodbye)
	case c.PersonFor == "tries" && !c.Member.Verified() && c.CameFrom == MainMenu:
		return Go(Goodbye)
	case c.PersonFor == "tries" && !c.Member.Verified():
		return Go(MainMenu)
	case c.PersonFor == "tries":
		return Go(AnythingElse)
	case c.CameFrom == "":
		return Go(MainMenu)
	}
	return Go(c.CameFrom)
}

// transferOver: the person hung up after talking, or nobody could be reached (H5).
func transferOver(_ context.Context, c *Call, a Answer) Next {
	t := a.Transfer
	if t.Status == "completed" && t.Bridged {
		return End()
	}
	c.say("no-one-free", nil)
	return c.afterNobody()
}

// everyQuestion: from a person the caller can come back to any question but the amount, where 0 is zero (V2).
func everyQuestion() []StepName {
	return []StepName{
		CalledBack, Reminding, ChooseLanguage, MainMenu, AskAccount, AskBirthDate, AskZIP, ChooseAccount, PaymentInFlight, PayMenu,
		AmountHelp, AmountMeant, SecondConsent, ChooseMethod, ChooseBankType, ReadBack, AskWrittenNotice, CaptureFailed,
		Terms, TermsAgain, AfterDecline, OfferText, OfferCalls, AnythingElse, Goodbye,
	}
}

// findPlace goes on from the last milestone, telling first what became of a payment that was being made.
func findPlace(ctx context.Context, c *Call, _ Answer) Next {
	if c.Attempt != "" {
		a, err := c.Desk.Outcome(ctx, c.Attempt)
		switch {
		case err != nil && !errors.Is(err, payments.ErrNoSuchAttempt):
			return c.stumbled(err)
		case err == nil && a.State.Open():
			c.Account, c.HoldSince = a.Account, c.now
			return Go(Holding)
		case err == nil && (a.State == payments.Taken || a.State == payments.Declined):
			c.Account, c.Method, c.TextTo = a.Account, a.Method, a.TextTo
			return Go(TellOutcome)
		case err == nil:
			if next, ok := c.giveUpOffer(ctx, "not-taken"); !ok {
				return next
			}
		}
	}
	switch {
	case c.Account != "" && c.Member.Verified():
		return Go(TellStanding)
	case c.Member.Verified():
		return Go(ChooseAccount)
	}
	return Go(MainMenu)
}
