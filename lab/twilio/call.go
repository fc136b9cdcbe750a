package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrRefused is what a caller's act gets when the line would not take it then: keys that nothing waits for,
// speech where only keys are heard. Nothing has happened; the call is as it was. It is wrapped with the
// reason.
var ErrRefused = errors.New("the line would not take this")

// ErrEnded is what a caller's act gets once the call is over.
var ErrEnded = errors.New("the call has ended")

// CallOptions says who calls whom. From is all that a story must give; it may be anything, since a caller ID
// never proves identity (twilio.md §4.1).
type CallOptions struct {
	// E.164, anonymous, or anything a caller ID can be.
	From string
	// One of the account's numbers; the first if empty.
	To string
	// A, B or C: how surely the carrier knows the caller's number. Empty leaves StirVerstat out; anything
	// else is sent as it stands.
	Attestation string
	// Made up if empty. One that is given must not be in use.
	CallSID string
	// This call's ending of exhausted attempts; empty goes by Config.
	PayExhausted Exhausted
}

// Heard is one thing that the caller heard. A Say gives all of it; a Play gives its path in brackets as Text,
// and no Language or Voice.
type Heard struct {
	// As heard: no markup.
	Text string
	// As written, without the Say around it.
	SSML     string
	Language string
	// As the Say names it; empty is the account's default voice.
	Voice string
	// Keys would have cut it short, as within Gather and Pay. Terms have it off (E3, no barge-in).
	BargeIn bool
	// Path of the URL whose document said it; no query and no fragment.
	Turn string
	// Around what: gather, plain or pay.
	During string
}

// The directions of a leg.
const (
	inbound      = "inbound"
	outboundAPI  = "outbound-api"
	outboundDial = "outbound-dial"
)

// During says around what a thing was heard.
const (
	duringPlain  = "plain"
	duringGather = "gather"
	duringPay    = "pay"
)

// Call is one leg: a caller on the line, a member whom the product rang, or an agent listening to a whisper.
// Its acts run the call until it asks something or ends, and return the Fault that ended it, if one did.
//
// Acts may come from several goroutines and take turns. What is seen from outside (State, Heard, Transcript,
// Faults) may be read at any time, also while the call runs. An update by REST waits in pending until the call
// comes to its next verb.
type Call struct {
	SID, From, To string
	Direction     string // inbound, outbound-api, outbound-dial

	// Set when the leg is made and not changed again, but for placed.rings (Twilio.mu), hungUp (atomic) and
	// hangUp (turn). parent is the caller's leg where this one is an agent's.
	t       *Twilio
	parent  *Call
	options CallOptions
	urls    callURLs
	placed  outboundCall
	hungUp  atomic.Bool
	// hangUp says of each thing heard whether the caller leaves on it.
	hangUp func(Heard) bool

	turn sync.Mutex // held while the call runs; guards what follows

	url    string
	method string
	verbs  []*Node
	// The index of the verb to run next; past the end the document is over.
	next   int
	gather *gathering
	pay    *paying
	dial   *dialing
	// The CallStatus that webhooks carry now.
	status string
	// When the call was answered, from which its duration counts.
	answered time.Time
	// The SequenceNumber of the next status callback.
	sequence int
	// Fetches since a verb other than Redirect was run.
	redirects int
	// Documents fetched since the caller last did something.
	documents int
	// Fallbacks asked since the caller last did something.
	failures int

	mu    sync.Mutex // guards what is seen from outside
	state State
	// The leg of the last agent that a Dial rang.
	agent *Call
	heard []Heard
	// How much had been heard at the caller's last act; HeardSinceInput begins there.
	input   int
	lines   []string
	faults  []Fault
	pending *redirection
}

// callURLs are the webhooks that belong to a leg as a whole: an inbound call's are its number's, a placed
// call's come with the create. An empty URL is not asked.
type callURLs struct {
	fallback string
	status   string
	// Which events are reported; empty: completed alone, Twilio's default.
	statusEvents []string
}

