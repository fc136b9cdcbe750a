package ivr

import "context"

// CallConsents records who agrees to reminder calls (O1: consent ledger; N10: opt-in only). Numbers are
// E.164. Package notify owns the consent ledger.
type CallConsents interface {
	// MayOfferCalls says whether the number's owner has neither agreed to reminder calls nor refused them.
	MayOfferCalls(ctx context.Context, number string) (bool, error)
	// ConsentToCalls records the consent, with the words that were spoken. The same turn key again changes
	// nothing more.
	ConsentToCalls(ctx context.Context, number, words, turnKey string) error
}

// mayOfferCalls offers reminder calls once a call, where no text arrives: to a verified caller, and for the
// number on file that they call from. While that cannot be read, nothing is offered.
func mayOfferCalls(ctx context.Context, c *Call) Next {
	onFile := c.Caller != "" && c.Caller == c.Member.Phone
	if c.CallConsents == nil || !c.Policy.VoiceReminders || c.FollowUp.CallsOffered || !onFile {
		return Go(AnythingElse)
	}
	if yes, err := c.CallConsents.MayOfferCalls(ctx, c.Caller); err != nil || !yes {
		return Go(AnythingElse)
	}
	return Proceed()
}

// callsOffered returns the number's last four digits, and how many reminders a month there are at most (N3).
func callsOffered(c *Call) Args {
	return Args{"Last": lastFour(c.Language.Tag, c.Caller), "Cap": c.Policy.ReminderCapPerMonth}
}

// agreeToCalls records a yes with the question that it answers: those words are the evidence (O1). The words
// are those of the turn before, as spoken.
func agreeToCalls(ctx context.Context, c *Call, a Answer) Next {
	c.FollowUp.CallsOffered = true
	if a.Option != "yes" {
		return Go(AnythingElse)
	}
	if err := c.CallConsents.ConsentToCalls(ctx, c.Caller, c.LastSaid.Words, c.turnKey()); err != nil {
		return c.fail(err)
	}
	c.say("calls-agreed", callerEnding(c))
	return Go(AnythingElse)
}
