package twilio

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// redirection is an update by REST that waits for the call. Exactly one of url, twiml and status is set; a
// later update replaces one that still waits.
type redirection struct {
	url, method string
	twiml       string
	// completed or canceled: the call ends with it.
	status string
}

// outboundCall is what a REST create asked for. An inbound call has none.
type outboundCall struct {
	url, method string
	twiml       string
	// MachineDetection was asked for, so the document waits for who answered and AnsweredBy is sent.
	machineDetection bool

	// How long it rings before nobody answers.
	ringTime time.Duration
	// Since when it rings; guarded by Twilio.mu.
	rings time.Time
}

// Outbound returns the calls that the product placed, oldest first, ended ones too. The slice is a copy, the
// calls are not.
func (t *Twilio) Outbound() []*Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.outbound)
}

// Answer takes a ringing call that the product placed, and runs it until it asks something or ends.
// AnsweredBy is what machine detection says of who answered: human, machine_start and so on (twilio.md §5);
// it is sent only if the product asked for it. ErrRefused when the phone does not ring.
func (c *Call) Answer(ctx context.Context, answeredBy string) error {
	done, err := c.begin()
	if err != nil {
		return err
	}
	defer done()
	if err := c.checkRinging(); err != nil {
		return err
	}
	c.beginAct("answers")
	c.status, c.answered = "in-progress", c.t.cfg.Now()
	c.statusCallback(ctx, "answered")
	// Inline TwiML has no URL of its own; relative ones are taken against the product's public URL.
	if c.placed.twiml != "" {
		c.url = c.t.cfg.PublicURL
		if err := c.loadDocument(ctx, []byte(c.placed.twiml), inline); err != nil {
			return err
		}
		return c.run(ctx)
	}
	// Synchronous detection: the document is asked for once it is known who answered.
	extra := url.Values{}
	if c.placed.machineDetection {
		extra.Set("AnsweredBy", answeredBy)
	}
	if err := c.fetch(ctx, c.placed.url, c.placed.method, extra); err != nil {
		return err
	}
	return c.run(ctx)
}

// NotAnswered ends a ringing call that the product placed: status is busy, no-answer or failed, and is not
// checked. ErrRefused when the phone does not ring.
func (c *Call) NotAnswered(ctx context.Context, status string) error {
	done, err := c.begin()
	if err != nil {
		return err
	}
	defer done()
	if err := c.checkRinging(); err != nil {
		return err
	}
	return c.unanswered(ctx, status)
}

// unanswered ends a ringing call with its status. The caller holds c.turn. It never fails.
func (c *Call) unanswered(ctx context.Context, status string) error {
	c.finish(ctx, "not answered", status)
	return nil
}

// checkRinging returns ErrRefused for an act on a call that does not ring.
func (c *Call) checkRinging() error {
	if _, ringing := c.State().(Ringing); !ringing {
		return fmt.Errorf("%w: the phone does not ring", ErrRefused)
	}
	return nil
}

// redirected applies an update by REST, if one waits, and says whether one did. The question that the caller
// was asked is gone, and an agent's leg is ended; the run goes on with the new document. The caller holds
// c.turn.
func (c *Call) redirected(ctx context.Context) (bool, error) {
	c.mu.Lock()
	r := c.pending
	c.pending = nil
	c.mu.Unlock()
	if r == nil {
		return false, nil
	}
	c.gather, c.pay = nil, nil
	// Dial's action is not asked: Twilio drops the old document with all that hangs on it.
	if c.dial != nil {
		c.dial.leg.leave(ctx, "completed")
		c.dial = nil
	}
	c.line("twilio: the call is updated by REST")
	switch {
	// Status alone ends a call; it is looked at first because a document beside it is meaningless.
	case r.status != "":
		c.finish(ctx, "ended by REST", r.status)
		return true, nil
	case r.twiml != "":
		return true, c.loadDocument(ctx, []byte(r.twiml), inline)
	}
	return true, c.fetch(ctx, r.url, r.method, nil)
}

