package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"duebell/lab/twilio"
)

// tokenizeAtExternal plays Twilio's Stripe connector where the processor is an external program
// (STRIPE_API_URL): it makes the card's payment method there and returns its id, which <Pay> hands to the
// product as PaymentToken (twilio.md §1.5). No answer becomes api_connection_error, and any answer that is no
// payment method becomes card_declined. A lost reply may leave a payment method behind that nobody uses; no
// money moves by it.
func (s *standIns) tokenizeAtExternal(ctx context.Context, c twilio.Card) (string, error) {
	form := url.Values{
		// <Pay> collects two digits of the year; the processor wants four.
		"type": {"card"}, "card[number]": {c.Number}, "card[exp_month]": {c.ExpMonth}, "card[exp_year]": {"20" + c.ExpYear},
	}
	// Empty where <Pay> did not ask: its attributes securityCode and postalCode may be false (twilio.md §1.1).
	if c.Code != "" {
		form.Set("card[cvc]", c.Code)
	}
	if c.PostalCode != "" {
		form.Set("billing_details[address][postal_code]", c.PostalCode)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.stripeURL+"/v1/payment_methods", strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("ask the external processor: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+orElse(s.h.cfg.Settings.StripeAPIKey, stripeKey))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", &twilio.ConnectorError{Code: "api_connection_error", Message: "the gateway does not answer", PayErrorCode: notListed}
	}
	defer res.Body.Close()
	// Everything else in the answer is left unread; among it are the card's last digits.
	var made struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.StatusCode != http.StatusOK || made.ID == "" {
		return "", &twilio.ConnectorError{Code: "card_declined", Message: "the gateway refused the card"}
	}
	return made.ID, nil
}
