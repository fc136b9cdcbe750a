package stripe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"duebell/payments"
	"duebell/payments/connector"
	"duebell/payments/stripe"
)

func TestLostCreateReplyIsFoundUnderTheSameKey(t *testing.T) {
	r := newFixture(t)
	c := r.charge(payments.Card, "pm_card_visa")
	r.setFault("drops-create-reply")
	_, err := r.Create(t.Context(), "a/create", c)
	wantGatewayError(t, err, payments.GatewayLost)
	first := r.create("a/create", c)
	if again := r.create("a/create", c); again != first {
		t.Errorf("another object: %+v and %+v", first, again)
	}
}

func TestLostConfirmReplyIsKnownByTheObject(t *testing.T) {
	for _, fault := range []string{"charges-then-drops-the-reply", "charges-then-500s"} {
		t.Run(fault, func(t *testing.T) {
			r := newFixture(t)
			c := r.charge(payments.Card, "pm_card_visa")
			in := r.create("a/create", c)
			r.setFault(fault)
			_, err := r.Confirm(t.Context(), "a/confirm/1", in.ID, c)
			wantGatewayError(t, err, payments.GatewayLost)
			if got, err := r.Retrieve(t.Context(), in.ID); err != nil || got.State != payments.IntentSucceeded {
				t.Errorf("looked up: %+v, %v", got, err)
			}
			if n := r.processor.ChargeCount(reference); n != 1 {
				t.Errorf("%d charges", n)
			}
		})
	}
}

// TestStored500IsFlagged: a 500 repeated under the same key is marked Replayed, and another key
// works.
func TestStored500IsFlagged(t *testing.T) {
	r := newFixture(t)
	c := r.charge(payments.Card, "pm_card_visa")
	r.setFault("500s once")
	_, err := r.Create(t.Context(), "a/create", c)
	if e := wantGatewayError(t, err, payments.GatewayLost); e.Replayed {
		t.Error("the first 500 counts as replayed")
	}
	_, err = r.Create(t.Context(), "a/create", c)
	if e := wantGatewayError(t, err, payments.GatewayLost); !e.Replayed {
		t.Error("the stored 500 does not count as replayed")
	}
	r.create("a/create/2", c)
}

// TestWhatFailuresProve: each failure gets the kind that says whether the request may have been
// carried out.
func TestWhatFailuresProve(t *testing.T) {
	r := newFixture(t)
	c := r.charge(payments.Card, "pm_card_visa")
	in := r.create("a/create", c)
	more := c
	more.Cents++
	bare := r.charge(payments.Card, "")
	stranger := stripe.New(stripe.Config{Key: "sk_test_other", URL: r.url})
	nobody := stripe.New(stripe.Config{Key: apiKey, URL: "http://127.0.0.1:1"})
	tests := map[string]struct {
		fault string
		do    func(ctx context.Context) error
		kind  payments.GatewayKind
		code  string
	}{
		"key used with other content": {"up", func(ctx context.Context) error { _, err := r.Create(ctx, "a/create", more); return err }, payments.GatewayKeyReused, "idempotency_error"},
		"wrong API key":               {"up", func(ctx context.Context) error { _, err := stranger.Retrieve(ctx, in.ID); return err }, payments.GatewayConfig, "invalid_request_error"},
		"unknown object":              {"up", func(ctx context.Context) error { _, err := r.Retrieve(ctx, "pi_none"); return err }, payments.GatewayConfig, "resource_missing"},
		"unknown token": {"up", func(ctx context.Context) error {
			_, err := r.Create(ctx, "x", r.charge(payments.Card, "pm_none"))
			return err
		}, payments.GatewayRefused, "resource_missing"},
		"token of the other kind": {"up", func(ctx context.Context) error {
			_, err := r.Create(ctx, "x", r.charge(payments.Bank, "pm_card_visa"))
			return err
		}, payments.GatewayRefused, "payment_intent_incompatible_payment_method"},
		"no token": {"up", func(ctx context.Context) error { _, err := r.Create(ctx, "x", bare); return err }, payments.GatewayConfig, "charge_incomplete"},
		"no instant of assent": {"up", func(ctx context.Context) error {
			_, err := r.Confirm(ctx, "x", in.ID, payments.Charge{Method: payments.Bank})
			return err
		}, payments.GatewayConfig, "charge_incomplete"},
		"mandate with a card": {"up", func(ctx context.Context) error {
			_, err := r.Confirm(ctx, "x", in.ID, r.charge(payments.Bank, ""))
			return err
		}, payments.GatewayConfig, "payment_intent_invalid_parameter"},
		"too many requests": {"too-many", func(ctx context.Context) error { _, err := r.Create(ctx, "y", c); return err }, payments.GatewayLater, "rate_limit"},
		"down":              {"down", func(ctx context.Context) error { _, err := r.Create(ctx, "y", c); return err }, payments.GatewayLost, "no_answer"},
		"nobody listens":    {"up", func(ctx context.Context) error { _, err := nobody.Create(ctx, "y", c); return err }, payments.GatewayLater, "no_answer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r.setFault(tt.fault)
			defer r.setFault("up")
			e := wantGatewayError(t, tt.do(t.Context()), tt.kind)
			if e.Code != tt.code {
				t.Errorf("code %s, want %s", e.Code, tt.code)
			}
		})
	}
}

