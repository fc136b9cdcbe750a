package webhook

import (
	"context"
	"crypto/rand"
	"iter"
	"strconv"
	"time"

	"duebell/ivr"
)

// delivery is one POST of one turn, on its way to an answer.
type posted struct {
	Delivery
	payload payload // what it brings; the ticket holds it encoded
}

// handled is what became of it.
type handled struct {
	answer  Answer
	step    string // whose answer came in
	outcome string
}

// Outcomes of a delivery, for logs and metrics.
const (
	outcomeAnswered = "answered" // the turn ran
	outcomeRepeated = "repeated" // it had run; the same bytes again
	outcomeOlder    = "older"    // the call is further on
	outcomeMoment   = "moment"   // not yet
	outcomePerson   = "person"   // not in all that time
	outcomeTrouble  = "trouble"  // it ran and failed
	outcomeEnded    = "ended"    // the caller has talked to a person and is through
	outcomeKilled   = "killed"   // by fault injection
	outcomeGone     = "gone"     // nobody waits for the answer any more
)

func newHolder() string { return rand.Text() }

// deliver gets one delivery its answer: the one that stands, or by running the turn, or by waiting
// for whoever runs it. When the time is over the caller is asked for a moment, and the work goes on.
func (h *Handler) deliver(ctx context.Context, d posted) handled {
	budget := time.NewTimer(h.Timing.Budget)
	defer budget.Stop()
	waiting, cancel := context.WithTimeout(ctx, h.Timing.Wait)
	defer cancel()
	var lang, step string
	told := false
	for range polls(waiting) {
		claim, err := h.Sessions.Acquire(waiting, d.Delivery)
		if err != nil {
			if !told && ctx.Err() == nil {
				h.Log.Warn("a turn cannot be claimed", "call", d.Call, "turn", d.Turn, "error", err)
			}
			told = true
			continue
		}
		lang, step = claim.Lang, claim.Step
		switch claim.Outcome {
		case Answered:
			return handled{answer: claim.Answer, step: step, outcome: outcomeRepeated}
		case Older:
			return handled{answer: claim.Answer, step: step, outcome: outcomeOlder}
		case Acquired:
			select {
			case got := <-h.begin(ctx, d, claim):
				if got.err == nil {
					return got.handled
				}
			case <-budget.C:
				return h.later(ctx, d, lang, step)
			case <-ctx.Done():
				return h.later(ctx, d, lang, step)
			}
		}
	}
	return h.later(ctx, d, lang, step)
}

// polls yields at once and then again and again, at growing distances, until ctx is over.
func polls(ctx context.Context) iter.Seq[int] {
	const first, longest = 5 * time.Millisecond, 80 * time.Millisecond
	return func(yield func(int) bool) {
		timer := time.NewTimer(0)
		defer timer.Stop()
		pause := first
		for i := 0; ; i++ {
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
			if !yield(i) {
				return
			}
			timer.Reset(pause)
			pause = min(2*pause, longest)
		}
	}
}

// languageOf is what a caller speaks whose session, which would tell, cannot be reached: that of the call's
// last milestone, if it is to be had at once (P6).
func (h *Handler) languageOf(ctx context.Context, call, lang string) string {
	if lang != "" {
		return lang
	}
	ctx, cancel := context.WithTimeout(ctx, h.Timing.Note)
	defer cancel()
	m, err := h.Calls.LastMilestone(ctx, call)
	if err != nil {
		return ""
	}
	return m.Lang
}

// later answers a delivery whose turn has no answer yet: one moment, three times over, then a
// person. The answer is noted, so that repeats of the same request get the same; if it cannot be,
// they get the same anyway, because it depends on nothing that changes.
func (h *Handler) later(ctx context.Context, d posted, lang, step string) handled {
	got := handled{step: step, outcome: outcomeMoment}
	lang = h.languageOf(ctx, d.Call, lang)
	at := Place{Line: d.payload.Called}
	var recorded <-chan struct{}
	if d.Slot == lastAgain {
		// Behind the transfer comes a turn that nobody has begun: this one may still be answered.
		at.Next = h.url(turnPath + strconv.Itoa(d.Turn+1))
		got.answer.Body, recorded = h.person(ctx, apology(ivr.StepName(step)), lang, d.Delivery, step, at)
		got.outcome = outcomePerson
	} else {
		got.answer.Body = h.moment(lang, d.Delivery, at)
	}
	if ctx.Err() != nil {
		got.outcome = outcomeGone
		return got
	}
	noting, cancel := context.WithTimeout(ctx, h.Timing.Note)
	defer cancel()
	if stands, err := h.Sessions.PutInterim(noting, d.Delivery, got.answer); err == nil {
		got.answer = stands
	}
	if recorded != nil {
		h.wait(noting, recorded)
	}
	return got
}
