package phone

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync"

	"duebell/lab/twilio"
)

// activeCall is a call that was placed or answered from the page. Twilio delivers one webhook of a call at a
// time, and so the page may do one thing at a time: busy and question see to that, whoever has the page open
// twice. sid and from are set once; the rest is guarded by mu. It is never held while an act runs, so that the
// page can draw meanwhile.
type activeCall struct {
	mu       sync.Mutex
	sid      string
	from     string
	call     *twilio.Call // nil until the line has answered
	busy     bool         // an act is under way
	question int          // counts acts: what is meant for an earlier question is refused
	failed   string       // why it could not be placed
}

// begin reserves the call for one act that was meant for this question. It refuses what was meant for an
// earlier one (a key pressed while the answer was on its way) instead of keying it into the next: a 1 that was
// meant for the language must not authorize a payment. end must follow where it returns a call.
func (c *activeCall) begin(question int) (*twilio.Call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.call == nil || c.busy || question != c.question {
		return nil, refuse(http.StatusConflict, "The line has gone on meanwhile. Listen to what it says now.")
	}
	c.busy = true
	// Counted at the beginning: a second press that is on its way already belongs to the question before.
	c.question++
	return c.call, nil
}

// end releases the call after an act. An act that the line would not take has changed nothing: the question is
// still the same, and the page may try again without asking anew.
func (c *activeCall) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
	if errors.Is(err, twilio.ErrRefused) {
		c.question--
	}
}

// dialRequest is a POST to calls: who calls (a number as people write it, or anonymous), and the carrier's
// attestation of the number: A, B, C or empty for none (I4: caller ID is a hint).
type dialRequest struct {
	From        string `json:"from"`
	Attestation string `json:"attestation"`
}

// dial places a call and answers at once with its SID; the page watches it come up. A number that is none is
// refused. Several calls may run at once.
func (p *Phone) dial(r *http.Request) (any, error) {
	req, err := read[dialRequest](r)
	if err != nil {
		return nil, err
	}
	from := req.From
	// A caller may withhold the number (twilio.md §4.1: From can be anonymous).
	if from != "anonymous" {
		if from, err = phoneNumber(from); err != nil {
			return nil, err
		}
	}
	line, err := p.line()
	if err != nil {
		return nil, err
	}
	c := &activeCall{sid: newSID(), from: from, busy: true}
	p.keep(c)
	attested := ""
	if req.Attestation != "" {
		attested = " attested " + req.Attestation
	}
	// Noted before the call runs: what it does comes after this line.
	p.tell("call from %s%s", from, attested)
	go p.place(line, c, req.Attestation)
	return map[string]string{"sid": c.sid}, nil
}

// line returns the stand-in, or a refusal where there is none. It is asked for anew each time: a reset replaces
// it.
func (p *Phone) line() (*twilio.Twilio, error) {
	line := p.cfg.Line()
	if line == nil {
		return nil, refuse(http.StatusConflict, "TWILIO_API_URL names somebody else's telephone company, so there is no telephone here. Start without it to dial.")
	}
	return line, nil
}

// lookup finds a call that has been placed; false before that, and where somebody else's Twilio is used.
func (p *Phone) lookup(sid string) (*twilio.Call, bool) {
	line := p.cfg.Line()
	if line == nil {
		return nil, false
	}
	return line.Lookup(sid)
}

// maxCalls bounds how many calls are remembered, over or not.
const maxCalls = 100

// keep remembers a call; the oldest is forgotten when there are too many. A forgotten one runs on, but the page
// can no longer act on it.
func (p *Phone) keep(c *activeCall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[c.sid] = c
	p.order = append(p.order, c.sid)
	if len(p.order) > maxCalls {
		delete(p.calls, p.order[0])
		p.order = p.order[1:]
	}
}

// place runs a call until it asks something. While it runs it can be looked up by its SID. A fault of the
// product that ends the call is no failure to place it: it stands in the transcript.
func (p *Phone) place(line *twilio.Twilio, c *activeCall, attestation string) {
	call, err := line.Call(p.ctx, twilio.CallOptions{From: c.from, To: p.cfg.Number, Attestation: attestation, CallSID: c.sid})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.call, c.busy = call, false
	// With a call and an error the line answered wrong; the page shows that call with the fault in its
	// transcript.
	if call == nil && err != nil {
		c.failed = err.Error()
	}
}

// newSID makes a call's id before the call is placed, so that the page can watch it from the start.
func newSID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // does not fail
	return "CA" + hex.EncodeToString(raw)
}

