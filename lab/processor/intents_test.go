package processor

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// selfMade returns a payment method made from a test card or account.
func (r *rig) selfMade(fields string) string {
	r.t.Helper()
	s := r.post("/v1/payment_methods", "", fields)
	if s.status != 200 {
		r.t.Fatalf("payment method: %+v", s)
	}
	return s.text("id")
}

const testCard = "type=card&card[exp_month]=12&card[exp_year]=2029&card[cvc]=123&card[number]="
const testBank = "type=us_bank_account&billing_details[name]=Ann+Smith&us_bank_account[account_type]=savings&us_bank_account[routing_number]=110000000&us_bank_account[account_number]="

func TestCardsAreDecidedAtOnce(t *testing.T) {
	tests := map[string]struct{ number, status, code, decline string }{
		"visa":               {"4242424242424242", succeeded, "", ""},
		"mastercard":         {"5555555555554444", succeeded, "", ""},
		"amex":               {"378282246310005", succeeded, "", ""},
		"discover":           {"6011111111111117", succeeded, "", ""},
		"declined":           {"4000000000000002", requiresMethod, "card_declined", "generic_decline"},
		"insufficient funds": {"4000000000009995", requiresMethod, "card_declined", "insufficient_funds"},
		"expired":            {"4000000000000069", requiresMethod, "expired_card", "expired_card"},
		"wants 3-D Secure":   {"4000002760003184", requiresMethod, "authentication_required", "authentication_required"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			id := r.created("", r.selfMade(testCard+tt.number))
			s := r.confirm("", id, hard)
			if tt.status == succeeded {
				if s.status != 200 || s.text("status") != succeeded {
					t.Fatalf("confirm: %+v", s)
				}
			} else if s.status != 402 || s.text("error", "type") != cardError || s.text("error", "payment_intent", "status") != tt.status {
				t.Fatalf("confirm: %+v", s)
			}
			if got := [2]string{s.text("error", "code"), s.text("error", "decline_code")}; got != [2]string{tt.code, tt.decline} {
				t.Errorf("codes %q", got)
			}
			again := r.get("/v1/payment_intents/" + id)
			if again.text("status") != tt.status || again.text("last_payment_error", "decline_code") != tt.decline {
				t.Errorf("looked up: %+v", again.body)
			}
			if charged := len(r.Charges()) == 1; charged != (tt.status == succeeded) {
				t.Errorf("charges: %v", r.Charges())
			}
		})
	}
}

func TestBankDebitsEndTwoBankingDaysLater(t *testing.T) {
	tests := map[string]struct {
		account, status, code, network string
		returned                       bool
	}{
		"success":            {"000123456789", succeeded, "", "", false},
		"account closed":     {"000111111113", requiresMethod, "account_closed", "R02", true},
		"no account":         {"000111111116", requiresMethod, "no_account", "R03", true},
		"insufficient funds": {"000222222227", requiresMethod, "insufficient_funds", "R01", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.advance(49 * time.Hour) // Friday
			r.inbox.kinds()
			id := r.created("", r.selfMade(testBank+tt.account))
			if s := r.confirm("", id, hard+mandated); s.status != 200 || s.text("status") != processing {
				t.Fatalf("confirm: %+v", s)
			}
			if n := r.ChargeCount("123456782"); n != 1 {
				t.Errorf("filed: %d charges", n)
			}
			r.advance(72 * time.Hour)
			if got := r.status(id); got != processing {
				t.Errorf("on Monday: %s", got)
			}
			r.advance(24 * time.Hour)
			s := r.get("/v1/payment_intents/" + id)
			got := []string{s.text("status"), s.text("last_payment_error", "code"), s.text("last_payment_error", "network_decline_code")}
			if diff := cmp.Diff([]string{tt.status, tt.code, tt.network}, got); diff != "" {
				t.Error(diff)
			}
			kinds := []string{"payment_intent.processing", "payment_intent.succeeded"}
			if tt.returned {
				kinds[1] = "payment_intent.payment_failed"
			}
			if diff := cmp.Diff(kinds, r.inbox.kinds()); diff != "" {
				t.Error(diff)
			}
			if c := r.Charges(); len(c) != 1 || c[0].Returned != tt.returned || c[0].Reference != "123456782" || c[0].Cents != 19800 {
				t.Errorf("charges: %+v", c)
			}
		})
	}
}

func TestPublishedMethodsWorkAgainAndSelfMadeOnesOnce(t *testing.T) {
	r := newRig(t, nil)
	for range 2 {
		if s := r.confirm("", r.created("", "pm_card_visa"), hard); s.text("status") != succeeded {
			t.Fatalf("published: %+v", s)
		}
	}
	token := r.selfMade(testCard + "4000000000000002")
	first, second := r.created("", token), r.created("", token) // unconfirmed ones do not use it up
	if s := r.confirm("", first, hard); s.status != 402 {
		t.Fatalf("first: %+v", s)
	}
	if s := r.confirm("", second, hard); s.status != 400 || s.text("error", "message")[:26] != "The provided PaymentMethod" {
		t.Errorf("second confirm: %+v", s)
	}
	if s := r.post("/v1/payment_intents", "", cardFields+token); s.status != 400 {
		t.Errorf("third create: %+v", s)
	}
	if n := len(r.Charges()); n != 2 {
		t.Errorf("%d charges", n)
	}
}

