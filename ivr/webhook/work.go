package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"duebell/ivr"
)

// errLater says that a turn could not be begun: what it needs is out of reach. Its claim is given
// back, and whoever polls may begin it again.
var errLater = errors.New("webhook: the turn cannot be begun just now")

// worked is the end of the work on a turn: an answer, or errLater.
type worked struct {
	handled
	err error
}

// begin runs a claimed turn. It does not end with the request: what a turn does must be done and
// kept whether or not somebody still waits for its answer.
func (h *Handler) begin(ctx context.Context, d posted, lease TurnLease) <-chan worked {
	done := make(chan worked, 1)
	h.working.Add(1)
	go func() {
		defer h.working.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Timing.Work)
		defer cancel()
		letGo := h.hold(ctx, d)
		got, err := h.work(ctx, d, lease)
		letGo()
		if err != nil {
			h.release(ctx, d)
		}
		done <- worked{got, err}
	}()
	return done
}

// hold claims the turn again and again while it is worked on. So a claim runs out when its process
// dies, and not when the database is slow: a second run would only make it slower. The function it
// gives ends that.
func (h *Handler) hold(ctx context.Context, d posted) (letGo func()) {
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		ticks := time.NewTicker(h.Timing.Lease / 2)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				_, _ = h.Sessions.Acquire(ctx, d.Delivery) // without it somebody else may begin, which does no harm
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); renewing.Wait() }
}

func (h *Handler) release(ctx context.Context, d posted) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Timing.Note)
	defer cancel()
	if err := h.Sessions.Release(ctx, d.Delivery); err != nil { // it runs out by itself
		h.Log.Warn("a claim was not given back", "call", d.Call, "turn", d.Turn, "error", err)
	}
}

// work answers one turn and keeps the answer.
func (h *Handler) work(ctx context.Context, d posted, lease TurnLease) (handled, error) {
	if lease.Unreadable {
		h.Log.Error("a session or input cannot be read any more", "call", d.Call, "turn", d.Turn)
	}
	s, in, err := h.place(ctx, d, lease)
	if err != nil {
		h.Log.Warn("the place of a call cannot be found just now", "call", d.Call, "turn", d.Turn, "error", err)
		return handled{}, errLater
	}
	s.Turn = d.Turn
	got := handled{step: string(s.Step), outcome: outcomeAnswered}
	if got.step == "" {
		got.step = "arrival"
	}
	next, reply, body, err := h.run(ctx, d, s, in)
	switch {
	case err != nil:
		h.Log.Error("a turn failed", "call", d.Call, "turn", d.Turn, "step", got.step, "error", err)
		next, reply = h.apologize(ctx, s)
		body, got.outcome = h.canned(reply, h.after(d.Turn, next)), outcomeTrouble
	case talked(in) && s.Step != ivr.Person:
		got.outcome = outcomeEnded
	}
	if h.BeforeFinish != nil {
		if err := h.BeforeFinish(d.Call, d.Turn); err != nil {
			return handled{step: got.step, outcome: outcomeKilled}, nil
		}
	}
	if h.Observe != nil {
		h.Observe(d.Call, d.Turn, pathOf(d.Turn), reply)
	}
	session, err := json.Marshal(next)
	if err != nil {
		h.Log.Error("a session cannot be written", "call", d.Call, "turn", d.Turn, "error", err)
		return handled{answer: Answer{Body: h.words.lastResort}, step: got.step, outcome: outcomeTrouble}, nil
	}
	got.answer, err = h.finish(ctx, d, TurnResult{
		Session: session, Answer: Answer{Body: body, Delay: reply.Delay}, Lang: next.Language.Tag, Step: string(next.Step),
	})
	return got, err
}

// finish keeps a turn's end, however long Redis takes to be there: the work is done, and only the
// keeping is missing.
func (h *Handler) finish(ctx context.Context, d posted, done TurnResult) (Answer, error) {
	err := ctx.Err()
	for range polls(ctx) {
		var stands Answer
		if stands, _, err = h.Sessions.Finish(ctx, d.Delivery, done); err == nil {
			return stands, nil
		}
		if errors.Is(err, ErrSuperseded) {
			return Answer{}, errLater // another delivery is at it: ask for its answer
		}
	}
	h.Log.Warn("a turn's answer could not be kept", "call", d.Call, "turn", d.Turn, "error", err)
	return Answer{}, errLater
}

