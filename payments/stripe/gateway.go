// Package stripe is the payments.Gateway that speaks to Stripe with stripe-go, the maker of
// bank payment methods for the connector, and the reader of Stripe's events.
//
// It owns the words of the processor: what a status, an error or an event of Stripe's proves,
// in ours. It refuses to decide anything from that, to repeat a request by itself, and to let
// Stripe's prose, a client secret or a number into an error or a log: an error names the
// operation, what it proves and a short code.
//
// The order of the calls is the charger's. What it relies on here: the object is created
// unconfirmed under its own key with the payment method named once, at create; a confirm
// asks for failure instead of waiting for the payer; a phone order is marked at confirm
// only; a bank debit carries the instant of assent as an offline acceptance and no
// collection method, which would file it as a paper authorization.
package stripe

import (
	"context"
	"net/http"
	"time"

	stripego "github.com/stripe/stripe-go/v85"

	"duebell/payments"
)

// Config is what the gateway needs. URL is Stripe's own when empty.
type Config struct {
	Key        string
	URL        string
	HTTPClient *http.Client  // default: one with room for many calls at once
	Timeout    time.Duration // of one request, by the machine's clock; default 20 s
}

// Gateway speaks to Stripe. It is safe for use by many at once.
type Gateway struct {
	client  *stripego.Client
	timeout time.Duration
}

var _ payments.Gateway = (*Gateway)(nil)

// defaultTimeout leaves room for a create and a confirm in one job of 45 s.
const defaultTimeout = 20 * time.Second

// New makes a gateway. Of stripe-go's habits it turns off three: repeating a request twice
// by itself, printing errors with their bodies to standard error, and sending telemetry.
func New(cfg Config) *Gateway {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	backend := &stripego.BackendConfig{
		HTTPClient:        httpClient(cfg.HTTPClient),
		LeveledLogger:     &stripego.LeveledLogger{Level: stripego.LevelNull},
		MaxNetworkRetries: stripego.Int64(0),
		EnableTelemetry:   stripego.Bool(false),
	}
	if cfg.URL != "" {
		backend.URL = &cfg.URL
	}
	api := stripego.GetBackendWithConfig(stripego.APIBackend, backend)
	backends := &stripego.Backends{API: api, Connect: api, Uploads: api, MeterEvents: api}
	return &Gateway{
		client:  stripego.NewClient(cfg.Key, stripego.WithBackends(backends)),
		timeout: cfg.Timeout,
	}
}

