package twilio

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// result returns the beginning of a POST to Pay's action: what ended it, and what was entered so far, masked
// as Twilio masks it and clear where Twilio leaves it clear (twilio.md §1.5). PaymentConfirmationCode is
// never in it: nothing was charged.
func (p *paying) result(result string) url.Values {
	form := url.Values{"Result": {result}, "PaymentMethod": {p.method}, "PaymentError": {""}, "PayErrorCode": {""}}
	for name, value := range p.masked() {
		form.Set(name, value)
	}
	return form
}

// masked returns the entered fields by the names of the action POST. Routing number, expiry and ZIP are in
// clear, as at Twilio: the product's form decoder must drop them (twilio.md §2.1, rule 9).
func (p *paying) masked() map[string]string {
	fields := map[string]string{}
	// Only what was entered: a result after a hang-up holds the fields up to it.
	for step, value := range p.got {
		switch step {
		case stepNumber:
			fields["PaymentCardNumber"] = maskCard(value, p.dashed)
			fields["PaymentCardType"] = p.cardType
		case stepDate:
			fields["ExpirationDate"] = value
		case stepCode:
			fields["SecurityCode"] = strings.Repeat("*", len(value))
		case stepPostal:
			fields["PaymentCardPostalCode"] = value
		case stepRouting:
			fields["BankRoutingNumber"] = value // all digits, in clear
		case stepAccount:
			// Two digits only, as at Twilio; the four that are spoken come from the connector as last4.
			fields["BankAccountNumber"] = strings.Repeat("*", 7) + value[len(value)-2:]
			fields["BankAccountType"] = p.node.Attr("bankAccountType", "consumer-checking")
		}
	}
	return fields
}

// maskCard returns a card number with all but the last four masked, in one of two shapes. The shape is not
// stable at Twilio, so it is not here: receivers must take the trailing digits.
func maskCard(number string, dashed bool) string {
	last := number[len(number)-4:]
	if dashed {
		return "xxxx-xxxxxx-x" + last
	}
	return strings.Repeat("x", len(number)-4) + last
}

// tokenize asks the connector and posts what it said: success with the token, or payment-connector-error with
// the refusal. A token is not a payment, and no money has moved.
func (c *Call) tokenize(ctx context.Context) error {
	p := c.pay
	if err := c.speakPrompt(ctx, stepProcessing); err != nil {
		return err
	}
	// The caller hears the processing prompt first; the connector may take a while.
	given, err := c.t.tokenize(ctx, p)
	if err != nil {
		failure := asConnectorError(err)
		form := p.result("payment-connector-error")
		form.Set("PayErrorCode", fmt.Sprint(failure.PayErrorCode))
		form.Set("PaymentError", failure.Message)
		form.Set("ConnectorError", failure.Code)
		return c.postPay(ctx, form)
	}
	form := p.result("success")
	form.Set("PaymentToken", given.token)
	for name, value := range given.parameters {
		form.Set("PayConnector_"+name, value)
	}
	return c.postPay(ctx, form)
}

// entered fills what a caller did not key with plausible values, for results that are put straight in. They
// are Stripe's published test numbers.
func (p *paying) entered() {
	plausible := map[string]string{
		stepNumber: "4242424242424242", stepDate: "1230", stepCode: "123", stepPostal: "02108",
		stepRouting: "110000000", stepAccount: "000123456789",
	}
	for _, step := range p.steps {
		if p.got[step] == "" {
			p.got[step] = plausible[step]
		}
	}
	if number := p.got[stepNumber]; number != "" {
		p.cardType = cardType(number)
	}
}

// PayToken ends Pay in success with this token, as if the connector had made it. Extra fields are added to
// the result, or replace its own. It is how a story uses one of the processor's published tokens without
// keying a card. Like every act it returns the Fault that ended the call, if one did; ErrRefused when no Pay
// asks.
func (c *Call) PayToken(ctx context.Context, token string, extra map[string]string) error {
	return c.endPayWith(ctx, "success", func(p *paying, form url.Values) {
		form.Set("PaymentToken", token)
		// The branded connector returns no parameters of its own.
		if p.connector.Kind != Generic {
			return
		}
		account := p.got[stepAccount]
		if account != "" {
			form.Set("PayConnector_last4", account[len(account)-4:])
		}
		for name, value := range p.parameters() {
			if name == "attempt" { // what the product's connector gives back of our parameters
				form.Set("PayConnector_"+name, value)
			}
		}
	}, extra)
}

