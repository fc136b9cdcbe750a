package ivr

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"duebell/billing"
	"duebell/voiceprompts"
)

// callStore keeps milestones in memory.
type callStore struct{ saved []Milestone }

func (s *callStore) SaveMilestone(_ context.Context, m Milestone) error {
	s.saved = append(s.saved, m)
	return nil
}
func (s *callStore) LastMilestone(context.Context, string) (Milestone, error) {
	return Milestone{}, ErrNoMilestone
}
func (s *callStore) RecordHandOff(context.Context, HandOff) error               { return nil }
func (s *callStore) HandOffAccepted(context.Context, string, int) (bool, error) { return false, nil }
func (s *callStore) DroppedCall(context.Context, DroppedCallQuery) (Milestone, error) {
	return Milestone{}, ErrNoMilestone
}
func (s *callStore) CallerLanguage(context.Context, string) (string, error) { return "", nil }
func (s *callStore) BookCallback(context.Context, CallbackBooking) error    { return nil }

type fixedClock time.Time

func (c fixedClock) Now() time.Time { return time.Time(c) }

// callRefusals records refusals of reminder calls.
type callRefusals struct {
	said []string
	err  error
}

func (r *callRefusals) NoMoreCalls(_ context.Context, number, cause string) error {
	r.said = append(r.said, number+" "+cause)
	return r.err
}

type openHours struct{}

func (openHours) Open(time.Time) bool               { return false }
func (openHours) NextOpening(t time.Time) time.Time { return t.Add(time.Hour) }

// call is a conversation of a call that the line has placed.
type call struct {
	t        *testing.T
	engine   *Engine
	session  Session
	reply    Reply
	stored   *callStore
	refusals *callRefusals
}