// httpClient never follows a redirect: a payment is not to be posted anywhere else. It has
// no time-out of its own, because each request has one.
func httpClient(given *http.Client) *http.Client {
	var c http.Client
	if given != nil {
		c = *given
	} else {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
		c.Transport = t
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// Create makes the unconfirmed object under key.
func (g *Gateway) Create(ctx context.Context, key string, c payments.Charge) (payments.Intent, error) {
	kind, ok := methodTypes[c.Method]
	if !ok || c.Token == "" {
		return payments.Intent{}, &payments.GatewayError{Op: opCreate, Kind: payments.GatewayConfig, Code: "charge_incomplete"}
	}
	p := &stripego.PaymentIntentCreateParams{
		Amount:             stripego.Int64(c.Cents),
		Currency:           stripego.String(string(stripego.CurrencyUSD)),
		PaymentMethod:      stripego.String(c.Token),
		PaymentMethodTypes: []*string{stripego.String(kind)},
		Metadata:           map[string]string{"reference": c.Reference},
	}
	p.SetIdempotencyKey(key)
	return g.call(ctx, opCreate, "", func(ctx context.Context) (*stripego.PaymentIntent, error) {
		return g.client.V1PaymentIntents.Create(ctx, p)
	})
}

// Confirm asks for the money under key. A decline is a GatewayRefused with the Intent filled
// in; so is a confirm of an object that has moved on, and then the Intent says how it stands.
func (g *Gateway) Confirm(ctx context.Context, key, id string, c payments.Charge) (payments.Intent, error) {
	p := &stripego.PaymentIntentConfirmParams{ErrorOnRequiresAction: stripego.Bool(true)}
	switch {
	case c.Method == payments.Bank && c.AcceptedAt.IsZero():
		return payments.Intent{}, &payments.GatewayError{Op: opConfirm, Kind: payments.GatewayConfig, Code: "charge_incomplete"}
	case c.Method == payments.Bank:
		p.MandateData = &stripego.PaymentIntentMandateDataParams{
			CustomerAcceptance: &stripego.PaymentIntentMandateDataCustomerAcceptanceParams{
				Type:       stripego.String("offline"),
				AcceptedAt: stripego.Int64(c.AcceptedAt.Unix()),
			},
		}
	case c.PhoneOrder:
		p.PaymentMethodOptions = &stripego.PaymentIntentPaymentMethodOptionsParams{
			Card: &stripego.PaymentIntentPaymentMethodOptionsCardParams{MOTO: stripego.Bool(true)},
		}
	}
	p.SetIdempotencyKey(key)
	return g.call(ctx, opConfirm, id, func(ctx context.Context) (*stripego.PaymentIntent, error) {
		return g.client.V1PaymentIntents.Confirm(ctx, id, p)
	})
}

// Retrieve looks the object up by its id, the only look-up that is never behind.
func (g *Gateway) Retrieve(ctx context.Context, id string) (payments.Intent, error) {
	return g.call(ctx, opRetrieve, id, func(ctx context.Context) (*stripego.PaymentIntent, error) {
		return g.client.V1PaymentIntents.Retrieve(ctx, id, nil)
	})
}

// Cancel makes sure that no money will move. An object that was cancelled before is no
// error; one that cannot be cancelled is a GatewayRefused whose Intent says how it stands.
func (g *Gateway) Cancel(ctx context.Context, id string) (payments.Intent, error) {
	// stripe-go gives each try a key of its own. That is right here: a stored 500 under a
	// fixed key would keep the object from ever being cancelled.
	intent, err := g.call(ctx, opCancel, id, func(ctx context.Context) (*stripego.PaymentIntent, error) {
		return g.client.V1PaymentIntents.Cancel(ctx, id, nil)
	})
	if e, ok := payments.AsGatewayError(err); ok && e.Intent != nil && e.Intent.State == payments.IntentCanceled {
		return *e.Intent, nil
	}
	return intent, err
}

// Check asks for the account behind the key: whether the processor is there and knows us.
func (g *Gateway) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	account, err := g.client.V1Accounts.Retrieve(ctx, nil)
	switch {
	case err != nil:
		return gatewayError(opCheck, err)
	case !account.ChargesEnabled:
		return &payments.GatewayError{Op: opCheck, Kind: payments.GatewayConfig, Code: "charges_not_enabled"}
	}
	return nil
}

// Operations, as errors name them.
const (
	opCreate   = "create"
	opConfirm  = "confirm"
	opRetrieve = "retrieve"
	opCancel   = "cancel"
	opCheck    = "check"
	opToken    = "tokenize"
)

// call does one request within the time-out and reads its object. A success that does not
// show the object asked for (a proxy's page, another object) proves nothing.
func (g *Gateway) call(ctx context.Context, op, id string, do func(context.Context) (*stripego.PaymentIntent, error)) (payments.Intent, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	pi, err := do(ctx)
	if err != nil {
		return payments.Intent{}, gatewayError(op, err)
	}
	if pi.ID == "" || pi.Object != "payment_intent" || (id != "" && pi.ID != id) {
		return payments.Intent{}, &payments.GatewayError{Op: op, Kind: payments.GatewayLost, Code: "unreadable_answer"}
	}
	return intentOf(pi), nil
}

var methodTypes = map[payments.Method]string{
	payments.Card: string(stripego.PaymentMethodTypeCard),
	payments.Bank: string(stripego.PaymentMethodTypeUSBankAccount),
}
