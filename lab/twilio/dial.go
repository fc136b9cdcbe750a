package twilio

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AgentPlan is what the person at the other end of a Dial will do. The zero value answers and is silent,
// which a whisper that wants key 1 (H5, agent accepts transfer) does not take for a yes.
type AgentPlan struct {
	// answered (also empty), busy, no-answer, failed or canceled: the DialCallStatus.
	Outcome string
	// What is pressed at each question of the whisper; "" or none left is silence.
	Keys []string
}

// SetAgent sets what agents do from now on, in all calls. A Dial that rings already keeps the plan it began
// with.
func (t *Twilio) SetAgent(plan AgentPlan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	plan.Keys = slices.Clone(plan.Keys)
	t.agent = plan
}

// Agent returns the leg of the agent whom the last Dial of this call rang, with
// what the whisper said, or nil.
func (c *Call) Agent() *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.agent
}

// dialing is a Dial that rings or talks; leg is the agent's, started the instant it began to ring.
type dialing struct {
	node    *Node
	leg     *Call
	started time.Time
}

// result returns the fields that Dial's action gets (twilio.md §3). The duration is in whole seconds, and
// stands only where the two were connected.
func (d *dialing) result(now time.Time, status string, bridged bool) url.Values {
	form := url.Values{
		"DialCallStatus": {status},
		"DialCallSid":    {d.leg.SID},
		"DialBridged":    {strconv.FormatBool(bridged)},
	}
	if bridged {
		form.Set("DialCallDuration", strconv.Itoa(int(now.Sub(d.started)/time.Second)))
	}
	return form
}

// startDial rings the agent by the plan. It asks nothing of the caller unless the two are connected;
// otherwise Dial's action has been asked and its answer is the document to run. Of several Numbers only the
// first rings. The caller holds c.turn.
func (c *Call) startDial(ctx context.Context, n *Node) (asks bool, err error) {
	target := n // <Dial>+1…</Dial>: the number is Dial's own text
	if kids := n.Elements(); len(kids) > 0 {
		target = kids[0]
	}
	if target.Name != "Dial" && target.Name != "Number" && target.Name != "Sip" {
		return false, c.fail(ctx, FaultUnsupported, "%s in Dial is not imitated", target.Name)
	}
	// Twilio lets a Dial show a number of the account, a verified one, or this call's own two. None is
	// verified here.
	callerID := n.Attr("callerId", c.From)
	if _, ours := c.t.number(callerID); !ours && callerID != c.From && callerID != c.To {
		return false, c.fail(ctx, FaultTwiML, "Dial's callerId is neither the account's nor this call's")
	}
	c.t.mu.Lock()
	// Taken once, so that a plan changed while the phone rings concerns the next Dial.
	plan := c.t.agent
	c.t.mu.Unlock()
	d := &dialing{node: n, leg: c.newLeg(target, callerID), started: c.t.cfg.Now()}
	c.line("line: rings an agent")
	d.leg.statusCallback(ctx, "initiated")
	d.leg.statusCallback(ctx, "ringing")
	// Nobody answered: no whisper is asked for, and the action hears why.
	if plan.Outcome != "" && plan.Outcome != "answered" {
		c.dial = d
		return false, c.endDial(ctx, plan.Outcome, false)
	}
	d.leg.status = "in-progress"
	d.leg.statusCallback(ctx, "answered")
	c.dial = d
	// A fault in the whisper is a fault of this call: it ends both legs, because a story must not go on from
	// there.
	if err := d.leg.whisper(ctx, target, plan.Keys); err != nil {
		c.mu.Lock()
		c.faults = append(c.faults, d.leg.Faults()...)
		c.mu.Unlock()
		c.finish(ctx, "fault", "failed")
		return false, err
	}
	if _, connected := d.leg.State().(AskDial); !connected {
		// Hung up in the whisper. What Twilio then posts is not documented; it is
		// not enough to say that the two talked.
		return false, c.endDial(ctx, "completed", false)
	}
	c.line("line: an agent is connected")
	c.setState(AskDial{To: d.leg.To, CallerID: callerID, AgentSID: d.leg.SID})
	return true, nil
}

// newLeg makes the agent's leg. It has a SID of its own, so the product cannot find the caller's session by
// it: the whisper's URL carries the hand-off's reference instead (twilio.md §3).
func (c *Call) newLeg(target *Node, callerID string) *Call {
	leg := &Call{
		SID: c.t.newSID("CA"), From: callerID, To: target.text(), Direction: outboundDial,
		t: c.t, parent: c, status: "ringing", state: Ringing{}, url: c.url, answered: c.t.cfg.Now(),
		urls: callURLs{status: target.Attr("statusCallback", ""), statusEvents: strings.Fields(target.Attr("statusCallbackEvent", ""))},
	}
	if leg.urls.status != "" {
		leg.urls.status = c.resolve(leg.urls.status)
	}
	c.mu.Lock()
	c.agent = leg
	c.mu.Unlock()
	c.t.keep(leg)
	return leg
}

// maxWhispers bounds a whisper that asks a silent agent again and again; after it the agent hangs up.
const maxWhispers = 10

// whisper plays the document at the Number's url to the agent, who answers by the plan. At its end the leg is
// connected (AskDial), or has hung up (Ended). Without a url the two are connected at once. It takes the
// leg's own turn; the caller's is held by who calls it.
func (c *Call) whisper(ctx context.Context, target *Node, keys []string) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.setState(Running{})
	if target.Attr("url", "") != "" {
		if err := c.fetch(ctx, target.Attr("url", ""), target.Attr("method", http.MethodPost), nil); err != nil {
			return err
		}
	}
	if err := c.run(ctx); err != nil {
		return err
	}
	for i := 0; c.gather != nil; i++ {
		if i == maxWhispers {
			c.finish(ctx, "agent hung up", "completed")
			return nil
		}
		var err error
		// One key for each question that the whisper asks; a question repeated uses up the next one.
		if i < len(keys) && keys[i] != "" {
			err = c.gatherKeys(ctx, keys[i], true)
		} else {
			c.beginAct("is silent")
			err = c.endGather(ctx, "", "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endDial ends the other leg and asks Dial's action what comes next; the answer becomes the document to run.
// Bridged says whether the two talked: with "completed" and false the agent hung up in the whisper.
func (c *Call) endDial(ctx context.Context, status string, bridged bool) error {
	d := c.dial
	c.dial = nil
	d.leg.leave(ctx, status)
	return c.fetch(ctx, d.node.Attr("action", c.url), d.node.Attr("method", http.MethodPost), d.result(c.t.cfg.Now(), status, bridged))
}

// leave ends an agent's leg from the other side, with the CallStatus given.
func (c *Call) leave(ctx context.Context, status string) {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.finish(ctx, "dial ended", status)
}

// dialOver goes on with the caller after a conversation: the caller's leg lives on when the agent hangs up.
func (c *Call) dialOver(ctx context.Context) error {
	if err := c.endDial(ctx, "completed", true); err != nil {
		return err
	}
	return c.run(ctx)
}
