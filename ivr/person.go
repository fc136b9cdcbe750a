package ivr

import (
	"context"
	"errors"
	"time"

	"duebell/payments"
	"duebell/voiceprompts"
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
	if to, _ := c.whom(); to == "" || !c.Hours.Open(c.now) {
		return c.nobodyThere()
	}
	c.HandOffRef, c.PersonTurn = c.NewRef(), c.Session.Turn
	h := HandOff{
		Ref: c.HandOffRef, Context: c.handOffContext(ctx),
		Call: c.Session.Call, Turn: c.Session.Turn, Reason: c.PersonFor, Verified: c.Member.Verified(), Account: c.Account,
		Attempt: c.Attempt, Lang: c.Lang, Step: c.CameFrom, At: c.now,
	}
	if err := c.Logbook.HandOff(ctx, h); err != nil { // the transfer matters more than its record
		c.Log.Warn("hand-over not recorded", "call", c.Session.Call, "error", err)
	}
	return Proceed()
}

// groupLine is why a small employer is sent on: to a line of its own, which is no agent of ours who
// could take the call by key.
const groupLine = "group-line"

// whom says where a person is dialled, and what that person hears first.
func (c *Call) whom() (to, whisper string) {
	if c.PersonFor == groupLine {
		return c.Policy.GroupPhone, ""
	}
	return c.Policy.AgentDial, c.HandOffRef
}

// nobodyThere says when people are there and what can be done now.
func (c *Call) nobodyThere() Next {
	if c.Hours.Open(c.now) {
		c.say("no-transfer", c.agentHours())
	} else {
		next := c.Hours.NextOpening(c.now)
		args := c.agentHours()
		args["Day"], args["Time"] = c.day(next), c.timeOfDay(next)
		c.say("agents-closed", args)
	}
	return Go(OfferCallback)
}

// handOffContext is what the person hears and sees (H3).
func (c *Call) handOffContext(ctx context.Context) Context {
	h := Context{Tier: "T0", Doing: c.CameFrom, TriesLeft: max(0, c.Policy.IDTriesPerCall-c.IDTries)}
	switch {
	case c.Member.Verified():
		h.Tier = "T2"
	case c.Guest:
		h.Tier = "T1"
	}
	if n := len(c.Account); n >= 4 {
		h.Account = c.Account[n-4:]
	}
	if c.Unsettled {
		h.Payment = "unknown"
	}
	if c.Attempt == "" {
		return h
	}
	a, err := c.Checkout.Attempt(ctx, c.Attempt)
	switch {
	case c.Unsettled:
	case err != nil || a.State.Open(): // not known is treated like open: do not take another
		h.Payment = "open"
	case a.State == payments.Taken:
		h.Payment = "taken"
	case a.State == payments.Declined:
		h.Payment = "declined"
	}
	return h
}

// mayOfferCallback offers an appointment until the caller has taken one or declined (H2).
func mayOfferCallback(_ context.Context, c *Call) Next {
	if c.Callback.Settled {
		return Go(GoOn)
	}
	c.Callback.Number = c.Caller
	c.Callback.From, c.Callback.Until = c.nextSlot()
	c.say("offer-callback", Args{"Day": c.day(c.Callback.From), "From": c.timeOfDay(c.Callback.From), "Until": c.timeOfDay(c.Callback.Until)})
	return Proceed()
}

func chooseCallback(_ context.Context, c *Call, a Answer) Next {
	if a.Option == "yes" {
		return Go(CallbackReadBack)
	}
	c.Callback.Settled = true
	return Go(GoOn)
}

// nextSlot is the next one that begins and ends while people are there. Slots begin on the clock's own marks.
func (c *Call) nextSlot() (from, until time.Time) {
	slot := c.Policy.CallbackSlotMinutes.Duration()
	from = c.Hours.NextOpening(c.now.Truncate(slot).Add(slot))
	if last := from.Add(slot - time.Second); !c.Hours.Open(last) {
		from = c.Hours.NextOpening(last)
	}
	return from, from.Add(slot)
}

// arranging are the steps in which a call-back is arranged. Who asks for a person there, or misses too often, goes
// back to where the call was before.
func arranging(step StepName) bool {
	return step == OfferCallback || step == CallbackNumber || step == CallbackReadBack
}

// withNumber asks for the number where the caller withholds it.
func withNumber(_ context.Context, c *Call) Next {
	if c.Callback.Number == "" {
		return Go(CallbackNumber)
	}
	return Proceed()
}

func keepCallbackNumber(_ context.Context, c *Call, a Answer) Next {
	c.Callback.Number = "+1" + a.Keys
	return Go(CallbackReadBack)
}

func callbackArgs(c *Call) Args { return Args{"Phone": voiceprompts.Phone(c.Lang, c.Callback.Number)} }

// bookCallback keeps the appointment with the member's deadline as its priority.
func bookCallback(ctx context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		return Go(CallbackNumber)
	}
	err := c.Logbook.Book(ctx, Booking{
		Call: c.Session.Call, Turn: c.Session.Turn, Number: c.Callback.Number, From: c.Callback.From, Until: c.Callback.Until,
		Reason: c.PersonFor, Account: c.Account, Lang: c.Lang, Deadline: c.NextDueAt, At: c.now,
	})
	if err != nil {
		return c.stumbled(err)
	}
	c.Callback.Settled = true
	c.say("callback-booked", Args{"Day": c.day(c.Callback.From), "From": c.timeOfDay(c.Callback.From), "Until": c.timeOfDay(c.Callback.Until)})
	return Go(GoOn)
}

// goOnAlone goes back to where the caller came from. Where asking again cannot help, the line
// offers what else it can do, and after too many misses it says good-bye.
func goOnAlone(_ context.Context, c *Call, _ Answer) Next {
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
func transferOver(ctx context.Context, c *Call, a Answer) Next {
	t := a.Transfer
	if t.Status == "completed" {
		accepted, err := c.Logbook.Accepted(ctx, c.Session.Call, c.PersonTurn)
		if err != nil {
			c.Log.Warn("not known whether a person took the call", "call", c.Session.Call, "error", err)
		}
		if accepted || t.Bridged {
			return End()
		}
	}
	c.say("no-one-free", nil)
	return Go(GoOn)
}

// everyQuestion: from a person the caller can come back to any question but the amount, where 0 is zero (V2).
func everyQuestion() []StepName {
	return []StepName{
		CalledBack, Reminding, ChooseLanguage, MainMenu, AskAccount, AskBirthDate, AskZIP, ChooseAccount, PaymentInFlight, PayMenu,
		AmountHelp, AmountMeant, SecondConsent, ChooseMethod, ChooseBankType, ReadBack, AskWrittenNotice, CaptureFailed,
		HowToPay, TextChoices, GuestAccount, GuestReadBack, GuestName, GuestNameBack, ReadBackAll, NextAccount, Terms, TermsAgain, AfterDecline, OfferText, OfferCalls, AnythingElse, Goodbye,
	}
}

// findPlace goes on from the last milestone, telling first what became of a payment that was being made.
func findPlace(ctx context.Context, c *Call, _ Answer) Next {
	if c.Attempt != "" {
		a, err := c.Checkout.Attempt(ctx, c.Attempt)
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
