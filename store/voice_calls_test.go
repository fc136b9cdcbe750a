package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/ivr"
	"duebell/notify"
)

// switchboard is a Twilio that places calls, and loses replies when told to.
type switchboard struct {
	mu            sync.Mutex
	calls         []placedCall
	before, after func(string) error
}

type placedCall struct{ to, reference, sid string }

func (s *switchboard) Dial(_ context.Context, to, reference string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		if err := s.before(to); err != nil {
			return "", err
		}
	}
	c := placedCall{to, reference, fmt.Sprintf("CA%032d", len(s.calls)+1)}
	s.calls = append(s.calls, c)
	if s.after != nil {
		if err := s.after(to); err != nil {
			return "", err
		}
	}
	return c.sid, nil
}

// phone is a post that can place calls too.
type phone struct {
	*textFixture
	board *switchboard
}

func openPhone(t testing.TB, lines int) *phone {
	t.Helper()
	p := newTextFixture(t)
	board := &switchboard{}
	o := p.options()
	if lines > 0 {
		o = p.paced(notify.SendLimits{Lines: lines})
	}
	o.Dialer = board
	p.sender = p.senderWith(o)
	p.inbox.WithCallBacks()
	return &phone{p, board}
}

func (p *phone) wantCalls(n int) {
	p.t.Helper()
	if got := len(p.board.calls); got != n {
		p.t.Errorf("%d calls placed, want %d", got, n)
	}
}

// says is a status of the nth call.
func (p *phone) says(n int, status string) {
	p.t.Helper()
	c := p.board.calls[n-1]
	if err := p.store.CallProgress(context.Background(), c.reference, c.sid, status, p.clock.Now()); err != nil {
		p.t.Errorf("%s: %v", status, err)
	}
}

// notices are all of them, kind and state.
func (p *phone) notices() []string {
	p.t.Helper()
	return p.lines(`SELECT kind, channel, state FROM notices ORDER BY id`)
}

// TestN8PayIsCalledBack: at once, once, with a text that says so, at any hour.
func TestN8PayIsCalledBack(t *testing.T) {
	t.Parallel()
	p := openPhone(t, 0)
	p.clock.at = time.Date(2027, time.February, 11, 8, 0, 0, 0, time.UTC) // 03:00 in Boston
	p.receive("SM1", ana, "PAY")
	p.receive("SM1", ana, "PAY")
	p.receive("SM2", ana, "pay!")
	p.work()
	p.wantCalls(1)
	if c := p.board.calls[0]; c.to != ana || len(c.reference) != 24 {
		t.Errorf("placed %+v", c)
	}
	p.wantSent(1)
	want := "Health Connector: we are calling you now from 1-877-623-6765. We will never ask for bank details by text. STOP to opt out."
	if got := p.carrier.texts[0].Body; got != want {
		t.Errorf("texted %q", got)
	}
	for _, step := range []struct{ says, state string }{
		{"ringing", "accepted"}, {"in-progress", "sent"}, {"ringing", "sent"}, {"completed", "delivered"}, {"in-progress", "delivered"}, {"no-answer", "delivered"},
	} {
		p.says(1, step.says)
		if got := p.state(notify.CallBack); got != step.state {
			t.Errorf("after %s: %s, want %s", step.says, got, step.state)
		}
	}
	p.pass(time.Hour)
	p.wantCalls(1)
	p.wantSent(1)
	if got := p.one(`SELECT count(*) FROM contract.texts WHERE kind = 'call_back'`); got != "0" {
		t.Error("a call stands among the texts")
	}
}

// TestN8Again: ten minutes after the last call, three times a day; else the help line, once a day.
func TestN8Again(t *testing.T) {
	t.Parallel()
	p := openPhone(t, 0)
	for i, c := range []struct {
		pass  time.Duration
		calls int
	}{{0, 1}, {5 * time.Minute, 1}, {5 * time.Minute, 2}, {time.Hour, 3}, {time.Hour, 3}, {12 * time.Hour, 4}} {
		p.pass(c.pass)
		p.receive(fmt.Sprintf("SM%d", i), ana, "PAY")
		p.work()
		p.wantCalls(c.calls)
		p.says(c.calls, "no-answer")
	}
	if got := p.one(`SELECT count(*) FROM notices WHERE kind = 'help_reply'`); got != "1" {
		t.Errorf("%s help lines", got)
	}
}

