package notify

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"duebell/billing"
)

// TestN9Numbers: the numbers that N9 names, 3,000 free lines = 185 texts a second and so on.
func TestN9Numbers(t *testing.T) {
	p := billing.DefaultPolicy()
	for _, c := range []struct{ free, perSecond int }{{3000, 185}, {500, 30}, {0, 0}, {-5, 0}} {
		if got := int(TextsPerSecond(c.free, p.CallbackRate, int(p.CallSeconds))); got != c.perSecond {
			t.Errorf("%d free lines: %d texts a second, want %d", c.free, got, c.perSecond)
		}
	}
	if got := TextsPerSecond(100, 0, 270); !math.IsInf(got, 1) {
		t.Errorf("if nobody calls back: %v", got)
	}
}

// lineCount counts calls, and how often it was asked.
type lineCount struct {
	used, asked int
	err         error
}

func (l *lineCount) CallsInProgress(context.Context, time.Time) (int, error) {
	l.asked++
	return l.used, l.err
}

// throttle is a token bucket that gives one fixed answer and records what it was asked.
type throttle struct {
	room Grant
	err  error
	asks []Reservation
}

func (s *throttle) Reserve(_ context.Context, a Reservation) (Grant, error) {
	s.asks = append(s.asks, a)
	return s.room, s.err
}

// ticking is a clock that the test moves.
type ticking struct{ at time.Time }

func (c *ticking) Now() time.Time { return c.at }

var tenAM = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

type pacing struct {
	*Pacer
	lines  *lineCount
	bucket *throttle
	clock  *ticking
}

func newPacing(t *testing.T, l SendLimits) *pacing {
	t.Helper()
	policy := billing.DefaultPolicy()
	cal, err := billing.NewCalendar(policy)
	if err != nil {
		t.Fatal(err)
	}
	p := &pacing{lines: &lineCount{}, bucket: &throttle{room: Grant{Granted: 1}}, clock: &ticking{at: tenAM}}
	p.Pacer = NewPacer(p.bucket, p.lines, p.clock, PaceFromPolicy(l, "+18776236765", func(body string) int { return (len(body) + 159) / 160 }, policy, cal))
	return p
}

// wait is how long a notice of a kind waits.
func (p *pacing) wait(t *testing.T, k Kind, c Channel) time.Duration {
	t.Helper()
	if err := p.refresh(context.Background(), p.clock.at); err != nil {
		t.Fatal(err)
	}
	decisions := []Decision{{Action: ActionSend, Body: "a text"}}
	if err := p.admit(context.Background(), []Facts{{Kind: k, Channel: c}}, decisions, p.clock.at); err != nil {
		t.Fatal(err)
	}
	if decisions[0].Action == ActionSend {
		return 0
	}
	return decisions[0].Until.Sub(p.clock.at)
}

// TestNoLimitsNoQuestions: without limits neither Redis nor the database is asked.
func TestNoLimitsNoQuestions(t *testing.T) {
	p := newPacing(t, SendLimits{})
	if wait := p.wait(t, DueSoon, SMS); wait != 0 || len(p.bucket.asks) != 0 || p.lines.asked != 0 {
		t.Errorf("waits %v after %d questions", wait, len(p.bucket.asks)+p.lines.asked)
	}
	if wait := p.wait(t, CallBack, Voice); wait != 0 {
		t.Errorf("a call waits %v", wait)
	}
	if got := p.batch(700); got != 700 {
		t.Errorf("a tick enqueues %d", got)
	}
}

// TestWhatIsAsked: a reservation names the limits, the pace of the free lines, and whether it is for reminders.
func TestWhatIsAsked(t *testing.T) {
	p := newPacing(t, SendLimits{SegmentsPerSecond: 20, SegmentsPerDay: 2000, Lines: 3000})
	p.lines.used = 2500
	p.wait(t, DueSoon, SMS)
	p.wait(t, PaymentReceived, SMS)
	p.wait(t, AutoPayUpcoming, SMS)
	p.wait(t, HelpReply, SMS)
	for i, first := range []bool{false, true, true, true} {
		a := p.bucket.asks[i]
		if a.First != first || !slices.Equal(a.Segments, []int{1}) || a.SegmentsPerSecond != 20 || a.SegmentsPerDay != 2000 || a.Day != "2027-02-10" || int(a.TextsPerSecond) != 30 {
			t.Errorf("question %d: %+v", i, a)
		}
	}
	if got := p.batch(10_000); got != 200 { // 20 a second until the next ticks
		t.Errorf("a tick enqueues %d", got)
	}
}

