package ivr

import (
	"context"

	"duebell/billing"
	"duebell/voiceprompts"
)

// A guest (I2, T1) proves nothing and hears nothing: the account number and the amount are the
// guest's own entries, and only those are read back. The account is looked up after the amount, and
// unknown, terminated and blocked ones get the same line.

func isAccountNumber(c *Call, digits string) bool { return c.Policy.IsAccountNumber(digits) }

func keepGuestAccount(_ context.Context, c *Call, a Answer) Next {
	c.Guest, c.Account, c.Kind, c.Due, c.PastDue, c.GuestWarned = true, a.Keys, "", 0, 0, false
	return Go(GuestReadBack)
}

func guestAccountArgs(c *Call) Args { return Args{"Account": voiceprompts.Digits(c.Lang, c.Account)} }

func confirmGuestAccount(ctx context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		return Go(GuestAccount)
	}
	if c.findDropped(ctx) {
		return Go(TellDropped)
	}
	return Go(AskAmount)
}

// warnGuest tells a guest to look at the bill first: the line cannot say what is owed (M5). Once is enough.
func warnGuest(_ context.Context, c *Call) Next {
	if c.Guest && !c.GuestWarned {
		c.GuestWarned = true
		c.say("guest-warning", nil)
	}
	return Proceed()
}

// amountRules bound a keyed amount; for a guest only the policy counts (M4).
func (c *Call) amountRules() billing.AmountRules {
	return billing.AmountRules{Guest: c.Guest, TotalDue: c.Due, Month: c.Charge, Policy: c.Policy}
}

// checkGuest looks the account up at last. A refusal tells nothing about the account.
func (c *Call) checkGuest(ctx context.Context) Next {
	payable, err := c.Members.Payable(ctx, c.Account)
	if err != nil {
		return c.stumbled(err)
	}
	if !payable {
		c.delay = true
		c.say("guest-cannot-take", nil)
		return Go(AnythingElse)
	}
	if c.Caller != "" && !c.SecondOK { // M8: compared with payments from the same number only
		earlier, found, err := c.Checkout.DuplicateFrom(ctx, c.Account, c.Amount, c.Caller)
		if err != nil {
			return c.stumbled(err)
		}
		if found {
			c.say("same-payment", Args{"Amount": c.exact(earlier.Cents), "When": c.moment(earlier.AuthorizedAt)}, c.fact("paid", earlier))
			return Go(SecondConsent)
		}
	}
	return Go(ChooseMethod)
}

// refuseGuest says that another payment is open without saying so.
func (c *Call) refuseGuest(ctx context.Context) Next {
	if next, ok := c.giveUpOffer(ctx, "guest-try-later"); !ok {
		return next
	}
	return Go(AnythingElse)
}

func keepGuestName(_ context.Context, c *Call, a Answer) Next {
	c.Holder = a.Speech
	return Go(GuestNameBack)
}

func guestNameArgs(c *Call) Args { return Args{"Name": c.Holder} }

func confirmGuestName(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		return Go(GuestName)
	}
	return Go(ReadBack)
}

// holder is the name for the terms and the debit: on file, or a guest's as confirmed (E3).
func (c *Call) holder() string {
	if c.Guest {
		return c.Holder
	}
	return c.Member.Name
}
