package ivr

import (
	"context"
	"errors"

	"duebell/payments"
	"duebell/voiceprompts"
)

// Steps at which calls begin that the line places itself. Behind their first question they are the
// conversation that everybody has, and prove an identity as usual (N8).
const (
	CalledBack   StepName = "called-back"
	Reminding    StepName = "reminding"
	LeaveMessage StepName = "leave-message"
)

// Placed says what a call that the line has placed is for, and who answered it. It comes with the first input
// of such a call. Later turns know For alone, from the session or the milestone.
type Placed struct {
	For     PlacedFor
	Lang    string // of the member whose number it is; empty: not known
	Machine bool   // an answering machine or a fax has answered
}

// ErrNotPlaced says that the line has placed no call of this reference.
var ErrNotPlaced = errors.New("ivr: not a call that the line has placed")

// PlacedFor is why the line calls. It decides what may be agreed to on the call (E2: never on cold calls).
type PlacedFor string

// Why the line calls: because a text asked for it, or to remind. Empty: it does not, somebody called.
const (
	AskedFor PlacedFor = "asked-for"
	Reminder PlacedFor = "reminder"
)

// CallRefusals records who wants no more reminder calls (N10). From the switch date on this ends texts as
// well (O3: revoke all); the implementation decides.
type CallRefusals interface {
	// NoMoreCalls ends our reminder calls to a number. The same turn key again changes nothing more.
	NoMoreCalls(ctx context.Context, number, turnKey string) error
}

// outbound returns the beginnings of calls that the line places. Too many silences end such a call: whoever
// does not answer has not asked for a person.
func outbound() []Step {
	return []Step{
		{
			Name: CalledBack, Before: saveArrival, Says: "called-back", Args: ourPhone, // N8: we say first who calls
			Accepts: Menu{Options: options("pay", "option-balance-or-pay")},
			Then:    toPayment, LeadsTo: []StepName{ChooseLanguage, AskAccount}, GivesUpTo: Goodbye,
		},
		{
			Name: Reminding, Before: saveArrival, Says: "reminder-call", Args: ourPhone, // N10: brand and number first
			Accepts: Menu{Options: options("pay", "option-pay-now"), Also: map[string]string{"7": "no-calls"}},
			Then:    afterReminder, LeadsTo: []StepName{ChooseLanguage, AskAccount, Goodbye}, GivesUpTo: Goodbye,
		},
		{
			Name: LeaveMessage, Says: "machine-message", Args: ourPhone, // a machine hears nothing about anybody
			Then: func(context.Context, *Call, Answer) Next { return End() },
		},
	}
}

// firstStep returns the step at which a call begins: the greeting, or by what we call for. A language on file
// is spoken at once, because nobody has asked to choose; without one the call begins in the first language
// and toPayment asks. A machine gets the message, whatever the call is for.
func (c *Call) firstStep(p *Placed) StepName {
	if p == nil {
		return Greeting
	}
	c.PlacedFor, c.Language.Known = p.For, false
	c.useLanguage(p.Lang)
	switch {
	case p.Machine:
		return LeaveMessage
	case p.For == Reminder:
		return Reminding
	}
	return CalledBack
}

// saveArrival stores that the call was answered, so that it counts among those in progress, and what it was
// placed for is known even if its session is lost. Asked again after a miss, the step stores nothing twice.
func saveArrival(ctx context.Context, c *Call) Next {
	if c.Question.Misses == 0 {
		c.saveMilestone(ctx, MainMenu)
	}
	return Proceed()
}

// ourPhone returns the number that the call says it comes from: the service's, not the line that dialled.
func ourPhone(c *Call) Args {
	return Args{"Phone": voiceprompts.Phone(c.Language.Tag, c.Policy.ServicePhone)}
}

// toPayment leads on to the balance; whoever has no language on file chooses one first (K2).
func toPayment(_ context.Context, c *Call, _ Answer) Next {
	if c.mustAskLanguage() {
		return Go(ChooseLanguage)
	}
	return c.toAccount()
}

// afterReminder goes on to the balance, or on key 7 ends our reminder calls. "We will not call again" is
// said only once that is recorded.
func afterReminder(ctx context.Context, c *Call, a Answer) Next {
	if a.Option != "no-calls" {
		return toPayment(ctx, c, a)
	}
	if c.CallRefusals == nil {
		return c.toPerson("no-calls", MainMenu)
	}
	if err := c.CallRefusals.NoMoreCalls(ctx, c.Caller, c.turnKey()); err != nil {
		return c.fail(err)
	}
	c.say("no-more-calls", nil)
	return Go(Goodbye)
}

// bankDebitAllowed says whether a bank debit may be consented to on this call: by policy (rule P1), never on a
// call that nobody asked for (E2), and in a language that has words for it (E4). A call that a text asked for
// is the caller's own (E2: calls they asked for).
func (c *Call) bankDebitAllowed() bool {
	return c.Policy.EFTEnabled && c.PlacedFor != Reminder && payments.CanAssent(c.Language.Tag)
}
