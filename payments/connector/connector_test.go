package connector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/lab/vectors"
	"duebell/payments/connector"
)

// fakeTokenizer keeps what it was asked, and answers late or with an error if told so.
type fakeTokenizer struct {
	mu    sync.Mutex
	keys  []string
	asked []connector.BankAccount
	wait  chan struct{} // when set: answers after it is closed
	err   error
	bank  string
}

func (p *fakeTokenizer) BankPaymentMethod(ctx context.Context, key string, b connector.BankAccount) (token, last4, bank string, err error) {
	p.mu.Lock()
	p.keys, p.asked = append(p.keys, key), append(p.asked, b)
	wait, err, bank := p.wait, p.err, p.bank
	p.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return "", "", "", ctx.Err()
		}
	}
	if err != nil {
		return "", "", "", err
	}
	return "pm_" + key, b.Account[len(b.Account)-4:], bank, nil
}

func (p *fakeTokenizer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.keys)
}

type fixture struct {
	*fakeTokenizer
	handler http.Handler
	log     *bytes.Buffer
}

func newFixture() *fixture {
	r := &fixture{fakeTokenizer: &fakeTokenizer{}, log: &bytes.Buffer{}}
	r.restart()
	return r
}

// restart makes a new connector on the same log and processor.
func (r *fixture) restart() {
	r.handler = connector.Handler(connector.Config{
		User: "twilio", Password: "open sesame", Tokenizer: r.fakeTokenizer, CheckRouting: billing.CheckRouting,
		Now: time.Now, Log: slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
}

// answer is what Twilio sees.
type answer struct {
	Status     int
	Token      string            `json:"token_id"`
	Code       string            `json:"error_code"`
	Message    string            `json:"error_message"`
	Parameters map[string]string `json:"parameters"`
	raw        string
}

func (r *fixture) post(t *testing.T, body string) answer {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, connector.Path, strings.NewReader(body))
	req.SetBasicAuth("twilio", "open sesame")
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	a := answer{Status: w.Code, raw: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", a.raw, err)
	}
	for _, name := range []string{"token_id", "error_code", "error_message", "parameters"} {
		if !strings.Contains(a.raw, `"`+name+`":`) {
			t.Errorf("the answer lacks %s: %s", name, a.raw)
		}
	}
	return a
}

// body is a good request, with some fields changed: "" leaves one out.
func body(change map[string]string) string {
	fields := map[string]string{
		"method": "tokenize", "transaction_id": "T1", "bankaccountnumber": "000123456789", "routingnumber": "110000000",
	}
	parameters := map[string]string{"account_type": "savings", "holder_name": "Ann Smith", "attempt": "A1"}
	for name, value := range change {
		target := fields
		if _, ok := parameters[name]; ok {
			target = parameters
		}
		target[name] = value
		if value == "" {
			delete(target, name)
		}
	}
	out, err := json.Marshal(map[string]any{
		"method": fields["method"], "transaction_id": fields["transaction_id"], "routingnumber": fields["routingnumber"],
		"bankaccountnumber": fields["bankaccountnumber"], "description": "premium", "parameters": parameters,
	})
	if err != nil {
		panic(err)
	}
	return string(out)
}

// TestTokenizes: a good request gives the token, and comes to the processor whole.
func TestTokenizes(t *testing.T) {
	r := newFixture()
	r.bank = "First Bank"
	got := r.post(t, body(nil))
	want := map[string]string{"last4": "6789", "bank": "First Bank", "attempt": "A1"}
	if diff := cmp.Diff(want, got.Parameters); diff != "" || got.Status != 200 || got.Token != "pm_T1" {
		t.Errorf("answer %+v: %s", got, diff)
	}
	if !strings.Contains(got.raw, `"error_code":null`) {
		t.Errorf("no null for error_code: %s", got.raw)
	}
	b := r.asked[0]
	if r.keys[0] != "T1" || b.Routing != "110000000" || b.Account != "000123456789" || b.Type != connector.Savings || b.Holder != "Ann Smith" {
		t.Error("the processor was asked for something else")
	}
}

// TestRefuses: a request with a wrong field is refused with its code, and the processor is not asked.
func TestRefuses(t *testing.T) {
	tests := map[string]struct {
		change map[string]string
		code   string
	}{
		"a charge":          {map[string]string{"method": "charge"}, "method-not-supported"},
		"no transaction id": {map[string]string{"transaction_id": ""}, "transaction-id-invalid"},
		"no routing number": {map[string]string{"routingnumber": ""}, "routing-number-invalid"},
		"3 digits (E11)":    {map[string]string{"bankaccountnumber": "123"}, "account-number-invalid"},
		"18 digits (E11)":   {map[string]string{"bankaccountnumber": "123456789012345678"}, "account-number-invalid"},
		"letters (E11)":     {map[string]string{"bankaccountnumber": "12345A"}, "account-number-invalid"},
		"no holder":         {map[string]string{"holder_name": ""}, "holder-name-missing"},
		"no such type":      {map[string]string{"account_type": "brokerage"}, "account-type-unknown"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newFixture()
			got := r.post(t, body(tt.change))
			if got.Status != 200 || got.Code != tt.code || got.Token != "" || !strings.Contains(got.raw, `"token_id":null`) || got.Parameters["attempt"] != "A1" {
				t.Errorf("answer %s", got.raw)
			}
			if r.count() != 0 {
				t.Error("the processor was asked")
			}
		})
	}
}

