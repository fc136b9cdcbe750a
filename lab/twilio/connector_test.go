package twilio

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// endpoint is an operator's Generic connector.
type endpoint struct {
	mu     sync.Mutex
	bodies []map[string]any
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	raw, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	e.mu.Lock()
	e.bodies = append(e.bodies, body)
	n := len(e.bodies)
	e.mu.Unlock()
	e.answer(n, w, r)
}

// seen returns the bodies posted so far.
func (e *endpoint) seen() []map[string]any {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.bodies
}

// withEndpoint runs a connector beside the product; its Config goes to payLine.
func withEndpoint(t *testing.T, p *product, answer func(n int, w http.ResponseWriter, r *http.Request)) (*endpoint, func(*Config)) {
	t.Helper()
	e := &endpoint{answer: answer}
	server := newServer(t, e)
	return e, func(c *Config) {
		c.Connectors["bank"] = Connector{Kind: Generic, URL: server + "/twilio/pay/bank", User: "u", Password: "p"}
		c.ConnectorTimeout = 500 * time.Millisecond
	}
}

func text(body string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

const goodAnswer = `{"token_id":"pm_1","error_code":null,"error_message":null,"parameters":{"last4":"6789","attempt":"A1"}}`

func TestPayByBank(t *testing.T) {
	p := newProduct(t)
	p.paysAt(bankAttrs+` description="premium"`, bankPrompts+`<Parameter name="attempt" value="A1"/>`)
	e, config := withEndpoint(t, p, text(goodAnswer))
	tw := p.payLine(config)
	c := p.dial(tw)
	ctx := context.Background()
	must(t, c.Press(ctx, "110000000"))
	must(t, c.Press(ctx, "000123456789#"))
	if ask, _ := c.State().(AskPay); !ask.Matching || ask.Prompt != "Again." {
		t.Fatalf("asks %#v", ask)
	}
	must(t, c.Press(ctx, "000123456780#"))
	wantHeard(t, c, "They differ.")
	must(t, c.PayBank(ctx, "110000000", "000123456789"))
	wantHeard(t, c, "Again. | One moment. | Result success.")
	wantFields(t, p.last("/paid"), map[string]string{
		"Result": "success", "PaymentToken": "pm_1", "PayConnector_last4": "6789", "PayConnector_attempt": "A1", "BankAccountNumber": "*******89", "BankRoutingNumber": "110000000",
	})
	body := e.seen()[0]
	want := map[string]any{
		"method": "tokenize", "transaction_id": body["transaction_id"], "routingnumber": "110000000", "bankaccountnumber": "000123456789",
		"description": "premium", "parameters": map[string]any{"attempt": "A1"},
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("posted body (-want +got):\n%s", diff)
	}
	if len(tw.Faults()) > 0 {
		t.Errorf("faults %v", tw.Faults())
	}
}

func TestBankErrorsAskAgain(t *testing.T) {
	tests := []struct{ name, routing, account, step, err string }{
		{"check digit", "110000001", "000123456789", "bank-routing-number", "invalid-bank-routing-number"},
		{"zeros", "000000000", "000123456789", "bank-routing-number", "invalid-bank-routing-number"},
		{"short routing", "11000", "000123456789", "bank-routing-number", "invalid-bank-routing-number"},
		{"no routing", "", "000123456789", "bank-routing-number", "timeout"},
		{"short account", "110000000", "123", "bank-account-number", "invalid-bank-account-number"},
		{"long account", "110000000", "123456789012345678", "bank-account-number", "invalid-bank-account-number"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			p.paysAt(bankAttrs, bankPrompts)
			c := p.dial(p.payLine(nil))
			must(t, c.PayBank(context.Background(), test.routing, test.account))
			if ask, _ := c.State().(AskPay); ask.Step != test.step || ask.Error != test.err {
				t.Errorf("asks %#v", ask)
			}
		})
	}
}

