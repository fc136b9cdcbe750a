package ivr

import (
	"context"
	"slices"

	"duebell/payments"
	"duebell/voiceprompts"
)

// StepName names a step. It is what a session keeps and what jumps refer to.
type StepName string

// Step is one line of the conversation: what the line says, what it accepts, and what happens then. It holds
// no state: all of that lies in the Call that its functions are given. So one Step serves every call at once,
// and running a turn again gives the same result.
type Step struct {
	Name StepName
	// Before runs when the step is entered, before anything is said. It returns Proceed() to go on to
	// Says, or a jump that skips the step.
	Before func(ctx context.Context, c *Call) Next
	// Says is the key of the prompt; Args returns its placeholders.
	Says string
	Args func(c *Call) Args
	// Again is the prompt in place of Says after silence or a wrong entry. It may be shorter, because
	// what was wrong is said before it.
	Again string
	// Accepts is what the caller may do. Nil asks nothing, and Then runs in the same turn.
	Accepts Accepts
	// Then returns where to go. LeadsTo names every step that it, or Before, may go to: a jump that is
	// not declared fails the scripts.
	Then    func(ctx context.Context, c *Call, a Answer) Next
	LeadsTo []StepName
	// GivesUpTo is where too many silences and wrong answers lead; empty is a person (V3).
	GivesUpTo StepName
}

// Exits returns all steps that may follow this one: the declared jumps, the one it gives up to, and a person,
// whom a caller reaches by 0 (V2) and after any failure of ours. Tests walk these to show that every step is
// reached and that every call can end.
func (s Step) Exits() []StepName {
	list := append(slices.Clone(s.LeadsTo), Person)
	if s.GivesUpTo != "" {
		list = append(list, s.GivesUpTo)
	}
	return list
}

// Args are the placeholders of a prompt. A value is a voiceprompts.Speech, a string, which is escaped, or an
// int. The names must be exactly those of the prompt: one too many or too few fails the turn
// (voiceprompts.Catalog.Say).
type Args map[string]any

// Answer is an input that the step accepts. Only the fields that its Accepts yields are set. A step without
// Accepts gets the zero Answer.
type Answer struct {
	Keys       string // digits that were asked for; empty at an amount means: ended without a digit
	Option     string // name of the menu's option
	Speech     string
	Confidence string // as the recogniser gave it
	Capture    *Capture
	Transfer   *Transfer
}

// Accepts is what a step can be answered with: Menu, Digits, Amount, Words, Assent, Pay, Hold or Dial. What
// an input means to each of them is decided in one place, Call.read, and what Twilio is asked for in another,
// Call.ask.
type Accepts interface{ accepts() }

// Menu is a question with numbered options. 9 says it again and 0 reaches a person, always (V2). Options is
// called to speak the list and again, in the next turn, to read the key. Both calls must give the same list,
// so it may depend on the session and the policy alone, and not on the time or the database.
type Menu struct {
	Options func(c *Call) []Option
	// Also are keys outside the list, for what has a number of its own everywhere. The step's prompt names them.
	Also map[string]string
	// OnSilence is the option that silence chooses, once Warns has said so and the question was asked
	// again; empty: silence chooses nothing, and the question is asked until the tries are over (V3, V4).
	OnSilence string
	Warns     string
	// Closes is spoken after the options.
	Closes string
}

// Option is one line of a menu. Its key is its place in the list, from 1: a menu has no gaps (V1).
type Option struct {
	Name  string // what Then is given
	Says  string // prompt key with the placeholder Key; empty: the step's own prompt says it
	Args  Args
	Lang  string // empty: the caller's
	Hears string // key of the words that choose it when spoken (V7: speech beside the keypad)
}

// Digits is a number to be keyed and ended by #. A lone 0 reaches a person (V2). Lengths and Check look at
// the form only: whether a number exists is found out later, by one look-up for all factors (I1: one
// look-up).
type Digits struct {
	Lengths []int                             // any other count is a format error
	Reject  string                            // prompt key for a format error
	Check   func(c *Call, digits string) bool // nil = the count decides
}

// Amount is money to be keyed, in cents. 0 is zero here and not a person (V2, M5). billing.ParseAmount judges
// it: there is no decimal point, so 21450 is $214.50.
type Amount struct{}

// Words is free speech: a name. # or silence asks again; 0 reaches a person. It is used where the next step
// reads the words back, so that a wrong one costs nothing.
type Words struct{}

// Assent is the spoken consent to a debit. 0 reaches a person; no other key means anything unless the policy
// lets key 1 count (E4). payments.Assent judges the words. The step must have spoken the terms in full before
// it asks.
type Assent struct{}

// Pay hands the caller to the provider's capture of a card or bank account. Its success is a token; no money
// has moved. The answer is a Capture; where Twilio goes on without a result it is an empty one.
type Pay struct{}

// Hold is a wait for the outcome of a charge: a short silence, then the next turn, whatever comes in. While
// it lasts nobody is asked anything, and no key is read, 0 included.
type Hold struct{}

// Dial is a transfer to a person. The answer is a Transfer, whatever became of it.
type Dial struct{}

func (Menu) accepts()   {}
func (Digits) accepts() {}
func (Amount) accepts() {}
func (Words) accepts()  {}
func (Assent) accepts() {}
func (Pay) accepts()    {}
func (Hold) accepts()   {}
func (Dial) accepts()   {}

