package ivr

import (
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

// Engine runs one turn of a call at a time and remembers nothing between them.
type Engine struct {
	Services
	order []Step
	steps map[StepName]Step
}

// Services are what the conversation needs from the other rooms.
type Services struct {
	Members  Members
	Checkout *payments.Checkout
	Logbook  Logbook
	Texts    Texts
	Refusals Refusals // of reminder calls; may be nil where none are placed
	Callable Callable // likewise: who agrees to them
	Hours    Hours
	Prompts  *voiceprompts.Catalog
	Calendar *billing.Calendar
	Policy   billing.Policy
	Clock    payments.Clock
	// Wait blocks until the attempt is settled or the time is over, whichever is first (machine time).
	Wait func(ctx context.Context, attempt string) (payments.Attempt, error)
	// NewRef draws an opaque reference.
	NewRef func() string
	Log    *slog.Logger
	// Jumped is told of every step that is entered, from which, and in which language; may be nil. Scripts
	// hold the jumps against LeadsTo.
	Jumped func(lang string, from, to StepName)
}

// ErrNotVerified is the one failure of a verification, whatever its cause (I1).
var ErrNotVerified = errors.New("ivr: not verified")

// ErrSeveral says that the answers fit more than one member behind a phone number (B3).
var ErrSeveral = errors.New("ivr: the answers fit several members")

// Members proves identities and tells what is owed.
type Members interface {
	// Verify looks up once, for all factors, with equal work for every cause of failure.
	Verify(ctx context.Context, try VerifyTry) (Verified, error)
	// Accounts are the member's billing accounts, in a fixed order.
	Accounts(ctx context.Context, memberID string) ([]billing.Account, error)
	// OnFile says whether a number, E.164, is a member's.
	OnFile(ctx context.Context, number string) (bool, error)
	// Speaks keeps the language that a member has chosen.
	Speaks(ctx context.Context, memberID, lang string) error
	// Payable says whether a guest may pay an account: it exists, is active and not frozen.
	Payable(ctx context.Context, account string) (bool, error)
	// Standing is what the account owes, and how old the import behind it is.
	Standing(ctx context.Context, account string, at time.Time) (Owed, error)
}

// VerifyTry is one try to prove an identity; it is unique by call and turn.
type VerifyTry struct {
	Claim  Claim
	Call   string
	Turn   int
	Caller string
	At     time.Time
}

// Verified is a proven identity.
type Verified struct {
	Member  Member
	Account string // where the caller keyed an account number
}

// Owed is an account's standing and the instant that it is true of.
type Owed struct {
	billing.Standing
	AsOf time.Time // of the newest import
}

// Texts says where a text may go.
type Texts interface {
	Textable(ctx context.Context, number string) (bool, error)
	// Stop ends all texts to a number; Start lets them begin again, or says ErrTextStart. cause makes each happen once.
	Stop(ctx context.Context, number, cause string) error
	Start(ctx context.Context, number, cause string) error
	// Arrives says whether a text that is asked for can arrive: nobody has said that none does there.
	Arrives(ctx context.Context, number string) (bool, error)
}

// Hours are the hours in which people answer.
type Hours interface {
	Open(t time.Time) bool
	NextOpening(t time.Time) time.Time
}

// NewEngine checks the conversation and readies it.
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

// Steps is the conversation in reading order, for tests and pictures.
func (e *Engine) Steps() []Step { return e.order }

// Call is one turn at work: the session, and what has been said so far.
type Call struct {
	*Session
	*Engine
	now   time.Time
	said  []Spoken
	delay bool
	err   error // the first prompt that could not be rendered: our bug
	trail []StepName
}

// maxHops bounds the steps that one turn may pass; more is a loop, and a bug.
const maxHops = 12

// Turn answers one input. What it returns replaces the session; on an error nothing does.
func (e *Engine) Turn(ctx context.Context, s Session, in Input) (Session, Reply, error) {
	c := &Call{Session: &s, Engine: e, now: e.Clock.Now()}
	if s.Lang == "" {
		s.Lang = e.languages()[0].Tag
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
	s.Said = c.evidence()
	reply.Lang, reply.Say, reply.Wait, reply.Delay = c.Lang, c.said, wait, c.delay
	e.Log.Debug("turn", "call", s.Call, "turn", s.Turn, "input", string(in.Kind), "step", string(s.Step))
	return s, reply, nil
}

// Resume builds a session from the last milestone of a call whose session is lost. The caller
// hears that we lost the place, and goes on from there.
func (e *Engine) Resume(m Milestone, turn int) Session {
	s := Session{
		Call: m.Call, Caller: m.Caller, Called: m.Called, Lang: m.Lang, StartedAt: m.StartedAt,
		Turn: turn, Step: LostPlace, LangKnown: m.LangKnown, Member: m.Member, Account: m.Account, Attempt: m.Attempt, PlacedFor: m.PlacedFor,
	}
	return s
}

// answer fits the input to the awaited step and goes where that leads.
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
		c.MenuPage++
		return c.ask(ctx, step)
	}
	next := step.Then(ctx, c, verdict.answer)
	if next.kind == nextAgain {
		next = c.again(step, next.says, next.args)
	} else if next.kind == nextGo {
		c.Tries, c.Warned, c.MenuPage = 0, "", 0
	}
	return c.run(ctx, next)
}

// run follows jumps until a step waits for the caller.
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
			c.Jumped(c.Lang, c.Step, step.Name)
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

// ask says the step's prompt and waits.
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
			c.sayIn(orElse(o.Lang, c.Lang), o.Says, args)
		}
		if a.Closes != "" {
			c.say(a.Closes, nil)
		}
		hints := c.menuHints(a.Options(c))
		return Ask{Keys: true, Speech: len(hints) > 0, MaxKeys: 1, Seconds: c.patience(seconds), Hints: hints}, nil
	case Digits, Amount:
		return Ask{Keys: true, Until: true, Seconds: c.patience(int(c.Policy.TimeoutFieldSeconds))}, nil
	case Words:
		return Ask{Keys: true, Speech: true, MaxKeys: 1, Seconds: c.patience(int(c.Policy.TimeoutFieldSeconds))}, nil
	case Assent:
		return Ask{Keys: true, Speech: true, MaxKeys: 1, Seconds: c.patience(seconds), Hints: c.assentHints()}, nil
	case Pay:
		return TakePayment{Method: c.Method, BankType: c.BankType, Attempt: c.Attempt, Holder: c.holder()}, nil
	case Hold:
		return Continue{Seconds: int(c.Policy.MaxSilenceSeconds)}, nil
	case Dial:
		to, whisper := c.whom()
		return Transferring{To: to, Seconds: int(c.Policy.AgentRingSeconds), Whisper: whisper}, nil
	}
	return nil, fmt.Errorf("accepts something unknown")
}

// patience doubles every time-out after the first silence of the call (V4).
func (c *Call) patience(seconds int) int {
	if c.Slow {
		return 2 * seconds
	}
	return seconds
}

func (e *Engine) languages() []voiceprompts.Language { return e.Prompts.Offered(e.Policy.Languages) }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
