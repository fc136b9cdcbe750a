package ivr

import (
	"context"
	"errors"

	"duebell/payments"
	"duebell/voiceprompts"
)

// Calls that the line places itself begin here; behind their first question they are the conversation
// that everybody has, with identity as usual.
const (
	CalledBack   StepName = "called-back"
	Reminding    StepName = "reminding"
	LeaveMessage StepName = "leave-message"
)

// Placed is a call that the line has placed.
type Placed struct {
	For     PlacedFor
	Lang    string // of the member whose number it is; empty: not known
	Machine bool   // a machine has answered
}

// ErrNotPlaced says that the line has not placed a call.
var ErrNotPlaced = errors.New("ivr: not a call that the line has placed")

// PlacedFor is why the line calls.
type PlacedFor string

// Why the line calls: because a text asked for it, or to remind. Empty: it does not, somebody called.
const (
	AskedFor PlacedFor = "asked-for"
	Reminder PlacedFor = "reminder"
)

// CallRefusals takes down who wants no more calls.
type CallRefusals interface {
	// NoMoreCalls ends our reminder calls to a number. cause names the call and turn, so that the
	// same key again is one wish.
	NoMoreCalls(ctx context.Context, number, cause string) error
}

func outbound() []Step {
	return []Step{
		{
			Name: CalledBack, Before: begun, Says: "called-back", Args: ourPhone, // N8: who calls
			Accepts: Menu{Options: options("pay", "option-balance-or-pay")},
			Then:    goOn, LeadsTo: []StepName{ChooseLanguage, AskAccount}, GivesUpTo: Goodbye,
		},
		{
			Name: Reminding, Before: begun, Says: "reminder-call", Args: ourPhone, // N10: brand and number first
			Accepts: Menu{Options: options("pay", "option-pay-now"), Also: map[string]string{"7": "no-calls"}},
			Then:    afterReminder, LeadsTo: []StepName{ChooseLanguage, AskAccount, Goodbye}, GivesUpTo: Goodbye,
		},
		{
			Name: LeaveMessage, Says: "machine-message", Args: ourPhone, // a machine hears nothing about anybody
			Then: func(context.Context, *Call, Answer) Next { return End() },
		},
	}
}

// firstStep is where a call begins.
func (c *Call) firstStep(p *Placed) StepName {
	if p == nil {
		return Greeting
	}
	c.PlacedFor, c.Language.Known = p.For, false
	c.knowLanguage(p.Lang)
	switch {
	case p.Machine:
		return LeaveMessage
	case p.For == Reminder:
		return Reminding
	}
	return CalledBack
}

// begun notes the call, so that it counts among those in progress and keeps its reason if its session
// is lost.
func begun(ctx context.Context, c *Call) Next {
	if c.Question.Misses == 0 {
		c.mark(ctx, MainMenu)
	}
	return Proceed()
}

func ourPhone(c *Call) Args {
	return Args{"Phone": voiceprompts.Phone(c.Language.Tag, c.Policy.ServicePhone)}
}

// goOn leads into the pay flow; who has no language on file chooses one first (K2).
func goOn(_ context.Context, c *Call, _ Answer) Next {
	if c.asksLanguage() {
		return Go(ChooseLanguage)
	}
	return c.toAccount()
}

func afterReminder(ctx context.Context, c *Call, a Answer) Next {
	if a.Option != "no-calls" {
		return goOn(ctx, c, a)
	}
	if c.CallRefusals == nil {
		return c.toPerson("no-calls", MainMenu)
	}
	if err := c.CallRefusals.NoMoreCalls(ctx, c.Caller, c.cause()); err != nil {
		return c.stumbled(err)
	}
	c.say("no-more-calls", nil)
	return Go(Goodbye)
}

// eft says whether a bank debit may be consented to on this call: by policy (P1), never on a call that
// nobody asked for (E2), and in a language that has words for it (E4).
func (c *Call) eft() bool {
	return c.Policy.EFTEnabled && c.PlacedFor != Reminder && payments.CanAssent(c.Language.Tag)
}
