package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"duebell/billing"
	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/voiceprompts"
)

// Turner runs one turn of the conversation. ivr.Engine implements it. Turn may be called twice for the same
// turn, with the same session and input, and must then do once what it writes elsewhere (design §4.3). It may
// be called for many calls at once.
type Turner interface {
	Turn(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error)
	Resume(m ivr.Milestone, turn int) ivr.Session
}

// Calls is what the database knows of calls, for when Redis has lost a session. Any error but ErrNoMilestone
// means that the database does not answer just now.
type Calls interface {
	// LastMilestone returns the newest milestone of a call, or ivr.ErrNoMilestone.
	LastMilestone(ctx context.Context, call string) (ivr.Milestone, error)
	// CallEnded records when a call ended. A call without a milestone is not recorded.
	CallEnded(ctx context.Context, call string, at time.Time) error
}

// Config is what New builds a Handler from. All fields are required but those that say so.
type Config struct {
	// What runs the turns, and where sessions, milestones and placed calls are kept.
	Engine    Turner
	Sessions  Sessions
	Calls     Calls
	Outbound  OutboundCalls // nil where the line places no calls
	Validator *twilio.Validator
	Prompts   *voiceprompts.Catalog
	Policy    billing.Policy

	// Signatures are checked against this address, never against the Host header (twilio.md §4.5).
	PublicURL     string // what Twilio calls
	CardConnector string
	BankConnector string

	// The domain's clock dates what is stored and spoken. The machine's measures leases, budgets and delays:
	// it runs on while scripts and dev stop or move the other.
	Clock   billing.Clock // domain
	Machine billing.Clock
	Timing  Timing // zero: DefaultTiming
	Log     *slog.Logger

	// HandOffs knows what the person who is rung hears of the caller, and stores what became of the
	// transfer (H3, H5). Nil: whoever answers the telephone is connected at once.
	HandOffs HandOffs
	// Open says whether a person would answer now; nil means always (H1).
	Open func(time.Time) bool
	// Measure is called for every answered request with the step whose answer came in, the outcome, and
	// how long it took. It may be nil.
	Measure func(step, outcome string, took time.Duration)
	// Observe is called with every turn's reply just before it is stored. Where two deliveries worked on
	// one turn it gets both; the store decides which is spoken. It may be nil.
	Observe func(call string, turn int, path string, reply ivr.Reply)
	// BeforeFinish is for fault injection and may be nil: on its error the connection is dropped
	// unanswered and the lease stays, as if the process had been killed there.
	BeforeFinish func(call string, turn int) error
}

// Timing is the limits of a turn, by the machine's clock. Tests make them small, in proportion. Wait and
// Budget must stay below the read time-out that every voice URL carries (rt=6500, twilio.md §4.2): after it
// Twilio asks again, and the caller hears nothing meanwhile.
type Timing struct {
	Lease        time.Duration // how long a lease on a turn holds; package store/sessions keeps it
	Wait         time.Duration // how long a request waits for another's answer, or for Redis
	Budget       time.Duration // how long it works before it says "one moment"
	Note         time.Duration // how long it may take to store that it said so
	Work         time.Duration // how long the work itself may go on, unanswered
	FailureDelay time.Duration // from the request to the answer of a failed verification
}

// DefaultTiming keeps every answer within the 5 seconds that a caller may wait (V7, design §4: budget). A
// lease is longer than another delivery waits, and its holder renews it, so a turn is taken over from a
// process that has died and not from one that is slow. Work may go on for 20 seconds after the caller was
// told to wait, because its answer is stored.
var DefaultTiming = Timing{
	Lease: 6 * time.Second, Wait: 4500 * time.Millisecond, Budget: 4800 * time.Millisecond,
	Note: 150 * time.Millisecond, Work: 20 * time.Second, FailureDelay: 400 * time.Millisecond,
}

// Handler answers Twilio's voice webhooks. It holds no call: any replica answers any turn. It may be used
// from any number of goroutines.
type Handler struct {
	Config
	// Made once by New. working counts turns and records that go on without a request; Drain waits for them.
	settings Settings
	words    words
	working  sync.WaitGroup
}

