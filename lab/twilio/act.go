package twilio

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// begin takes the call for one act of the caller, waiting for a run that is under way. The returned func
// gives it back. ErrEnded, and nothing is held, when the call is over by then.
func (c *Call) begin() (done func(), err error) {
	c.turn.Lock()
	if c.Over() {
		c.turn.Unlock()
		return nil, ErrEnded
	}
	return c.turn.Unlock, nil
}

// Press presses keys and then nothing more: an entry that they do not complete ends by its time-out. Keys
// that the line would not take are refused, all of them, and nothing happens. Like every act it returns when
// the call asks something again, or with the Fault that ended it.
func (c *Call) Press(ctx context.Context, keys string) error { return c.keys(ctx, keys, true) }

// Key presses keys of an entry that may go on: only a full or terminated one is sent. Silence ends it. A
// phone in a browser uses it, key by key.
func (c *Call) Key(ctx context.Context, keys string) error { return c.keys(ctx, keys, false) }

// keys hands keys to whatever waits for them; final means that nothing follows. Other keys than a phone has
// are refused.
func (c *Call) keys(ctx context.Context, keys string, final bool) error {
	if keys == "" || strings.Trim(keys, "0123456789*#") != "" {
		return fmt.Errorf("%w: keys are 0 to 9, * and #", ErrRefused)
	}
	done, err := c.begin()
	if err != nil {
		return err
	}
	defer done()
	switch {
	case c.gather != nil:
		return c.gatherKeys(ctx, keys, final)
	case c.pay != nil:
		return c.payKeys(ctx, keys, final)
	// In a conversation keys mean nothing, but for the star where the Dial asked for it.
	case c.dial != nil && keys == "*" && c.dial.node.Attr("hangupOnStar", "false") == "true":
		c.beginAct("presses *")
		return c.dialOver(ctx)
	}
	return fmt.Errorf("%w: nothing waits for keys", ErrRefused)
}

// Say speaks to a Gather that listens. Confidence, 0 to 1, nil leaves the field out, as Twilio may (twilio.md
// §3). Speech into Pay is refused: Pay takes keys alone.
func (c *Call) Say(ctx context.Context, text string, confidence *float64) error {
	done, err := c.begin()
	if err != nil {
		return err
	}
	defer done()
	if c.gather == nil {
		return fmt.Errorf("%w: nothing listens", ErrRefused)
	}
	return c.gatherSpeech(ctx, text, confidence)
}

// Silence lets the time-out of the question pass; keys pressed by Key count. No time passes on the clock: who
// moves it is the harness.
func (c *Call) Silence(ctx context.Context) error {
	done, err := c.begin()
	if err != nil {
		return err
	}
	defer done()
	switch {
	case c.gather != nil:
		c.beginAct("is silent")
		return c.endGather(ctx, c.gather.typed, "")
	case c.pay != nil:
		c.beginAct("is silent")
		return c.payTimeout(ctx)
	}
	return nil // talking to a person, silence is nothing
}

// Star presses the star key: it ends Pay, and is an ordinary key elsewhere (twilio.md §11, fact 3).
func (c *Call) Star(ctx context.Context) error { return c.Press(ctx, "*") }

// HangUp ends the call from the caller's side, also while it runs: then the run ends it before its next verb,
// and this waits for that. A ringing call ends unanswered. To hang up twice is no error.
func (c *Call) HangUp(ctx context.Context) error {
	c.hungUp.Store(true) // seen by a run that is under way
	done, err := c.begin()
	if errors.Is(err, ErrEnded) {
		return nil
	}
	defer done()
	if _, ringing := c.State().(Ringing); ringing {
		return c.unanswered(ctx, "no-answer")
	}
	c.beginAct("hangs up")
	c.callerLeaves(ctx)
	return nil
}

// AgentHangsUp ends the other leg of a Dial; the caller's leg lives on with the answer of Dial's action.
func (c *Call) AgentHangsUp(ctx context.Context) error {
	done, err := c.begin()
	if err != nil {
		return err
	}
	defer done()
	if c.dial == nil {
		return fmt.Errorf("%w: no agent is on the line", ErrRefused)
	}
	c.beginAct("hears the agent hang up")
	return c.dialOver(ctx)
}