// Call places an inbound call and runs it until the caller is asked something, or it ends. The error is the
// Fault that ended it, if any, or the context's; the Call is given back even then, but for a number that is
// not the account's, for which there is no Call.
func (t *Twilio) Call(ctx context.Context, o CallOptions) (*Call, error) {
	if o.To == "" && len(t.numbers) > 0 {
		o.To = t.numbers[0].Phone
	}
	number, ok := t.number(o.To)
	if !ok {
		return nil, errors.New("twilio stand-in: the called number is not the account's")
	}
	c := &Call{
		SID: cmp.Or(o.CallSID, t.newSID("CA")), From: o.From, To: o.To, Direction: inbound,
		t: t, options: o, status: "ringing", state: Running{},
		urls: callURLs{fallback: number.VoiceFallbackURL, status: number.StatusURL},
	}
	// Without the retry fragment a process killed just after it took the connection would lose the caller.
	// The number is the operator's set-up, so this is told before anything is asked.
	if t.cfg.OverridesRequired && !(hasOverrides(number.VoiceURL) && hasOverrides(number.VoiceFallbackURL)) {
		return c, t.addFault(Fault{FaultOverrides, c.SID, pathOf(number.VoiceURL), "the number's webhooks lack the connection overrides"})
	}
	t.keep(c)
	c.turn.Lock()
	defer c.turn.Unlock()
	c.answered = t.cfg.Now()
	c.line("caller: dials")
	if err := c.fetch(ctx, number.VoiceURL, http.MethodPost, nil); err != nil {
		return c, err
	}
	return c, c.run(ctx)
}

// keep makes the call known to REST and to Lookup, under its SID; one with the same SID is replaced.
func (t *Twilio) keep(c *Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[c.SID] = c
}

// forgetOldest drops ended calls beyond the number to be kept, so that a long load run does not grow by each
// call. Whoever still holds the Call may go on reading it.
func (t *Twilio) forgetOldest(ended string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = append(t.ended, ended)
	for len(t.ended) > t.cfg.EndedCallsKept {
		delete(t.calls, t.ended[0])
		t.ended = t.ended[1:]
	}
}

// State returns what the caller is asked now. While the call runs it is Running.
func (c *Call) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// setState changes what State returns.
func (c *Call) setState(s State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = s
}

// HeardSinceInput returns what was heard since the caller last did something: the answer to that act. It is a
// copy.
func (c *Call) HeardSinceInput() []Heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard[c.input:])
}

// Heard returns everything heard in this call, oldest first, as a copy.
func (c *Call) Heard() []Heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard)
}

// Transcript returns the call as lines a person can read: acts, what was heard, requests and faults. What is
// keyed into Pay is not in it (D1, secrets stay out); what is keyed into a Gather is, so sample data only may
// be used.
func (c *Call) Transcript() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines)
}

// Faults returns what the product did wrong in this call, an agent's leg included where it ended the call.
func (c *Call) Faults() []Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.faults)
}

// line adds a line to the transcript.
func (c *Call) line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, fmt.Sprintf(format, args...))
}

