package stripe_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"duebell/lab/processor"
	"duebell/payments"
	"duebell/payments/stripe"
)

const (
	apiKey    = "sk_test_gateway"
	secret    = "whsec_gateway"
	reference = "123456782"
)

// rig is a gateway, the stand-in it speaks to over HTTP, and a clock for both.
type rig struct {
	*stripe.Gateway
	t    *testing.T
	far  *processor.Processor
	url  string
	mail *mail

	mu  sync.Mutex
	now time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC), mail: &mail{}}
	hook := httptest.NewServer(r.mail)
	t.Cleanup(hook.Close)
	r.far = processor.New(processor.Config{
		Now: r.Now, APIKey: apiKey, WebhookURL: hook.URL, WebhookSecret: secret, MOTO: true, Log: slog.New(slog.DiscardHandler),
	})
	srv := httptest.NewServer(r.far)
	t.Cleanup(srv.Close)
	t.Cleanup(r.far.Close)
	r.url = srv.URL
	r.Gateway = stripe.New(stripe.Config{Key: apiKey, URL: srv.URL})
	return r
}

func (r *rig) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) advance(d time.Duration) {
	r.t.Helper()
	r.mu.Lock()
	r.now = r.now.Add(d)
	r.mu.Unlock()
	if err := r.far.Advance(r.t.Context(), r.Now()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) fault(words string) {
	r.t.Helper()
	if err := r.far.SetFault(words); err != nil {
		r.t.Fatal(err)
	}
}

// awaitHeld waits, by yielding to the processor's goroutines, until an answer is held.
func (r *rig) awaitHeld() {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		if r.far.Held() > 0 {
			return
		}
		<-tick.C
	}
	r.t.Fatal("no answer is held")
}

// charge is what the tests ask for: 198.00 by card or bank.
func (r *rig) charge(m payments.Method, token string) payments.Charge {
	return payments.Charge{Reference: reference, Cents: 19800, Method: m, Token: token, AcceptedAt: r.Now()}
}

func (r *rig) create(key string, c payments.Charge) payments.Intent {
	r.t.Helper()
	in, err := r.Create(r.t.Context(), key, c)
	if err != nil {
		r.t.Fatalf("create: %v", err)
	}
	if in.State != payments.IntentUnconfirmed || in.ID == "" {
		r.t.Fatalf("created: %+v", in)
	}
	return in
}

// failed wants a GatewayError of the kind.
func failed(t *testing.T, err error, kind payments.GatewayKind) *payments.GatewayError {
	t.Helper()
	e, ok := payments.AsGatewayError(err)
	if !ok {
		t.Fatalf("error %v, want a GatewayError", err)
	}
	if e.Kind != kind {
		t.Fatalf("error %v (%v), want the kind %s", e, e.Err, kind)
	}
	return e
}

// mail keeps the events as they came.
type mail struct {
	mu    sync.Mutex
	items []item
}

type item struct {
	payload []byte
	header  string
}

func (m *mail) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	payload, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items = append(m.items, item{payload, r.Header.Get("Stripe-Signature")})
}

// take gives the events that came, read, and forgets them.
func (m *mail) take(t *testing.T) []payments.Event {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []payments.Event
	for _, i := range m.items {
		e, err := stripe.ParseEvent(i.payload, i.header, secret)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	m.items = nil
	return out
}

// sign is the test's own signature of a payload, by Stripe's scheme.
func sign(payload string) string {
	const at = "1800000000"
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, at+"."+payload)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
