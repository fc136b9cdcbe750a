package ivr

import (
	"context"
	"errors"
	"time"

	"duebell/billing"
	"duebell/payments"
	"duebell/voiceprompts"
)

// onlyMethod asks only where both ways to pay are on (P1).
func onlyMethod(_ context.Context, c *Call) Next {
	eft := c.bankAllowed()
	switch {
	case eft && c.Policy.CardsAccepted:
		return Proceed()
	case eft:
		return c.byBank()
	case c.Policy.CardsAccepted:
		return c.byCard()
	}
	c.say("no-method", nil)
	return c.toPerson("no-method", AnythingElse)
}

// bankAllowed: a guest pays by bank only where that is switched on (I2).
func (c *Call) bankAllowed() bool { return c.eft() && (!c.Guest || c.Policy.GuestEFT) }

func chooseMethod(_ context.Context, c *Call, a Answer) Next {
	if a.Option == "bank" {
		return c.byBank()
	}
	return c.byCard()
}

func (c *Call) byBank() Next {
	c.Method, c.BankType = payments.Bank, payments.NoBank
	return Go(ChooseBankType)
}

func (c *Call) byCard() Next {
	c.Method, c.BankType = payments.Card, payments.NoBank
	return c.readBack()
}

// businessChecking: a group pays from business checking, and nothing is asked (B4, E1).
func businessChecking(_ context.Context, c *Call) Next {
	if c.Kind == billing.KindGroup {
		c.BankType = payments.BusinessChecking
		return c.readBack()
	}
	return Proceed()
}

func chooseBankType(_ context.Context, c *Call, a Answer) Next {
	c.BankType = payments.BankType(a.Option)
	if c.Guest && c.Holder == "" {
		return Go(GuestName)
	}
	return c.readBack()
}

func (c *Call) fee() billing.Money {
	if c.Method == payments.Card {
		return c.Policy.CardFeeCents
	}
	return 0
}

// beforeReadBack says a fee with the total (P2) and, close to the cut-off, which instant counts (C7).
func beforeReadBack(_ context.Context, c *Call) Next {
	if fee := c.fee(); fee > 0 {
		c.tell("card-fee", Args{"Fee": c.exact(fee), "Total": c.exact(c.Amount + fee)})
	}
	c.sayCutoff(c.NextDueAt)
	return Proceed()
}

func (c *Call) sayCutoff(dueAt time.Time) {
	if left := dueAt.Sub(c.now); left >= 0 && left <= c.Policy.CutoffNoticeMinutes.Duration() {
		c.say("cutoff", Args{"Time": c.timeOfDay(dueAt)})
	}
}

func readBackArgs(c *Call) Args {
	return Args{"Amount": c.exact(c.Amount + c.fee()), "Account": c.accountName(c.Kind), "How": c.howSpoken()}
}

// howSpoken names the way to pay within a sentence.
func (c *Call) howSpoken() voiceprompts.Speech {
	switch c.BankType {
	case payments.Checking:
		return c.phrase("from-checking")
	case payments.Savings:
		return c.phrase("from-savings")
	case payments.BusinessChecking:
		return c.phrase("from-business-checking")
	default:
		return c.phrase("by-card")
	}
}

func confirmReadBack(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		if c.Guest {
			return Go(AskAmount)
		}
		return Go(PayMenu)
	}
	if c.Method == payments.Bank {
		return Go(AskWrittenNotice)
	}
	c.Terms = c.Said // for a card this key is the consent (P3)
	return Go(TakeMoney)
}

// offer writes the attempt down before the capture is spoken.
func offer(ctx context.Context, c *Call) Next {
	if c.TextTo == "" && !c.Letter {
		if err := c.textByConsent(ctx); err != nil {
			return c.stumbled(err)
		}
	}
	a, err := c.Checkout.Offer(ctx, payments.Attempt{
		Call: c.Session.Call, Turn: c.Session.Turn, Account: c.Account, Cents: c.Amount, Fee: c.fee(),
		Method: c.Method, BankType: c.BankType, Guest: c.Guest, Caller: c.Caller, Holder: c.holder(), Language: c.Lang,
	})
	switch {
	case errors.Is(err, payments.ErrLimit), errors.Is(err, payments.ErrFrozen):
		return c.refuseByLimit(err)
	case err != nil:
		return c.stumbled(err)
	}
	c.Attempt = a.Key
	c.mark(ctx, LostPlace)
	return Proceed()
}

// refuseByLimit is the generic line, a person and an alarm (I5).
func (c *Call) refuseByLimit(err error) Next {
	c.Log.Warn("no capture: a limit is reached or the account is frozen", "call", c.Session.Call, "error", err)
	c.say("cannot-take-now", nil)
	return c.toPerson("limit", c.onward())
}

// captured goes its own way for every result of the capture. Success means that we hold a token;
// it never means that money moved.
func captured(ctx context.Context, c *Call, a Answer) Next {
	got := a.Capture
	if got.Charged { // a misconfigured capture: freeze, a person reconciles
		c.Log.Error("a capture says that it charged: the account is frozen until it is reconciled", "call", c.Session.Call, "attempt", c.Attempt)
		if err := c.Checkout.Freeze(ctx, c.Attempt); err != nil {
			return c.stumbled(err)
		}
		// From here on nothing is said of this payment, also on the next call, until a person knows.
		c.Attempt, c.Unsettled = "", true
		c.mark(ctx, LostPlace)
		c.say("cannot-take-now", nil)
		return c.toPerson("capture-charged", AnythingElse)
	}
	switch got.Result {
	case "success":
		return c.tokenized(ctx, got)
	case "caller-hung-up": // what we answer is not heard; the sweeper closes the offer
		return End()
	case "caller-interrupted-with-star", "caller-interrupted", "transaction-cancelled": // the caller's choice, not a failure
		return c.stopped(ctx)
	case "payment-connector-error":
		return c.connectorError(ctx, got)
	case "internal-error":
		return c.freshCapture(ctx)
	case "validation-error":
		c.Log.Error("Twilio refuses our Pay", "call", c.Session.Call, "code", got.ErrorCode)
		return c.noCapture(ctx)
	case "", "too-many-failed-attempts", "max-failed-attempts": // no result: the capture ran out and fell through
		return c.captureFailed(ctx)
	default:
		c.Log.Error("a capture's result that we do not know", "call", c.Session.Call, "result", got.Result)
		return c.captureFailed(ctx)
	}
}

