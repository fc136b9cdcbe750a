package ivr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"duebell/billing"
	"duebell/payments"
	"duebell/voiceprompts"
)

// Engine runs one turn of a call at a time. It remembers nothing between them and may be used by any
// number of calls at once.
type Engine struct {
	Services
	order []Step
	steps map[StepName]Step
}

// Services are what the conversation needs from other packages. All are required but those that say so. They
// are called by any number of calls at once. Each write among them is unique by call and turn, or changes
// nothing when it is repeated: that is what lets a turn be run twice.
type Services struct {
	// Identity and balances, payments, and what is kept of calls.
	Members      Members
	Checkout     *payments.Checkout
	Milestones   Milestones
	HandOffs     HandOffs
	Texts        Texts
	CallRefusals CallRefusals // who wants no more reminder calls; nil where the line places none
	CallConsents CallConsents // who agrees to them; likewise
	Hours        Hours
	Prompts      *voiceprompts.Catalog
	Calendar     *billing.Calendar
	Policy       billing.Policy
	Clock        billing.Clock
	// Wait blocks until the attempt is settled or a few seconds of machine time are over, whichever is
	// first, and returns the attempt as it is then.
	Wait func(ctx context.Context, attempt string) (payments.Attempt, error)
	// NewRef returns a new opaque reference, which nobody can guess.
	NewRef func() string
	Log    *slog.Logger
	// Jumped is called with every step that is entered, the step before it, and the language. It may be
	// nil. The script runner compares these jumps with LeadsTo.
	Jumped func(lang string, from, to StepName)
}

// ErrNotVerified is the one failure of a verification, whatever its cause (I1: one failure line).
var ErrNotVerified = errors.New("ivr: not verified")

// ErrSeveral says that the answers fit more than one member behind a phone number (B3: then the member
// ID is asked for).
var ErrSeveral = errors.New("ivr: the answers fit several members")

// Members proves identities and knows what is owed. Any error but the two above is a failure of the database:
// the caller hears that something went wrong and is led to a person, and nothing is concluded about the
// account.
type Members interface {
	// Verify looks up once, for all factors, with equal work for every cause of failure, or returns
	// ErrNotVerified or ErrSeveral. The same call and turn again gives the first result.
	Verify(ctx context.Context, try VerifyTry) (Verified, error)
	// Accounts returns the member's billing accounts, in a fixed order.
	Accounts(ctx context.Context, memberID string) ([]billing.Account, error)
	// OnFile says whether a telephone number, E.164, is on file for a member.
	OnFile(ctx context.Context, number string) (bool, error)
	// SetLanguage stores the language that a member has chosen, for texts and letters.
	SetLanguage(ctx context.Context, memberID, lang string) error
	// Payable says whether a guest may pay an account: it exists, is active and not frozen.
	Payable(ctx context.Context, account string) (bool, error)
	// Standing returns what the account owes at an instant, and how old the import behind it is.
	Standing(ctx context.Context, account string, at time.Time) (Owed, error)
}

// VerifyTry is one try to prove an identity. It is unique by call and turn: a turn that is run again counts
// no second try. Caller is empty for a withheld number, which has no limit of its own (I5: pooled limits
// only). At is the domain's instant by which the limits are counted.
type VerifyTry struct {
	Keyed  Identification
	Call   string
	Turn   int
	Caller string
	At     time.Time
}

// Verified is an identity that Verify has proven. Account is empty where a member ID or a phone number was
// keyed: then the account is chosen next.
type Verified struct {
	Member  Member
	Account string // where the caller keyed an account number
}

// Owed is what an account owes, and the instant of the import that says so. Amounts from an import older than
// import_max_age_hours are still spoken, with its date (B6: amounts as of).
type Owed struct {
	billing.Standing
	AsOf time.Time // of the newest import
}

// Texts says where a text may go, and switches texts off and on. Numbers are E.164. turnKey is Call.turnKey:
// the call and turn in which the wish came.
type Texts interface {
	// Textable says whether payment texts may go to a number: there is consent, and no opt-out.
	Textable(ctx context.Context, number string) (bool, error)
	// Stop ends all texts to a number; Start lets them begin again, or returns ErrTextStart. The same
	// turn key again changes nothing more.
	Stop(ctx context.Context, number, turnKey string) error
	Start(ctx context.Context, number, turnKey string) error
	// TextsArrive says whether a text can arrive at a number, as far as is known: no landline, no dead number.
	TextsArrive(ctx context.Context, number string) (bool, error)
}

