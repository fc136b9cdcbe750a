package ivr

import (
	"context"
	"slices"

	"duebell/payments"
	"duebell/voiceprompts"
)

// StepName names a step. It is what a session keeps and what jumps refer to.
type StepName string

// Step is what we say, what we accept, and what happens then.
type Step struct {
	Name StepName
	// Before runs when the step is entered, before anything is said. Proceed() goes on to Says.
	Before func(ctx context.Context, c *Call) Next
	// Says is the key of the prompt; Args gives its placeholders.
	Says string
	Args func(c *Call) Args
	// Again is said in place of Says after silence or a wrong entry: shorter, for what was wrong is said before it.
	Again string
	// Accepts is what the caller may do. Nil asks nothing: Then runs in the same turn.
	Accepts Accepts
	// Then says where to go. LeadsTo names every step it may go to: tests and the picture of the call use it.
	Then    func(ctx context.Context, c *Call, a Answer) Next
	LeadsTo []StepName
	// GivesUpTo is where too many silences and wrong answers lead; empty is a person.
	GivesUpTo StepName
}

// Exits are all steps that may follow this one: the declared jumps, where it gives up to, and a
// person from whatever is asked (V2) or goes wrong.
func (s Step) Exits() []StepName {
	list := append(slices.Clone(s.LeadsTo), Person)
	if s.GivesUpTo != "" {
		list = append(list, s.GivesUpTo)
	}
	return list
}

// Args are the placeholders of a prompt.
type Args map[string]any

// Answer is an input that the step accepts.
type Answer struct {
	Keys       string // digits that were asked for; empty at an amount means: ended without a digit
	Option     string // name of the menu's option
	Speech     string
	Confidence string // as the recogniser gave it
	Capture    *Capture
	Transfer   *Transfer
}

// Accepts is what a step can be answered with: Menu, Digits, Amount, Assent, Pay, Hold or Dial.
type Accepts interface{ accepts() }

// Menu is a question with numbered options: 9 is again and 0 a person, always.
type Menu struct {
	Options func(c *Call) []Option
	// Also are keys outside the list, for what has a number of its own everywhere. The step's prompt names them.
	Also map[string]string
	// OnSilence is taken when nobody says anything at all, once Warns has said so and the question was
	// asked again; empty asks until the tries are over (V3, V4).
	OnSilence string
	Warns     string
	// Closes is spoken after the options.
	Closes string
}

// Option is one line of a menu. Its key is its place in the list.
type Option struct {
	Name  string // what Then is given
	Says  string // prompt key with the placeholder Key; empty: the step's own prompt says it
	Args  Args
	Lang  string // empty: the caller's
	Hears string // key of the words that choose it when spoken
}

// Digits is a number to be keyed and ended by #.
type Digits struct {
	Lengths []int                             // any other count is a format error
	Reject  string                            // prompt key for a format error
	Check   func(c *Call, digits string) bool // nil = the count decides
}

// Amount is money to be keyed; 0 is zero here and not a person (V2).
type Amount struct{}

// Words is free speech: a name. # or silence asks again; 0 reaches a person.
type Words struct{}

// Assent is the spoken consent to a debit (E4); 0 reaches a person, no other key means anything.
type Assent struct{}

// Pay is the provider's capture of a card or bank account.
type Pay struct{}

// Hold is a wait for the outcome of a charge: a short silence, then the next turn.
type Hold struct{}

// Dial is a transfer to a person.
type Dial struct{}

func (Menu) accepts()   {}
func (Digits) accepts() {}
func (Amount) accepts() {}
func (Words) accepts()  {}
func (Assent) accepts() {}
func (Pay) accepts()    {}
func (Hold) accepts()   {}
func (Dial) accepts()   {}

// Next is where a step leads.
type Next struct {
	kind nextKind
	to   StepName
	says string
	args Args
}

type nextKind int

const (
	nextProceed nextKind = iota // only from Before: say the step's prompt
	nextGo
	nextAgain // ask the same step again; counts as a try
	nextEnd
)

// Proceed lets a step's Before go on to what the step says.
func Proceed() Next { return Next{kind: nextProceed} }

// Go leads to another step.
func Go(to StepName) Next { return Next{kind: nextGo, to: to} }

// Again asks the step again after saying why. It counts as a try (V3).
func Again(says string, args Args) Next { return Next{kind: nextAgain, says: says, args: args} }

// End hangs up.
func End() Next { return Next{kind: nextEnd} }

// Input is what came in for a turn.
type Input struct {
	Kind       InputKind
	Keys       string
	Speech     string
	Confidence string
	Capture    *Capture
	Transfer   *Transfer
	Placed     *Placed // of Arrived: a call of ours was answered
}

// InputKind says what came in.
type InputKind string

const (
	Arrived  InputKind = "arrived"  // the call comes in
	Keyed    InputKind = "keyed"    // digits
	Spoke    InputKind = "spoke"    // speech
	Silent   InputKind = "silent"   // nothing, and the time is over
	Captured InputKind = "captured" // the capture is over, whatever came of it
	Dialled  InputKind = "dialled"  // the transfer is over, whatever came of it
	Lost     InputKind = "lost"     // we lost the input or the place: ask again
)

// Capture is what came of a capture. It holds no digit beyond the last four.
type Capture struct {
	Result    string // Twilio's word; empty: the capture ended without one
	Token     string
	Last      string // trailing digits that may be spoken
	Bank      string // the bank's name, where the connector has a directory
	Attempt   string // our reference as the connector gave it back
	Charged   bool   // it says that it charged: a misconfiguration
	Declined  bool   // the gateway refused this card or account
	Config    bool   // our configuration is wrong
	ErrorCode string
}

// Transfer is what came of a transfer.
type Transfer struct {
	Status  string // completed, busy, no-answer, failed, canceled
	Bridged bool
}

// Reply is what one turn says and then waits for. It knows nothing of TwiML.
type Reply struct {
	Lang  string // of the recogniser and of the capture's prompts
	Say   []Spoken
	Wait  Wait
	Delay bool // a failed verification: answered 400 ms after its request (I1)
}

// Spoken is one thing said.
type Spoken struct {
	Key       string
	Lang      string
	Speech    voiceprompts.Speech
	NoBargeIn bool
	Facts     []Fact
}

// Fact is a statement that the database must bear out at the instant it is spoken (P2).
type Fact struct {
	Says      string // owes, due, in-flight, paid, not-charged, unknown
	Account   string
	Cents     int64
	Due       string // YYYY-MM-DD
	Attempt   string
	Reference string
}

// Wait is what a turn ends with: Ask, TakePayment, Continue, Transferring or HangUp.
type Wait interface{ wait() }

// Ask waits for keys or speech.
type Ask struct {
	Keys    bool
	Speech  bool
	MaxKeys int  // 0: until #
	Until   bool // # ends the entry
	Seconds int
	Hints   []string
}

// TakePayment hands the caller to the provider's capture.
type TakePayment struct {
	Method   payments.Method
	BankType payments.BankType
	Attempt  string
	Holder   string
}

// Continue goes on to the next turn after a short silence.
type Continue struct{ Seconds int }

// Transferring dials a person.
type Transferring struct {
	To      string
	Seconds int
	Whisper string // opaque reference: what the person hears before accepting
}

// HangUp ends the call.
type HangUp struct{}

func (Ask) wait()          {}
func (TakePayment) wait()  {}
func (Continue) wait()     {}
func (Transferring) wait() {}
func (HangUp) wait()       {}
