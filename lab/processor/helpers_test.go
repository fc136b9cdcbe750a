package processor

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const testKey = "sk_test_standin"

// clock is the domain clock of a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// rig is a processor behind a real listener, with a clock and a place for its events.
type rig struct {
	*Processor
	t     *testing.T
	clock *clock
	url   string
	inbox *inbox
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	box := &inbox{status: http.StatusOK}
	hook := httptest.NewServer(box)
	t.Cleanup(hook.Close)
	c := &clock{now: time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)} // a Wednesday
	cfg := Config{Now: c.Now, APIKey: testKey, WebhookURL: hook.URL, WebhookSecret: "whsec_test"}
	if change != nil {
		change(&cfg)
	}
	p := New(cfg)
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	t.Cleanup(p.Close)
	return &rig{Processor: p, t: t, clock: c, url: srv.URL, inbox: box}
}

// advance moves the clock and lets the processor live through it.
func (r *rig) advance(d time.Duration) {
	r.t.Helper()
	r.clock.mu.Lock()
	r.clock.now = r.clock.now.Add(d)
	now := r.clock.now
	r.clock.mu.Unlock()
	if err := r.Advance(r.t.Context(), now); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) fault(words string) {
	r.t.Helper()
	if err := r.SetFault(words); err != nil {
		r.t.Fatal(err)
	}
}

// said is an answer as a client sees it.
type said struct {
	status   int
	replayed bool
	body     map[string]any
	err      error // the answer broke off, or there was none
}

func (s said) text(path ...string) string {
	var at any = s.body
	for _, name := range path {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	out, _ := at.(string)
	return out
}

// post sends fields as "a=b&c=d" under an idempotency key.
func (r *rig) post(path, key, fields string) said {
	return r.do(http.MethodPost, path, key, fields)
}

func (r *rig) get(path string) said { return r.do(http.MethodGet, path, "", "") }

func (r *rig) do(verb, path, key, fields string) said {
	r.t.Helper()
	values, err := url.ParseQuery(fields)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), verb, r.url+path, strings.NewReader(values.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	return read(http.DefaultClient.Do(req))
}

func read(res *http.Response, err error) said {
	if err != nil {
		return said{err: err}
	}
	defer res.Body.Close()
	out := said{status: res.StatusCode, replayed: res.Header.Get("Idempotent-Replayed") == "true"}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		out.err = err
		return out
	}
	out.err = json.Unmarshal(body, &out.body)
	return out
}

const (
	cardFields = "amount=19800&currency=usd&payment_method_types[0]=card&metadata[reference]=123456782&payment_method="
	bankFields = "amount=19800&currency=usd&payment_method_types[0]=us_bank_account&metadata[reference]=123456782&payment_method="
	hard       = "error_on_requires_action=true"
	mandated   = "&mandate_data[customer_acceptance][type]=offline&mandate_data[customer_acceptance][accepted_at]=1800000000"
)

// created makes a PaymentIntent with a payment method and gives its id.
func (r *rig) created(key, token string) string {
	r.t.Helper()
	fields := cardFields
	if r.get("/v1/payment_methods/"+token).text("type") == usBank {
		fields = bankFields
	}
	s := r.post("/v1/payment_intents", key, fields+token)
	if s.status != http.StatusOK || s.text("status") != requiresConfirmation {
		r.t.Fatalf("create: %+v", s)
	}
	return s.text("id")
}

func (r *rig) confirm(key, id, fields string) said {
	r.t.Helper()
	return r.post("/v1/payment_intents/"+id+"/confirm", key, fields)
}

func (r *rig) status(id string) string {
	r.t.Helper()
	return r.get("/v1/payment_intents/" + id).text("status")
}

// inbox takes events as the product would.
type inbox struct {
	mu     sync.Mutex
	status int
	events []said
	raw    [][]byte
	signs  []string
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	var s said
	if err := json.Unmarshal(body, &s.body); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	b.events = append(b.events, s)
	b.raw = append(b.raw, body)
	b.signs = append(b.signs, r.Header.Get("Stripe-Signature"))
	w.WriteHeader(b.status)
}

func (b *inbox) answer(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
}

// kinds returns what came so far, and forgets it.
func (b *inbox) kinds() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, e := range b.events {
		out = append(out, e.text("type"))
	}
	b.events, b.raw, b.signs = nil, nil, nil
	return out
}
