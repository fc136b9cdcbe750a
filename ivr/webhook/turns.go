package webhook

import (
	"context"
	"crypto/rand"
	"iter"
	"strconv"
	"time"

	"duebell/ivr"
)

// posted is one POST of one turn, on its way to an answer. Twilio may post one turn several times: a retry
// after a lost reply, a fallback, or a "one moment" URL.
type posted struct {
	Delivery
	payload payload // what it brings; the Delivery holds it encoded
}

// handled is what became of one delivery. step is empty where Redis did not answer.
type handled struct {
	answer  Answer
	step    string // whose answer came in
	outcome string
}

// Outcomes of a delivery, for logs and metrics.
const (
	outcomeAnswered  = "answered" // the turn ran
	outcomeRepeated  = "repeated" // it had run; the same bytes again
	outcomeOlder     = "older"    // the call is further on
	outcomeMoment    = "moment"   // not yet
	outcomePerson    = "person"   // not in all that time
	outcomeTrouble   = "trouble"  // it ran and failed
	outcomeEnded     = "ended"    // the caller has talked to a person and is through
	outcomeKilled    = "killed"   // by fault injection
	outcomeAbandoned = "gone"     // nobody waits for the answer any more
)

// newHolder returns a name for the lease's holder that no other delivery has, in any process.
func newHolder() string { return rand.Text() }

// deliver returns the answer to one delivery: the one that stands, or the turn's own by running it, or
// another delivery's by waiting for it. When the time is over the caller is asked for a moment, and the turn
// goes on running. It does not end with an error: whatever fails, an answer leaves within the budget. A turn
// that was finished by another process is answered with the bytes that process has stored.
func (h *Handler) deliver(ctx context.Context, d posted) handled {
	budget := time.NewTimer(h.Timing.Budget)
	defer budget.Stop()
	waiting, cancel := context.WithTimeout(ctx, h.Timing.Wait)
	defer cancel()
	var lang, step string
	// An outage is logged once a delivery, not once a pass.
	told := false
	// Every pass asks for the lease anew: another delivery may have finished the turn meanwhile, or its
	// lease may have run out because its process died.
	for range retries(waiting) {
		lease, err := h.Sessions.Acquire(waiting, d.Delivery)
		if err != nil {
			if !told && ctx.Err() == nil {
				h.Log.Warn("no lease on a turn, because Redis does not answer; it is tried until the time is over", "call", d.Call, "turn", d.Turn, "error", err)
			}
			told = true
			continue
		}
		// Known from here on, for the sentence that is said if the time runs out.
		lang, step = lease.Lang, lease.Step
		switch lease.Outcome {
		case Answered:
			return handled{answer: lease.Answer, step: step, outcome: outcomeRepeated}
		case Older:
			return handled{answer: lease.Answer, step: step, outcome: outcomeOlder}
		case Acquired: // this delivery runs the turn
			select {
			case got := <-h.begin(ctx, d, lease):
				if got.err == nil {
					return got.handled
				}
			// The caller has waited long enough. Nothing is cut off: the run has a context of its own.
			case <-budget.C:
				return h.answerLater(ctx, d, lang, step) // the turn goes on running, and stores its answer
			case <-ctx.Done():
				return h.answerLater(ctx, d, lang, step)
			}
		}
	}
	return h.answerLater(ctx, d, lang, step)
}

// retries yields at once and then again and again, at growing distances, until ctx is over. The distances
// double from 5 to 80 ms. The first yield comes at once, and none after ctx is over.
func retries(ctx context.Context) iter.Seq[int] {
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

// languageOf returns the language of a caller whose session cannot be reached: that of the call's last
// milestone, if the database answers at once, so that the apology is in the right language. "" means that the
// first language of the policy is spoken.
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

// answerLater answers a delivery whose turn has no answer yet: one moment, three times over, then a person.
// The answer is stored, so that repeats of the same request get the same; if that fails they get the same
// anyway, because it depends on nothing that changes. Nothing of the turn is known to have happened, and
// nothing is claimed: in doubt the apology is "we do not know".
func (h *Handler) answerLater(ctx context.Context, d posted, lang, step string) handled {
	got := handled{step: step, outcome: outcomeMoment}
	lang = h.languageOf(ctx, d.Call, lang)
	at := Place{Line: d.payload.Called}
	var recorded <-chan struct{}
	if d.Slot == lastAgain {
		// Behind the transfer comes a turn that nobody has begun: this one may still be answered.
		at.Next = h.url(turnPath + strconv.Itoa(d.Turn+1))
		got.answer.Body, recorded = h.personDocument(ctx, apology(ivr.StepName(step)), lang, d.Delivery, step, at)
		got.outcome = outcomePerson
	} else {
		got.answer.Body = h.momentDocument(lang, d.Delivery, at)
	}
	if ctx.Err() != nil {
		got.outcome = outcomeAbandoned
		return got
	}
	// Storing it may take a moment only: the 5 seconds are nearly over (V7).
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