// TestUsedTokenIsRefused: a payment method without a customer works once.
func TestUsedTokenIsRefused(t *testing.T) {
	r := newFixture(t)
	token, _, _, err := stripe.NewTokenizer(stripe.Config{Key: apiKey, URL: r.url}).BankPaymentMethod(t.Context(), "tx", account("000123456789"))
	if err != nil {
		t.Fatal(err)
	}
	c := r.charge(payments.Bank, token)
	first, stray := r.create("a/create", c), r.create("a/create/2", c)
	if _, err := r.Confirm(t.Context(), "a/confirm/1", first.ID, c); err != nil {
		t.Fatal(err)
	}
	_, err = r.Confirm(t.Context(), "a/confirm/2", stray.ID, c)
	if e := wantGatewayError(t, err, payments.GatewayRefused); e.Code != "payment_method_used" {
		t.Errorf("confirm of a stray object: %v", e)
	}
	_, err = r.Create(t.Context(), "b/create", c)
	if e := wantGatewayError(t, err, payments.GatewayRefused); e.Code != "payment_method_used" {
		t.Errorf("create: %v", e)
	}
	if n := r.processor.ChargeCount(reference); n != 1 {
		t.Errorf("%d charges", n)
	}
}

// TestSlowAnswerTimesOut: a slow answer ends in our own time-out. The outcome is then unknown, the
// key is in use until the processor is done, and the object tells.
func TestSlowAnswerTimesOut(t *testing.T) {
	r := newFixture(t)
	hasty := stripe.New(stripe.Config{Key: apiKey, URL: r.url, Timeout: 100 * time.Millisecond})
	c := r.charge(payments.Card, "pm_card_visa")
	in := r.create("a/create", c)
	r.setFault("slow 20s")
	_, err := hasty.Confirm(t.Context(), "a/confirm/1", in.ID, c)
	e := wantGatewayError(t, err, payments.GatewayLost)
	if !errors.Is(e, context.DeadlineExceeded) {
		t.Errorf("cause %v", e.Err)
	}
	_, err = hasty.Confirm(t.Context(), "a/confirm/1", in.ID, c)
	if e := wantGatewayError(t, err, payments.GatewayLost); e.Code != "idempotency_key_in_use" {
		t.Errorf("the same key meanwhile: %v", e)
	}
	if got, err := r.Retrieve(t.Context(), in.ID); err != nil || got.State != payments.IntentSucceeded {
		t.Errorf("looked up: %+v, %v", got, err)
	}
}

func TestPhoneOrderIsMarkedAtConfirmOnly(t *testing.T) {
	r := newFixture(t)
	c := r.charge(payments.Card, "pm_card_authenticationRequired")
	c.PhoneOrder = true
	in := r.create("a/create", c)
	got, err := r.Confirm(t.Context(), "a/confirm/1", in.ID, c)
	if err != nil || got.State != payments.IntentSucceeded {
		t.Errorf("phone orders are outside of strong authentication: %+v, %v", got, err)
	}
	bank := r.charge(payments.Bank, "pm_usBankAccount_success")
	bank.PhoneOrder = true
	in = r.create("b/create", bank)
	if got, err := r.Confirm(t.Context(), "b/confirm/1", in.ID, bank); err != nil || got.State != payments.IntentProcessing {
		t.Errorf("a bank debit is no card order: %+v, %v", got, err)
	}
}

