package phone

import (
	"net/http"

	"duebell/lab/twilio"
)

// Calls that the line places ring on this page, whoever's phone it is: there is one page for all sample members.

// ringView is one ringing call: its SID, and the number that the line has called.
type ringView struct {
	SID string `json:"sid"`
	To  string `json:"to"`
}

// ringing returns the calls that ring now, oldest first; none where somebody else's Twilio is used.
func (p *Phone) ringing() []ringView {
	out := []ringView{}
	if line := p.cfg.Line(); line != nil {
		for _, c := range line.Outbound() {
			if rings(c) {
				out = append(out, ringView{c.SID, c.To})
			}
		}
	}
	return out
}

// rings reports whether a call that the line placed still waits for an answer.
func rings(c *twilio.Call) bool {
	_, yes := c.State().(twilio.Ringing)
	return yes
}

// pickUp answers a call that rings, as a person or a machine, or rejects it as busy. After an answer it is a
// call of the page like one that was dialed. It returns at once with the SID; what the line says first comes by
// state. Of two people who pick up the stand-in lets one.
func (p *Phone) pickUp(r *http.Request) (any, error) {
	call, placed := p.lookup(r.PathValue("sid"))
	// It rang out, or somebody else was quicker.
	if !placed || !rings(call) {
		return nil, refuse(http.StatusConflict, "It does not ring any more.")
	}
	// Twilio's words for who answered (AnsweredBy, twilio.md §5).
	by := ""
	switch r.PathValue("answer") {
	case "person":
		by = "human"
	case "machine":
		by = "machine_start"
	// Nothing of the call is left to act on, so it is not kept.
	case "busy":
		p.tell("busy %s", call.To)
		return nil, explain(call.NotAnswered(p.ctx, "busy"))
	default:
		return nil, refuse(http.StatusNotFound, "A call cannot be answered so.")
	}
	// from is the member's side, whoever called whom.
	c := &activeCall{sid: call.SID, from: call.To, busy: true}
	// Kept before it is answered, so that the page can show it from the first word on.
	p.keep(c)
	machine := ""
	if by != "human" {
		machine = " machine"
	}
	p.tell("answer %s%s", call.To, machine)
	// Beside the request: an answer returns only when the line asks the first question.
	go func() {
		err := call.Answer(p.ctx, by)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.call, c.busy = call, false
		if explain(err) != nil {
			p.cfg.Log.Warn("a ringing call could not be answered", "error", err)
		}
	}()
	return map[string]string{"sid": c.sid}, nil
}
