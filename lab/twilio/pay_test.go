package twilio

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
)

const goodCard = "4242424242424242"

// cardPrompts is a complete set for cards, two attempts.
const cardPrompts = `<Prompt for="payment-card-number"><Say>Card number.</Say></Prompt>
<Prompt for="payment-card-number" errorType="timeout"><Say>No card number.</Say></Prompt>
<Prompt for="payment-card-number" errorType="invalid-card-number invalid-card-type"><Say>Bad card number.</Say></Prompt>
<Prompt for="expiration-date"><Say>Expiry.</Say></Prompt>
<Prompt for="expiration-date" errorType="timeout invalid-date"><Say>Bad expiry.</Say></Prompt>
<Prompt for="security-code" cardType="visa mastercard discover"><Say>Three digits.</Say></Prompt>
<Prompt for="security-code" cardType="amex"><Say>Four digits.</Say></Prompt>
<Prompt for="security-code" errorType="timeout invalid-security-code"><Say>Bad code.</Say></Prompt>
<Prompt for="postal-code"><Say>ZIP.</Say></Prompt>
<Prompt for="postal-code" errorType="timeout invalid-postal-code"><Say>Bad ZIP.</Say></Prompt>
<Prompt for="payment-processing"><Say>One moment.</Say></Prompt>`

const bankPrompts = `<Prompt for="bank-routing-number"><Say>Routing.</Say></Prompt>
<Prompt for="bank-routing-number" errorType="timeout invalid-bank-routing-number"><Say>Bad routing.</Say></Prompt>
<Prompt for="bank-account-number"><Say>Account.</Say></Prompt>
<Prompt for="bank-account-number" requireMatchingInputs="true"><Say>Again.</Say></Prompt>
<Prompt for="bank-account-number" errorType="input-matching-failed"><Say>They differ.</Say></Prompt>
<Prompt for="bank-account-number" errorType="timeout invalid-bank-account-number"><Say>Bad account.</Say></Prompt>
<Prompt for="payment-processing"><Say>One moment.</Say></Prompt>`

// paysAt lets the call begin with a Pay.
func (p *product) paysAt(attrs, content string) {
	p.says(incoming, `<Pay action="`+p.at("/paid")+`" `+attrs+`>`+content+`</Pay><Redirect>`+p.at("/paid")+`</Redirect>`)
	p.answers("/paid", func(f url.Values) string {
		if !f.Has("Result") {
			return `<Say>Fell through.</Say>`
		}
		return `<Say>Result ` + f.Get("Result") + `.</Say>`
	})
}

const (
	cardAttrs = `paymentConnector="card" tokenType="payment-method" maxAttempts="2" validCardTypes="visa mastercard amex discover"`
	bankAttrs = `paymentConnector="bank" tokenType="one-time" paymentMethod="ach-debit" maxAttempts="2" bankAccountType="consumer-savings"`
)

// payLine is a stand-in with both connectors; cards become pm_ and their last four.
func (p *product) payLine(change func(*Config)) *Twilio {
	return p.line(func(c *Config) {
		c.Connectors = map[string]Connector{"card": {Kind: Stripe}, "bank": {Kind: Generic, URL: p.public + "/connector", User: "u", Password: "p"}}
		c.Tokenize = func(_ context.Context, card Card) (string, error) {
			return "pm_" + card.Number[len(card.Number)-4:], nil
		}
		if change != nil {
			change(c)
		}
	})
}

