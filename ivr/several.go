package ivr

import (
	"context"
	"slices"

	"duebell/billing"
	"duebell/payments"
)

// Several accounts in one call (rule P6): one combined read-back, then account by account its own capture, its
// own authorization and its own outcome, before the next begins. A token works once, so no capture can
// serve two accounts.

// tellAll says what every account owes and queues those that can be paid now. An account that is not payable
// now is told and left out; none payable ends here. The session's Account is the last one told, until
// nextAccount sets it.
func tellAll(ctx context.Context, c *Call, _ Answer) Next {
	c.Batch = Batch{}
	for _, choice := range c.Accounts {
		owed, open, err := c.standing(ctx, choice.Number)
		if err != nil {
			return c.fail(err)
		}
		c.Account = choice
		payable, err := c.payableNow(ctx, owed, open)
		if err != nil {
			return c.fail(err)
		}
		if payable {
			c.Batch.Queue = append(c.Batch.Queue, Account{Number: choice.Number, Kind: choice.Kind, Due: owed.TotalDue, Charge: owed.LatestCharge, DueAt: owed.NextDueAt})
		}
	}
	if len(c.Batch.Queue) == 0 {
		return Go(AnythingElse)
	}
	return Go(ChooseMethod)
}

// payableTogether says whether the accounts can be paid in one go: not a person's together with a business's,
// which is debited in another way (B4, E1). One option more than there are accounts must fit into one menu
// (V1: five options).
func (c *Call) payableTogether() bool {
	groups := 0
	for _, a := range c.Accounts {
		if a.Kind == billing.KindGroup {
			groups++
		}
	}
	return len(c.Accounts) > 1 && len(c.Accounts) < c.Policy.MenuMaxOptions && (groups == 0 || groups == len(c.Accounts))
}

// payableNow says to the caller how the account stands, and returns whether it is paid with the others. Left
// out are accounts that are not active, that have a payment in flight (L2), that owe nothing (B9), for which a
// person comes first (G8), and those that paid the same amount lately (M8).
func (c *Call) payableNow(ctx context.Context, owed Owed, open *payments.Attempt) (bool, error) {
	if owed.Account.Status != billing.StatusActive {
		c.say("not-active", Args{"Account": c.accountName(owed.Account.Kind)})
		return false, nil
	}
	if open != nil {
		c.sayInFlight(*open)
		return false, nil
	}
	c.tellAutoPay(owed)
	c.tellOwed(owed)
	if owed.NothingDue || c.personFirst(owed) {
		return false, nil
	}
	earlier, found, err := c.Checkout.Duplicate(ctx, owed.Account.Number, owed.TotalDue)
	if err != nil {
		return false, err
	}
	if found { // M8: a second consent is asked for where the account is paid by itself
		c.say("same-payment", Args{"Amount": c.exact(earlier.Cents), "When": c.moment(earlier.AuthorizedAt)}, c.fact("paid", earlier))
		return false, nil
	}
	return true, nil
}

// sayReadBackAll reads every account and amount back, then the total (M7, rule P6). Each amount is spoken with its
// fee, and the fee once for all, without barge-in (rule P2). The earliest due instant decides whether the cut-off
// is mentioned (C7).
func sayReadBackAll(_ context.Context, c *Call) Next {
	var total billing.Money
	c.sayCutoff(slices.MinFunc(c.Batch.Queue, func(a, b Account) int { return a.DueAt.Compare(b.DueAt) }).DueAt)
	for _, p := range c.Batch.Queue {
		c.say("read-back-one", Args{"Amount": c.exact(p.Due + c.fee()), "Account": c.accountName(p.Kind)})
		total += p.Due + c.fee()
	}
	if fee := c.fee(); fee > 0 {
		c.sayUninterrupted("card-fee-each", Args{"Fee": c.exact(fee)})
	}
	c.say("read-back-total", Args{"Total": c.exact(total), "How": c.howSpoken()})
	return Proceed()
}

// confirmAll begins the batch. For cards this key is the consent to each of the payments (rule P3). The words just
// said are kept as the consent's terms for every card payment of the batch (E8). Texts and receipts begin
// anew: they are settled once for the whole batch.
func confirmAll(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		c.Batch = Batch{}
		return Go(ChooseAccount)
	}
	c.Batch.Confirmed = true
	c.Consent = ConsentState{Terms: c.LastSaid}
	c.Notice, c.FollowUp.Receipts = WrittenNotice{}, nil
	return Go(NextAccount)
}

// nextAccount takes the next account of the batch, or ends the batch. The way to pay stays as it was read
// back; amount, tries and tokens are the account's own.
func nextAccount(_ context.Context, c *Call) Next {
	if len(c.Batch.Queue) == 0 {
		c.Batch = Batch{}
		return Go(OfferText)
	}
	c.Account, c.Batch.Queue = c.Batch.Queue[0], c.Batch.Queue[1:]
	c.Payment = Payment{Amount: c.Account.Due, Method: c.Payment.Method, BankType: c.Payment.BankType}
	c.Captures = Captures{}
	return Proceed()
}

// nextAccountArgs names the account and what is about to be paid for it, the fee included.
func nextAccountArgs(c *Call) Args {
	return Args{"Account": c.accountName(c.Account.Kind), "Amount": c.exact(c.Payment.Amount + c.fee())}
}

// payNext asks once a batch how written notices go, before its first bank debit (E6).
func payNext(_ context.Context, c *Call, _ Answer) Next {
	if c.Payment.Method == payments.Bank && !c.Notice.Chosen {
		return Go(AskWrittenNotice)
	}
	return Go(TakeMoney)
}

// afterPayment leads on when a payment has come to its end.
func (c *Call) afterPayment() Next { return Go(c.stepAfterPayment()) }

// stepAfterPayment returns the next account of a batch, or what else the line can do.
func (c *Call) stepAfterPayment() StepName {
	if c.Batch.Confirmed {
		return NextAccount
	}
	return AnythingElse
}

// reopenBatch puts the current account back: with another way to pay, the whole batch is read back anew.
// Outside a confirmed batch it does nothing.
func (c *Call) reopenBatch() {
	if c.Batch.Confirmed {
		c.Batch.Confirmed = false
		c.Batch.Queue = slices.Insert(c.Batch.Queue, 0, c.Account)
	}
}

// readBack leads to the read-back of one account, or of a batch that is not confirmed yet.
func (c *Call) readBack() Next {
	if len(c.Batch.Queue) > 0 && !c.Batch.Confirmed {
		return Go(ReadBackAll)
	}
	return Go(ReadBack)
}
