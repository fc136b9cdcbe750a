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

// errLater says that a turn could not be begun, because what it needs does not answer. Its lease is given
// back, and whoever asks for it next begins the turn again.
var errLater = errors.New("webhook: the turn cannot be begun just now")

// workDone is the end of a turn's run: an answer, or errLater. With errLater the handled value means nothing.
type workDone struct {
	handled
	err error
}

// begin runs the turn whose lease was acquired. The run does not end with the request: what a turn does must
// be finished and stored whether or not somebody still waits for its answer. The channel has room for one, so
// the run ends also where nobody reads it any more. On errLater the lease is given back first.
func (h *Handler) begin(ctx context.Context, d posted, lease TurnLease) <-chan workDone {
	done := make(chan workDone, 1)
	h.working.Add(1)
	go func() {
		defer h.working.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Timing.Work)
		defer cancel()
		stop := h.renewLease(ctx, d)
		got, err := h.work(ctx, d, lease)
		stop()
		if err != nil {
			h.release(ctx, d)
		}
		done <- workDone{got, err}
	}()
	return done
}

// renewLease acquires the lease again and again while the turn runs, until stop is called. So it runs out
// when its process dies, and not when the database is slow: a second run would only make it slower. It renews
// every half lease. stop returns only when the last renewal is over, so none comes after the lease was given
// back; one that comes after the answer was stored finds the turn answered.
func (h *Handler) renewLease(ctx context.Context, d posted) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		ticks := time.NewTicker(h.Timing.Lease / 2)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				_, _ = h.Sessions.Acquire(ctx, d.Delivery) // if it fails, another delivery may run the turn too, which does no harm
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); renewing.Wait() }
}

// release gives the lease back, so that another delivery can begin at once. The input stays with the turn:
// whoever begins it next runs it with what the first delivery brought.
func (h *Handler) release(ctx context.Context, d posted) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Timing.Note)
	defer cancel()
	if err := h.Sessions.Release(ctx, d.Delivery); err != nil { // it runs out by itself
		h.Log.Warn("a lease could not be given back; the turn waits until it runs out", "call", d.Call, "turn", d.Turn, "error", err)
	}
}

// work answers one turn and stores the answer: find the session, run the turn, store session and answer. If
// the process dies before the last of these, the turn runs again with the same input. What it has written to
// the database is unique by call and turn, so it is not written twice (design §4.3). errLater is returned
// only where the turn has not run, or its answer could not be stored; every other failure has an answer that
// the caller hears.
func (h *Handler) work(ctx context.Context, d posted, lease TurnLease) (handled, error) {
	if lease.Unreadable {
		h.Log.Error("a stored session or input cannot be read any more: was a data key retired too early? The call goes on from its last milestone", "call", d.Call, "turn", d.Turn)
	}
	s, in, err := h.sessionAndInput(ctx, d, lease)
	if err != nil {
		h.Log.Warn("neither session nor milestone of a call can be read just now; the turn is tried again", "call", d.Call, "turn", d.Turn, "error", err)
		return handled{}, errLater
	}
	// Counting goes on from the number in the URL, never back (design §4.6), also for a rebuilt session.
	s.Turn = d.Turn
	got := handled{step: string(s.Step), outcome: outcomeAnswered}
	if got.step == "" {
		got.step = "arrival"
	}
	next, reply, body, err := h.run(ctx, d, s, in)
	switch {
	case err != nil:
		h.Log.Error("a turn failed; the caller heard an apology and was led to a person", "call", d.Call, "turn", d.Turn, "step", got.step, "error", err)
		next, reply = h.failedTurn(ctx, s)
		body, got.outcome = h.renderPrepared(reply, h.after(d.Turn, next)), outcomeTrouble
	case talkedToPerson(in) && s.Step != ivr.Person:
		got.outcome = outcomeEnded
	}
	// From here on the turn has run, and only its answer is missing. What it wrote stands.
	if h.BeforeFinish != nil {
		if err := h.BeforeFinish(d.Call, d.Turn); err != nil {
			return handled{step: got.step, outcome: outcomeKilled}, nil
		}
	}
	// Before the store decides: where two deliveries ran the turn, both replies are seen and one is spoken.
	if h.Observe != nil {
		h.Observe(d.Call, d.Turn, pathOf(d.Turn), reply)
	}
	session, err := json.Marshal(next)
	if err != nil {
		h.Log.Error("a session could not be encoded; the caller heard the last resort", "call", d.Call, "turn", d.Turn, "error", err)
		return handled{answer: Answer{Body: h.words.lastResort}, step: got.step, outcome: outcomeTrouble}, nil
	}
	got.answer, err = h.finish(ctx, d, TurnResult{
		Session: session, Answer: Answer{Body: body, Delay: reply.Delay}, Lang: next.Language.Tag, Step: string(next.Step),
	})
	return got, err
}

// finish stores a turn's end, and tries until ctx is over: the turn has run, and only its answer is not
// stored yet. Who comes second gets the first one's answer back, so both deliveries say the same. Where Redis
// has lost the call meanwhile, this brings it back.
func (h *Handler) finish(ctx context.Context, d posted, done TurnResult) (Answer, error) {
	err := ctx.Err()
	for range retries(ctx) {
		var stands Answer
		if stands, _, err = h.Sessions.Finish(ctx, d.Delivery, done); err == nil {
			return stands, nil
		}
		if errors.Is(err, ErrSuperseded) {
			return Answer{}, errLater // another delivery has finished it: ask for its answer
		}
	}
	h.Log.Warn("a turn's answer could not be stored in Redis; the turn will be run again", "call", d.Call, "turn", d.Turn, "error", err)
	return Answer{}, errLater
}