// PayResult ends Pay in any result, also one that Twilio has not documented. "none" posts nothing: the next
// verb runs. Extra fields replace the result's own. ErrRefused when no Pay asks.
func (c *Call) PayResult(ctx context.Context, result string, extra map[string]string) error {
	return c.endPayWith(ctx, result, func(*paying, url.Values) {}, extra)
}

// endPayWith ends Pay in a result, whatever was keyed so far. Extra fields replace those of fill, which
// replace those of the result.
func (c *Call) endPayWith(ctx context.Context, result string, fill func(*paying, url.Values), extra map[string]string) error {
	done, err := c.begin()
	if err != nil {
		return err
	}
	defer done()
	p := c.pay
	if p == nil {
		return fmt.Errorf("%w: no Pay asks for anything", ErrRefused)
	}
	c.beginAct("goes through Pay to %s", result)
	// The fall-through of exhausted attempts (twilio.md §2.2).
	if result == "none" {
		c.pay = nil
		return c.run(ctx)
	}
	// Twilio speaks the processing prompt only once every field is in.
	if result == "success" {
		p.entered()
		if err := c.speakPrompt(ctx, stepProcessing); err != nil {
			return err
		}
	}
	form := p.result(result)
	fill(p, form)
	for name, value := range extra {
		form.Set(name, value)
	}
	return c.endPay(ctx, form)
}

// PayCard keys a card into Pay, field after field, and stops where a field is asked again: what the caller
// does then is the story's to say. The expiry is MM/YY or MMYY. An empty value is silence. Fields that Pay
// does not ask for are not keyed.
func (c *Call) PayCard(ctx context.Context, number, expiry, code, postal string) error {
	return c.payFields(ctx, map[string]string{
		stepNumber: number, stepDate: strings.ReplaceAll(expiry, "/", ""), stepCode: code, stepPostal: terminated(postal),
	})
}

// PayBank keys a bank account into Pay, each field twice where Pay wants it, and stops as PayCard does.
func (c *Call) PayBank(ctx context.Context, routing, account string) error {
	return c.payFields(ctx, map[string]string{stepRouting: routing, stepAccount: terminated(account)})
}

// terminated adds the pound key to an entry, for fields without a fixed length; silence stays silence.
func terminated(keys string) string {
	if keys == "" {
		return ""
	}
	return keys + "#"
}

// payFields keys the value of each field that Pay asks for, until Pay ends or asks a field again. It is one
// act of the caller: everything heard in it is the answer to it. ErrRefused when Pay asks for a field of the
// other method.
func (c *Call) payFields(ctx context.Context, values map[string]string) error {
	done, err := c.begin()
	if err != nil {
		return err
	}
	defer done()
	if c.pay == nil {
		return fmt.Errorf("%w: no Pay asks for anything", ErrRefused)
	}
	// The field that is asked now must be one of those given, or the story is at another place than it
	// thinks.
	if _, fits := values[c.pay.step()]; !fits {
		return fmt.Errorf("%w: Pay asks for the %s", ErrRefused, c.pay.step())
	}
	p := c.pay
	for first := true; c.pay == p; first = false { // a Pay that the product opens next is another story
		if !first && p.err != "" { // asked again: the caller must think
			return nil
		}
		// An empty value types nothing and completes nothing: the field's time-out passes.
		typed, complete, err := p.take(values[p.step()])
		if err != nil {
			return err
		}
		if first {
			c.beginAct("keys the %s and what follows", p.step())
		}
		if err := c.goOn(ctx, func() (bool, error) { return c.fieldDone(ctx, typed, complete) }); err != nil {
			return err
		}
	}
	return nil
}
