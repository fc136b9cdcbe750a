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

// fixture is a gateway, the processor's stand-in that it speaks to over HTTP, and a clock for both.
type fixture struct {
	*stripe.Gateway
	t         *testing.T
	processor *processor.Processor
	url       string
	events    *eventLog

	mu  sync.Mutex
	now time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	r := &fixture{t: t, now: time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC), events: &eventLog{}}
	hook := httptest.NewServer(r.events)
	t.Cleanup(hook.Close)
	r.processor = processor.New(processor.Config{
		Now: r.Now, APIKey: apiKey, WebhookURL: hook.URL, WebhookSecret: secret, MOTO: true, Log: slog.New(slog.DiscardHandler),
	})
	srv := httptest.NewServer(r.processor)
	t.Cleanup(srv.Close)
	t.Cleanup(r.processor.Close)
	r.url = srv.URL
	r.Gateway = stripe.New(stripe.Config{Key: apiKey, URL: srv.URL})
	return r
}

func (r *fixture) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *fixture) advance(d time.Duration) {
	r.t.Helper()
	r.mu.Lock()
	r.now = r.now.Add(d)
	r.mu.Unlock()
	if err := r.processor.Advance(r.t.Context(), r.Now()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *fixture) setFault(words string) {
	r.t.Helper()
	if err := r.processor.SetFault(words); err != nil {
		r.t.Fatal(err)
	}
}

// awaitHeld waits, by yielding to the processor's goroutines, until an answer is held.
func (r *fixture) awaitHeld() {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		if r.processor.Held() > 0 {
			return
		}
		<-tick.C
	}
	r.t.Fatal("no answer is held")
}

// charge returns what the tests ask for: 198.00 by card or bank.
func (r *fixture) charge(m payments.Method, token string) payments.Charge {
	return payments.Charge{Reference: reference, Cents: 19800, Method: m, Token: token, AcceptedAt: r.Now()}
}

func (r *fixture) create(key string, c payments.Charge) payments.Intent {
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

// wantGatewayError fails the test unless err is a GatewayError of that kind, and returns it.
func wantGatewayError(t *testing.T, err error, kind payments.GatewayKind) *payments.GatewayError {
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

// eventLog is the webhook that keeps the stand-in's events as they came.
type eventLog struct {
	mu         sync.Mutex
	deliveries []delivery
}

type delivery struct {
	payload []byte
	header  string
}

func (m *eventLog) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	payload, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deliveries = append(m.deliveries, delivery{payload, r.Header.Get("Stripe-Signature")})
}

// take returns the events that came, parsed, and empties the log.
func (m *eventLog) take(t *testing.T) []payments.Event {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []payments.Event
	for _, i := range m.deliveries {
		e, err := stripe.ParseEvent(i.payload, i.header, secret)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	m.deliveries = nil
	return out
}

// sign signs a payload by Stripe's scheme, without stripe-go.
func sign(payload string) string {
	const at = "1800000000"
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, at+"."+payload)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