// TestRoom: how long a text waits, by the answer of the token bucket.
func TestRoom(t *testing.T) {
	p := newPacing(t, SendLimits{SegmentsPerSecond: 20})
	p.bucket.room = Grant{Wait: 40 * time.Millisecond}
	if wait := p.wait(t, DueSoon, SMS); wait != 40*time.Millisecond {
		t.Errorf("waits %v", wait)
	}
	p.bucket.room = Grant{DayFull: true}
	if wait := p.wait(t, DueSoon, SMS); wait != 14*time.Hour { // to midnight in Boston
		t.Errorf("on a full day it waits %v", wait)
	}
	p.bucket.err = errors.New("redis is down")
	if p.admit(context.Background(), []Facts{{Kind: DueSoon}}, []Decision{{Action: ActionSend, Body: "a text"}}, tenAM) == nil {
		t.Error("let go without an answer")
	}
}

// TestABatchAsksOnce: what goes first and what is a reminder each by one question, and those beyond the
// room wait; what does not go is not asked for.
func TestABatchAsksOnce(t *testing.T) {
	p := newPacing(t, SendLimits{SegmentsPerSecond: 20})
	p.bucket.room = Grant{Granted: 1, Wait: time.Second}
	facts := []Facts{{Kind: DueSoon}, {Kind: PaymentReceived}, {Kind: PastDue}, {Kind: DueSoon}, {Kind: DueToday}, {Kind: CallBack, Channel: Voice}}
	decisions := make([]Decision, len(facts))
	for i := range decisions {
		decisions[i] = Decision{Action: ActionSend, Body: strings.Repeat("x", 100*i+1)}
	}
	decisions[2] = Decision{Action: ActionDrop, Why: WhyCap}
	if err := p.admit(context.Background(), facts, decisions, tenAM); err != nil {
		t.Fatal(err)
	}
	var asked [][]int
	for _, a := range p.bucket.asks {
		asked = append(asked, a.Segments)
	}
	if want := [][]int{{1}, {1, 2, 3}}; !slices.EqualFunc(asked, want, slices.Equal) || !p.bucket.asks[0].First || p.bucket.asks[1].First {
		t.Errorf("asked for %v, want %v", asked, want)
	}
	var do []Action
	for _, v := range decisions {
		do = append(do, v.Action)
	}
	if want := []Action{ActionSend, ActionSend, ActionDrop, ActionWait, ActionWait, ActionSend}; !slices.Equal(do, want) || decisions[3].Until != tenAM.Add(time.Second) {
		t.Errorf("they %v, want %v; the first to wait until %v", do, want, decisions[3].Until)
	}
}

// TestLinesAreCountedEveryFewSeconds, not for every text.
func TestLinesAreCountedEveryFewSeconds(t *testing.T) {
	p := newPacing(t, SendLimits{Lines: 100})
	p.lines.used = 100
	for range 5 {
		if wait := p.wait(t, DueSoon, SMS); wait != noFreeLine {
			t.Errorf("without a free line it waits %v", wait)
		}
	}
	if p.lines.asked != 1 {
		t.Errorf("counted %d times", p.lines.asked)
	}
	if wait := p.wait(t, PaymentReceived, SMS); wait != 0 {
		t.Errorf("a receipt waits %v for a line", wait)
	}
	if got := p.batch(100); got != 0 {
		t.Errorf("a tick enqueues %d", got)
	}
	p.lines.used, p.clock.at = 0, tenAM.Add(3*time.Second)
	if wait := p.wait(t, DueSoon, SMS); wait != 0 || p.lines.asked != 2 {
		t.Errorf("waits %v after %d counts", wait, p.lines.asked)
	}
	if err := p.refresh(context.Background(), tenAM.Add(time.Hour)); err != nil || p.lines.asked != 3 { // the clock was moved: dev, and scripts
		t.Errorf("%d counts, %v", p.lines.asked, err)
	}
	p.lines.err, p.clock.at = errors.New("the database is down"), tenAM.Add(time.Minute)
	if p.refresh(context.Background(), p.clock.at) == nil {
		t.Error("counted without a database")
	}
}

