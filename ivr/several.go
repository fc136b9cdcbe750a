package ivr

import (
	"context"
	"slices"

	"duebell/billing"
	"duebell/payments"
)

// Several accounts in one call (P6): one combined read-back, then account by account its own
// capture, its own authorization and its own outcome, before the next begins.

// tellAll says what every account owes and gathers those that can be paid now.
func tellAll(ctx context.Context, c *Call, _ Answer) Next {
	c.Queue, c.Several = nil, false
	for _, choice := range c.Accounts {
		owed, open, err := c.stands(ctx, choice.Number)
		if err != nil {
			return c.stumbled(err)
		}
		c.Account, c.Kind = choice.Number, choice.Kind
		payable, err := c.payableNow(ctx, owed, open)
		if err != nil {
			return c.stumbled(err)
		}
		if payable {
			c.Queue = append(c.Queue, Payable{Number: choice.Number, Kind: choice.Kind, Due: owed.TotalDue, Charge: owed.LatestCharge, DueAt: owed.NextDueAt})
		}
	}
	if len(c.Queue) == 0 {
		return Go(AnythingElse)
	}
	return Go(ChooseMethod)
}

// payableTogether: a business pays in another way than a person does (B4, E1).
func (c *Call) payableTogether() bool {
	groups := 0
	for _, a := range c.Accounts {
		if a.Kind == billing.KindGroup {
			groups++
		}
	}
	return len(c.Accounts) > 1 && len(c.Accounts) < c.Policy.MenuMaxOptions && (groups == 0 || groups == len(c.Accounts))
}

// payableNow says how the account stands, and whether it belongs to a payment of all.
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

// speakReadBackAll reads every account and amount back, then the total (M7, P6).
func speakReadBackAll(_ context.Context, c *Call) Next {
	var total billing.Money
	c.sayCutoff(slices.MinFunc(c.Queue, func(a, b Payable) int { return a.DueAt.Compare(b.DueAt) }).DueAt)
	for _, p := range c.Queue {
		c.say("read-back-one", Args{"Amount": c.exact(p.Due + c.fee()), "Account": c.accountName(p.Kind)})
		total += p.Due + c.fee()
	}
	if fee := c.fee(); fee > 0 {
		c.tell("card-fee-each", Args{"Fee": c.exact(fee)})
	}
	c.say("read-back-total", Args{"Total": c.exact(total), "How": c.howSpoken()})
	return Proceed()
}

func confirmAll(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		c.Queue = nil
		return Go(ChooseAccount)
	}
	c.Several = true
	c.Terms = c.Said // for cards this key is the consent to each of them (P3)
	c.TextTo, c.TextAsked, c.Letter, c.NoticeChosen, c.Receipts = "", false, false, false, nil
	return Go(NextAccount)
}

// nextAccount takes the next one, or ends the round.
func nextAccount(_ context.Context, c *Call) Next {
	if len(c.Queue) == 0 {
		c.Several = false
		return Go(OfferText)
	}
	p := c.Queue[0]
	c.Queue = c.Queue[1:]
	c.Account, c.Kind, c.Due, c.PastDue, c.Charge, c.Amount, c.NextDueAt = p.Number, p.Kind, p.Due, 0, p.Charge, p.Due, p.DueAt
	c.Captures, c.Faults, c.SecondOK = 0, 0, false
	return Proceed()
}

func nextAccountArgs(c *Call) Args {
	return Args{"Account": c.accountName(c.Kind), "Amount": c.exact(c.Amount + c.fee())}
}

func payNext(_ context.Context, c *Call, _ Answer) Next {
	if c.Method == payments.Bank && !c.NoticeChosen {
		return Go(AskWrittenNotice)
	}
	return Go(TakeMoney)
}

// afterOne leads on when one payment has come to its end.
func (c *Call) afterOne() Next { return Go(c.onward()) }

// onward is the next account of a round, or what else there is.
func (c *Call) onward() StepName {
	if c.Several {
		return NextAccount
	}
	return AnythingElse
}

// beginAgain goes back to before the read-back: with another way to pay, all of it is read back anew.
func (c *Call) beginAgain() {
	if c.Several {
		c.Several = false
		c.Queue = slices.Insert(c.Queue, 0, Payable{Number: c.Account, Kind: c.Kind, Due: c.Due, Charge: c.Charge, DueAt: c.NextDueAt})
	}
}

// readBack leads to the read-back of one account, or of all.
func (c *Call) readBack() Next {
	if len(c.Queue) > 0 && !c.Several {
		return Go(ReadBackAll)
	}
	return Go(ReadBack)
}