// redirectIdleCalls lets updates take effect on calls that wait for somebody, and says whether any did. A
// call that runs takes its update up by itself.
func (t *Twilio) redirectIdleCalls(ctx context.Context) bool {
	t.mu.Lock()
	calls := make([]*Call, 0, len(t.calls))
	for _, c := range t.calls {
		calls = append(calls, c)
	}
	t.mu.Unlock()
	// In a fixed order, so that equal seeds give equal runs: a map has none.
	slices.SortFunc(calls, func(a, b *Call) int { return strings.Compare(a.SID, b.SID) })
	moved := false
	for _, c := range calls {
		moved = c.redirectIdle(ctx) || moved
	}
	return moved
}

// redirectIdle runs one call on, if it waits and an update waits for it. A Fault that this meets stands in
// Faults.
func (c *Call) redirectIdle(ctx context.Context) bool {
	c.mu.Lock()
	waits := c.pending != nil
	c.mu.Unlock()
	// Somebody acts on the call this very moment: that run takes the update up, or the next round does.
	if !waits || !c.turn.TryLock() {
		return false
	}
	defer c.turn.Unlock()
	// The call ended before the update could act. It is dropped, as nobody would ever take it up.
	if c.Over() {
		c.mu.Lock()
		c.pending = nil
		c.mu.Unlock()
		return false
	}
	_ = c.run(ctx) // the fault is recorded where the runner looks
	return true
}

// place rings the callee of a REST create, with the status callbacks initiated and ringing. It runs in the
// background, after the create's reply.
func (t *Twilio) place(ctx context.Context, c *Call) {
	c.turn.Lock() // whoever answers waits until it has rung
	defer c.turn.Unlock()
	t.mu.Lock()
	c.placed.rings = t.cfg.Now()
	// From here on a story can see it, and answer as soon as the callbacks are out.
	t.outbound = append(t.outbound, c)
	t.mu.Unlock()
	c.statusCallback(ctx, "initiated")
	c.status = "ringing"
	c.statusCallback(ctx, "ringing")
}

// endUnanswered ends the calls that have rung for as long as was asked for. It says whether there were any.
func (t *Twilio) endUnanswered(ctx context.Context) bool {
	now := t.cfg.Now()
	t.mu.Lock()
	// All whose time is over, ended ones too; checkRinging sorts those out below.
	calls := slices.DeleteFunc(slices.Clone(t.outbound), func(c *Call) bool { return now.Sub(c.placed.rings) < c.placed.ringTime })
	t.mu.Unlock()
	moved := false
	for _, c := range calls {
		if !c.turn.TryLock() { // somebody answers it this very moment
			continue
		}
		if c.checkRinging() == nil {
			_ = c.unanswered(ctx, "no-answer") // nobody listens who could be told of a fault
			moved = true
		}
		c.turn.Unlock()
	}
	return moved
}

// defaultRingTime is how long a phone rings where the create does not say (twilio.com/docs/voice/api/call-resource,
// Timeout).
const defaultRingTime = 60 * time.Second

// ringTime returns a create's Timeout, in seconds there, or the default.
func ringTime(form url.Values) time.Duration {
	if seconds, err := strconv.Atoi(form.Get("Timeout")); err == nil {
		return time.Duration(seconds) * time.Second
	}
	return defaultRingTime
}

// newOutbound makes the leg of a REST create, whose form has been checked. It is queued and not yet known.
func (t *Twilio) newOutbound(form url.Values) *Call {
	method := form.Get("Method")
	if method == "" {
		method = http.MethodPost
	}
	return &Call{
		SID: t.newSID("CA"), From: form.Get("From"), To: form.Get("To"), Direction: outboundAPI,
		t: t, status: "queued", state: Ringing{}, answered: t.cfg.Now(), url: form.Get("Url"),
		placed: outboundCall{url: form.Get("Url"), method: method, twiml: form.Get("Twiml"), machineDetection: form.Has("MachineDetection"), ringTime: ringTime(form)},
		urls: callURLs{
			fallback: form.Get("FallbackUrl"), status: form.Get("StatusCallback"), statusEvents: form["StatusCallbackEvent"],
		},
	}
}