// TestCallsNeedAFreeLine: calls that were asked for may take the last line, reminder calls leave a tenth.
func TestCallsNeedAFreeLine(t *testing.T) {
	p := newPacing(t, SendLimits{Lines: 20})
	p.lines.used = 16
	for i, c := range []struct {
		kind Kind
		want time.Duration
	}{
		{DueSoon, 0}, {DueSoon, 0}, {DueSoon, noFreeLine}, {CallBack, 0}, {CallBack, 0}, {CallBack, noFreeLine},
	} {
		if got := p.wait(t, c.kind, Voice); got != c.want {
			t.Errorf("call %d waits %v, want %v", i, got, c.want)
		}
	}
	p.clock.at = p.clock.at.Add(recount)
	p.lines.used = 19
	if got := p.wait(t, CallBack, Voice); got != 0 {
		t.Errorf("the last line waits %v", got)
	}
}

// TestSendLimitsProblems: impossible limits are refused at the start.
func TestSendLimitsProblems(t *testing.T) {
	if got := (SendLimits{SegmentsPerSecond: math.NaN(), SegmentsPerDay: -1, Lines: -1}).Problems(); len(got) != 3 {
		t.Errorf("%v", got)
	}
	if got := (SendLimits{SegmentsPerSecond: 0.5, SegmentsPerDay: 2000, Lines: 3000}).Problems(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// TestRetryAt: only for a passing reason, twice, within the window, and no answers.
func TestRetryAt(t *testing.T) {
	late := tenAM.Add(24 * time.Hour)
	for _, c := range []struct {
		name     string
		kind     Kind
		trouble  Trouble
		retries  int
		notAfter time.Time
		want     time.Duration // 0: never
	}{
		{"the first time", PaymentReceived, TryLater, 0, late, 15 * time.Minute},
		{"the second time", PaymentReceived, TryLater, 1, late, 2 * time.Hour},
		{"the third time", PaymentReceived, TryLater, 2, late, 0},
		{"a reminder", DueSoon, TryLater, 0, late, 15 * time.Minute},
		{"without a window", AutoPayUpcoming, TryLater, 0, time.Time{}, 15 * time.Minute},
		{"to the end of its window", DueToday, TryLater, 0, tenAM.Add(15 * time.Minute), 15 * time.Minute},
		{"past its window", DueToday, TryLater, 0, tenAM.Add(15*time.Minute - time.Second), 0},
		{"a landline", PaymentReceived, Landline, 0, late, 0},
		{"filtered", PaymentReceived, CarrierFiltered, 0, late, 0},
		{"a code that nobody knows", PaymentReceived, "other", 0, late, 0},
		{"an answer", HelpReply, TryLater, 0, late, 0},
		{"the written notice, a letter instead (E6)", TelWrittenNotice, TryLater, 0, late, 0},
		{"no such kind", "weather", TryLater, 0, late, 0},
	} {
		at, ok := RetryAt(c.kind, c.trouble, c.retries, tenAM, c.notAfter)
		if ok != (c.want != 0) || ok && at.Sub(tenAM) != c.want {
			t.Errorf("%s: %v after %v", c.name, ok, at.Sub(tenAM))
		}
	}
}

// TestPauseFor: which kinds a carrier's report on one text stops.
func TestPauseFor(t *testing.T) {
	for _, c := range []struct {
		code    int
		trouble Trouble
		stops   Kind
		probed  bool
	}{
		{30007, CarrierFiltered, DueSoon, false},
		{30034, AccountTrouble, AllKinds, true},
		{20003, AccountTrouble, AllKinds, true},
		{21408, AccountTrouble, "", false}, // a country that we do not text to: anybody may write from there
		{30006, Landline, "", false},
		{30003, TryLater, "", false},
		{0, "", "", false},
	} {
		p := PauseFor(DueSoon, c.code, c.trouble, tenAM)
		switch {
		case p == nil && c.stops != "", p != nil && (p.Kind != c.stops || p.ProbeAt.IsZero() == c.probed || p.Why == "" || p.By != ByCarrier):
			t.Errorf("%d: %+v", c.code, p)
		}
	}
}

// TestCallState: Twilio's statuses of a call and our states.
func TestCallState(t *testing.T) {
	for status, want := range map[string]State{
		"queued": Accepted, "initiated": Accepted, "ringing": Accepted, "in-progress": Sent, "completed": Delivered,
		"busy": Undelivered, "no-answer": Undelivered, "failed": Undelivered, "canceled": Undelivered, "humming": "",
	} {
		if got, known := CallState(status); got != want || known != (want != "") {
			t.Errorf("%s: %s", status, got)
		}
	}
}
