package ivr

import "context"

// Callable takes down who agrees to reminder calls (O1, N10).
type Callable interface {
	// MayBeAsked: the owner of the number has neither agreed to reminder calls nor refused them.
	MayBeAsked(ctx context.Context, number string) (bool, error)
	// ConsentToCalls records the consent, in the words that were spoken. cause names the call and turn.
	ConsentToCalls(ctx context.Context, number, words, cause string) error
}

// mayOfferCalls offers reminder calls once, where no text arrives: to a caller who has proven who they are, and
// for the number on file that they call from.
func mayOfferCalls(ctx context.Context, c *Call) Next {
	onFile := c.Caller != "" && c.Caller == c.Member.Phone
	if c.Callable == nil || !c.Policy.VoiceReminders || c.CallsOffered || !onFile {
		return Go(AnythingElse)
	}
	if yes, err := c.Callable.MayBeAsked(ctx, c.Caller); err != nil || !yes {
		return Go(AnythingElse)
	}
	return Proceed()
}

func callsOffered(c *Call) Args {
	return Args{"Last": lastFour(c.Lang, c.Caller), "Cap": c.Policy.ReminderCapPerMonth}
}

func agreeToCalls(ctx context.Context, c *Call, a Answer) Next {
	c.CallsOffered = true
	if a.Option != "yes" {
		return Go(AnythingElse)
	}
	if err := c.Callable.ConsentToCalls(ctx, c.Caller, c.Said.Words, c.cause()); err != nil {
		return c.stumbled(err)
	}
	c.say("calls-agreed", callerEnding(c))
	return Go(AnythingElse)
}