// Hours are the hours in which people answer (H1: agent hours). Both take any instant and answer by the
// business zone.
type Hours interface {
	Open(t time.Time) bool
	// NextOpening returns the first open instant at or after t.
	NextOpening(t time.Time) time.Time
}

// NewEngine returns an engine for the conversation, or an error where two steps have one name. It looks at
// names only: that every jump leads to a step, and that every prompt exists, is shown by the tests that walk
// Steps.
func NewEngine(s Services) (*Engine, error) {
	e := &Engine{Services: s, order: Conversation(), steps: map[StepName]Step{}}
	for _, step := range e.order {
		if _, twice := e.steps[step.Name]; twice {
			return nil, fmt.Errorf("ivr: step %s is there twice", step.Name)
		}
		e.steps[step.Name] = step
	}
	return e, nil
}

// Steps returns the conversation in reading order, for tests and pictures. The slice is the engine's own and
// must not be changed.
func (e *Engine) Steps() []Step { return e.order }

// Call is one turn while it runs: the session, the services, and what has been said so far. Steps' functions
// take it, read and change the session, and add to what is said. It lives for one turn, in one goroutine.
type Call struct {
	*Session
	*Engine
	now   time.Time // one instant for the whole turn, domain clock
	said  []Spoken
	delay bool       // the reply waits for its 400 ms (I1: failures take equal time)
	err   error      // the first prompt that could not be rendered: a bug of ours, and the turn fails
	trail []StepName // steps entered in this turn
}

// maxHops bounds the steps that one turn may pass. More is a loop, and a bug of ours. Honest turns pass a
// handful: from the last factor over Verify, TellDropped and TellStanding to PayMenu are four.
const maxHops = 12

// Turn answers one input and returns the session that the next turn goes on from. After an error the old
// session stands, although the step may have written to the database: whatever a step does there is unique by
// call and turn, so running the turn again does it once. A prompt that cannot be rendered is such an error
// too, although the step has run: better no sentence than half a sentence about money.
func (e *Engine) Turn(ctx context.Context, s Session, in Input) (Session, Reply, error) {
	c := &Call{Session: &s, Engine: e, now: e.Clock.Now()}
	// The call's first turn, or a session rebuilt from a milestone without a language.
	if s.Language.Tag == "" {
		s.Language.Tag = e.languages()[0].Tag
	}
	reply := Reply{}
	var wait Wait
	var err error
	switch {
	case in.Kind == Arrived:
		wait, err = c.run(ctx, Go(c.firstStep(in.Placed)))
	case in.Kind == Lost:
		wait, err = c.run(ctx, Go(c.Step))
	default:
		wait, err = c.answer(ctx, in)
	}
	if err == nil {
		err = c.err
	}
	if err != nil {
		return s, Reply{}, fmt.Errorf("step %s: %w", c.Step, err)
	}
	// Kept for the next turn, whose answer may be the consent to these very words (E8: terms as spoken).
	s.LastSaid = c.evidence()
	reply.Lang, reply.Say, reply.Wait, reply.Delay = c.Language.Tag, c.said, wait, c.delay
	e.Log.Debug("turn", "call", s.Call, "turn", s.Turn, "input", string(in.Kind), "step", string(s.Step))
	return s, reply, nil
}

// Resume returns a session made from the last milestone of a call whose session is lost. Its step is
// LostPlace, which says so to the caller and goes on from there. What was keyed and chosen since the
// milestone is gone and is asked again. A verified caller stays verified, because the milestone is of this
// same call. Of a guest only an attempt is known: without one the call goes on at the main menu.
func (e *Engine) Resume(m Milestone, turn int) Session {
	return Session{
		Call: m.Call, Caller: m.Caller, Called: m.Called, StartedAt: m.StartedAt, PlacedFor: m.PlacedFor,
		Turn: turn, Step: LostPlace, Language: Language{Tag: m.Lang, Known: m.LangKnown},
		Member: m.Member, Account: Account{Number: m.Account}, Attempt: m.Attempt,
	}
}

