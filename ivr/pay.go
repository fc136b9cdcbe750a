package ivr

import (
	"context"
	"errors"
	"time"

	"duebell/billing"
	"duebell/payments"
	"duebell/voiceprompts"
)

// skipOnlyMethod asks only where both ways to pay are on (rule P1). A caller who speaks a language without agreed
// words of assent is offered the card alone (bankDebitAllowed).
func skipOnlyMethod(_ context.Context, c *Call) Next {
	eft := c.bankOffered()
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

// bankOffered says whether a bank debit is offered; to a guest only where that is switched on (I2).
func (c *Call) bankOffered() bool {
	return c.bankDebitAllowed() && (!c.Guest.Paying || c.Policy.GuestEFT)
}

// chooseMethod goes on by the method that was chosen.
func chooseMethod(_ context.Context, c *Call, a Answer) Next {
	if a.Option == "bank" {
		return c.byBank()
	}
	return c.byCard()
}

// byBank sets a bank debit. Its account type is asked for next, because <Pay> must be told it.
func (c *Call) byBank() Next {
	c.Payment.Method, c.Payment.BankType = payments.Bank, payments.NoBank
	return Go(ChooseBankType)
}

// byCard sets a card payment and goes on to the read-back.
func (c *Call) byCard() Next {
	c.Payment.Method, c.Payment.BankType = payments.Card, payments.NoBank
	return c.readBack()
}

// skipForBusiness: a group pays from business checking, and nothing is asked (B4, E1).
func skipForBusiness(_ context.Context, c *Call) Next {
	if c.Account.Kind == billing.KindGroup {
		c.Payment.BankType = payments.BusinessChecking
		return c.readBack()
	}
	return Proceed()
}

// chooseBankType keeps checking or savings; a guest then says who holds the account (I2).
func chooseBankType(_ context.Context, c *Call, a Answer) Next {
	c.Payment.BankType = payments.BankType(a.Option)
	if c.Guest.Paying && c.Guest.Holder == "" {
		return Go(GuestName)
	}
	return c.readBack()
}

// fee returns the flat fee of the chosen way to pay, in cents; bank debits have none (rule P2). It is asked for
// wherever an amount with its fee is spoken or offered, so all of them agree.
func (c *Call) fee() billing.Money {
	if c.Payment.Method == payments.Card {
		return c.Policy.CardFeeCents
	}
	return 0
}

// beforeReadBack says a fee with the total, without barge-in (rule P2), and, close to the due instant, that the
// payment counts when it is authorized (C7).
func beforeReadBack(_ context.Context, c *Call) Next {
	if fee := c.fee(); fee > 0 {
		c.sayUninterrupted("card-fee", Args{"Fee": c.exact(fee), "Total": c.exact(c.Payment.Amount + fee)})
	}
	c.sayCutoff(c.Account.DueAt)
	return Proceed()
}

// sayCutoff says, within cutoff_notice_minutes before the due instant, that a payment counts when it is
// authorized (C7: say before the terms).
func (c *Call) sayCutoff(dueAt time.Time) {
	if left := dueAt.Sub(c.now); left >= 0 && left <= c.Policy.CutoffNoticeMinutes.Duration() {
		c.say("cutoff", Args{"Time": c.timeOfDay(dueAt)})
	}
}

// readBackArgs returns amount with fee, account and way to pay, as the caller is about to agree to them.
func readBackArgs(c *Call) Args {
	return Args{"Amount": c.exact(c.Payment.Amount + c.fee()), "Account": c.accountName(c.Account.Kind), "How": c.howSpoken()}
}

// howSpoken returns the way to pay as it stands in a sentence: "from your checking account".
func (c *Call) howSpoken() voiceprompts.Speech {
	switch c.Payment.BankType {
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

// confirmReadBack goes on to the capture, a bank debit first to how its written notice goes. For a card the
// key is the consent, and the words just said are kept as its evidence (rule P3, E8). Nothing is written yet:
// TakeMoney's Before makes the offer of exactly what was read back.
func confirmReadBack(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		if c.Guest.Paying {
			return Go(AskAmount)
		}
		return Go(PayMenu)
	}
	if c.Payment.Method == payments.Bank {
		return Go(AskWrittenNotice)
	}
	c.Consent = ConsentState{Terms: c.LastSaid}
	return Go(TakeMoney)
}

// offer writes the attempt to the database before the capture is spoken (design §5: offered). It is unique by
// call and turn. If the call ends here, a sweeper closes it; nothing was promised. For a bank debit the way
// of the notice is settled by now; for a card this is where it is looked up whether texts may go to the
// number on file.
func offer(ctx context.Context, c *Call) Next {
	if c.Notice.TextTo == "" && !c.Notice.Letter {
		if err := c.textByConsent(ctx); err != nil {
			return c.fail(err)
		}
	}
	a, err := c.Checkout.Offer(ctx, payments.Attempt{
		Call: c.Session.Call, Turn: c.Session.Turn, Account: c.Account.Number, Cents: c.Payment.Amount, Fee: c.fee(),
		Method: c.Payment.Method, BankType: c.Payment.BankType, Guest: c.Guest.Paying, Caller: c.Caller, Holder: c.holder(), Language: c.Language.Tag,
	})
	switch {
	case errors.Is(err, payments.ErrLimit), errors.Is(err, payments.ErrFrozen):
		return c.refuseByLimit(err)
	case err != nil:
		return c.fail(err)
	}
	c.Attempt = a.Key
	// From here on the attempt is known to the next call too, and to this one if Redis loses it.
	c.saveMilestone(ctx, LostPlace)
	return Proceed()
}

// refuseByLimit says that we cannot take the payment now, without a reason, and leads to a person (I5: past a
// limit no capture, the generic line, a person, an alarm). Which limit it was, and whether the account
// exists, is not said: a tester of stolen cards must learn nothing.
func (c *Call) refuseByLimit(err error) Next {
	c.Log.Warn("no capture: a limit is reached or the account is frozen", "call", c.Session.Call, "error", err)
	c.say("cannot-take-now", nil)
	return c.toPerson("limit", c.stepAfterPayment())
}

// captured goes on by what the capture came to. Success means that we hold a token; it never means that money
// moved (rule P3). What each of Twilio's results means stands in twilio.md §2.2. No branch that ends without a
// token says more than "nothing was charged", and none says even that before the offer is closed. A repeated
// result runs the turn once: the webhook answers it with the stored bytes.
func captured(ctx context.Context, c *Call, a Answer) Next {
	got := a.Capture
	if got.Charged { // a misconfigured capture: no more payments on the account until a person has reconciled it
		c.Log.Error("a capture says that it charged: the account is frozen until it is reconciled", "call", c.Session.Call, "attempt", c.Attempt)
		if err := c.Checkout.Freeze(ctx, c.Attempt); err != nil {
			return c.fail(err)
		}
		// From here on nothing is said of this payment, also on the next call, until a person knows.
		c.Attempt, c.Unreconciled = "", true
		c.saveMilestone(ctx, LostPlace)
		c.say("cannot-take-now", nil)
		return c.toPerson("capture-charged", AnythingElse)
	}
	switch got.Result {
	case "success":
		return c.tokenized(ctx, got)
	case "caller-hung-up": // what we answer is not heard; the sweeper closes the offer
		return End()
	case "caller-interrupted-with-star", "caller-interrupted", "transaction-cancelled": // the caller's choice, not a failure
		return c.captureStopped(ctx)
	case "payment-connector-error":
		return c.connectorError(ctx, got)
	case "internal-error":
		return c.retryCapture(ctx)
	case "validation-error":
		c.Log.Error("Twilio refuses our Pay", "call", c.Session.Call, "code", got.ErrorCode)
		return c.captureImpossible(ctx)
	case "", "too-many-failed-attempts", "max-failed-attempts": // no result: the capture ran out and fell through
		return c.captureFailed(ctx)
	default:
		c.Log.Error("a capture's result that we do not know", "call", c.Session.Call, "result", got.Result)
		return c.captureFailed(ctx)
	}
}

// tokenized keeps a bank account's token and goes on to the terms. A card's consent was given before the
// capture: it is authorized at once (rule P3). The token goes to the database, sealed, and never into the session.
// Where this turn dies in between, it is run again with the same result of Twilio's, and Tokenize or
// Authorize finds the first row.
func (c *Call) tokenized(ctx context.Context, got *Capture) Next {
	if got.Token == "" {
		c.Log.Error("a capture succeeded without a token", "call", c.Session.Call)
		return c.captureFailed(ctx)
	}
	token := payments.Token{Value: got.Token, Last4: got.Last}
	if c.Payment.Method == payments.Bank {
		_, err := c.Checkout.Tokenize(ctx, c.Attempt, token)
		switch {
		case errors.Is(err, payments.ErrClosed):
			return c.closedMeanwhile(ctx)
		case err != nil:
			return c.fail(err)
		}
		c.Payment.BankLast = got.Last
		return Go(Terms)
	}
	return c.authorize(ctx, payments.Authorization{
		Key: c.Attempt, Token: &token, Copy: payments.NoCopy, TextTo: c.Notice.TextTo, TextAsked: c.Notice.TextAsked,
		Consent: payments.Consent{
			Terms: c.Consent.Terms.Words, Version: c.Consent.Terms.Version, Language: c.Language.Tag, Given: "key 1",
			TermsAt: c.Consent.Terms.At, GivenAt: c.now,
		},
	})
}

// captureStopped goes back to the choice of a way to pay: the caller pressed star. Nothing was charged, and
// it counts as no failed try. Star is a key of Twilio's capture alone; it means nothing of ours elsewhere
// (V2).
func (c *Call) captureStopped(ctx context.Context) Next {
	if next, ok := c.closeOfferAndSay(ctx, "stopped"); !ok {
		return next
	}
	if c.Batch.Confirmed { // every account of a batch is paid the way that was read back
		return Go(CaptureFailed)
	}
	return Go(ChooseMethod)
}

// captureFailed counts the capture and lets the caller choose what to do next, or leads to a person after
// the last one (rule P3: pay_tries_call).
func (c *Call) captureFailed(ctx context.Context) Next {
	c.Captures.Failed++
	if next, ok := c.closeOfferAndSay(ctx, "capture-failed"); !ok {
		return next
	}
	if c.Captures.Failed >= c.Policy.PayTriesCall {
		return c.toPerson("capture-failed", c.stepAfterPayment())
	}
	return Go(CaptureFailed)
}

// connectorError tells three causes apart: our configuration, this card or account, and anything else, which
// is tried once more. What a gateway's code means is decided in webhook.captureOf.
func (c *Call) connectorError(ctx context.Context, got *Capture) Next {
	switch {
	case got.Config:
		c.Log.Error("the Pay connector is misconfigured: mend it, no payment can be taken", "call", c.Session.Call, "code", got.ErrorCode)
		return c.captureImpossible(ctx)
	case got.Declined:
		c.Captures.Failed++
		if next, ok := c.closeOfferAndSay(ctx, "refused-by-gateway"); !ok {
			return next
		}
		return Go(CaptureFailed)
	}
	return c.retryCapture(ctx)
}

// retryCapture tries once more with a new attempt, without asking; the second time a person is next. The new
// attempt is offered under this turn, as a row of its own; the first one is closed.
func (c *Call) retryCapture(ctx context.Context) Next {
	c.Captures.Faults++
	if c.Captures.Faults > 1 {
		return c.captureImpossible(ctx)
	}
	if next, ok := c.closeOfferAndSay(ctx, "capture-again"); !ok {
		return next
	}
	return Go(TakeMoney)
}

// captureImpossible leads to a person: nothing that the caller can do here will help. Where the fault is
// ours, the log line before it is the alarm.
func (c *Call) captureImpossible(ctx context.Context) Next {
	if next, ok := c.closeOfferAndSay(ctx, "capture-trouble"); !ok {
		return next
	}
	return c.toPerson("capture-trouble", AnythingElse)
}

// closeOfferAndSay closes the offer and then says that nothing was charged, in that order: said before, it
// could turn untrue. If it cannot, it returns where to go instead, and false.
func (c *Call) closeOfferAndSay(ctx context.Context, says string) (Next, bool) {
	if next, closed := c.closeOffer(ctx); !closed {
		return next, false
	}
	c.say(says, nil, Fact{Says: "not-charged", Account: c.Account.Number, Attempt: c.Attempt})
	return Next{}, true
}

// closeOffer closes the offer and returns true. Where it was authorized after all, or the database does not
// answer, it returns where to go instead, and false. An offer that is closed already is no error, so a turn
// that is run again comes through.
func (c *Call) closeOffer(ctx context.Context) (Next, bool) {
	err := c.Checkout.CloseOffer(ctx, c.Attempt)
	if errors.Is(err, payments.ErrTooLate) {
		c.OnHold = OnHold{Since: c.now}
		return Go(Holding), false
	}
	if err != nil {
		return c.fail(err), false
	}
	return Next{}, true
}

// tryAgainOptions offers the same way again, and the other one where both are on. In a batch all accounts are
// paid the way that was read back. After a decline the token is used up (twilio.md §13.1), so every way
// begins with a new capture.
func tryAgainOptions(c *Call) []Option {
	var list []Option
	list = append(list, Option{Name: "again", Says: "option-try-again"})
	if c.Payment.Method == payments.Card && c.bankOffered() && !c.Batch.Confirmed {
		list = append(list, Option{Name: "bank", Says: "option-bank"})
	}
	if c.Payment.Method == payments.Bank && c.Policy.CardsAccepted && !c.Batch.Confirmed {
		list = append(list, Option{Name: "card", Says: "option-card"})
	}
	return append(list, Option{Name: "nothing", Says: "option-not-now"})
}

// tryAgain begins another capture, changes the way to pay, or goes on without a payment.
func tryAgain(_ context.Context, c *Call, a Answer) Next {
	switch a.Option {
	case "again": // the consent to this amount stands for a card; a new capture, a new token
		return Go(TakeMoney)
	case "bank":
		return c.byBank()
	case "card":
		return c.byCard()
	}
	return c.afterPayment()
}
