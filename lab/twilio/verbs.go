package twilio

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// run plays verbs until the caller is asked something or the call ends. The caller holds c.turn. Before each
// verb it looks whether somebody hung up and whether an update by REST waits, so both take effect between
// verbs, never within one.
func (c *Call) run(ctx context.Context) error {
	for {
		if c.Over() {
			return nil
		}
		// Before the verb and not after it: a caller who left during the last one hears nothing more.
		if c.hungUp.Load() {
			c.callerLeaves(ctx)
			return nil
		}
		// After the hang-up: Twilio redirects no call that is over.
		if redirected, err := c.redirected(ctx); err != nil {
			return err
		} else if redirected {
			continue
		}
		if c.next >= len(c.verbs) {
			// At Twilio the whisper's document is played whole before the two are connected (twilio.md §3).
			if c.Direction == outboundDial { // a whisper that runs out connects the two
				c.setState(AskDial{To: c.To, CallerID: c.From, AgentSID: c.SID})
				return nil
			}
			c.finish(ctx, "end of document", "completed")
			return nil
		}
		// Counted before it is played, because playing it may replace the whole document.
		verb := c.verbs[c.next]
		c.next++
		asks, err := c.play(ctx, verb)
		if err != nil || asks {
			return err
		}
	}
}

// play runs one verb. It says whether the caller is now asked something; if not, the next verb follows, which
// may be one of another document by then.
func (c *Call) play(ctx context.Context, verb *Node) (asks bool, err error) {
	if verb.Name == "Redirect" {
		return false, c.fetch(ctx, verb.text(), verb.Attr("method", http.MethodPost), nil)
	}
	// A verb that does something breaks a chain of redirects: Twilio counts those in a row (error 11215).
	c.redirects = 0
	switch verb.Name {
	case "Say", "Play", "Pause":
		return false, c.speak(ctx, verb, duringPlain)
	case "Gather":
		return c.startGather(ctx, verb)
	case "Pay":
		return c.startPay(ctx, verb)
	case "Dial":
		return c.startDial(ctx, verb)
	case "Record":
		return false, c.record(ctx, verb)
	case "Hangup":
		c.finish(ctx, "hangup", "completed")
		return false, nil
	case "Reject":
		// The CallStatus of a call that was never answered; it is not billed.
		status := "busy"
		if verb.Attr("reason", "rejected") == "rejected" {
			status = "failed"
		}
		c.finish(ctx, "rejected", status)
		return false, nil
	}
	return false, c.fail(ctx, FaultUnsupported, "%s is not imitated", verb.Name)
}

// speak lets the caller hear a Say or a Play, or waits out a Pause. During says around what: within Gather
// and Pay keys would cut it short. A loop is heard once.
func (c *Call) speak(ctx context.Context, n *Node, during string) error {
	barge := during != duringPlain
	switch n.Name {
	case "Say":
		c.hear(Heard{
			Text: spoken(n), SSML: markup(n), Language: n.Attr("language", "en-US"), Voice: n.Attr("voice", ""),
			BargeIn: barge, During: during,
		})
	case "Play":
		// Tones for a machine at the other end; people hear a beep.
		if n.Has("digits") {
			c.hear(Heard{Text: "[tones]", BargeIn: barge, During: during})
			return nil
		}
		// A clip that is missing must not go unnoticed: in some languages all prompts are clips (twilio.md
		// §3).
		if err := c.fetchSound(ctx, n.text()); err != nil {
			return err
		}
		c.hear(Heard{Text: "[sound " + pathOf(c.resolve(n.text())) + "]", BargeIn: barge, During: during})
	case "Pause":
		seconds, _ := strconv.Atoi(n.Attr("length", "1")) // the grammar has checked it
		c.t.cfg.OnPause(ctx, time.Duration(seconds)*time.Second)
	}
	return nil
}

// record plays a Record: nothing is recorded, a made-up URL of one second is posted, ended by "#".
func (c *Call) record(ctx context.Context, n *Node) error {
	form := url.Values{
		"RecordingUrl":      {c.t.cfg.PublicURL + "/standin/recordings/" + c.t.newSID("RE")},
		"RecordingDuration": {"1"},
		"Digits":            {"#"},
	}
	return c.fetch(ctx, n.Attr("action", c.url), n.Attr("method", http.MethodPost), form)
}

// callerLeaves plays out what Twilio still posts when the caller hangs up, and ends the call. Whatever is
// answered, nobody hears it, so a document in the answer is not run.
func (c *Call) callerLeaves(ctx context.Context) {
	// Whether Twilio posts Pay's action after a hang-up, and with which CallStatus, is not confirmed
	// (twilio.md §12).
	c.status = "completed"
	switch {
	case c.pay != nil && !c.t.cfg.PayHangupSilent:
		form := c.pay.result("caller-hung-up")
		c.postUnheard(ctx, c.pay.node.Attr("action", c.url), http.MethodPost, form)
	case c.dial != nil:
		// The agent's leg ends first, so its last status callback comes before Dial's action.
		c.dial.leg.leave(ctx, "completed")
		c.postUnheard(ctx, c.dial.node.Attr("action", c.url), c.dial.node.Attr("method", http.MethodPost), c.dial.result(c.t.cfg.Now(), "completed", true))
	}
	c.finish(ctx, "caller hung up", "completed")
}

// postUnheard posts to an action after the caller has gone. Only a refusal is held against the product: an
// answer that never comes is what overload or a crash looks like, and stories play those on purpose.
func (c *Call) postUnheard(ctx context.Context, rawURL, method string, extra url.Values) {
	form := c.params()
	for name, values := range extra {
		form[name] = values
	}
	target := c.resolve(rawURL)
	answer, err := c.deliver(ctx, target, method, form)
	if refused(err) || err == nil && answer.status/100 != 2 {
		_ = c.addFault(FaultReply, "an action after the hang-up was refused")
	}
}