// place finds the session that a turn goes on from, and the input that it is to be given. An input
// counts only for the session that asked for it; any other session is told that it is lost.
func (h *Handler) place(ctx context.Context, d posted, lease TurnLease) (ivr.Session, ivr.Input, error) {
	v := d.payload
	if lease.Input != nil && json.Unmarshal(lease.Input, &v) != nil {
		h.Log.Error("an input cannot be decoded", "call", d.Call, "turn", d.Turn)
		v = d.payload
	}
	if v.Input.Kind == ivr.Dialled && v.Input.Transfer != nil {
		v.Input.Transfer = h.transferOver(ctx, d, *v.Input.Transfer)
	}
	lost := ivr.Input{Kind: ivr.Lost}
	if talked(v.Input) {
		lost = v.Input // through with a person: there is no place to find
	}
	var s ivr.Session
	kept := lease.Session != nil
	if kept && json.Unmarshal(lease.Session, &s) != nil {
		h.Log.Error("a session cannot be decoded", "call", d.Call, "turn", d.Turn)
		kept, s = false, ivr.Session{}
	}
	if kept && s.Turn+1 == d.Turn {
		return s, v.Input, nil
	}
	fresh := ivr.Session{Call: d.Call, Caller: v.Caller, Called: v.Called, Attested: v.Attested, StartedAt: v.At, Turn: d.Turn}
	if v.Ours {
		fresh.PlacedFor = ivr.Reminder // until the call says why it was placed, the least is allowed (E2)
	}
	if !kept && d.Turn == 0 {
		return fresh, ivr.Input{Kind: ivr.Arrived, Placed: v.Input.Placed}, nil
	}
	m, err := h.Calls.LastMilestone(ctx, d.Call)
	switch {
	case err == nil && (!kept || m.Turn > s.Turn):
		return h.Engine.Resume(m, d.Turn), lost, nil
	case kept: // older than the caller's place, and the newest there is
		s.Step = ivr.LostPlace
		return s, lost, nil
	case errors.Is(err, ivr.ErrNoMilestone):
		if !talked(lost) {
			lost = ivr.Input{Kind: ivr.Arrived}
		}
		return fresh, lost, nil
	}
	return ivr.Session{}, ivr.Input{}, fmt.Errorf("read the last milestone: %w", err)
}

// run is the turn itself, rendered. A panic in it is an error like any other.
func (h *Handler) run(ctx context.Context, d posted, s ivr.Session, in ivr.Input) (next ivr.Session, r ivr.Reply, body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic (%T) at %s", p, callers())
		}
	}()
	if in.Kind == ivr.Dialled && s.Step != ivr.Person {
		// We dialled without the conversation's knowing. Now either the caller is through, or goes on here.
		if talked(in) {
			next, r = s, ivr.Reply{Lang: s.Language.Tag, Wait: ivr.HangUp{}}
			body, err = Render(r, h.after(d.Turn, next), h.Prompts, h.settings)
			return next, r, body, err
		}
		in = ivr.Input{Kind: ivr.Lost}
	}
	if next, r, err = h.Engine.Turn(ctx, s, in); err != nil {
		return next, r, nil, err
	}
	body, err = Render(r, h.after(d.Turn, next), h.Prompts, h.settings)
	return next, r, body, err
}

// after is the place behind a turn.
func (h *Handler) after(turn int, s ivr.Session) Place {
	return Place{Next: h.url(pathOf(turn + 1)), Line: number(s.Called), Slow: s.Tries.MoreTime}
}

func pathOf(turn int) string {
	if turn == 0 {
		return IncomingPath
	}
	return turnPath + strconv.Itoa(turn)
}

// apologize is the reply to a turn that failed. The call can go on behind it, from where the
// database says that it is: what the failed turn has done may be more than its session shows.
func (h *Handler) apologize(ctx context.Context, s ivr.Session) (ivr.Session, ivr.Reply) {
	key, lang := apology(s.Step), s.Language.Tag
	var facts []ivr.Fact
	if key == unsure {
		facts = []ivr.Fact{{Says: "unknown", Account: s.Account.Number, Attempt: s.Attempt}}
	}
	reply := h.handOver(lang, key, facts...)
	h.wait(ctx, h.announce(ctx, &reply, s.Call, s.Turn, h.inSession(s)))
	s.Language.Tag, s.Step, s.Keyed = reply.Lang, ivr.LostPlace, ivr.Identification{} // what was keyed does not outlive the turn that failed
	return s, reply
}

// callers names the functions under a panic, without the arguments that a stack trace shows.
func callers() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var list []string
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "duebell/") {
			list = append(list, f.Function+":"+strconv.Itoa(f.Line))
		}
		if !more || len(list) == 8 {
			return strings.Join(list, " < ")
		}
	}
}