func TestConfirmAndCancelInTheWrongState(t *testing.T) {
	r := newRig(t, nil)
	paid := r.created("", "pm_card_visa")
	r.confirm("", paid, hard)
	declined := r.created("", "pm_card_visa_chargeDeclined")
	r.confirm("", declined, hard)
	filed := r.created("", "pm_usBankAccount_success")
	r.confirm("", filed, hard+mandated)
	gone := r.created("", "pm_card_visa")
	r.post("/v1/payment_intents/"+gone+"/cancel", "", "")
	fresh := r.created("", "pm_card_visa")

	tests := map[string]struct {
		id, verb string
		ok       bool
		status   string
	}{
		"confirm what is paid":      {paid, "confirm", false, succeeded},
		"confirm after a decline":   {declined, "confirm", false, requiresMethod},
		"confirm what is filed":     {filed, "confirm", false, processing},
		"confirm what is cancelled": {gone, "confirm", false, canceled},
		"cancel what is paid":       {paid, "cancel", false, succeeded},
		"cancel what is filed":      {filed, "cancel", false, processing},
		"cancel what is cancelled":  {gone, "cancel", false, canceled},
		"cancel after a decline":    {declined, "cancel", true, canceled},
		"cancel what is new":        {fresh, "cancel", true, canceled},
	}
	order := []string{
		"confirm what is paid", "confirm after a decline", "confirm what is filed", "confirm what is cancelled",
		"cancel what is paid", "cancel what is filed", "cancel what is cancelled", "cancel after a decline", "cancel what is new",
	}
	for _, name := range order {
		tt := tests[name]
		t.Run(name, func(t *testing.T) {
			s := r.post("/v1/payment_intents/"+tt.id+"/"+tt.verb, "", "")
			if tt.ok {
				if s.status != 200 || s.text("status") != tt.status {
					t.Errorf("%+v", s)
				}
				return
			}
			if s.status != 400 || s.text("error", "code") != "payment_intent_unexpected_state" ||
				s.text("error", "payment_intent", "id") != tt.id || s.text("error", "payment_intent", "status") != tt.status {
				t.Errorf("%+v", s)
			}
		})
	}
	if n := len(r.Charges()); n != 2 {
		t.Errorf("%d charges, want the paid and the filed one", n)
	}
}

func TestActionIsWaitedForUnlessRefused(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MOTO = true })
	if s := r.confirm("", r.created("", "pm_card_authenticationRequired"), ""); s.text("status") != requiresAction {
		t.Errorf("card: %+v", s)
	}
	if s := r.confirm("", r.created("", "pm_card_authenticationRequired"), hard+"&"+moto+"=true"); s.text("status") != succeeded {
		t.Errorf("phone order: %+v", s)
	}
	r.fault("wants-verification")
	if s := r.confirm("", r.created("", "pm_usBankAccount_success"), mandated[1:]); s.text("status") != requiresAction || s.text("next_action", "type") != "verify_with_microdeposits" {
		t.Errorf("bank: %+v", s)
	}
	s := r.confirm("", r.created("", "pm_usBankAccount_success"), hard+mandated)
	if s.status != 402 || s.text("error", "code") != "payment_intent_action_required" || s.text("error", "payment_intent", "status") != requiresMethod {
		t.Errorf("bank, refused: %+v", s)
	}
}

func TestSavedAndLoaded(t *testing.T) {
	r := newRig(t, nil)
	filed := r.created("k/create", r.selfMade(testBank+"000111111113"))
	r.confirm("k/confirm", filed, hard+mandated)
	var disk bytes.Buffer
	if err := r.Save(&disk); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"000111111113", "110000000", "sk_test"} {
		if bytes.Contains(disk.Bytes(), []byte(secret)) {
			t.Errorf("the file holds %s", secret)
		}
	}
	next := newRig(t, nil)
	if err := next.Load(&disk); err != nil {
		t.Fatal(err)
	}
	if s := next.confirm("k/confirm", filed, hard+mandated); !s.replayed || s.text("status") != processing {
		t.Errorf("the key was forgotten: %+v", s)
	}
	next.advance(48 * time.Hour)
	if got := next.status(filed); got != requiresMethod {
		t.Errorf("the debit was forgotten: %s", got)
	}
	if diff := cmp.Diff([]string{"payment_intent.processing", "payment_intent.payment_failed"}, next.inbox.kinds()); diff != "" {
		t.Error(diff)
	}
	if err := next.Load(bytes.NewReader([]byte(`{}`))); err == nil {
		t.Error("loaded nothing without a complaint")
	}
}