// Next is where a step leads. Make one by Proceed, Go, Again or End. The zero value is Proceed, which only
// Before may return: from a Then it names no step, and the turn fails.
type Next struct {
	kind nextKind
	to   StepName
	says string
	args Args
}

// nextKind says how a turn goes on.
type nextKind int

const (
	nextProceed nextKind = iota // only from Before: say the step's prompt
	nextGo
	nextAgain // ask the same step again; counts as a try
	nextEnd
)

// Proceed returns the Next by which a step's Before goes on to what the step says.
func Proceed() Next { return Next{kind: nextProceed} }

// Go returns a jump to a step.
func Go(to StepName) Next { return Next{kind: nextGo, to: to} }

// Again returns the Next that asks the same step again after saying why. It counts as a try (V3).
func Again(says string, args Args) Next { return Next{kind: nextAgain, says: says, args: args} }

// End returns the Next that hangs up.
func End() Next { return Next{kind: nextEnd} }

// Input is what came in for a turn. Only the fields of its Kind are set.
type Input struct {
	Kind       InputKind
	Keys       string
	Speech     string
	Confidence string
	Capture    *Capture
	Transfer   *Transfer
	Placed     *Placed // of Arrived: a call of ours was answered
}

// InputKind says what came in. Every POST of Twilio's about a turn is exactly one of them. Arrived and Lost
// are also made by the webhook, for a call of which nothing is known any more.
type InputKind string

const (
	Arrived  InputKind = "arrived"  // the call comes in
	Keyed    InputKind = "keyed"    // digits
	Spoke    InputKind = "spoke"    // speech
	Silent   InputKind = "silent"   // nothing, and the time is over
	Captured InputKind = "captured" // the capture of a card or bank account is over, whatever came of it
	Dialled  InputKind = "dialled"  // the transfer is over, whatever came of it
	Lost     InputKind = "lost"     // we lost the input or the session: the step is entered anew
)

// Capture is what came of the capture of a card or bank account. It holds no digit beyond the last four (D1:
// no secret is kept). Twilio's result also carries the routing number, expiry and ZIP; the form decoder of
// internal/twilio drops them before this value is made (twilio.md §2.1).
type Capture struct {
	Result    string // Twilio's word (twilio.md §2.2); empty: the capture ended without one
	Token     string // the processor's, beside success only
	Last      string // trailing digits that may be spoken
	Bank      string // the bank's name, where the connector has a directory (E10)
	Attempt   string // key of the attempt, as the connector gave it back
	Charged   bool   // it says that it charged, which ours never do: Twilio is misconfigured
	Declined  bool   // the gateway refused this card or account; another may do
	Config    bool   // our configuration of the connector is wrong
	ErrorCode string // Twilio's, for the log
}

// Transfer is what came of a transfer. A completed leg proves only that somebody or something picked up.
// Whether a person took the call is known from the key that they press in the whisper (H5: accepts with key
// 1).
type Transfer struct {
	Status  string // Twilio's: completed, busy, no-answer, failed, canceled
	Bridged bool   // the two sides were connected
}

// Reply is what one turn says and then waits for, in no words of Twilio's: webhook.Render writes it as TwiML.
// The same session and input give the same Reply, and Render gives the same bytes for it, so a turn that is
// run again after a crash says the same.
type Reply struct {
	Lang  string // of the recogniser and of the capture's prompts
	Say   []Spoken
	Wait  Wait
	Delay bool // a failed verification: answered 400 ms after its request (I1)
}

// Spoken is one prompt that is said. Key and Facts are for evidence, for tests and for the comparison with
// the database; only the rest reaches Twilio.
type Spoken struct {
	Key       string
	Lang      string
	Speech    voiceprompts.Speech
	NoBargeIn bool   // said in full, whatever the caller keys (V5)
	Facts     []Fact // what it states, to be compared with the database
}

// Fact is a statement that the database must bear out at the instant it is spoken (design §1, promise P2:
// nothing said is untrue). Fields that the statement does not name are zero. Cents are without a fee. Scripts
// and load runs have one query for each word of Says.
type Fact struct {
	Says      string // owes, due, in-flight, paid, not-charged, unknown
	Account   string
	Cents     int64
	Due       string // YYYY-MM-DD
	Attempt   string
	Reference string
}

// Wait is what a turn ends with: an Ask, TakePayment, Continue, Transferring or HangUp. It is what Call.ask
// makes of the step's Accepts. A reply always has one: no call falls off the end of a document.
type Wait interface{ wait() }

// Ask waits for keys or speech. Twilio has one time-out for the first key and between keys (V4), so Seconds
// is both. Silence posts to the same turn as an answer would.
type Ask struct {
	Keys    bool
	Speech  bool
	MaxKeys int  // after so many the entry ends by itself; 0: until #
	Until   bool // # ends the entry
	Seconds int  // of silence, before and between keys
	Hints   []string
}

// TakePayment hands the caller to the provider's capture. Attempt travels along as a <Parameter>, and comes
// back with the result where the connector returns it. Holder is needed for bank accounts alone, because
// <Pay> does not ask for it.
type TakePayment struct {
	Method   payments.Method
	BankType payments.BankType
	Attempt  string
	Holder   string
}

// Continue goes on to the next turn after a short silence. What comes in at the next turn means only that the
// time has passed.
type Continue struct{ Seconds int }

// Transferring dials a person. To is a number in E.164 or a sip: URI, and Seconds is how long it rings.
// Without Whisper whoever answers is connected at once.
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