// actRequest is what an act may need; each act reads its own fields. Confidence nil leaves the field out, as
// Twilio may. Card and bank numbers are test numbers, which go to the stand-in's Pay and nowhere else: none is
// logged. Question is the number of the question that the person saw.
type actRequest struct {
	Question   int      `json:"question"`
	Keys       string   `json:"keys"`
	Text       string   `json:"text"`
	Confidence *float64 `json:"confidence"`

	Number  string `json:"number"`
	Expiry  string `json:"expiry"`
	Code    string `json:"code"`
	Postal  string `json:"postal"`
	Routing string `json:"routing"`
	Account string `json:"account"`
}

// acts are what a caller can do, by the last part of the path. Key leaves an entry open for more keys, press
// closes it as a pause would. Hanging up is not among them: it waits for nothing.
var acts = map[string]func(ctx context.Context, c *twilio.Call, a actRequest) error{
	"key":      func(ctx context.Context, c *twilio.Call, a actRequest) error { return c.Key(ctx, a.Keys) },
	"press":    func(ctx context.Context, c *twilio.Call, a actRequest) error { return c.Press(ctx, a.Keys) },
	"say":      func(ctx context.Context, c *twilio.Call, a actRequest) error { return c.Say(ctx, a.Text, a.Confidence) },
	"silence":  func(ctx context.Context, c *twilio.Call, _ actRequest) error { return c.Silence(ctx) },
	"pay-card": payCard,
	"pay-bank": payBank,
	"person-hangs-up": func(ctx context.Context, c *twilio.Call, _ actRequest) error {
		return c.AgentHangsUp(ctx)
	},
}

// payCard answers every question of Pay for a card at once. People write the numbers with blanks and slashes;
// keys are digits. It stops where a field is asked again, and the page shows that question.
func payCard(ctx context.Context, c *twilio.Call, a actRequest) error {
	return c.PayCard(ctx, onlyDigits(a.Number), onlyDigits(a.Expiry), onlyDigits(a.Code), onlyDigits(a.Postal))
}

// payBank answers every question of Pay for a bank account at once, each twice where Pay asks twice (E10, E11:
// keyed twice).
func payBank(ctx context.Context, c *twilio.Call, a actRequest) error {
	return c.PayBank(ctx, onlyDigits(a.Routing), onlyDigits(a.Account))
}

// act does one thing on a call and answers, with what is seen then, when the line asks the next. Hanging up is
// always possible. The act goes on when the page is closed: it belongs to the phone and not to the request.
func (p *Phone) act(r *http.Request) (any, error) {
	req, err := read[actRequest](r)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	c := p.calls[r.PathValue("sid")]
	p.mu.Unlock()
	if c == nil {
		return nil, refuse(http.StatusNotFound, "There is no such call here. Dial again.")
	}
	name := r.PathValue("act")
	if name == "hang-up" {
		return nil, p.hangUp(c)
	}
	do, known := acts[name]
	if !known {
		return nil, refuse(http.StatusNotFound, "A caller cannot do that.")
	}
	call, err := c.begin(req.Question)
	if err != nil {
		return nil, err
	}
	// Before the act, which begins a new stretch of what was heard.
	found := before(call)
	err = do(p.ctx, call, req)
	if taken(err) {
		p.tellAct(call, name, req, found)
	}
	c.end(err)
	if err := explain(err); err != nil {
		return nil, err
	}
	return p.callView(c), nil
}

// hangUp ends a call, also in the middle of an act; a call that has not come up yet is left alone, and can be
// hung up when it has.
func (p *Phone) hangUp(c *activeCall) error {
	call, placed := p.lookup(c.sid)
	if !placed {
		return nil
	}
	found := before(call)
	err := call.HangUp(p.ctx)
	if taken(err) {
		p.tellAct(call, "hang-up", actRequest{}, found)
	}
	return explain(err)
}

// explain turns the stand-in's error into words for the page. A fault of the product is no error of the act: it
// stands in the transcript. Errors that nobody expects come back as they are, for answer to show.
func explain(err error) error {
	var fault twilio.Fault
	switch {
	case err == nil, errors.As(err, &fault):
		return nil
	case errors.Is(err, twilio.ErrEnded):
		return refuse(http.StatusConflict, "The call is over.")
	case errors.Is(err, twilio.ErrRefused):
		why := strings.TrimPrefix(err.Error(), twilio.ErrRefused.Error()+": ")
		return refuse(http.StatusUnprocessableEntity, "The line would not take that: "+why+".")
	default:
		return err
	}
}