// New returns a Handler, or an error where a part is missing or a sentence that must be said when something
// fails cannot be said. Better at the start than on a call. Every document that the webhook may have to say
// by itself is rendered here once, in every language.
func New(c Config) (*Handler, error) {
	if c.Engine == nil || c.Sessions == nil || c.Calls == nil || c.Validator == nil || c.Prompts == nil || c.Clock == nil || c.Machine == nil || c.Log == nil {
		return nil, errors.New("webhook: a part is missing")
	}
	if c.Timing == (Timing{}) {
		c.Timing = DefaultTiming
	}
	if c.Open == nil {
		c.Open = func(time.Time) bool { return true }
	}
	if c.Measure == nil {
		c.Measure = func(string, string, time.Duration) {}
	}
	h := &Handler{Config: c, settings: NewSettings(c.Prompts, c.Policy, c.CardConnector, c.BankConnector)}
	if err := h.prepareWords(); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	if h.HandOffs != nil {
		h.settings.PublicURL = c.PublicURL
		if err := h.prepareWhisper(); err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
	}
	return h, nil
}

// Paths of the voice webhooks. All but incoming, status and fallback are found in our own TwiML.
const (
	IncomingPath = "/twilio/voice/incoming"
	StatusPath   = "/twilio/voice/status"
	FallbackPath = "/twilio/voice/fallback"

	turnPath = "/twilio/voice/turn/"
)

// Register adds the routes to r. The router must not redirect, because a redirected POST loses what was
// keyed: make it without StrictSlash and with SkipClean(true). Every route checks Twilio's signature first;
// without a valid one the answer is 403 and nothing is read. Turns have at most six digits in their path, far
// more than a call has turns.
func (h *Handler) Register(r *mux.Router) {
	post := func(path string, f func(http.ResponseWriter, *http.Request, url.Values)) {
		r.Handle(path, h.Validator.Handle(f)).Methods(http.MethodPost)
	}
	post(IncomingPath, h.incoming)
	post(turnPath+"{turn:[0-9]{1,6}}", h.turn)
	post(turnPath+"{turn:[0-9]{1,6}}/again/{slot:[1-3]}", h.turn)
	post(StatusPath, h.status)
	post(FallbackPath, h.fallback)
	if h.HandOffs != nil {
		h.registerWhisper(post)
	}
	h.registerOutbound(post)
}

// Drain waits until no turn is running any more, or until ctx is over. The server must accept none by then. A
// turn that is cut off is run again by whoever takes over its lease, so an error here loses no payment; it
// costs its caller a few seconds.
func (h *Handler) Drain(ctx context.Context) error {
	done := make(chan struct{})
	go func() { h.working.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("turns are still being worked on: %w", ctx.Err())
	}
}

// incoming answers turn 0: the call arrives. A repeated request gets the same bytes. A call that Twilio
// announces again after its first answer was lost is the same call, by its CallSid.
func (h *Handler) incoming(w http.ResponseWriter, r *http.Request, form url.Values) {
	h.respond(w, r, 0, slotTurn, twilio.DecodeVoice(form), ivr.Input{Kind: ivr.Arrived})
}

// turn answers a later turn, or one of its "one moment" URLs, which carry no input of their own: the input
// stored with the lease counts.
func (h *Handler) turn(w http.ResponseWriter, r *http.Request, form url.Values) {
	vars, v := mux.Vars(r), twilio.DecodeVoice(form)
	n, _ := strconv.Atoi(vars["turn"]) // the route lets digits through, nothing else
	slot, _ := strconv.Atoi(vars["slot"])
	in := ivr.Input{Kind: ivr.Lost}
	if slot == slotTurn {
		in = inputOf(v)
	}
	h.respond(w, r, n, slot, v, in)
}

// failedURL finds the turn in the URL that Twilio could not use.
var failedURL = regexp.MustCompile(`/twilio/voice/(?:incoming|turn/([0-9]{1,6})(?:/again/[1-3])?)(?:[?#].*)?$`)