func TestPayByCard(t *testing.T) {
	p := newProduct(t)
	p.paysAt(cardAttrs+` statusCallback="`+p.public+`/pay/status"`, cardPrompts+`<Parameter name="attempt" value="A1"/>`)
	tw := p.payLine(nil)
	c := p.dial(tw)
	if ask, ok := c.State().(AskPay); !ok || ask.Step != "payment-card-number" || ask.Attempt != 1 || ask.Prompt != "Card number." {
		t.Fatalf("state %#v", c.State())
	}
	must(t, c.PayCard(context.Background(), goodCard, "12/29", "123", "02139"))
	wantHeard(t, c, "Expiry. | Three digits. | ZIP. | One moment. | Result success.")
	form := p.last("/paid")
	wantFields(t, form, map[string]string{
		"Result": "success", "PaymentToken": "pm_4242", "PaymentMethod": "credit-card", "PaymentCardType": "visa", "PaymentCardNumber": "xxxxxxxxxxxx4242",
		"ExpirationDate": "1229", "SecurityCode": "***", "PaymentCardPostalCode": "02139", "CallStatus": "in-progress", "CallSid": c.SID,
	})
	for _, name := range []string{"PaymentConfirmationCode", "PayConnector_attempt", "BankAccountNumber"} {
		if form.Has(name) {
			t.Errorf("%s is posted", name)
		}
	}
	if strings.Contains(strings.Join(c.Transcript(), "\n"), "4242") {
		t.Error("the transcript shows the card")
	}
	if h := c.Heard()[0]; h.During != "pay" || !h.BargeIn {
		t.Errorf("heard %+v", h)
	}
	status := p.got("/pay/status")
	if len(status) != 4 || status[1].form.Get("For") != "expiration-date" || status[1].form.Get("PaymentCardNumber") != "xxxxxxxxxxxx4242" || status[0].form.Has("ApiVersion") {
		t.Errorf("%d status callbacks: %v", len(status), status)
	}
	if len(tw.Faults()) > 0 {
		t.Errorf("faults %v", tw.Faults())
	}
	c = p.dial(tw)
	must(t, c.PayCard(context.Background(), "378282246310005", "1229", "1234", "02139"))
	wantFields(t, p.last("/paid"), map[string]string{"PaymentCardType": "amex", "PaymentCardNumber": "xxxx-xxxxxx-x0005", "SecurityCode": "****"})
}

func TestPayErrorsAskAgain(t *testing.T) {
	const date, code, zip = "12/29", "123", "02139"
	tests := []struct {
		name                    string
		number, date, code, zip string
		step, err, prompt       string
	}{
		{"silence", "", date, code, zip, "payment-card-number", "timeout", "No card number."},
		{"no Luhn", "4242424242424241", date, code, zip, "payment-card-number", "invalid-card-number", "Bad card number."},
		{"too short", "42424242", date, code, zip, "payment-card-number", "invalid-card-number", "Bad card number."},
		{"brand not taken", "3566002020360505", date, code, zip, "payment-card-number", "invalid-card-type", "Bad card number."},
		{"month 13", goodCard, "13/29", code, zip, "expiration-date", "invalid-date", "Bad expiry."},
		{"expired", goodCard, "01/27", code, zip, "expiration-date", "invalid-date", "Bad expiry."},
		{"short code", goodCard, date, "12", zip, "security-code", "invalid-security-code", "Bad code."},
		{"short code of amex", "378282246310005", date, "123", zip, "security-code", "invalid-security-code", "Bad code."},
		{"short ZIP", goodCard, date, code, "0213", "postal-code", "invalid-postal-code", "Bad ZIP."},
		{"no ZIP", goodCard, date, code, "", "postal-code", "timeout", "Bad ZIP."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			p.paysAt(cardAttrs, cardPrompts)
			c := p.dial(p.payLine(nil))
			must(t, c.PayCard(context.Background(), test.number, test.date, test.code, test.zip))
			ask, _ := c.State().(AskPay)
			if ask.Step != test.step || ask.Error != test.err || ask.Attempt != 2 || ask.Prompt != test.prompt {
				t.Errorf("asks %#v", ask)
			}
		})
	}
}

func TestThisMonthsCardIsGood(t *testing.T) {
	p := newProduct(t)
	p.paysAt(cardAttrs, cardPrompts)
	c := p.dial(p.payLine(nil))
	must(t, c.PayCard(context.Background(), goodCard, "02/27", "123", "02139"))
	wantFields(t, p.last("/paid"), map[string]string{"Result": "success"})
}

func TestPayGoesOnAfterAnError(t *testing.T) {
	p := newProduct(t)
	p.paysAt(cardAttrs, cardPrompts)
	c := p.dial(p.payLine(nil))
	ctx := context.Background()
	must(t, c.PayCard(ctx, goodCard, "01/20", "123", "02139"))
	if err := c.PayBank(ctx, "110000000", "000123456789"); !errors.Is(err, ErrRefused) {
		t.Errorf("bank numbers into a card field: %v", err)
	}
	must(t, c.PayCard(ctx, goodCard, "12/29", "123", "02139")) // from the expiry on
	wantFields(t, p.last("/paid"), map[string]string{"Result": "success", "PaymentToken": "pm_4242"})
}

