package stripe_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"duebell/payments"
)

// TestStateTable: each row of the state table (twilio.md §13.2), as the gateway returns it to the
// Charger.
func TestStateTable(t *testing.T) {
	const card, bank = "pm_card_visa", "pm_usBankAccount_success"
	force := func(status string) func(*fixture, string, payments.Charge) {
		return func(r *fixture, id string, _ payments.Charge) {
			if err := r.processor.Force(id, status); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	confirm := func(r *fixture, id string, c payments.Charge) {
		if _, err := r.Confirm(r.t.Context(), "a/confirm/1", id, c); err != nil {
			wantGatewayError(r.t, err, payments.GatewayRefused)
		}
	}
	cancel := func(r *fixture, id string, _ payments.Charge) {
		if _, err := r.Cancel(r.t.Context(), id); err != nil {
			r.t.Fatal(err)
		}
	}
	wait := func(r *fixture, id string, c payments.Charge) { confirmAndWait(r, id, c.Method) }
	later := func(r *fixture, id string, c payments.Charge) { confirm(r, id, c); r.advance(48 * time.Hour) }
	tests := map[string]struct {
		method payments.Method
		token  string
		fault  string
		do     func(*fixture, string, payments.Charge)
		want   payments.Intent
	}{
		"card succeeded":               {payments.Card, card, "up", confirm, payments.Intent{State: payments.IntentSucceeded}},
		"card processing":              {payments.Card, card, "up", force("processing"), payments.Intent{State: payments.IntentProcessing}},
		"card requires confirmation":   {payments.Card, card, "up", func(*fixture, string, payments.Charge) {}, payments.Intent{State: payments.IntentUnconfirmed}},
		"card requires action":         {payments.Card, "pm_card_authenticationRequired", "up", wait, payments.Intent{State: payments.IntentNeedsAction, Code: "authentication_required"}},
		"card declined":                {payments.Card, "pm_card_visa_chargeDeclined", "up", confirm, payments.Intent{State: payments.IntentNoMethod, Code: "card_declined"}},
		"card without funds":           {payments.Card, "pm_card_visa_chargeDeclinedInsufficientFunds", "up", confirm, payments.Intent{State: payments.IntentNoMethod, Code: "insufficient_funds"}},
		"card expired":                 {payments.Card, "pm_card_chargeDeclinedExpiredCard", "up", confirm, payments.Intent{State: payments.IntentNoMethod, Code: "expired_card"}},
		"card wants 3-D Secure":        {payments.Card, "pm_card_authenticationRequired", "up", confirm, payments.Intent{State: payments.IntentNoMethod, Code: "authentication_required"}},
		"card cancelled":               {payments.Card, card, "up", cancel, payments.Intent{State: payments.IntentCanceled}},
		"card, a state we do not know": {payments.Card, card, "up", force("requires_capture"), payments.Intent{State: payments.IntentOther}},
		"bank settled":                 {payments.Bank, bank, "up", later, payments.Intent{State: payments.IntentSucceeded}},
		"bank filed":                   {payments.Bank, bank, "up", confirm, payments.Intent{State: payments.IntentProcessing}},
		"bank requires confirmation":   {payments.Bank, bank, "up", func(*fixture, string, payments.Charge) {}, payments.Intent{State: payments.IntentUnconfirmed}},
		"bank requires action":         {payments.Bank, bank, "wants-verification", wait, payments.Intent{State: payments.IntentNeedsAction, Code: payments.CodeWantsVerification}},
		"bank wants verification":      {payments.Bank, bank, "wants-verification", confirm, payments.Intent{State: payments.IntentNoMethod, Code: payments.CodeWantsVerification}},
		"bank declined":                {payments.Bank, bank, "declines", confirm, payments.Intent{State: payments.IntentNoMethod, Code: "payment_method_bank_account_blocked"}},
		"bank returned: closed":        {payments.Bank, "pm_usBankAccount_accountClosed", "up", later, payments.Intent{State: payments.IntentNoMethod, Code: "R02"}},
		"bank returned: no account":    {payments.Bank, "pm_usBankAccount_noAccount", "up", later, payments.Intent{State: payments.IntentNoMethod, Code: "R03"}},
		"bank returned: without funds": {payments.Bank, "pm_usBankAccount_insufficientFunds", "up", later, payments.Intent{State: payments.IntentNoMethod, Code: "R01"}},
		"bank cancelled":               {payments.Bank, bank, "up", cancel, payments.Intent{State: payments.IntentCanceled}},
		"bank, a state we do not know": {payments.Bank, bank, "up", force("lost_in_thought"), payments.Intent{State: payments.IntentOther}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			r.setFault(tt.fault)
			c := r.charge(tt.method, tt.token)
			in := r.create("a/create", c)
			tt.do(r, in.ID, c)
			got, err := r.Retrieve(t.Context(), in.ID)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.ID = in.ID
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// confirmAndWait confirms without error_on_requires_action, which the gateway never does: only so
// an object comes to requires_action.
func confirmAndWait(r *fixture, id string, m payments.Method) {
	r.t.Helper()
	fields := url.Values{}
	if m == payments.Bank {
		fields.Set("mandate_data[customer_acceptance][type]", "offline")
	}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+"/v1/payment_intents/"+id+"/confirm", strings.NewReader(fields.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apiKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("confirm and wait: %d", res.StatusCode)
	}
}

// TestDeclinedConfirmDescribesTheObject: the error of a declined confirm holds the object, and
// cancelling it charges nothing.
func TestDeclinedConfirmDescribesTheObject(t *testing.T) {
	tests := map[string]struct {
		method payments.Method
		token  string
		fault  string
		code   string
	}{
		"card":              {payments.Card, "pm_card_visa_chargeDeclined", "up", "card_declined"},
		"card, no funds":    {payments.Card, "pm_card_visa_chargeDeclinedInsufficientFunds", "up", "insufficient_funds"},
		"bank wants verify": {payments.Bank, "pm_usBankAccount_success", "wants-verification", payments.CodeWantsVerification},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			c := r.charge(tt.method, tt.token)
			in := r.create("a/create", c)
			r.setFault(tt.fault)
			_, err := r.Confirm(t.Context(), "a/confirm/1", in.ID, c)
			e := wantGatewayError(t, err, payments.GatewayRefused)
			want := payments.Intent{ID: in.ID, State: payments.IntentNoMethod, Code: tt.code}
			if e.Intent == nil || *e.Intent != want || e.Code != tt.code {
				t.Errorf("error %v with %+v, want %+v", e, e.Intent, want)
			}
			if got, err := r.Cancel(t.Context(), in.ID); err != nil || got.State != payments.IntentCanceled {
				t.Errorf("cancel afterwards: %+v, %v", got, err)
			}
			if n := r.processor.ChargeCount(reference); n != 0 {
				t.Errorf("%d charges", n)
			}
		})
	}
}

// TestLateConfirmSaysHowTheObjectStands: a confirm that comes when the object has moved on is
// refused, and the error holds the object: paid, filed, or without a payment method after a
// decline.
func TestLateConfirmSaysHowTheObjectStands(t *testing.T) {
	tests := map[string]struct {
		method payments.Method
		token  string
		want   payments.IntentState
	}{
		"paid":     {payments.Card, "pm_card_visa", payments.IntentSucceeded},
		"filed":    {payments.Bank, "pm_usBankAccount_success", payments.IntentProcessing},
		"declined": {payments.Card, "pm_card_visa_chargeDeclined", payments.IntentNoMethod},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newFixture(t)
			c := r.charge(tt.method, tt.token)
			in := r.create("a/create", c)
			_, _ = r.Confirm(t.Context(), "a/confirm/1", in.ID, c) // its outcome is the row's
			_, err := r.Confirm(t.Context(), "a/confirm/2", in.ID, c)
			e := wantGatewayError(t, err, payments.GatewayRefused)
			if e.Intent == nil || e.Intent.State != tt.want {
				t.Errorf("error %v with %+v", e, e.Intent)
			}
			if n := r.processor.ChargeCount(reference); n > 1 {
				t.Errorf("%d charges", n)
			}
		})
	}
}

// TestCancel: cancelling twice is no error; a paid object cannot be cancelled.
func TestCancel(t *testing.T) {
	r := newFixture(t)
	c := r.charge(payments.Card, "pm_card_visa")
	in := r.create("a/create", c)
	for range 2 { // cancelled before is cancelled
		if got, err := r.Cancel(t.Context(), in.ID); err != nil || got.State != payments.IntentCanceled {
			t.Errorf("cancel: %+v, %v", got, err)
		}
	}
	paid := r.create("b/create", c)
	if _, err := r.Confirm(t.Context(), "b/confirm/1", paid.ID, c); err != nil {
		t.Fatal(err)
	}
	_, err := r.Cancel(t.Context(), paid.ID)
	if e := wantGatewayError(t, err, payments.GatewayRefused); e.Intent == nil || e.Intent.State != payments.IntentSucceeded {
		t.Errorf("cancel of a paid one: %v with %+v", e, e.Intent)
	}
}