// sessionAndInput returns the session that a turn goes on from and the input that it is given. An input
// counts only for the session that asked for it: with any other session, or with one rebuilt from the
// milestone, the turn gets the input Lost and asks again (design §4.6). What is stored is sealed and was
// written by this program, but perhaps by an older or newer version: what cannot be decoded is treated as
// lost, and logged as an error.
func (h *Handler) sessionAndInput(ctx context.Context, d posted, lease TurnLease) (ivr.Session, ivr.Input, error) {
	v := d.payload
	if lease.Input != nil && json.Unmarshal(lease.Input, &v) != nil {
		h.Log.Error("a stored input cannot be decoded; this delivery's own counts", "call", d.Call, "turn", d.Turn)
		v = d.payload
	}
	if v.Input.Kind == ivr.Dialled && v.Input.Transfer != nil {
		v.Input.Transfer = h.transferOver(ctx, d, *v.Input.Transfer)
	}
	// What the turn gets where its input cannot count.
	lost := ivr.Input{Kind: ivr.Lost}
	if talkedToPerson(v.Input) {
		lost = v.Input // the caller has talked to a person and is through: nothing is to be asked again
	}
	var s ivr.Session
	kept := lease.Session != nil
	if kept && json.Unmarshal(lease.Session, &s) != nil {
		h.Log.Error("a stored session cannot be decoded; the call goes on from its last milestone", "call", d.Call, "turn", d.Turn)
		kept, s = false, ivr.Session{}
	}
	if kept && s.Turn+1 == d.Turn { // the session that asked for this input
		return s, v.Input, nil
	}
	// A call that begins here, for turn 0, or for a later turn of which nothing at all is known.
	fresh := ivr.Session{Call: d.Call, Caller: v.Caller, Called: v.Called, Attested: v.Attested, StartedAt: v.At, Turn: d.Turn}
	if v.Ours {
		fresh.PlacedFor = ivr.Reminder // until the call says why it was placed, the least is allowed (E2)
	}
	if !kept && d.Turn == 0 {
		return fresh, ivr.Input{Kind: ivr.Arrived, Placed: v.Input.Placed}, nil
	}
	// Redis has lost the session, or holds one that is older than the call. The newer of it and the
	// milestone counts.
	m, err := h.Calls.LastMilestone(ctx, d.Call)
	switch {
	case err == nil && (!kept || m.Turn > s.Turn):
		return h.Engine.Resume(m, d.Turn), lost, nil
	case kept: // the stored session is the newest there is
		s.Step = ivr.LostPlace
		return s, lost, nil
	case errors.Is(err, ivr.ErrNoMilestone): // nothing is known of the call: it begins anew
		if !talkedToPerson(lost) {
			lost = ivr.Input{Kind: ivr.Arrived}
		}
		return fresh, lost, nil
	}
	return ivr.Session{}, ivr.Input{}, fmt.Errorf("read the last milestone: %w", err)
}

// run runs the turn and renders its reply. A panic in it is returned as an error, without its value, which
// could hold what was keyed (D1: no secret in a log). The session that it is given stays as it was: Turn
// works on a copy.
func (h *Handler) run(ctx context.Context, d posted, s ivr.Session, in ivr.Input) (next ivr.Session, r ivr.Reply, body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic (%T) at %s", p, panicSite())
		}
	}()
	if in.Kind == ivr.Dialled && s.Step != ivr.Person {
		// This transfer was ours and not the conversation's. The caller has talked to a person and is
		// through, or goes on here.
		if talkedToPerson(in) {
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

// after returns where in the call a turn's reply is rendered. Line is empty where the dialled number is no
// telephone number; Twilio then chooses the number that it shows.
func (h *Handler) after(turn int, s ivr.Session) Place {
	return Place{Next: h.url(pathOf(turn + 1)), Line: number(s.Called), Slow: s.Tries.MoreTime}
}

// pathOf returns the path at which a turn is posted.
func pathOf(turn int) string {
	if turn == 0 {
		return IncomingPath
	}
	return turnPath + strconv.Itoa(turn)
}

// failedTurn returns the reply to a turn that failed, and the session behind it. The call goes on from its
// last milestone, because the failed turn may have written more than its session shows. What is said depends
// on the step: where an authorization may have been written, only "we do not know, do not pay again" is true
// (apology). The next turn enters LostPlace, which asks the database.
func (h *Handler) failedTurn(ctx context.Context, s ivr.Session) (ivr.Session, ivr.Reply) {
	key, lang := apology(s.Step), s.Language.Tag
	var facts []ivr.Fact
	if key == unsure {
		facts = []ivr.Fact{{Says: "unknown", Account: s.Account.Number, Attempt: s.Attempt}}
	}
	reply := h.transferReply(lang, key, facts...)
	h.wait(ctx, h.recordTransfer(ctx, &reply, s.Call, s.Turn, h.contextOfSession(s)))
	s.Language.Tag, s.Step, s.Keyed = reply.Lang, ivr.LostPlace, ivr.Identification{} // no keyed factor outlives the turn that failed (D1)
	return s, reply
}

// panicSite names the functions under a panic, without the arguments that a stack trace shows. At most eight
// functions of ours, the innermost first.
func panicSite() string {
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
