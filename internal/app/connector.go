package app

import (
	"log/slog"
	"net/http"

	"duebell/billing"
	"duebell/payments/connector"
	"duebell/payments/stripe"
)

// ConnectorHandler is the bank connector: it knows the processor and nothing else of ours.
func ConnectorHandler(cfg Config, log *slog.Logger) http.Handler {
	cfg.Timing = cfg.Timing.withDefaults()
	return connector.Handler(connector.Config{
		User: cfg.ConnectorUser, Password: cfg.ConnectorPassword, CheckRouting: billing.CheckRouting, Now: SystemClock{}.Now, Log: log,
		Tokenizer: stripe.NewTokenizer(stripe.Config{Key: cfg.StripeAPIKey, URL: cfg.StripeAPIURL, Timeout: cfg.Timing.Gateway}),
	})
}