func TestPayByKeys(t *testing.T) {
	p := newProduct(t)
	p.paysAt(cardAttrs+` securityCode="false" postalCode="02110"`, cardPrompts)
	c := p.dial(p.payLine(nil))
	ctx := context.Background()
	for key := range strings.SplitSeq(goodCard, "") { // a keypad
		must(t, c.Key(ctx, key))
	}
	if ask, _ := c.State().(AskPay); ask.Step != "expiration-date" || ask.CardType != "visa" {
		t.Fatalf("asks %#v", ask)
	}
	if err := c.Press(ctx, "12295"); !errors.Is(err, ErrRefused) {
		t.Errorf("five keys for a date: %v", err)
	}
	must(t, c.Press(ctx, "1229"))
	wantFields(t, p.last("/paid"), map[string]string{"Result": "success", "PaymentCardPostalCode": "02110"})
}

func TestPayExhausted(t *testing.T) {
	run := func(t *testing.T, p *product, c *Call) string {
		t.Helper()
		must(t, c.Silence(context.Background()))
		must(t, c.Silence(context.Background()))
		if form := p.last("/paid"); form.Has("Result") {
			wantFields(t, form, map[string]string{"Result": "too-many-failed-attempts", "PaymentError": "payment-card-number: timeout"})
		}
		return heard(c)
	}
	const action, through = "Result too-many-failed-attempts.", "Fell through."
	p := newProduct(t)
	p.paysAt(cardAttrs, cardPrompts)
	tw := p.payLine(nil)
	for _, want := range []string{action, through, action} { // by turns
		if got := run(t, p, p.dial(tw)); got != want {
			t.Errorf("ends in %q, want %q", got, want)
		}
	}
	c, err := tw.Call(context.Background(), CallOptions{From: callerPhone, PayExhausted: ExhaustedAction})
	must(t, err)
	if got := run(t, p, c); got != action {
		t.Errorf("ends in %q, want %q", got, action)
	}
	tw = p.payLine(func(c *Config) { c.PayExhausted = ExhaustedFallThrough })
	if got := run(t, p, p.dial(tw)); got != through {
		t.Errorf("ends in %q, want %q", got, through)
	}
}

func TestPayExtraTry(t *testing.T) {
	p := newProduct(t)
	p.paysAt(strings.Replace(cardAttrs, `"2"`, `"1"`, 1), cardPrompts)
	c := p.dial(p.payLine(func(c *Config) { c.PayExtraTry = true }))
	must(t, c.Silence(context.Background()))
	if ask, ok := c.State().(AskPay); !ok || ask.Attempt != 2 {
		t.Errorf("state %#v", c.State())
	}
}

func TestPayStarAndHangUp(t *testing.T) {
	p := newProduct(t)
	p.paysAt(cardAttrs, cardPrompts)
	c := p.dial(p.payLine(nil))
	must(t, c.Star(context.Background()))
	wantFields(t, p.last("/paid"), map[string]string{"Result": "caller-interrupted-with-star"})
	wantHeard(t, c, "Result caller-interrupted-with-star.")

	c = p.dial(p.payLine(nil))
	must(t, c.HangUp(context.Background()))
	wantFields(t, p.last("/paid"), map[string]string{"Result": "caller-hung-up", "CallStatus": "completed"})
	wantHeard(t, c, "")
	before := len(p.got("/paid"))
	c = p.dial(p.payLine(func(c *Config) { c.PayHangupSilent = true }))
	must(t, c.HangUp(context.Background()))
	if len(p.got("/paid")) != before {
		t.Error("a silent hang-up posted")
	}
}

func TestPayResults(t *testing.T) {
	ctx := context.Background()
	p := newProduct(t)
	p.paysAt(cardAttrs, cardPrompts)
	tw := p.payLine(nil)
	c := p.dial(tw)
	must(t, c.PayToken(ctx, "pm_card_visa", nil))
	wantFields(t, p.last("/paid"), map[string]string{"Result": "success", "PaymentToken": "pm_card_visa", "PaymentCardType": "visa", "SecurityCode": "***"})
	c = p.dial(tw)
	must(t, c.PayResult(ctx, "validation-error", map[string]string{"PaymentError": "bad attribute"}))
	wantFields(t, p.last("/paid"), map[string]string{"Result": "validation-error", "PaymentError": "bad attribute"})
	c = p.dial(tw)
	must(t, c.PayResult(ctx, "none", nil))
	wantHeard(t, c, "Fell through.")

	p.paysAt(bankAttrs, bankPrompts+`<Parameter name="attempt" value="A1"/><Parameter name="holder_name" value="X"/>`)
	c = p.dial(tw)
	must(t, c.PayToken(ctx, "pm_usBankAccount_success", map[string]string{"PayConnector_bank": "Some Bank"}))
	wantFields(t, p.last("/paid"), map[string]string{
		"PaymentToken": "pm_usBankAccount_success", "PayConnector_last4": "6789", "PayConnector_attempt": "A1", "PayConnector_bank": "Some Bank",
		"BankAccountNumber": "*******89", "BankRoutingNumber": "110000000", "BankAccountType": "consumer-savings", "PaymentMethod": "ach-debit",
	})
	if p.last("/paid").Has("PayConnector_holder_name") {
		t.Error("a parameter came back that the connector does not return")
	}
}

