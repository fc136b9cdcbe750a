package app

import (
	"net/http"

	"duebell/billing"
	"duebell/internal/telemetry"
	"duebell/payments/connector"
	"duebell/payments/stripe"
)

// ConnectorHandler returns the handler of the bank connector. It knows the processor and no store: bank numbers
// pass through memory only (promise P4: no secret kept).
//
// d.Machine dates its log lines only. The password check and the refusal of card fields are the connector's
// own.
func ConnectorHandler(cfg Config, d Deps) http.Handler {
	d = d.withDefaults()
	cfg.Timing = cfg.Timing.withDefaults(cfg.Policy)
	tokenizer := stripe.NewTokenizer(stripe.Config{Key: cfg.StripeAPIKey, URL: cfg.StripeAPIURL, Timeout: cfg.Timing.Gateway})
	return telemetry.Requests(connector.Handler(connector.Config{
		User: cfg.ConnectorUser, Password: cfg.ConnectorPassword, CheckRouting: billing.CheckRouting,
		MinDigits: cfg.Policy.BankAccountMinDigits, MaxDigits: cfg.Policy.BankAccountMaxDigits, Now: d.Machine.Now, Log: d.Log,
		Tokenizer: telemetry.Tokenizer(tokenizer, d.Metrics),
	}))
}
