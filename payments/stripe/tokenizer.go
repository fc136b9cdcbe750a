package stripe

import (
	"context"
	"fmt"

	stripego "github.com/stripe/stripe-go/v85"

	"duebell/payments"
	"duebell/payments/connector"
)

// Tokenizer implements connector.Tokenizer on Stripe. It may be used by many goroutines, and stores nothing.
type Tokenizer struct{ gateway *Gateway }

var _ connector.Tokenizer = Tokenizer{}

// NewTokenizer makes a Tokenizer with the settings of a Gateway. The connector's process has a Gateway for
// this alone; it never charges.
func NewTokenizer(cfg Config) Tokenizer { return Tokenizer{New(cfg)} }

// BankPaymentMethod makes the payment method under the key and returns its id, the account's last
// four and the bank's name, where Stripe shows them. A business account is made as a company's: its
// debits are filed as CCD, a consumer's never are (E1: entry class). A 500 that Stripe has stored
// under the key would be repeated for ever; then a second key is used, which is harmless, because a
// payment method moves no money.
func (t Tokenizer) BankPaymentMethod(ctx context.Context, idempotencyKey string, b connector.BankAccount) (token, last4, bank string, err error) {
	pm, err := t.create(ctx, idempotencyKey, b)
	if e, ok := payments.AsGatewayError(err); ok && e.Kind == payments.GatewayLost && e.Replayed {
		pm, err = t.create(ctx, idempotencyKey+"/2", b)
	}
	if e, ok := payments.AsGatewayError(err); ok && e.Kind == payments.GatewayRefused {
		return "", "", "", fmt.Errorf("%w: %w", connector.ErrRefused, err)
	}
	if err != nil {
		return "", "", "", err
	}
	// Without the details the connector falls back on the last digits of what was keyed.
	if pm.USBankAccount == nil {
		return pm.ID, "", "", nil
	}
	return pm.ID, pm.USBankAccount.Last4, pm.USBankAccount.BankName, nil
}

// create makes the payment method under one key. The holder's name is required by Stripe (twilio.md §13.1).
// The payment method has no customer, so it works once (twilio.md §13.1).
func (t Tokenizer) create(ctx context.Context, key string, b connector.BankAccount) (*stripego.PaymentMethod, error) {
	ctx, cancel := context.WithTimeout(ctx, t.gateway.timeout)
	defer cancel()
	kind, holder := stripego.PaymentMethodUSBankAccountAccountTypeChecking, stripego.PaymentMethodUSBankAccountAccountHolderTypeIndividual
	if b.Type == connector.Savings || b.Type == connector.BusinessSavings {
		kind = stripego.PaymentMethodUSBankAccountAccountTypeSavings
	}
	if b.Type.Business() {
		holder = stripego.PaymentMethodUSBankAccountAccountHolderTypeCompany
	}
	p := &stripego.PaymentMethodCreateParams{
		Type:           stripego.String(methodTypes[payments.Bank]),
		BillingDetails: &stripego.PaymentMethodCreateBillingDetailsParams{Name: stripego.String(b.Holder)},
		USBankAccount: &stripego.PaymentMethodCreateUSBankAccountParams{
			AccountNumber:     stripego.String(b.Account),
			RoutingNumber:     stripego.String(b.Routing),
			AccountType:       stripego.String(string(kind)),
			AccountHolderType: stripego.String(string(holder)),
		},
	}
	p.SetIdempotencyKey(key)
	pm, err := t.gateway.client.V1PaymentMethods.Create(ctx, p)
	if err != nil {
		return nil, gatewayError(opToken, err)
	}
	if pm.ID == "" || pm.Object != "payment_method" {
		return nil, &payments.GatewayError{Op: opToken, Kind: payments.GatewayLost, Code: "unreadable_answer"}
	}
	return pm, nil
}
