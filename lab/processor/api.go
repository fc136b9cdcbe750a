package processor

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// operation is one thing that the API does; the words are for the log.
type operation string

const (
	createMethod  operation = "create payment method"
	getMethod     operation = "get payment method"
	createIntent  operation = "create payment intent"
	listIntents   operation = "list payment intents"
	getIntent     operation = "get payment intent"
	confirmIntent operation = "confirm payment intent"
	cancelIntent  operation = "cancel payment intent"
	getAccount    operation = "get account"
	unknownPath   operation = "unknown path"
)

// writes says whether the operation changes something, and so obeys idempotency keys.
func (o operation) writes() bool {
	return o == createMethod || o == createIntent || o == confirmIntent || o == cancelIntent
}

// request is what an operation needs to know of an HTTP request. body and query hold secrets and are never
// logged.
type request struct {
	op operation
	// The id in the path; empty for none.
	id string
	// The header Idempotency-Key; empty for none. twilio.md §13.2 says which keys the product uses.
	key string
	// The API key that came with it.
	auth  string
	body  string
	query string
	path  string
}

// answer is what goes out: a status and a JSON body.
type answer struct {
	status int
	body   []byte
	// It is the first answer under the key, given again: nothing was done now.
	replayed bool
}

// carriedOut says whether the answer is the outcome of a request, be it a decline (402). Faults that lose an
// answer act on those alone.
func (a answer) carriedOut() bool { return a.status == 200 || a.status == 402 }

// maxBody is the longest request that is read; the product's are far below a thousand bytes.
const maxBody = 64 << 10

// ServeHTTP is the API. The request is carried out whole under the lock; what a fault does to the answer
// (hold it, cut it off) comes afterwards, so a lost reply is always that of work that was done.
func (p *Processor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op, id := route(r.Method, r.URL.Path)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	// A body that breaks off is answered the same way; its client has gone.
	if err != nil {
		http.Error(w, "request too large", http.StatusRequestEntityTooLarge)
		return
	}
	req := request{
		op: op, id: id, key: r.Header.Get("Idempotency-Key"), auth: secretKey(r),
		body: string(body), query: r.URL.RawQuery, path: r.URL.Path,
	}

	p.mu.Lock()
	// The list is the checks' window and obeys no fault, so a check can look while everything else is down.
	if p.closed || (op != listIntents && p.faultApplies(down)) {
		p.mu.Unlock()
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	a := p.answer(req)
	// A create's reply is lost for the first answer alone: the same key again must bring it (twilio.md §13.2,
	// rule 3). A confirm's is lost as long as the fault is in force, replays too.
	breaksOff := op == confirmIntent && a.carriedOut() && p.faultApplies(chargesThenDrops) ||
		op == createIntent && a.carriedOut() && !a.replayed && p.faultApplies(dropsCreateReply)
	// After the answer is known: what is held back has been done.
	held := p.holdAnswer(req, a)
	p.mu.Unlock()
	p.log.Info("processor", "op", string(op), "status", a.status, "replayed", a.replayed, "held", held != nil, "breaks_off", breaksOff)

	if held != nil {
		// Closed on every way out, or releaseHeld would wait for an answer that never comes.
		defer close(held.written)
		if !p.hold(r.Context(), held) {
			panic(http.ErrAbortHandler)
		}
	}
	write(w, r, a, breaksOff)
}

// holdAnswer returns the waiter of an answer that is to be held, nil for one that goes out at once. The lock
// is held.
func (p *Processor) holdAnswer(req request, a answer) *heldAnswer {
	if req.op == listIntents || !a.carriedOut() || a.replayed {
		return nil
	}
	d := p.holdTime(req.op)
	if d == 0 {
		return nil
	}
	held := &heldAnswer{until: p.cfg.Now().Add(d), release: make(chan struct{}), written: make(chan struct{})}
	p.held[held] = struct{}{}
	if s := p.state.Keys[req.key]; s != nil && req.op.writes() {
		s.BusyUntil = held.until // the same key meanwhile is "in use"
	}
	return held
}

// write sends an answer; breaksOff sends its head alone and cuts the connection.
func write(w http.ResponseWriter, r *http.Request, a answer, breaksOff bool) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	// Echoed, as Stripe does.
	if version := r.Header.Get("Stripe-Version"); version != "" {
		h.Set("Stripe-Version", version)
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		h.Set("Idempotency-Key", key)
	}
	if a.replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	control := http.NewResponseController(w)
	if breaksOff {
		// The head of the answer goes out and the rest does not: a client that had merely its
		// connection closed might send the request again by itself and never notice.
		w.WriteHeader(a.status)
		_ = control.Flush() // a client that has gone already has lost its answer too
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(a.status)
	if _, err := w.Write(a.body); err == nil {
		_ = control.Flush() // nothing to do for a client that has gone
	}
}

// answer does what is asked, or replays what was answered before. The lock is held. The order is Stripe's:
// the API key, the form, the idempotency key, the fields, then the request itself.
func (p *Processor) answer(req request) answer {
	now := p.cfg.Now()
	if req.op == unknownPath {
		return refuse(&apiError{status: 404, Type: invalidRequest, Message: "Unrecognized request URL (" + req.path + ")."})
	}
	if !p.keyIsRight(req) {
		return refuse(&apiError{status: 401, Type: invalidRequest, Message: "Invalid API Key provided."})
	}
	q, fault := parse(req.query, req.body)
	if fault != nil {
		return refuse(fault)
	}
	// Before the fields are checked: a repeat gets its first answer, whatever has changed since.
	if req.op.writes() {
		if a, done := p.storedAnswer(req, q, now); done {
			return a
		}
	}
	if fault := p.check(req.op, q); fault != nil {
		return refuse(fault) // a request that fails validation is not stored
	}
	if req.op != listIntents {
		if p.faultApplies(tooMany) {
			return refuse(&apiError{status: 429, Type: invalidRequest, Code: "rate_limit", Message: "Too many requests hit the API too quickly."})
		}
		// Kept under the key, as Stripe keeps its 500s: the same key brings the same 500 (twilio.md §13.2,
		// rule 3).
		if p.faultApplies(fiveHundreds) {
			return p.store(req, q, now, internal())
		}
	}
	// From here on something may have been done, so every answer is kept under its key, 500s included
	// (twilio.md §13.1).
	result, fault := p.do(req, q, now)
	switch {
	case fault != nil && fault.unstored:
		return refuse(fault)
	case fault != nil:
		return p.store(req, q, now, refuse(fault))
	// The money has moved, and the key will say 500 for a day: only the PaymentIntent itself tells the truth.
	case req.op == confirmIntent && p.faultApplies(chargesThen500s):
		return p.store(req, q, now, internal())
	}
	return p.store(req, q, now, accept(result))
}

// do carries an operation out and returns the object to show, or the error. The lock is held.
func (p *Processor) do(req request, q params, now time.Time) (any, *apiError) {
	switch req.op {
	case createMethod:
		return p.createMethod(q, now)
	case getMethod:
		return p.getMethod(req.id)
	case createIntent:
		return p.createIntent(q, now)
	case getIntent:
		return p.getIntent(req.id)
	case listIntents:
		return p.listIntents(q)
	case confirmIntent:
		return p.confirmIntent(req, q, now)
	case cancelIntent:
		return p.cancelIntent(req, q, now)
	default:
		return account(), nil
	}
}

// keyIsRight says whether the request carries the secret key. The list of PaymentIntents, through which
// checks look, needs none (design §2); a wrong key is refused there too.
func (p *Processor) keyIsRight(req request) bool {
	if req.op == listIntents && req.auth == "" {
		return true
	}
	return req.auth != "" && (p.cfg.APIKey == "" || req.auth == p.cfg.APIKey)
}

// secretKey returns the API key, as a bearer token or as the user of HTTP Basic, as Stripe takes it; empty
// for none.
func secretKey(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return strings.TrimSpace(token)
	}
	user, _, _ := r.BasicAuth()
	return user
}

