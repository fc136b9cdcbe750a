package ivr

import (
	"context"
	"errors"
	"time"

	"duebell/payments"
	"duebell/voiceprompts"
)

// fail logs an internal error, promises nothing, and leads to a person. Every failure of ours in a step ends
// here. It says nothing about money: what became of a payment is read from the database, in a later turn or
// call.
func (c *Call) fail(err error) Next {
	c.Log.Warn("a step failed; the caller was led to a person", "call", c.Session.Call, "step", string(c.Step), "error", err)
	c.say("trouble", nil)
	return c.toPerson("trouble", AnythingElse)
}

// reachPerson dials a person while people are there and there is a number to dial. Otherwise the caller hears
// the hours and goes on (H2: never a dead end). The record is written before the dialling, because the
// whisper reads it as soon as somebody picks up.
func reachPerson(ctx context.Context, c *Call) Next {
	if to, _ := c.transferTarget(); to == "" || !c.Hours.Open(c.now) {
		return c.noPersonNow()
	}
	c.ToPerson.Ref, c.ToPerson.Turn = c.NewRef(), c.Session.Turn
	h := HandOff{
		Ref: c.ToPerson.Ref, Context: c.handOffContext(ctx),
		Call: c.Session.Call, Turn: c.Session.Turn, Reason: c.ToPerson.Reason, Verified: c.Member.Verified(), Account: c.Account.Number,
		Attempt: c.Attempt, Lang: c.Language.Tag, Step: c.ToPerson.From, At: c.now,
	}
	if err := c.HandOffs.RecordHandOff(ctx, h); err != nil { // the transfer matters more than its record
		c.Log.Warn("a hand-off could not be recorded; the person will hear little of the caller", "call", c.Session.Call, "error", err)
	}
	return Proceed()
}

// groupLine is the reason why a small employer is sent on to a line of its own (B4). Nobody there knows
// that a key takes the call, so there is no whisper.
const groupLine = "group-line"

// transferTarget returns the number that is dialled and the reference of the whisper, or "" for none. It is
// asked twice in a turn, by reachPerson and by ask, and answers the same.
func (c *Call) transferTarget() (to, whisper string) {
	if c.ToPerson.Reason == groupLine {
		return c.Policy.GroupPhone, ""
	}
	return c.Policy.AgentDial, c.ToPerson.Ref
}

// noPersonNow says when people are there, and goes on to the offer of a call-back (H2). Inside the hours it
// means that the policy names no number to transfer to (H5: agent_dial).
func (c *Call) noPersonNow() Next {
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

// handOffContext returns what the person hears and sees (H3). A payment whose state cannot be read is told as
// open: then no other is taken. The state is the one at the transfer; when somebody picks up, the store reads
// the payment again.
func (c *Call) handOffContext(ctx context.Context) AgentContext {
	h := AgentContext{Tier: "T0", Doing: c.ToPerson.From, TriesLeft: max(0, c.Policy.IDTriesPerCall-c.Tries.Verify)}
	switch {
	case c.Member.Verified():
		h.Tier = "T2"
	case c.Guest.Paying:
		h.Tier = "T1"
	}
	if n := len(c.Account.Number); n >= 4 {
		h.Account = c.Account.Number[n-4:]
	}
	// It counts even without an attempt: captured has dropped the key, so that the call speaks of it no more.
	if c.Unreconciled {
		h.Payment = "unknown"
	}
	if c.Attempt == "" {
		return h
	}
	a, err := c.Checkout.Attempt(ctx, c.Attempt)
	switch {
	case c.Unreconciled:
	case err != nil || a.State.Open(): // not known is treated like open: do not take another
		h.Payment = "open"
	case a.State == payments.Taken:
		h.Payment = "taken"
	case a.State == payments.Declined:
		h.Payment = "declined"
	}
	return h
}

// mayOfferCallback offers an appointment in the next slot, until the caller has taken one or declined (H2).
// The slot is fixed when it is offered and kept in the session, so what is stored is what was heard.
func mayOfferCallback(_ context.Context, c *Call) Next {
	if c.Callback.Settled {
		return Go(GoOn)
	}
	c.Callback.Number = c.Caller
	c.Callback.From, c.Callback.Until = c.nextSlot()
	c.say("offer-callback", Args{"Day": c.day(c.Callback.From), "From": c.timeOfDay(c.Callback.From), "Until": c.timeOfDay(c.Callback.Until)})
	return Proceed()
}

// chooseCallback goes on to the number, or settles that there is no appointment.
func chooseCallback(_ context.Context, c *Call, a Answer) Next {
	if a.Option == "yes" {
		return Go(CallbackReadBack)
	}
	c.Callback.Settled = true
	return Go(GoOn)
}

// nextSlot returns the next slot that begins and ends while people are there. Slots of 30 minutes begin on
// the hour and half past. A slot that would end after closing is moved to the next opening.
func (c *Call) nextSlot() (from, until time.Time) {
	slot := c.Policy.CallbackSlotMinutes.Duration()
	from = c.Hours.NextOpening(c.now.Truncate(slot).Add(slot))
	if last := from.Add(slot - time.Second); !c.Hours.Open(last) {
		from = c.Hours.NextOpening(last)
	}
	return from, from.Add(slot)
}

// arrangesCallback says whether a step arranges a call-back. Whoever asks for a person there, or misses too
// often, goes back to where the call was before, and not round in a circle.
func arrangesCallback(step StepName) bool {
	return step == OfferCallback || step == CallbackNumber || step == CallbackReadBack
}

// askWithheldNumber asks for the number where the caller withholds it.
func askWithheldNumber(_ context.Context, c *Call) Next {
	if c.Callback.Number == "" {
		return Go(CallbackNumber)
	}
	return Proceed()
}

// keepCallbackNumber keeps ten keyed digits as E.164. It is read back before it counts.
func keepCallbackNumber(_ context.Context, c *Call, a Answer) Next {
	c.Callback.Number = "+1" + a.Keys
	return Go(CallbackReadBack)
}

// callbackArgs returns the number as it is read back.
func callbackArgs(c *Call) Args {
	return Args{"Phone": voiceprompts.Phone(c.Language.Tag, c.Callback.Number)}
}

// bookCallback stores the appointment, with the member's due instant: earlier ones are called first. A turn
// that is run again stores it once (unique by call and turn).
func bookCallback(ctx context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		return Go(CallbackNumber)
	}
	err := c.HandOffs.BookCallback(ctx, CallbackBooking{
		Call: c.Session.Call, Turn: c.Session.Turn, Number: c.Callback.Number, From: c.Callback.From, Until: c.Callback.Until,
		Reason: c.ToPerson.Reason, Account: c.Account.Number, Lang: c.Language.Tag, Deadline: c.Account.DueAt, At: c.now,
	})
	if err != nil {
		return c.fail(err)
	}
	c.Callback.Settled = true
	c.say("callback-booked", Args{"Day": c.day(c.Callback.From), "From": c.timeOfDay(c.Callback.From), "Until": c.timeOfDay(c.Callback.Until)})
	return Go(GoOn)
}