func TestGenericConnectorAnswers(t *testing.T) {
	tests := []struct {
		name   string
		answer func(int, http.ResponseWriter, *http.Request)
		want   map[string]string
		asked  int
	}{
		{"refusal", text(`{"token_id":null,"error_code":"bad_account","error_message":"no such account"}`),
			map[string]string{"Result": "payment-connector-error", "ConnectorError": "bad_account", "PaymentError": "no such account"}, 1},
		{"no JSON", text(`<html>`), map[string]string{"Result": "payment-connector-error", "PaymentError": "malformed response"}, 1},
		{"no token_id", text(`{"error_code":null}`), map[string]string{"PaymentError": "malformed response"}, 1},
		{"empty token", text(`{"token_id":"","error_code":null}`), map[string]string{"PaymentError": "malformed response"}, 1},
		{"nested parameters", text(`{"token_id":"a","parameters":{"x":{}}}`), map[string]string{"PaymentError": "malformed response"}, 1},
		{"late, then the first answer", func(n int, w http.ResponseWriter, r *http.Request) {
			if n < 3 {
				<-r.Context().Done()
				return
			}
			_, _ = io.WriteString(w, goodAnswer)
		}, map[string]string{"Result": "success", "PaymentToken": "pm_1"}, 3},
		{"never", func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			map[string]string{"Result": "payment-connector-error"}, 6},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			p.paysAt(bankAttrs, bankPrompts)
			e, config := withEndpoint(t, p, test.answer)
			c := p.dial(p.payLine(func(c *Config) {
				config(c)
				if test.name == "never" { // six times in vain
					c.ConnectorTimeout = 50 * time.Millisecond
				}
			}))
			must(t, c.PayBank(context.Background(), "110000000", "000123456789"))
			wantFields(t, p.last("/paid"), test.want)
			bodies := e.seen()
			if len(bodies) != test.asked {
				t.Errorf("asked %d times, want %d", len(bodies), test.asked)
			}
			for _, body := range bodies {
				if body["transaction_id"] != bodies[0]["transaction_id"] {
					t.Error("a repeat has another transaction_id")
				}
			}
		})
	}
}

func TestRepeatedTransactionsMustGetTheFirstAnswer(t *testing.T) {
	changing := func(n int, w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"token_id":"pm_%d","error_code":null}`, n)
	}
	p := newProduct(t)
	p.paysAt(bankAttrs, bankPrompts)
	_, config := withEndpoint(t, p, changing)
	tw := p.payLine(config)
	must(t, tw.SetMode(ModeRepeats))
	c := p.dial(tw)
	must(t, c.PayBank(context.Background(), "110000000", "000123456789"))
	if faults := tw.Faults(); len(faults) != 1 || faults[0].Kind != FaultUnequalReplies {
		t.Errorf("faults %v", faults)
	}
	e, config := withEndpoint(t, p, text(goodAnswer))
	tw = p.payLine(config)
	must(t, tw.SetMode(ModeDropsConnectorOnce))
	c = p.dial(tw)
	must(t, c.PayBank(context.Background(), "110000000", "000123456789"))
	if n := len(e.seen()); n != 2 || tw.ModeCounts()[ModeDropsConnectorOnce] != 1 {
		t.Errorf("asked %d times, played %v", n, tw.ModeCounts())
	}
	wantFields(t, p.last("/paid"), map[string]string{"Result": "success"})
}

func TestGenericCard(t *testing.T) {
	p := newProduct(t)
	p.paysAt(`paymentConnector="bank" tokenType="one-time"`, cardPrompts)
	e, config := withEndpoint(t, p, text(goodAnswer))
	c := p.dial(p.payLine(config))
	must(t, c.PayCard(context.Background(), goodCard, "12/29", "123", "02139"))
	body := e.seen()[0]
	for name, want := range map[string]string{"cardnumber": goodCard, "cvv": "123", "expiry_month": "12", "expiry_year": "29", "postal_code": "02139"} {
		if body[name] != want {
			t.Errorf("%s = %v", name, body[name])
		}
	}
}

func TestCardPrintsAsStars(t *testing.T) {
	card := Card{Number: goodCard}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, card); got != "card ***" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