func placeCall(t *testing.T, p Placed, change func(*billing.Policy)) *call {
	t.Helper()
	policy := billing.DefaultPolicy()
	if change != nil {
		change(&policy)
	}
	cal, err := billing.NewCalendar(policy)
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	c := &call{t: t, stored: &callStore{}, refusals: &callRefusals{}, session: Session{Call: "CA1", Caller: "+16175550101", Called: "+18776236765"}}
	c.engine, err = NewEngine(Services{
		Milestones: c.stored, HandOffs: c.stored, CallRefusals: c.refusals, Hours: openHours{}, Prompts: prompts, Calendar: cal, Policy: policy,
		Clock: fixedClock(time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.turn(Input{Kind: Arrived, Placed: &p})
	return c
}

func (c *call) turn(in Input) {
	c.t.Helper()
	var err error
	c.session, c.reply, err = c.engine.Turn(context.Background(), c.session, in)
	if err != nil {
		c.t.Fatal(err)
	}
	c.session.Turn++
}

func (c *call) press(keys string) { c.t.Helper(); c.turn(Input{Kind: Keyed, Keys: keys}) }

func (c *call) said() string {
	var words []string
	for _, s := range c.reply.Say {
		words = append(words, s.Speech.Text())
	}
	return strings.Join(words, " ")
}

func (c *call) at(step StepName, words ...string) {
	c.t.Helper()
	if c.session.Step != step {
		c.t.Errorf("at %s, want %s", c.session.Step, step)
	}
	for _, w := range words {
		if !strings.Contains(c.said(), w) {
			c.t.Errorf("%q does not say %q", c.said(), w)
		}
	}
}

func (c *call) over() {
	c.t.Helper()
	if _, ended := c.reply.Wait.(HangUp); !ended {
		c.t.Errorf("the call goes on: %T", c.reply.Wait)
	}
}

// TestN8CalledBack: who calls comes first; then the pay flow, with identity as on any call.
func TestN8CalledBack(t *testing.T) {
	c := placeCall(t, Placed{For: AskedFor, Lang: "en"}, nil)
	c.at(CalledBack, "Massachusetts Health Connector payment line", "1-877-623-6765", "You asked us to call you", "press 1")
	if c.session.PlacedFor != AskedFor || len(c.stored.saved) != 1 {
		t.Errorf("placed for %q, milestones %v", c.session.PlacedFor, c.stored.saved)
	}
	c.press("1")
	c.at(AskAccount, "account number or member ID")
	if !c.consents() {
		t.Error("no bank debit on a call that was asked for (E2)")
	}
}

func (c *call) consents() bool {
	return (&Call{Session: &c.session, Engine: c.engine}).bankDebitAllowed()
}

// TestN8NobodyThere: silence ends it; nobody is transferred who has not even said hello.
func TestN8NobodyThere(t *testing.T) {
	c := placeCall(t, Placed{For: AskedFor, Lang: "en"}, nil)
	for range 3 {
		c.turn(Input{Kind: Silent})
	}
	c.at(Goodbye)
	c.over()
	if len(c.stored.saved) != 2 || c.stored.saved[1].Step != Goodbye {
		t.Errorf("milestones %v", c.stored.saved)
	}
}

// TestK2CalledBackInALanguage: that of the member; a stranger chooses.
func TestK2CalledBackInALanguage(t *testing.T) {
	both := func(p *billing.Policy) { p.Languages = []string{"en", "es"} }
	c := placeCall(t, Placed{For: AskedFor}, both)
	known := len(c.engine.languages()) > 1
	c.press("1")
	if want := map[bool]StepName{true: ChooseLanguage, false: AskAccount}[known]; c.session.Step != want {
		t.Errorf("a stranger comes to %s, want %s", c.session.Step, want)
	}
	c = placeCall(t, Placed{For: AskedFor, Lang: "en"}, both)
	c.press("1")
	c.at(AskAccount)
}

// TestN10Machine: brand and number, whatever the call is for, and nothing about anybody.
func TestN10Machine(t *testing.T) {
	for _, why := range []PlacedFor{AskedFor, Reminder} {
		c := placeCall(t, Placed{For: why, Lang: "en", Machine: true}, nil)
		c.over()
		if want := "This is the Massachusetts Health Connector. Our number is 1-877-623-6765."; c.said() != want {
			t.Errorf("%q", c.said())
		}
	}
}

// TestN10Reminder: brand and number first, 1 pays, and no bank debit is asked for (E2).
func TestN10Reminder(t *testing.T) {
	c := placeCall(t, Placed{For: Reminder, Lang: "en"}, nil)
	c.at(Reminding, "This is the Massachusetts Health Connector", "payment reminder", "press 7", "To pay now, press 1")
	if strings.Index(c.said(), "Connector") > strings.Index(c.said(), "reminder") {
		t.Errorf("%q", c.said())
	}
	c.press("1")
	c.at(AskAccount)
	if c.consents() {
		t.Error("a bank debit may be consented to")
	}
	call := &Call{Session: &c.session, Engine: c.engine}
	if next := skipOnlyMethod(context.Background(), call); next.to != ReadBack || call.Payment.Method != "card" {
		t.Errorf("the way to pay: %s, %s", next.to, call.Payment.Method)
	}
}

// TestN10NoMoreCalls: 7, once, and good-bye.
func TestN10NoMoreCalls(t *testing.T) {
	c := placeCall(t, Placed{For: Reminder, Lang: "en"}, nil)
	c.press("7")
	c.at(Goodbye, "We will not call this number with reminders any more")
	c.over()
	if !slices.Equal(c.refusals.said, []string{"+16175550101 CA1/1"}) {
		t.Errorf("recorded %v", c.refusals.said)
	}
	c = placeCall(t, Placed{For: Reminder, Lang: "en"}, nil)
	c.refusals.err = errors.New("the database is down")
	c.press("7")
	if strings.Contains(c.said(), "will not call") {
		t.Errorf("promised what was not recorded: %q", c.said())
	}
}

// TestN10OnlyWhereItIsOffered: 7 is a wrong key everywhere else.
func TestN10OnlyWhereItIsOffered(t *testing.T) {
	c := placeCall(t, Placed{For: AskedFor, Lang: "en"}, nil)
	c.press("7")
	c.at(CalledBack)
	if len(c.refusals.said) != 0 {
		t.Errorf("recorded %v", c.refusals.said)
	}
}