// returnFromPerson goes back to where the caller came from. After too many misses at one question it goes to
// the menu instead, and after too many in the whole call it says good-bye (V3: never loop). Who just wanted a
// person, or came back from one, continues at the very question they left.
func returnFromPerson(_ context.Context, c *Call, _ Answer) Next {
	switch {
	case c.Tries.Misses >= c.Policy.TriesCall:
		return Go(Goodbye)
	case c.ToPerson.Reason == "tries" && !c.Member.Verified() && c.ToPerson.From == MainMenu:
		return Go(Goodbye)
	case c.ToPerson.Reason == "tries" && !c.Member.Verified():
		return Go(MainMenu)
	case c.ToPerson.Reason == "tries":
		return Go(AnythingElse)
	case c.ToPerson.From == "":
		return Go(MainMenu)
	}
	return Go(c.ToPerson.From)
}

// transferOver ends the call if the person took it. Otherwise the caller hears that no one is free, and goes
// on (H5). Whether the person pressed the key counts, not only what Twilio says of the leg. Twilio's word for
// a leg that was hung up in the whisper is not known for sure (twilio.md §3, Dial), so it is never enough by
// itself. A database that does not answer leaves DialBridged to decide.
func transferOver(ctx context.Context, c *Call, a Answer) Next {
	t := a.Transfer
	if t.Status == "completed" {
		accepted, err := c.HandOffs.HandOffAccepted(ctx, c.Session.Call, c.ToPerson.Turn)
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

// comeBackTo returns the steps that a caller can come back to from a person: every question but the amount,
// where 0 is zero (V2), and but those that arrange the call-back; and what follows a payment or ends the
// call. NextAccount is there because a batch goes on with it after a person (stepAfterPayment), Goodbye
// because too many misses end the call.
func comeBackTo(steps []Step) []StepName {
	list := []StepName{NextAccount, Goodbye}
	for _, s := range steps {
		switch s.Accepts.(type) {
		case Menu, Digits, Words, Assent:
			if !arrangesCallback(s.Name) {
				list = append(list, s.Name)
			}
		}
	}
	return list
}

// findPlace goes on from the last milestone. A payment that was being made comes first: its outcome, or that
// nothing was charged once its offer is closed. It follows the words that we lost the place, and is where
// every rebuilt session begins.
func findPlace(ctx context.Context, c *Call, _ Answer) Next {
	if c.Attempt != "" {
		a, err := c.Checkout.Attempt(ctx, c.Attempt)
		switch {
		case err != nil && !errors.Is(err, payments.ErrNoSuchAttempt):
			return c.fail(err)
		// Authorized or on its way: the wait for the outcome goes on.
		case err == nil && a.State.Open():
			c.Account.Number, c.OnHold = a.Account, OnHold{Since: c.now}
			return Go(Holding)
		// Settled while the place was lost: what tellOutcome needs is taken from the row.
		case err == nil && (a.State == payments.Taken || a.State == payments.Declined):
			c.Account.Number, c.Payment.Method, c.Notice.TextTo = a.Account, a.Method, a.TextTo
			return Go(TellOutcome)
		// Only offered, or ended without a charge. Closed first, then said: an assent that is still under way
		// on another replica finds the offer closed.
		case err == nil:
			if next, ok := c.closeOfferAndSay(ctx, "not-taken"); !ok {
				return next
			}
		}
	}
	switch {
	case c.Account.Number != "" && c.Member.Verified():
		return Go(TellStanding)
	case c.Member.Verified():
		return Go(ChooseAccount)
	}
	return Go(MainMenu)
}
