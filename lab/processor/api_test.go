package processor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRefusesWhatStripeRefuses(t *testing.T) {
	r := newRig(t, nil)
	id := r.created("", "pm_card_visa")
	bank := r.created("", "pm_usBankAccount_success")
	tests := map[string]struct {
		path, fields string
		status       int
		code, param  string
	}{
		"unknown path":         {"/v1/charges", "", 404, "", ""},
		"no amount":            {"/v1/payment_intents", "currency=usd", 400, "parameter_missing", "amount"},
		"amount not a number":  {"/v1/payment_intents", "amount=1.50&currency=usd", 400, "parameter_invalid_integer", "amount"},
		"too little":           {"/v1/payment_intents", "amount=49&currency=usd", 400, "amount_too_small", "amount"},
		"unknown parameter":    {"/v1/payment_intents", "amount=100&currency=usd&colour=red", 400, "parameter_unknown", "colour"},
		"confirm at create":    {"/v1/payment_intents", "amount=100&currency=usd&confirm=true", 400, "parameter_unknown", "confirm"},
		"moto at create":       {"/v1/payment_intents", "amount=100&currency=usd&" + moto + "=true", 400, "parameter_unknown", moto},
		"moto not enabled":     {"/v1/payment_intents/" + id + "/confirm", moto + "=true", 400, "parameter_unknown", moto},
		"collection method":    {"/v1/payment_intents/" + bank + "/confirm", "payment_method_options[us_bank_account][mandate_options][collection_method]=paper", 400, "parameter_unknown", "payment_method_options[us_bank_account][mandate_options][collection_method]"},
		"method at confirm":    {"/v1/payment_intents/" + id + "/confirm", "payment_method=pm_card_visa", 400, "parameter_unknown", "payment_method"},
		"no such method":       {"/v1/payment_intents", cardFields + "pm_none", 400, "resource_missing", "payment_method"},
		"method of other type": {"/v1/payment_intents", bankFields + "pm_card_visa", 400, "payment_intent_incompatible_payment_method", "payment_method"},
		"no such intent":       {"/v1/payment_intents/pi_none/confirm", "", 404, "resource_missing", "intent"},
		"debit, no mandate":    {"/v1/payment_intents/" + bank + "/confirm", hard, 400, "parameter_missing", "mandate_data"},
		"debit, future assent": {"/v1/payment_intents/" + bank + "/confirm", "mandate_data[customer_acceptance][type]=offline&mandate_data[customer_acceptance][accepted_at]=1999999999", 400, "parameter_invalid_integer", "mandate_data[customer_acceptance][accepted_at]"},
		"card with mandate":    {"/v1/payment_intents/" + id + "/confirm", strings.TrimPrefix(mandated, "&"), 400, "payment_intent_invalid_parameter", "mandate_data"},
		"bad routing number":   {"/v1/payment_methods", "type=us_bank_account&billing_details[name]=Ann&us_bank_account[routing_number]=11&us_bank_account[account_number]=000123456789", 400, "routing_number_invalid", "us_bank_account[routing_number]"},
		"bank, no holder":      {"/v1/payment_methods", "type=us_bank_account&us_bank_account[routing_number]=110000000&us_bank_account[account_number]=000123456789", 400, "parameter_missing", "billing_details[name]"},
		"a real bank":          {"/v1/payment_methods", "type=us_bank_account&billing_details[name]=Ann&us_bank_account[routing_number]=011000015&us_bank_account[account_number]=55555", 400, "payment_method_invalid_parameter_testmode", "us_bank_account[account_number]"},
		"a real card":          {"/v1/payment_methods", "type=card&card[number]=4539578763621486&card[exp_month]=12&card[exp_year]=2029", 402, "card_declined", ""},
		"bad card number":      {"/v1/payment_methods", "type=card&card[number]=4242424242424241&card[exp_month]=12&card[exp_year]=2029", 402, "incorrect_number", "card[number]"},
		"expired":              {"/v1/payment_methods", "type=card&card[number]=4242424242424242&card[exp_month]=1&card[exp_year]=2027", 402, "invalid_expiry_year", "card[exp_year]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := r.post(tt.path, "", tt.fields)
			if s.status != tt.status || s.text("error", "code") != tt.code || s.text("error", "param") != tt.param {
				t.Errorf("got %d %q %q, want %d %q %q", s.status, s.text("error", "code"), s.text("error", "param"), tt.status, tt.code, tt.param)
			}
		})
	}
	if got := r.status(id); got != requiresConfirmation {
		t.Errorf("a refused confirm moved the payment to %s", got)
	}
}

func TestKeyIsAskedForExceptByTheList(t *testing.T) {
	r := newRig(t, nil)
	for path, want := range map[string]int{"/v1/account": 401, "/v1/payment_intents": 200, "/v1/payment_methods/pm_card_visa": 401} {
		s := read(http.Get(r.url + path))
		if s.status != want {
			t.Errorf("%s without a key: %d, want %d", path, s.status, want)
		}
	}
	req := httptest.NewRequest(http.MethodGet, "/v1/account", nil)
	req.SetBasicAuth(testKey, "")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if w.Code != http.StatusOK {
		t.Errorf("key as user of HTTP Basic: %d", w.Code)
	}
}

func TestListGivesTheWholeNewestFirst(t *testing.T) {
	r := newRig(t, nil)
	var ids []string
	for range 12 {
		ids = append([]string{r.created("", "pm_card_visa")}, ids...)
	}
	list := func(path string) (got []string, more bool) {
		s := r.get(path)
		more, _ = s.body["has_more"].(bool)
		data, _ := s.body["data"].([]any)
		for _, d := range data {
			got = append(got, said{body: d.(map[string]any)}.text("id"))
		}
		return got, more
	}
	all, more := list("/v1/payment_intents")
	if diff := cmp.Diff(ids, all); diff != "" || more {
		t.Errorf("the whole list (more %v): %s", more, diff)
	}
	page, more := list("/v1/payment_intents?limit=2&starting_after=" + ids[3])
	if diff := cmp.Diff(ids[4:6], page); diff != "" || !more {
		t.Errorf("a page (more %v): %s", more, diff)
	}
}

func TestTokenizesForTheCapturePage(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Cards = []Card{{Number: "4539578763621486", Outcome: "lost_card"}}
	})
	good := Card{Number: "4242424242424242", Month: 12, Year: 2029, Code: "123"}
	token, err := r.Tokenize(good)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.get("/v1/payment_methods/" + token); s.text("card", "last4") != "4242" || s.text("card", "brand") != "visa" {
		t.Errorf("the method shows %v", s.body)
	}
	if _, err := r.Tokenize(Card{Number: "4242424242424241", Month: 12, Year: 2029}); err == nil {
		t.Error("a card with a wrong check digit was taken")
	}
	extra, err := r.Tokenize(Card{Number: "4539578763621486", Month: 12, Year: 2029})
	if err != nil {
		t.Fatalf("a number of the configuration: %v", err)
	}
	if s := r.confirm("", r.created("", extra), hard); s.text("error", "decline_code") != "lost_card" {
		t.Errorf("its outcome: %+v", s.body)
	}
	r.fault("down once")
	if _, err := r.Tokenize(good); err == nil {
		t.Error("tokenized while down")
	}
}
