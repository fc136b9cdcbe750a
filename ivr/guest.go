package ivr

import (
	"context"

	"duebell/billing"
	"duebell/voiceprompts"
)

// Guests (I2, tier T1) prove nothing and hear nothing about the account: its number and the amount are
// their own entries, and only those are read back. The account is looked up after the amount, and
// unknown, terminated and blocked ones get the same line.

// isAccountNumber says whether digits have the form of an account number, whether or not it exists.
func isAccountNumber(c *Call, digits string) bool { return c.Policy.IsAccountNumber(digits) }

// keepGuestAccount begins a guest's payment: nothing of an earlier one counts for it. The number stays as
// keyed, also where no such account exists: nothing is looked up yet (I2).
func keepGuestAccount(_ context.Context, c *Call, a Answer) Next {
	c.Guest, c.Account, c.Payment = Guest{Paying: true}, Account{Number: a.Keys}, Payment{}
	return Go(GuestReadBack)
}

// guestAccountArgs returns the account number, digit by digit in threes (V6).
func guestAccountArgs(c *Call) Args {
	return Args{"Account": voiceprompts.Digits(c.Language.Tag, c.Account.Number)}
}

// confirmGuestAccount goes on to the amount, or first to what became of this guest's dropped call (I7).
func confirmGuestAccount(ctx context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		return Go(GuestAccount)
	}
	if c.findDropped(ctx) {
		return Go(TellDropped)
	}
	return Go(AskAmount)
}

// warnGuest tells a guest, once, to look at the bill first: the line cannot say what is owed (I2).
func warnGuest(_ context.Context, c *Call) Next {
	if c.Guest.Paying && !c.Guest.Warned {
		c.Guest.Warned = true
		c.say("guest-warning", nil)
	}
	return Proceed()
}

// amountRules returns the bounds of a keyed amount. A guest's come from the policy alone, so that a refusal
// tells nothing about the balance (M4). TotalDue and Month are zero for a guest and are not looked at.
func (c *Call) amountRules() billing.AmountRules {
	return billing.AmountRules{Guest: c.Guest.Paying, TotalDue: c.Account.Due, Month: c.Account.Charge, Policy: c.Policy}
}

// checkGuest looks the account up, now that the amount is known. A refusal says nothing about the account,
// not even that there is none, and takes as long as any (I2, I1). The look-up comes late on purpose: a
// stranger who tries account numbers hears the same words up to here, whatever the number.
func (c *Call) checkGuest(ctx context.Context) Next {
	payable, err := c.Members.Payable(ctx, c.Account.Number)
	if err != nil {
		return c.fail(err)
	}
	if !payable {
		c.delay = true
		c.say("guest-cannot-take", nil)
		return Go(AnythingElse)
	}
	if c.Caller != "" && !c.Payment.PayAgain { // M8: compared with payments from the same number only
		earlier, found, err := c.Checkout.DuplicateFrom(ctx, c.Account.Number, c.Payment.Amount, c.Caller)
		if err != nil {
			return c.fail(err)
		}
		if found {
			c.say("same-payment", Args{"Amount": c.exact(earlier.Cents), "When": c.moment(earlier.AuthorizedAt)}, c.fact("paid", earlier))
			return Go(SecondConsent)
		}
	}
	return Go(ChooseMethod)
}

// refuseGuest refuses a guest because another payment is open, without saying so: a guest must not learn of
// payments by others (tier T1). The offer is closed first, so that "you were not charged" is true when it is
// said.
func (c *Call) refuseGuest(ctx context.Context) Next {
	if next, ok := c.closeOfferAndSay(ctx, "guest-try-later"); !ok {
		return next
	}
	return Go(AnythingElse)
}

// keepGuestName takes the name as it was heard; the caller confirms it next. It is what the recogniser made
// of it: only the confirmation makes it the name in the terms (E3, (4)).
func keepGuestName(_ context.Context, c *Call, a Answer) Next {
	c.Guest.Holder = a.Speech
	return Go(GuestNameBack)
}

func guestNameArgs(c *Call) Args { return Args{"Name": c.Guest.Holder} }

// confirmGuestName goes on to the read-back, or asks for the name again.
func confirmGuestName(_ context.Context, c *Call, a Answer) Next {
	if a.Option != "right" {
		return Go(GuestName)
	}
	return Go(ReadBack)
}

// holder returns the name for the terms and the debit: the one on file, or a guest's as confirmed (E3, (4)).
func (c *Call) holder() string {
	if c.Guest.Paying {
		return c.Guest.Holder
	}
	return c.Member.Name
}