// route returns the operation of a method and path, and the id in the path; unknownPath for everything else.
func route(verb, path string) (operation, string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 2 || parts[0] != "v1" {
		return unknownPath, ""
	}
	id := ""
	// The part after the resource is always an id; what follows it is the verb.
	if len(parts) > 2 {
		id, parts[2] = parts[2], "{id}"
	}
	switch verb + " " + strings.Join(parts[1:], "/") {
	case "POST payment_methods":
		return createMethod, ""
	case "GET payment_methods/{id}":
		return getMethod, id
	case "POST payment_intents":
		return createIntent, ""
	case "GET payment_intents":
		return listIntents, ""
	case "GET payment_intents/{id}":
		return getIntent, id
	case "POST payment_intents/{id}/confirm":
		return confirmIntent, id
	case "POST payment_intents/{id}/cancel":
		return cancelIntent, id
	case "GET account":
		return getAccount, ""
	}
	return unknownPath, ""
}

// account returns the one account of the stand-in, which doctor asks for: both payment methods are active.
func account() any {
	return map[string]any{
		"id": "acct_1Standin", "object": "account", "country": "US", "default_currency": "usd",
		"charges_enabled": true, "payouts_enabled": true, "details_submitted": true,
		"capabilities": map[string]string{"card_payments": "active", "us_bank_account_ach_payments": "active"},
	}
}

// accept returns the answer 200 with an object.
func accept(object any) answer {
	return answer{status: http.StatusOK, body: mustJSON(object)}
}

// mustJSON returns an object of ours as JSON, which cannot fail; it panics if it does.
func mustJSON(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("processor: an object of ours does not marshal: " + err.Error())
	}
	return body
}