// TestN8NoFreeLine: at the first moment there is one, or the text that says that there was none.
func TestN8NoFreeLine(t *testing.T) {
	t.Parallel()
	p := openPhone(t, 1)
	p.exec(`INSERT INTO calls (call_sid, language, step, turn, started_at) VALUES ('CA9', 'en', 'main-menu', 1, $1)`, textsAt)
	p.receive("SM1", ana, "PAY")
	p.work()
	for range 5 {
		p.pass(time.Minute)
	}
	p.wantCalls(0)
	p.wantSent(0)
	p.exec(`UPDATE calls SET ended_at = $1`, p.clock.Now())
	p.pass(10 * time.Second)
	p.wantCalls(1)
	if got := p.one(`SELECT creates, waits FROM notices WHERE kind = 'call_back'`); got != "1|0" {
		t.Errorf("waiting counted as trying: %s", got)
	}
	p.receive("SM2", ben, "PAY") // the line is busy with the first
	p.work()
	for range 4 {
		p.pass(10 * time.Minute)
	}
	p.wantCalls(1)
	want := []string{
		"call_back|voice|accepted", "call_ack|sms|accepted", "call_back|voice|dropped", "call_busy|sms|accepted",
	}
	if diff := cmp.Diff(want, p.notices()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.carrier.texts[1].Body; got != "Health Connector: all our lines are busy and we could not call you. Please call 1-877-623-6765 or reply PAY again. STOP to opt out, HELP for help." {
		t.Errorf("texted %q", got)
	}
	p.says(1, "completed")
	p.receive("SM3", ben, "PAY") // none was placed, so that it is not too soon
	p.work()
	p.pass(10 * time.Second)
	p.wantCalls(2)
}

// TestTheReplyOfACallIsLost: its own webhooks tell that it exists; nobody is dialled twice.
func TestTheReplyOfACallIsLost(t *testing.T) {
	t.Parallel()
	p := openPhone(t, 0)
	p.board.after = always(errLost)
	p.receive("SM1", ana, "PAY")
	p.work()
	p.wantCalls(1)
	p.wantSent(0) // it is not known that we are calling
	p.wantState(notify.CallBack, notify.Unknown)
	p.pass(time.Minute)
	p.says(1, "ringing")
	p.tick()
	p.wantSent(1)
	p.wantState(notify.CallBack, notify.Accepted)
	p.pass(time.Hour)
	p.wantCalls(1)
}

// TestACallWasNeverPlaced: after two minutes without a ring it is dialled once more, and then no more.
func TestACallWasNeverPlaced(t *testing.T) {
	t.Parallel()
	p := openPhone(t, 0)
	tries := 0
	p.board.before = func(string) error { tries++; return errLost }
	p.receive("SM1", ana, "PAY")
	p.work()
	p.pass(time.Minute)
	if tries != 1 {
		t.Errorf("dialled %d times within a minute", tries)
	}
	p.pass(time.Minute)
	p.tick()
	if tries != 2 {
		t.Errorf("dialled %d times after two minutes", tries)
	}
	for range 5 {
		p.pass(2 * time.Minute)
	}
	if tries != 2 {
		t.Errorf("dialled %d times", tries)
	}
	want := []string{"call_back|voice|failed", "call_busy|sms|accepted"}
	if diff := cmp.Diff(want, p.notices()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestACallThatCannotBePlaced: rate limits and a broken account are waited out, a refusal is a person's.
func TestACallThatCannotBePlaced(t *testing.T) {
	t.Parallel()
	p := openPhone(t, 0)
	p.board.before = times(3, errLater)
	p.receive("SM1", ana, "PAY")
	p.work()
	for range 10 {
		p.pass(time.Second)
	}
	p.wantCalls(1)
	p.wantSent(1)
	p.board.before = always(&notify.SendError{Kind: notify.SendRefused, Code: 21211, Trouble: notify.WrongNumber})
	p.receive("SM2", ben, "PAY")
	p.work()
	if got := p.one(`SELECT kind, detail FROM tasks`); got != "call-back-failed|text SM2" {
		t.Errorf("task: %s", got)
	}
	if got := p.one(`SELECT count(*) FROM suppressions`); got != "0" {
		t.Error("texts to a number that texted us are switched off")
	}
	if got := p.one(`SELECT count(*) FROM paused_kinds`); got != "0" {
		t.Error("texts are stopped by a call")
	}
}

// TestAnsweredCalls: what a call is for, in whose language, also if it was given up.
func TestAnsweredCalls(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := openPhone(t, 0)
	p.exec(`UPDATE members SET language = 'es' WHERE phone = $1`, ana)
	p.board.after = always(errLost)
	p.receive("SM1", ana, "PAY")
	p.receive("SM2", "+16045550199", "CALL")
	p.work()
	p.pass(31 * time.Minute)
	want := map[string]ivr.Placed{ana: {For: ivr.AskedFor, Lang: "es"}, "+16045550199": {For: ivr.AskedFor}}
	for _, c := range p.board.calls { // a batch is sent concurrently: in either order
		for range 2 {
			got, err := p.store.CallAnswered(ctx, c.reference, c.sid, p.clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[c.to], got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
	if _, err := p.store.CallAnswered(ctx, "nothing", "CA1", p.clock.Now()); !errors.Is(err, ivr.ErrNotPlaced) {
		t.Errorf("a call that is not ours: %v", err)
	}
	if err := p.store.CallProgress(ctx, "nothing", "CA1", "ringing", p.clock.Now()); !errors.Is(err, ivr.ErrNotPlaced) {
		t.Errorf("news of a call that is not ours: %v", err)
	}
	if err := p.store.CallProgress(ctx, "nothing", "CA1", "humming", p.clock.Now()); err != nil {
		t.Errorf("a word that says nothing: %v", err)
	}
	// A call whose session is lost still knows why it was placed.
	sid := p.board.calls[0].sid
	if err := p.store.SaveMilestone(ctx, ivr.Milestone{Call: sid, Lang: "es", Step: ivr.MainMenu, StartedAt: textsAt, At: textsAt}); err != nil {
		t.Fatal(err)
	}
	if m, err := p.store.LastMilestone(ctx, sid); err != nil || m.PlacedFor != ivr.AskedFor {
		t.Errorf("recovered %q, %v", m.PlacedFor, err)
	}
}

// crashingDialer may die around the request.
type crashingDialer struct {
	notify.Dialer
	*crashPoints
}

func (m crashingDialer) Dial(ctx context.Context, to, reference string) (string, error) {
	m.pass()
	defer m.pass()
	return m.Dialer.Dial(ctx, to, reference)
}

// TestCallKilledAtAnyLine kills the process once, at every line in turn, while Twilio answers, loses
// its reply, or never gets the first request. A phone that rings tells of itself; nobody's rings twice;
// and who was not called is told so.
func TestCallKilledAtAnyLine(t *testing.T) {
	t.Parallel()
	boards := map[string]func(*switchboard){
		"answers":           func(*switchboard) {},
		"loses its reply":   func(b *switchboard) { b.after = times(1, errLost) },
		"never hears of it": func(b *switchboard) { b.before = times(1, errLost) },
	}
	for name, set := range boards {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for deadly := 1; ; deadly++ {
				s := &crashPoints{deadly: deadly}
				callKilledAt(t, s, set)
				if s.passed < deadly {
					if deadly < 5 {
						t.Errorf("only %d lines to die at", deadly-1)
					}
					return
				}
			}
		})
	}
}

func callKilledAt(t *testing.T, s *crashPoints, set func(*switchboard)) {
	t.Run(fmt.Sprintf("line %d", s.deadly), func(t *testing.T) {
		p := openPhone(t, 0)
		set(p.board)
		o := p.options()
		o.Dialer = crashingDialer{p.board, s}
		sender := notify.NewSender(crashingStore{p.store, s}, p.carrier, p.rules, p.clock, p.machine, func(int) int { return 0 }, discard, o)
		p.receive("SM1", ana, "PAY")
		rung := 0
		for range 40 {
			if _, err := sender.Tick(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, id := range p.jobs.take() {
				alive(t, func() error { return sender.Send(context.Background(), id) })
			}
			p.clock.add(30 * time.Second)
			p.machine.add(30 * time.Second)
			for ; rung < len(p.board.calls); rung++ {
				p.says(rung+1, "ringing")
			}
		}
		if len(p.board.calls) > 1 || p.carrier.sent() > 1 {
			t.Errorf("%d calls, %d texts", len(p.board.calls), p.carrier.sent())
		}
		want := map[int][]string{
			0: {"call_back|voice|failed", "call_busy|sms|accepted"},
			1: {"call_back|voice|accepted", "call_ack|sms|accepted"},
		}[len(p.board.calls)]
		if p.carrier.sent() == 0 { // the text was killed: after two minutes its words are not true any more
			want[1] = "call_ack|sms|dropped"
		}
		if diff := cmp.Diff(want, p.notices()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// alive runs f; a process that dies in it is found by its panic.
func alive(t *testing.T, f func() error) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if _, died := r.(crash); !died {
				panic(r)
			}
		}
	}()
	if err := f(); err != nil {
		t.Errorf("send: %v", err)
	}
}

// TestCallsInProgress counts both directions, each call once, and forgets those whose end was never told.
func TestCallsInProgress(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	call := func(sid string, ago time.Duration, ended bool) {
		p.exec(`INSERT INTO calls (call_sid, language, step, turn, started_at, ended_at) VALUES ($1, 'en', 'main-menu', 1, $2, CASE WHEN $3 THEN $2::timestamptz END)`, sid, textsAt.Add(-ago), ended)
	}
	notice := func(state, sid string, ago time.Duration) {
		p.exec(`INSERT INTO notices (reference, number, channel, kind, language, local_day, cause, state, created_at, not_before, tried_at, message_sid)
			VALUES ($1, $2, 'voice', 'call_back', 'en', '2027-02-10', $1, $3, $4, $4, $4, nullif($5, ''))`, "ref "+state+sid, ana, state, textsAt.Add(-ago), sid)
	}
	call("CA1", time.Minute, false)
	call("CA2", time.Minute, true)
	call("CA3", 3*time.Hour, false)
	call("CA4", time.Minute, false) // answered: known from both sides
	notice("sent", "CA4", time.Minute)
	notice("accepted", "CA5", time.Minute)
	notice("claimed", "", time.Minute)
	notice("unknown", "", time.Minute)
	notice("delivered", "CA6", time.Minute)
	notice("accepted", "CA7", 3*time.Hour)
	if n, err := p.store.CallsInProgress(context.Background(), textsAt); err != nil || n != 5 {
		t.Errorf("%d calls, %v", n, err)
	}
}