func TestMissingPromptsAreFaults(t *testing.T) {
	p := newProduct(t)
	without := strings.Replace(cardPrompts, ` errorType="timeout invalid-date"`, ` errorType="timeout"`, 1)
	without = strings.Replace(without, `cardType="visa mastercard discover"`, `cardType="visa mastercard"`, 1)
	p.paysAt(cardAttrs, without)
	tw := p.payLine(nil)
	c := p.dial(tw)
	faults := c.Faults()
	if len(faults) != 1 || faults[0].Kind != FaultMissingPrompt {
		t.Fatalf("faults %v", faults)
	}
	for _, want := range []string{"expiration-date after invalid-date", "security-code"} {
		if !strings.Contains(faults[0].Detail, want) {
			t.Errorf("fault %q does not name %q", faults[0].Detail, want)
		}
	}
	if strings.Contains(faults[0].Detail, "postal-code") {
		t.Errorf("fault %q names what is there", faults[0].Detail)
	}
	must(t, c.PayCard(context.Background(), goodCard, "13/29", "123", "02139")) // goes on, in other words
	if ask, ok := c.State().(AskPay); !ok || ask.Prompt != "Expiry." {
		t.Errorf("state %#v", c.State())
	}
}

func TestPromptsByAttempt(t *testing.T) {
	p := newProduct(t)
	content := strings.Replace(cardPrompts, `<Prompt for="payment-card-number" errorType="timeout">`,
		`<Prompt for="payment-card-number" attempt="3" errorType="timeout"><Say>Last try.</Say></Prompt><Prompt for="payment-card-number" errorType="timeout">`, 1)
	p.paysAt(strings.Replace(cardAttrs, `"2"`, `"3"`, 1), content)
	c := p.dial(p.payLine(nil))
	for _, want := range []string{"No card number.", "Last try."} {
		must(t, c.Silence(context.Background()))
		wantHeard(t, c, want)
	}
}

func TestPaySetup(t *testing.T) {
	tests := []struct{ name, attrs, code string }{
		{"unknown connector", strings.Replace(cardAttrs, `"card"`, `"other"`, 1), "64004"},
		{"bank through Stripe", strings.Replace(bankAttrs, `"bank" tokenType="one-time"`, `"card" tokenType="payment-method"`, 1), "64013"},
		{"reusable", strings.Replace(cardAttrs, `payment-method`, `reusable`, 1), "64005"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			p.paysAt(test.attrs, ``)
			tw := p.payLine(nil)
			c := p.dial(tw)
			wantFields(t, p.last("/paid"), map[string]string{"Result": "payment-connector-error", "PayErrorCode": test.code})
			if faults := c.Faults(); len(faults) != 1 || faults[0].Kind != FaultPaySetup {
				t.Errorf("faults %v", faults)
			}
		})
	}
}

func TestStripeRefusal(t *testing.T) {
	p := newProduct(t)
	p.paysAt(cardAttrs, cardPrompts)
	c := p.dial(p.payLine(func(c *Config) {
		c.Tokenize = func(context.Context, Card) (string, error) {
			return "", &ConnectorError{Code: "incorrect_number", Message: "The card number is not a test number.", PayErrorCode: 64022}
		}
	}))
	must(t, c.PayCard(context.Background(), goodCard, "12/29", "123", "02139"))
	wantFields(t, p.last("/paid"), map[string]string{"Result": "payment-connector-error", "PayErrorCode": "64022", "ConnectorError": "incorrect_number"})
	if p.last("/paid").Has("PaymentToken") {
		t.Error("a refusal has a token")
	}
}
