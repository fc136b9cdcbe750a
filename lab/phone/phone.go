// Package phone is the telephone in the browser: a page on which a sample member dials the line, hears it,
// presses keys, speaks and pays, and sees beside it the texts that came, the payments, and a clock to move.
//
// It owns the page, its scripts and the JSON under /phone/api/, and drives the stand-in's Call object as a hand
// drives a telephone. It refuses whoever is not on this machine, because it shows sample members' secrets and
// moves the clock, and it knows nothing of the product: the rows of the database come in through Environment.
//
// The page asks for the whole state about once a second and draws what has changed; nothing is pushed. An act
// of the caller (a key, a word, a card) is one POST that returns when the line asks the next question.
//
// # Where things are
//
// page.go makes the page once, with everything that does not change while it is open; view.go answers with what
// does. calls.go dials and acts, ring.go answers calls that the line places, trouble.go breaks things, sends
// texts and moves the clock (its buttons are in moves.go). story.go writes down what was done as a script, so
// that what somebody tried by hand can become a test. guard.go keeps everybody out who is not on this machine.
//
// # Who may do what at once
//
// Requests run side by side, and several pages may be open. One call does one thing at a time (activeCall);
// different calls do not wait for each other. Every act runs under the phone's own context and not the
// request's: a page that is closed in the middle of a payment does not cut the call off.
package phone

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"duebell/billing"
	"duebell/lab/harness"
	"duebell/lab/samples"
	"duebell/lab/twilio"
)

// Environment is what surrounds the calls: the clock, the database, the processor, and what can be broken.
// Dev's harness stands behind it. Its methods may be called at once by many requests.
type Environment interface {
	// Now returns the domain clock's time.
	Now() time.Time
	// Until moves the clock there and returns when nothing that is due is left undone.
	Until(ctx context.Context, at time.Time) error
	// Rows reads what is in the database now.
	Rows(ctx context.Context) (harness.Rows, error)
	// Charges returns what the processor charged, oldest first.
	Charges(ctx context.Context) ([]harness.Charge, error)
	// Trouble breaks a part or mends it, by the words of scripts: "redis", "down".
	Trouble(ctx context.Context, part, word string) error
}

// Config is what the page works with. Every field but Log is needed.
type Config struct {
	Line        func() *twilio.Twilio // returns the stand-in for Twilio, or nil where somebody else's is used
	Number      string                // the line's own, E.164
	Environment Environment
	Stories     []samples.Story
	Calendar    *billing.Calendar
	Log         *slog.Logger
}

// Phone is the page and its API. It is safe for many requests at once. Close ends what its calls are doing.
// Several pages may be open: they show the same, and what is set on one shows on the others within a second.
type Phone struct {
	cfg     Config
	handler http.Handler
	page    *template.Template
	ctx     context.Context // of every act in a call, and not the request's: a page that is closed does not cut a call off
	cancel  context.CancelFunc

	mu       sync.Mutex
	calls    map[string]*activeCall
	order    []string          // SIDs, oldest first
	troubles map[string]string // the word that was last set, by part; "agent" is the person whom the line rings
	sent     []sentText        // from here to the line, oldest first

	recorder recorder // has a lock of its own
}

//go:embed web
var web embed.FS

// New returns the page, ready to serve. It does not call Line before a request does: the stand-in may come up
// later. The story begins now. Close must follow.
func New(cfg Config) (*Phone, error) {
	p := &Phone{cfg: cfg, calls: map[string]*activeCall{}, troubles: map[string]string{}}
	if p.cfg.Log == nil {
		p.cfg.Log = slog.New(slog.DiscardHandler)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	var err error
	if p.page, err = template.ParseFS(web, "web/page.html"); err != nil {
		return nil, fmt.Errorf("phone page: %w", err)
	}
	// Everything under web is public here, the page's template too; there is nothing secret in it.
	static, err := fs.Sub(web, "web")
	if err != nil {
		return nil, fmt.Errorf("phone page: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /phone", p.showPage)
	mux.Handle("GET /phone/static/", http.StripPrefix("/phone/static/", http.FileServerFS(static)))
	mux.HandleFunc("GET /phone/api/state", p.state)
	mux.HandleFunc("GET /phone/api/story", p.showStory)
	// Every change goes through answer, so that no act forgets the limit of the body or how errors are told.
	post := func(pattern string, act func(r *http.Request) (any, error)) {
		mux.HandleFunc("POST /phone/api/"+pattern, func(w http.ResponseWriter, r *http.Request) { answer(w, r, act) })
	}
	post("calls", p.dial)
	post("calls/{sid}/{act}", p.act)
	post("ringing/{sid}/{answer}", p.pickUp)
	post("texts", p.text)
	post("clock", p.moveClock)
	post("trouble", p.trouble)
	post("agent", p.agent)
	p.recorder.begin(cfg.Environment.Now())
	// The cross-origin check comes second: a page elsewhere that can reach this machine must not press keys
	// here.
	p.handler = onlyHere(http.NewCrossOriginProtection().Handler(mux))
	return p, nil
}

// ServeHTTP answers everything under /phone, for this machine only.
func (p *Phone) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// Reset forgets what was set and sent from the page, begins a new script, and has people take calls. Calls that
// are on the line stay, and so do the faults themselves: it is for a start, when nothing is broken.
func (p *Phone) Reset() {
	if line := p.cfg.Line(); line != nil {
		// A person who takes calls is what somebody new to the page expects of key 0.
		line.SetAgent(agents["answered"])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.troubles)
	p.sent = nil
	p.recorder.begin(p.cfg.Environment.Now())
}

// Close ends the acts that are under way; they return with an error. Requests after it fail the same way. It
// may be called twice.
func (p *Phone) Close() { p.cancel() }

// refusal is an error whose words are for the person at the page, with the HTTP status that it goes out with.
type refusal struct {
	status int
	words  string
}

// Error returns the sentence.
func (r refusal) Error() string { return r.words }

// refuse returns a refusal with this status and these words: a whole sentence, for the person at the page.
func refuse(status int, words string) error { return refusal{status, words} }

// mostBody bounds a request of the page, in bytes. The longest are a few hundred.
const mostBody = 16 << 10

// answer runs one act and answers in JSON. What went wrong is said in a sentence, as {"error": …}; an error of our
// own, too, because whoever uses this page is the person who can mend it.
func answer(w http.ResponseWriter, r *http.Request, act func(r *http.Request) (any, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, mostBody)
	result, err := act(r)
	if err == nil {
		send(w, http.StatusOK, result)
		return
	}
	var known refusal
	if !errors.As(err, &known) {
		known = refusal{http.StatusInternalServerError, err.Error()}
	}
	send(w, known.status, map[string]string{"error": known.words})
}

// send writes one JSON answer; nil is an empty object, so that the page can always decode. A value that cannot
// be encoded leaves the answer cut short.
func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if body == nil {
		body = struct{}{}
	}
	_ = json.NewEncoder(w).Encode(body) // the page may have been closed
}

// read decodes a request. A field that the API does not know is a mistake of the page's, and is refused, as is
// what is no JSON. What follows the first value is not looked at.
func read[T any](r *http.Request) (T, error) {
	var body T
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return body, refuse(http.StatusBadRequest, "The request could not be read.")
	}
	return body, nil
}