func TestCheck(t *testing.T) {
	r := newFixture(t)
	if err := r.Check(t.Context()); err != nil {
		t.Error(err)
	}
	wantGatewayError(t, stripe.New(stripe.Config{Key: "sk_test_other", URL: r.url}).Check(t.Context()), payments.GatewayConfig)
}

// answerAlways serves the same answer to every request and counts the requests.
func answerAlways(t *testing.T, status int, header, body string) (url string, count *atomic.Int64) {
	t.Helper()
	count = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, count
}

// TestStrangeAnswersProveNothing: an answer that is not Stripe's is GatewayLost, and one call is
// one request.
func TestStrangeAnswersProveNothing(t *testing.T) {
	tests := map[string]struct {
		status       int
		header, body string
	}{
		"a proxy's page":       {502, "", "<html>bad gateway</html>"},
		"empty 503":            {503, "", ""},
		"an empty success":     {200, "", "{}"},
		"a page as success":    {200, "", "<html>welcome</html>"},
		"another object":       {200, "", `{"object":"payment_intent","id":"pi_other","status":"succeeded"}`},
		"another kind":         {200, "", `{"object":"charge","id":"pi_1","status":"succeeded"}`},
		"a redirect":           {307, "Location: http://127.0.0.1:1/", ""},
		"a firewall's refusal": {403, "", "<html>no</html>"},
		"conflict":             {409, "", `{"error":{"type":"invalid_request_error","code":"idempotency_key_in_use","message":"m"}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			url, count := answerAlways(t, tt.status, tt.header, tt.body)
			g := stripe.New(stripe.Config{Key: apiKey, URL: url})
			_, err := g.Confirm(t.Context(), "a/confirm/1", "pi_1", payments.Charge{Method: payments.Card})
			wantGatewayError(t, err, payments.GatewayLost)
			if n := count.Load(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestErrorsHoldNoTextOfStripe: neither Stripe's message nor a secret or number of its reply
// (promise P4: no secret is shown).
func TestErrorsHoldNoTextOfStripe(t *testing.T) {
	const prose = "Your card 4242424242424242 was declined, dear Zebulon"
	url, _ := answerAlways(t, 402, "", `{"error":{"type":"card_error","code":"card_declined","decline_code":"lost_card","message":"`+prose+`",
		"payment_intent":{"id":"pi_1","object":"payment_intent","client_secret":"pi_1_secret_abcdef","status":"requires_payment_method"}}}`)
	page, _ := answerAlways(t, 500, "", prose+" pi_1_secret_abcdef")
	g, p := stripe.New(stripe.Config{Key: apiKey, URL: url}), stripe.New(stripe.Config{Key: apiKey, URL: page})
	tok := stripe.NewTokenizer(stripe.Config{Key: apiKey, URL: url})
	_, err1 := g.Confirm(t.Context(), "k", "pi_1", payments.Charge{Method: payments.Card})
	_, err2 := p.Retrieve(t.Context(), "pi_1")
	_, _, _, err3 := tok.BankPaymentMethod(t.Context(), "k", account("000123456789"))
	for _, err := range []error{err1, err2, err3} {
		if err == nil {
			t.Fatal("no error")
		}
		text := fmt.Sprintf("%v %+v", err, err)
		for ; err != nil; err = errors.Unwrap(err) {
			text += fmt.Sprintf(" %v %+v %#v", err, err, err)
		}
		for _, secret := range []string{"4242", "Zebulon", "declined, dear", "secret_abcdef", apiKey, "000123456789"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in the error: %s", secret, text)
			}
		}
	}
	if e := wantGatewayError(t, err1, payments.GatewayRefused); e.Code != "lost_card" {
		t.Errorf("code %s", e.Code)
	}
	if !errors.Is(err3, connector.ErrRefused) {
		t.Errorf("tokenizer: %v", err3)
	}
}