// tokenized keeps the token. A card's consent was given before the capture: it is authorized at once.
func (c *Call) tokenized(ctx context.Context, got *Capture) Next {
	if got.Token == "" {
		c.Log.Error("a capture succeeded without a token", "call", c.Session.Call)
		return c.captureFailed(ctx)
	}
	token := payments.Token{Value: got.Token, Last4: got.Last}
	if c.Method == payments.Bank {
		c.BankName = got.Bank
		_, err := c.Checkout.Tokenize(ctx, c.Attempt, token)
		switch {
		case errors.Is(err, payments.ErrClosed):
			return c.closedMeanwhile(ctx)
		case err != nil:
			return c.stumbled(err)
		}
		c.BankLast = got.Last
		return Go(Terms)
	}
	return c.authorize(ctx, payments.Authorization{
		Key: c.Attempt, Token: &token, Copy: payments.NoCopy, TextTo: c.TextTo, TextAsked: c.TextAsked,
		Consent: payments.Consent{
			Terms: c.Terms.Words, Version: c.Terms.Version, Language: c.Lang, Given: "key 1",
			TermsAt: c.Terms.At, GivenAt: c.now,
		},
	})
}

// stopped: the caller pressed star. Nothing was charged; back to the choice, not a failed try.
func (c *Call) stopped(ctx context.Context) Next {
	if next, ok := c.giveUpOffer(ctx, "stopped"); !ok {
		return next
	}
	if c.Several { // every account of a round is paid the way that was read back
		return Go(CaptureFailed)
	}
	return Go(ChooseMethod)
}

// captureFailed counts the capture and lets the caller choose what to do next.
func (c *Call) captureFailed(ctx context.Context) Next {
	c.Captures++
	if next, ok := c.giveUpOffer(ctx, "capture-failed"); !ok {
		return next
	}
	if c.Captures >= c.Policy.PayTriesCall {
		return c.toPerson("capture-failed", c.onward())
	}
	return Go(CaptureFailed)
}

func (c *Call) connectorError(ctx context.Context, got *Capture) Next {
	switch {
	case got.Config:
		c.Log.Error("the Pay connector is misconfigured: mend it, no payment can be taken", "call", c.Session.Call, "code", got.ErrorCode)
		return c.noCapture(ctx)
	case got.Declined:
		c.Captures++
		if next, ok := c.giveUpOffer(ctx, "refused-by-gateway"); !ok {
			return next
		}
		return Go(CaptureFailed)
	}
	return c.freshCapture(ctx)
}

// freshCapture tries once more by itself, then leads to a person.
func (c *Call) freshCapture(ctx context.Context) Next {
	c.Faults++
	if c.Faults > 1 {
		return c.noCapture(ctx)
	}
	if next, ok := c.giveUpOffer(ctx, "capture-again"); !ok {
		return next
	}
	return Go(TakeMoney)
}

// noCapture: nothing the caller can do will help here.
func (c *Call) noCapture(ctx context.Context) Next {
	if next, ok := c.giveUpOffer(ctx, "capture-trouble"); !ok {
		return next
	}
	return c.toPerson("capture-trouble", AnythingElse)
}

// giveUpOffer closes the offer and then says that nothing was charged, in that order.
func (c *Call) giveUpOffer(ctx context.Context, says string) (Next, bool) {
	if next, closed := c.closeOffer(ctx); !closed {
		return next, false
	}
	c.say(says, nil, Fact{Says: "not-charged", Account: c.Account, Attempt: c.Attempt})
	return Next{}, true
}

// closeOffer closes the offer, or leads to its outcome when it was authorized after all.
func (c *Call) closeOffer(ctx context.Context) (Next, bool) {
	err := c.Checkout.CloseOffer(ctx, c.Attempt)
	if errors.Is(err, payments.ErrTooLate) {
		c.HoldSince, c.Holds = c.now, 0
		return Go(Holding), false
	}
	if err != nil {
		return c.stumbled(err), false
	}
	return Next{}, true
}

func tryAgainOptions(c *Call) []Option {
	var list []Option
	list = append(list, Option{Name: "again", Says: "option-try-again"})
	if c.Method == payments.Card && c.bankAllowed() && !c.Several {
		list = append(list, Option{Name: "bank", Says: "option-bank"})
	}
	if c.Method == payments.Bank && c.Policy.CardsAccepted && !c.Several {
		list = append(list, Option{Name: "card", Says: "option-card"})
	}
	return append(list, Option{Name: "nothing", Says: "option-not-now"})
}

func tryAgain(_ context.Context, c *Call, a Answer) Next {
	switch a.Option {
	case "again": // the consent to this amount stands for a card; a new capture, a new token
		return Go(TakeMoney)
	case "bank":
		return c.byBank()
	case "card":
		return c.byCard()
	}
	return c.afterOne()
}
