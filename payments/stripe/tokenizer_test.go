package stripe_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"duebell/payments"
	"duebell/payments/connector"
	"duebell/payments/stripe"
)

func account(number string) connector.BankAccount {
	return connector.BankAccount{Routing: "110000000", Account: number, Type: connector.Checking, Holder: "Ann Smith"}
}

func TestTokenizer(t *testing.T) {
	tests := map[connector.AccountType][2]string{
		connector.Checking:         {"checking", "individual"},
		connector.Savings:          {"savings", "individual"},
		connector.BusinessChecking: {"checking", "company"},
		connector.BusinessSavings:  {"savings", "company"},
	}
	for kind, want := range tests {
		t.Run(string(kind), func(t *testing.T) {
			r := newFixture(t)
			b := account("000123456789")
			b.Type = kind
			tok := stripe.NewTokenizer(stripe.Config{Key: apiKey, URL: r.url})
			token, last4, bank, err := tok.BankPaymentMethod(t.Context(), "tx1", b)
			if err != nil || last4 != "6789" || bank == "" {
				t.Fatalf("last4 %q, bank %q, %v", last4, bank, err)
			}
			again, _, _, err := tok.BankPaymentMethod(t.Context(), "tx1", b)
			if err != nil || again != token {
				t.Errorf("the same key gave another token, %v", err)
			}
			got := r.method(token)
			if got.Billing.Name != "Ann Smith" || got.Bank.Type != want[0] || got.Bank.Holder != want[1] {
				t.Errorf("made %+v, want %v", got, want)
			}
		})
	}
}

func TestTokenizerTellsRefusedFromUnknown(t *testing.T) {
	r := newFixture(t)
	tok := stripe.NewTokenizer(stripe.Config{Key: apiKey, URL: r.url})
	if _, _, _, err := tok.BankPaymentMethod(t.Context(), "tx1", account("55555")); !errors.Is(err, connector.ErrRefused) {
		t.Errorf("an account that is none: %v", err)
	}
	r.setFault("down")
	if _, _, _, err := tok.BankPaymentMethod(t.Context(), "tx2", account("000123456789")); err == nil || errors.Is(err, connector.ErrRefused) {
		t.Errorf("processor down: %v", err)
	}
	r.setFault("500s once")
	if _, _, _, err := tok.BankPaymentMethod(t.Context(), "tx3", account("000123456789")); err == nil || errors.Is(err, connector.ErrRefused) {
		t.Errorf("a 500: %v", err)
	}
	if token, _, _, err := tok.BankPaymentMethod(t.Context(), "tx3", account("000123456789")); err != nil || token == "" {
		t.Errorf("the stored 500 keeps coming back: %v", err)
	}
}

// made is a payment method as the processor shows it.
type made struct {
	Billing struct {
		Name string `json:"name"`
	} `json:"billing_details"`
	Bank struct {
		Type   string `json:"account_type"`
		Holder string `json:"account_holder_type"`
	} `json:"us_bank_account"`
}

func (r *fixture) method(token string) made {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+"/v1/payment_methods/"+token, strings.NewReader(""))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apiKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	var m made
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil {
		r.t.Fatal(err)
	}
	return m
}

// TestConnectorWithTheProcessor goes the whole way of a bank number: Twilio's
// request, the connector, stripe-go, the processor; with a slow processor and a restart.
func TestConnectorWithTheProcessor(t *testing.T) {
	r := newFixture(t)
	connect := func(patience time.Duration) http.Handler {
		return connector.Handler(connector.Config{
			User: "u", Password: "p", CheckRouting: func(string) string { return "ok" }, Now: r.Now, Patience: patience,
			Tokenizer: stripe.NewTokenizer(stripe.Config{Key: apiKey, URL: r.url}),
		})
	}
	ask := func(h http.Handler) (token, code string) {
		req := httptest.NewRequest(http.MethodPost, connector.Path, strings.NewReader(
			`{"method":"tokenize","transaction_id":"T1","routingnumber":"110000000","bankaccountnumber":"000123456789","parameters":{"holder_name":"Ann Smith"}}`))
		req.SetBasicAuth("u", "p")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		var a struct {
			Token string `json:"token_id"`
			Code  string `json:"error_code"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		return a.Token, a.Code
	}
	r.setFault("slow 20s all")
	hasty := connect(50 * time.Millisecond)
	if _, code := ask(hasty); code != "processor-slow" {
		t.Errorf("a slow processor: %s", code)
	}
	r.awaitHeld()
	r.advance(20 * time.Second)
	r.setFault("up")
	first, code := ask(connect(time.Minute)) // another replica: the processor's key finds it
	if code != "" {
		t.Fatalf("another replica: %s", code)
	}
	if again, code := ask(connect(time.Minute)); again != first {
		t.Errorf("after a restart: %q, not %q (%s)", again, first, code)
	}
	c := r.charge(payments.Bank, first)
	if got, err := r.Confirm(t.Context(), "a/confirm/1", r.create("a/create", c).ID, c); err != nil || got.State != payments.IntentProcessing {
		t.Errorf("the token pays: %+v, %v", got, err)
	}
}
