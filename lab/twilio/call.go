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

// ErrRefused is what a caller's act gets when the line would not take it then:
// keys that nothing waits for, speech where only keys are heard.
var ErrRefused = errors.New("the line would not take this")

// ErrEnded is what a caller's act gets once the call is over.
var ErrEnded = errors.New("the call has ended")

// CallOptions says who calls whom.
type CallOptions struct {
	From         string    // E.164, anonymous, or anything a caller ID can be
	To           string    // one of the account's numbers; the first if empty
	Attestation  string    // A, B or C; empty leaves StirVerstat out; anything else is sent as it stands
	CallSID      string    // made up if empty
	PayExhausted Exhausted // this call's ending of exhausted attempts
}

// Heard is one thing that the caller heard.
type Heard struct {
	Text     string // as heard: no markup
	SSML     string // as written
	Language string
	Voice    string
	BargeIn  bool   // keys would have cut it short
	Turn     string // path of the URL whose document said it
	During   string // gather, plain or pay
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

// Call is one leg: a caller on the line, a member whom the product rang, or an
// agent listening to a whisper. Its acts run the call until it asks something
// or ends, and give the Fault that ended it, if one did.
type Call struct {
	SID, From, To string
	Direction     string // inbound, outbound-api, outbound-dial

	t       *Twilio
	parent  *Call
	options CallOptions
	urls    callURLs
	placed  outboundCall
	hungUp  atomic.Bool
	hangUp  func(Heard) bool // the caller leaves on hearing this

	turn sync.Mutex // held while the call runs; guards what follows

	url       string // of the document being run
	method    string
	verbs     []*Node
	next      int // index of the verb to run next
	gather    *gathering
	pay       *paying
	dial      *dialing
	status    string
	answered  time.Time
	sequence  int
	redirects int // fetches since a verb other than Redirect was run
	documents int // fetched since the caller last did something
	failures  int // fallbacks since the caller last did something

	mu      sync.Mutex // guards what is seen from outside
	state   State
	agent   *Call // the last agent that a Dial rang
	heard   []Heard
	input   int // how much had been heard at the caller's last act
	lines   []string
	faults  []Fault
	pending *redirection
}

// callURLs are the webhooks that belong to a leg as a whole.
type callURLs struct {
	fallback     string
	status       string
	statusEvents []string // empty: completed alone
}

// Call places an inbound call and runs it until the caller is asked something.
// The error is the Fault that ended it, if any; the Call is given back even then.
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

// keep makes the call known to REST and to Lookup.
func (t *Twilio) keep(c *Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[c.SID] = c
}

// forgetOldest drops ended calls beyond the number to be kept.
func (t *Twilio) forgetOldest(ended string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = append(t.ended, ended)
	for len(t.ended) > t.cfg.EndedCallsKept {
		delete(t.calls, t.ended[0])
		t.ended = t.ended[1:]
	}
}

// State says what the caller is asked now. While the call runs it is Running.
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

// HeardSinceInput returns what was heard since the caller last did something.
func (c *Call) HeardSinceInput() []Heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard[c.input:])
}

// Heard returns everything heard in this call.
func (c *Call) Heard() []Heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard)
}

// Transcript returns the call as lines a person can read. What is keyed into Pay
// is not in it.
func (c *Call) Transcript() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines)
}

// Faults returns what the product did wrong in this call.
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

// beginAct marks an act of the caller: what is heard from now on is the answer to it.
func (c *Call) beginAct(format string, args ...any) {
	c.redirects, c.documents, c.failures = 0, 0, 0
	c.line("caller: "+format, args...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.input = len(c.heard)
	c.state = Running{}
}

// hear records one utterance, and lets the caller leave on it.
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

// HangUpWhen makes the caller hang up as soon as something heard is what they
// wait for, also in the middle of a hold where nothing is asked. Set it between
// acts.
func (c *Call) HangUpWhen(leave func(Heard) bool) {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.hangUp = leave
}

// addFault records a fault of the product in this call, without ending the call.
func (c *Call) addFault(kind FaultKind, format string, args ...any) Fault {
	f := c.t.addFault(Fault{kind, c.SID, pathOf(c.url), fmt.Sprintf(format, args...)})
	c.mu.Lock()
	c.faults = append(c.faults, f)
	c.mu.Unlock()
	c.line("fault: %s", f.Error())
	return f
}

// fail records a fault and ends the call on it.
func (c *Call) fail(ctx context.Context, kind FaultKind, format string, args ...any) error {
	f := c.addFault(kind, format, args...)
	c.finish(ctx, "fault", "failed")
	return f
}

// params are the fields that every voice request carries.
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

// stirVerstat returns the StirVerstat field for an attestation (twilio.md: the carrier's word on the number).
func stirVerstat(attestation string) string {
	switch attestation {
	case "A", "B", "C":
		return "TN-Validation-Passed-" + attestation
	}
	return attestation
}

// finish ends the leg and sends the last status callback. It is safe to call twice.
func (c *Call) finish(ctx context.Context, reason, status string) {
	if _, over := c.State().(Ended); over {
		return
	}
	c.status = status
	c.gather, c.pay, c.dial = nil, nil, nil
	c.line("call ends: %s", reason)
	c.setState(Ended{Reason: reason, Status: status})
	c.statusCallback(ctx, "completed")
	c.t.forgetOldest(c.SID)
}

// Over says whether the call has ended.
func (c *Call) Over() bool {
	_, over := c.State().(Ended)
	return over
}

// resolve makes a URL of the product's absolute, as seen from the document at
// hand, without touching a byte that need not be touched: it will be signed.
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