// answer reads the input as an answer to the awaited step, and follows where that leads. A menu's next page
// and a repeat are no try, and run no step: they change nothing but what is said.
func (c *Call) answer(ctx context.Context, in Input) (Wait, error) {
	step, ok := c.steps[c.Step]
	if !ok {
		return nil, fmt.Errorf("no such step")
	}
	verdict := c.read(step, in)
	switch {
	case verdict.person:
		return c.run(ctx, c.toPerson("asked", c.Step))
	case verdict.repeat:
		return c.ask(ctx, step)
	case verdict.failed != "":
		return c.run(ctx, c.again(step, verdict.failed, nil))
	case verdict.answer.Option == somethingElse:
		c.Question.Page++
		return c.ask(ctx, step)
	}
	next := step.Then(ctx, c, verdict.answer)
	if next.kind == nextAgain {
		next = c.again(step, next.says, next.args) // the step refused what was keyed: a try like any other (V3)
	} else if next.kind == nextGo {
		c.Question = Question{}
	}
	return c.run(ctx, next)
}

// run follows jumps until a step waits for the caller, and returns what it waits for. Session.Step is set
// before Before runs, so that a failure in it is logged under the step's own name.
func (c *Call) run(ctx context.Context, next Next) (Wait, error) {
	for range maxHops {
		if next.kind == nextEnd {
			return HangUp{}, nil
		}
		if next.kind == nextAgain { // from a step that asks nothing: ask where it sends us
			c.say(next.says, next.args)
			next = Go(next.to)
		}
		step, ok := c.steps[next.to]
		if !ok {
			return nil, fmt.Errorf("jump to %q: no such step", next.to)
		}
		c.trail = append(c.trail, step.Name)
		if c.Jumped != nil {
			c.Jumped(c.Language.Tag, c.Step, step.Name)
		}
		c.Step = step.Name
		if step.Before != nil {
			if next = step.Before(ctx, c); next.kind != nextProceed {
				continue
			}
		}
		if step.Accepts != nil {
			return c.ask(ctx, step)
		}
		c.prompt(step)
		next = step.Then(ctx, c, Answer{})
	}
	return nil, fmt.Errorf("more than %d steps in one turn: %v", maxHops, c.trail)
}

// ask says the step's prompt and returns the wait for its answer. Before does not run here: saying a question
// again must change nothing.
func (c *Call) ask(_ context.Context, step Step) (Wait, error) {
	c.prompt(step)
	seconds := int(c.Policy.TimeoutMenuSeconds)
	switch a := step.Accepts.(type) {
	case Menu:
		for i, o := range c.offered(a.Options(c)) {
			if o.Says == "" {
				continue
			}
			args := Args{"Key": strconv.Itoa(i + 1)}
			for k, v := range o.Args {
				args[k] = v
			}
			c.sayIn(cmp.Or(o.Lang, c.Language.Tag), o.Says, args)
		}
		if a.Closes != "" {
			c.say(a.Closes, nil)
		}
		// Words of every page are listened for, not only of the one that is read out.
		hints := c.menuHints(a.Options(c))
		return Ask{Keys: true, Speech: len(hints) > 0, MaxKeys: 1, Seconds: c.patience(seconds), Hints: hints}, nil
	case Digits, Amount: // # ends the entry
		return Ask{Keys: true, Until: true, Seconds: c.patience(int(c.Policy.TimeoutFieldSeconds))}, nil
	case Words:
		return Ask{Keys: true, Speech: true, MaxKeys: 1, Seconds: c.patience(int(c.Policy.TimeoutFieldSeconds))}, nil
	case Assent:
		return Ask{Keys: true, Speech: true, MaxKeys: 1, Seconds: c.patience(seconds), Hints: c.assentHints()}, nil
	case Pay:
		return TakePayment{Method: c.Payment.Method, BankType: c.Payment.BankType, Attempt: c.Attempt, Holder: c.holder()}, nil
	case Hold:
		return Continue{Seconds: int(c.Policy.MaxSilenceSeconds)}, nil
	case Dial:
		to, whisper := c.transferTarget()
		return Transferring{To: to, Seconds: int(c.Policy.AgentRingSeconds), Whisper: whisper}, nil
	}
	return nil, fmt.Errorf("accepts something unknown")
}

// patience returns a time-out, doubled after the first silence of the call (V4: more time). It never goes
// back: who was slow once may be slow again.
func (c *Call) patience(seconds int) int {
	if c.Tries.MoreTime {
		return 2 * seconds
	}
	return seconds
}

// languages returns those that the policy switches on and that are translated, the default first. It is never
// empty: where none of the policy's is complete and approved, it holds English (K4).
func (e *Engine) languages() []voiceprompts.Language { return e.Prompts.Offered(e.Policy.Languages) }