// fallback answers when Twilio could not fetch or use a document, after its retries. The URL at fault
// tells the turn, so a repeated fallback gets the same bytes; without it the awaited turn is answered. A
// fallback does not carry the lost request's input: what was stored with its lease counts, or the
// question is asked again. Of a call that is not known at all a person is dialled where one can be
// reached, and else the apology is said (twilio.md §4.2).
func (h *Handler) fallback(w http.ResponseWriter, r *http.Request, form url.Values) {
	v := twilio.DecodeVoice(form)
	n, known := 0, false
	if at := failedURL.FindStringSubmatch(v.ErrorURL); at != nil {
		n, _ = strconv.Atoi(at[1]) // empty for incoming: turn 0
		known = true
	} else if callShape.MatchString(v.CallSid) {
		ctx, cancel := context.WithTimeout(r.Context(), h.Timing.Wait)
		awaited, err := h.Sessions.Awaited(ctx, v.CallSid)
		cancel()
		n, known = awaited, err == nil
	}
	h.Log.Warn("Twilio could not use an answer and asks the fallback; see the code", "call", logged(v.CallSid), "turn", n, "known", known, "code", v.ErrorCode)
	if !known {
		body, recorded := h.personDocument(r.Context(), connecting, "", Delivery{Call: v.CallSid}, "", Place{Next: h.url(turnPath + "1"), Line: payloadOf(v, ivr.Input{}, time.Time{}).Called})
		h.wait(r.Context(), recorded)
		h.write(w, Answer{Body: body})
		return
	}
	in := ivr.Input{Kind: ivr.Lost}
	if n == 0 {
		in.Kind = ivr.Arrived
	}
	h.respond(w, r, n, slotFallback, v, in)
}

// status records the end of a call. It decides nothing else, least of all about money. Its time only tells
// the sweeper from when on an unused offer may be closed (twilio.md §2.2: completed itself closes nothing).
// The answer is 204 whatever happens: Twilio's retry would bring no news.
func (h *Handler) status(w http.ResponseWriter, r *http.Request, form url.Values) {
	v := twilio.DecodeVoice(form)
	switch v.CallStatus {
	case "completed", "busy", "failed", "no-answer", "canceled":
		if v.ParentCallSid != "" || !callShape.MatchString(v.CallSid) { // an agent's leg
			break
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.Timing.Wait)
		defer cancel()
		if err := h.Calls.CallEnded(ctx, v.CallSid, h.Clock.Now()); err != nil {
			h.Log.Warn("the end of a call could not be recorded; its offers are closed later, by their age", "call", v.CallSid, "error", err)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// callShape is the form of a call id: wider than Twilio's own, and narrow enough for a Redis key and a
// log line.
var callShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// logged returns a call id that is safe to log. The id comes from outside: a forged one must not write lines
// into the log.
func logged(call string) string {
	if callShape.MatchString(call) {
		return call
	}
	return "(odd)"
}

// respond answers one delivery of one turn, measures it, and makes a failed verification take its full time
// (I1: every failure after 400 ms). The delay is counted by the machine's clock from the request on, and the
// stored answer keeps it: a repeat waits as long as the first delivery did. A line is logged for each
// delivery, without any of its input (D1).
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, turn, slot int, v twilio.VoiceRequest, in ivr.Input) {
	arrived := h.Machine.Now()
	late := time.NewTimer(h.Timing.FailureDelay) // runs from the request on, so that the turn's own time is in it
	defer late.Stop()
	var got handled
	p := payloadOf(v, in, h.Clock.Now())
	input, err := p.encode()
	if err != nil || !callShape.MatchString(v.CallSid) {
		h.Log.Warn("a voice webhook had no usable call id or input; the caller heard an apology", "call", logged(v.CallSid), "turn", turn, "error", err)
		got = handled{answer: Answer{Body: h.words.lastResort}, outcome: "refused"}
	} else {
		t := Delivery{Call: v.CallSid, Turn: turn, Slot: slot, Holder: newHolder(), Input: input}
		got = h.deliver(r.Context(), posted{Delivery: t, payload: p})
	}
	took := h.Machine.Now().Sub(arrived)
	h.Measure(got.step, got.outcome, took)
	h.Log.Info("turn answered", "call", logged(v.CallSid), "turn", turn, "step", got.step, "outcome", got.outcome, "ms", took.Milliseconds())
	if got.outcome == outcomeKilled { // fault injection: drop the connection as a dying process would
		panic(http.ErrAbortHandler)
	}
	if got.answer.Delay {
		select {
		case <-late.C:
		case <-r.Context().Done():
		}
	}
	h.write(w, got.answer)
}

// write sends the document. Its length is set, so that Twilio can tell a cut one. The status is always 200:
// Twilio speaks its own apology over any other.
func (h *Handler) write(w http.ResponseWriter, a Answer) {
	w.Header().Set("Content-Type", twilio.ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	_, _ = w.Write(a.Body) // who hung up does not read it
}

// url returns a path as Twilio is given it, with the retry settings that twilio.VoiceURL adds.
func (h *Handler) url(path string) string { return twilio.VoiceURL(h.PublicURL, path) }