func TestE11AccountNumbersOf4To17Digits(t *testing.T) {
	for _, number := range []string{"1234", "12345678901234567", "0001"} {
		r := newFixture()
		if got := r.post(t, body(map[string]string{"bankaccountnumber": number})); got.Code != "" {
			t.Errorf("%d digits: %s", len(number), got.raw)
		}
	}
}

func TestE10RoutingNumbers(t *testing.T) {
	for i, row := range vectors.CSV(t, "routing_numbers.csv") {
		r := newFixture()
		got := r.post(t, body(map[string]string{"routingnumber": row["input"]}))
		if valid := got.Code == ""; fmt.Sprint(valid) != row["valid"] {
			t.Errorf("row %d (%s): answer %s", i+2, row["reason"], got.raw)
		}
	}
}

// TestCardDataIsRefused: wherever a card field stands, the request is refused and an alarm is logged.
func TestCardDataIsRefused(t *testing.T) {
	for _, card := range []string{
		`"cardnumber":"4242424242424242"`, `"cvv":"123"`, `"expiry_month":"12"`, `"expiry_year":"29"`, `"postal_code":"02139"`, `"cardnumber":null`,
	} {
		for _, whole := range []string{
			strings.Replace(body(nil), `{`, `{`+card+`,`, 1),
			strings.TrimSuffix(body(nil), `}`) + `,` + card + `}`,
			strings.Replace(body(nil), `"parameters":{`, `"parameters":{`+card+`,`, 1),
		} {
			r := newFixture()
			got := r.post(t, whole)
			if got.Status != 400 || got.Code != "card-data-refused" || got.Token != "" || r.count() != 0 {
				t.Errorf("%s: %s", card, got.raw)
			}
			if !strings.Contains(r.log.String(), `"level":"ERROR"`) {
				t.Errorf("no alarm: %s", r.log)
			}
		}
	}
}

// TestOnePathForOneUser: every other path, method, user and password is refused, also when none is
// configured.
func TestOnePathForOneUser(t *testing.T) {
	r := newFixture()
	try := func(h http.Handler, verb, path, user, pass string) int {
		req := httptest.NewRequest(verb, path, strings.NewReader(body(nil)))
		if user != "" || pass != "" {
			req.SetBasicAuth(user, pass)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w.Code
	}
	tests := []struct {
		verb, path, user, pass string
		want                   int
	}{
		{"POST", connector.Path, "twilio", "open sesame", 200},
		{"POST", connector.Path, "", "", 401},
		{"POST", connector.Path, "twilio", "open", 401},
		{"POST", connector.Path, "other", "open sesame", 401},
		{"GET", connector.Path, "twilio", "open sesame", 405},
		{"POST", "/", "twilio", "open sesame", 404},
		{"POST", connector.Path + "/more", "twilio", "open sesame", 404},
	}
	for _, tt := range tests {
		if got := try(r.handler, tt.verb, tt.path, tt.user, tt.pass); got != tt.want {
			t.Errorf("%s %s as %q: %d, want %d", tt.verb, tt.path, tt.user, got, tt.want)
		}
	}
	open := connector.Handler(connector.Config{Tokenizer: r.fakeTokenizer, CheckRouting: billing.CheckRouting, Now: time.Now})
	if got := try(open, "POST", connector.Path, "", ""); got != 401 {
		t.Errorf("without a password configured: %d", got)
	}
	req := httptest.NewRequest("POST", connector.Path, strings.NewReader(body(nil)))
	req.Header.Set("Authorization", "Basic Og==") // empty user, empty password
	w := httptest.NewRecorder()
	open.ServeHTTP(w, req)
	if w.Code != 401 {
		t.Errorf("empty user and password against an empty configuration: %d", w.Code)
	}
}

func TestSizeIsLimited(t *testing.T) {
	r := newFixture()
	if got := r.post(t, body(map[string]string{"method": strings.Repeat("x", 20<<10)})); got.Status != 400 || got.Code != "malformed" {
		t.Errorf("answer %.100s", got.raw)
	}
}

// TestE11DigitsOfPolicy: the policy's bounds rule in place of 4 and 17.
func TestE11DigitsOfPolicy(t *testing.T) {
	for number, want := range map[string]string{"1234567": "account-number-invalid", "12345678": "", "1234567890": "", "12345678901": "account-number-invalid"} {
		r := newFixture()
		r.handler = connector.Handler(connector.Config{
			User: "twilio", Password: "open sesame", Tokenizer: r.fakeTokenizer, CheckRouting: billing.CheckRouting,
			Now: time.Now, MinDigits: 8, MaxDigits: 10,
		})
		if got := r.post(t, body(map[string]string{"bankaccountnumber": number})); got.Code != want {
			t.Errorf("%d digits: code %q, want %q", len(number), got.Code, want)
		}
	}
}