// beginAct marks an act of the caller: what is heard from now on is the answer to it, and the limits on
// redirects, documents and fallbacks begin anew. The caller holds c.turn.
func (c *Call) beginAct(format string, args ...any) {
	c.redirects, c.documents, c.failures = 0, 0, 0
	c.line("caller: "+format, args...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.input = len(c.heard)
	c.state = Running{}
}

// hear records one utterance, and lets the caller leave on it. Leaving is only noted here: the loop that
// plays the document ends the call before the next verb.
func (c *Call) hear(h Heard) {
	h.Turn = pathOf(c.url)
	c.mu.Lock()
	c.heard = append(c.heard, h)
	c.mu.Unlock()
	c.line("line: %s", h.Text)
	if c.hangUp != nil && c.hangUp(h) {
		c.hungUp.Store(true)
	}
}

// HangUpWhen makes the caller hang up as soon as something heard is what they wait for, also in the middle of
// a hold where nothing is asked. Set it between acts: it waits for a run that is under way. Nil stays on the
// line.
func (c *Call) HangUpWhen(leave func(Heard) bool) {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.hangUp = leave
}

// addFault records a fault of the product in this call and with the stand-in, without ending the call.
func (c *Call) addFault(kind FaultKind, format string, args ...any) Fault {
	f := c.t.addFault(Fault{kind, c.SID, pathOf(c.url), fmt.Sprintf(format, args...)})
	c.mu.Lock()
	c.faults = append(c.faults, f)
	c.mu.Unlock()
	c.line("fault: %s", f.Error())
	return f
}

// fail records a fault and ends the call on it. The fault is the error that the caller's act returns.
func (c *Call) fail(ctx context.Context, kind FaultKind, format string, args ...any) error {
	f := c.addFault(kind, format, args...)
	c.finish(ctx, "fault", "failed")
	return f
}

// params returns the fields that every voice request carries (twilio.md §4.1), with the duplicates under
// Caller and Called that Twilio also sends. Callers add to the map; each gets its own.
func (c *Call) params() url.Values {
	form := url.Values{
		"CallSid": {c.SID}, "AccountSid": {c.t.cfg.AccountSID}, "ApiVersion": {apiVersion},
		"From": {c.From}, "To": {c.To}, "Caller": {c.From}, "Called": {c.To},
		"CallStatus": {c.status}, "Direction": {c.Direction},
		"FromCountry": {"US"}, "FromState": {"MA"}, "FromCity": {""}, "FromZip": {""},
		"CallerCountry": {"US"}, "CallerState": {"MA"}, "CallerCity": {""}, "CallerZip": {""},
		"ToCountry": {"US"}, "ToState": {""}, "ToCity": {""}, "ToZip": {""},
		"CalledCountry": {"US"}, "CalledState": {""}, "CalledCity": {""}, "CalledZip": {""},
	}
	if c.parent != nil {
		form.Set("ParentCallSid", c.parent.SID)
	}
	if c.Direction == inbound {
		form.Set("CallToken", "eyJhbGciOiJub25lIn0.stand-in")
	}
	if v := stirVerstat(c.options.Attestation); v != "" {
		form.Set("StirVerstat", v)
	}
	return form
}

// stirVerstat returns the StirVerstat field for an attestation (twilio.md §4.1: how the carriers grade the
// caller's number). Anything but A, B and C is sent as it stands, for what Twilio may also send; empty leaves
// the field out.
func stirVerstat(attestation string) string {
	switch attestation {
	case "A", "B", "C":
		return "TN-Validation-Passed-" + attestation
	}
	return attestation
}

// finish ends the leg and sends the last status callback. It does nothing to a call that has ended. The
// caller holds c.turn.
func (c *Call) finish(ctx context.Context, reason, status string) {
	if _, over := c.State().(Ended); over {
		return
	}
	c.status = status
	c.gather, c.pay, c.dial = nil, nil, nil
	c.line("call ends: %s", reason)
	c.setState(Ended{Reason: reason, Status: status})
	// The state is Ended before this is sent: who reads State from the callback's handler sees the call over.
	c.statusCallback(ctx, "completed")
	c.t.forgetOldest(c.SID)
}

// Over says whether the call has ended.
func (c *Call) Over() bool {
	_, over := c.State().(Ended)
	return over
}

// resolve returns a URL of the product's made absolute against the document that runs. It leaves every byte
// that need not change as it is: the URL will be signed.
func (c *Call) resolve(rawURL string) string {
	if strings.Contains(rawURL, "://") {
		return rawURL
	}
	base, err := url.Parse(c.url)
	if err != nil {
		return rawURL
	}
	ref, err := base.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	return ref.String()
}
