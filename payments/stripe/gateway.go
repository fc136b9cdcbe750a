// Package stripe implements payments.Gateway on Stripe with stripe-go, makes the bank payment
// methods for the connector, and reads Stripe's events.
//
// It owns the translation: what a status, an error or an event of Stripe's proves, in the words of
// package payments. It refuses to decide anything from that, to repeat a request by itself, and to
// let Stripe's messages, a client secret or a number into an error or a log: an error names the
// operation, what it proves and a short code.
//
// The order of the calls is the Charger's. What it relies on here (twilio.md §13.1, §13.2):
//   - The object is created unconfirmed under its own key, and the payment method is named once, at create: a confirm that
//     arrives after a decline finds none.
//   - A confirm asks for failure (error_on_requires_action) instead of waiting for the payer.
//   - A phone order (moto) is marked at confirm only; Stripe takes it nowhere else.
//   - A bank debit carries the instant of assent as an offline acceptance and no collection method, which would file it
//     as a paper authorization (PPD).
package stripe

import (
	"context"
	"net/http"
	"time"

	stripego "github.com/stripe/stripe-go/v85"

	"duebell/payments"
)

// Config holds the settings of a Gateway and a Tokenizer. An empty URL means Stripe's own. Key is Stripe's
// secret key and goes into no log.
type Config struct {
	Key        string
	URL        string
	HTTPClient *http.Client  // default: one with room for many calls at once
	Timeout    time.Duration // of one request, by the machine's clock; default 20 s
}

// Gateway implements payments.Gateway on Stripe. It may be used by many goroutines at once. The key, the
// address and the time-out are fixed when it is made.
type Gateway struct {
	client  *stripego.Client
	timeout time.Duration
}

var _ payments.Gateway = (*Gateway)(nil)

// defaultTimeout leaves room for a create and a confirm in one job of 45 s (design.md §5 (3));
// stripe-go would wait 80 s.
const defaultTimeout = 20 * time.Second

// New makes a Gateway. It turns off three defaults of stripe-go: repeating a request twice by itself (whether
// a request may be repeated is the Charger's decision), printing errors with their bodies to standard error,
// and sending telemetry. It does not ask Stripe for anything: Check does.
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

// httpClient returns a client that never follows a redirect: a payment is not to be posted anywhere
// else. It has no time-out of its own, because each request has one.
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

// Create makes the unconfirmed PaymentIntent under key, without customer and for this one use. A charge
// without token or with an unknown method is a GatewayConfig error and is not sent. No setup_future_usage and
// no off_session: the payment method is not kept (rule P3: card code used once).
func (g *Gateway) Create(ctx context.Context, key string, c payments.Charge) (payments.Intent, error) {
	kind, ok := methodTypes[c.Method]
	if !ok || c.Token == "" {
		return payments.Intent{}, &payments.GatewayError{Op: opCreate, Kind: payments.GatewayConfig, Code: "charge_incomplete"}
	}
	// The reference goes along as metadata, so that people find the payment at Stripe by the number that the
	// caller has.
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

// Confirm asks for the money under key. A decline is a GatewayRefused with the Intent filled in; so
// is a confirm of an object that has moved on, and then the Intent says how it stands.
func (g *Gateway) Confirm(ctx context.Context, key, id string, c payments.Charge) (payments.Intent, error) {
	p := &stripego.PaymentIntentConfirmParams{ErrorOnRequiresAction: stripego.Bool(true)}
	switch {
	case c.Method == payments.Bank && c.AcceptedAt.IsZero(): // a mandate without its instant would be no evidence
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

// Retrieve looks the object up by its id. Stripe's search may be a minute behind, this never is. It is what
// an unknown outcome is settled by (twilio.md §13.2, 4).
func (g *Gateway) Retrieve(ctx context.Context, id string) (payments.Intent, error) {
	return g.call(ctx, opRetrieve, id, func(ctx context.Context) (*stripego.PaymentIntent, error) {
		return g.client.V1PaymentIntents.Retrieve(ctx, id, nil)
	})
}

// Cancel makes sure that no money will move, and returns the object. One that was cancelled before
// is no error; one that cannot be cancelled is a GatewayRefused whose Intent says how it stands.
func (g *Gateway) Cancel(ctx context.Context, id string) (payments.Intent, error) {
	// stripe-go draws a key for each request. That is right here: a stored 500 under a fixed key
	// would keep the object from ever being cancelled, and cancelling twice does no harm.
	intent, err := g.call(ctx, opCancel, id, func(ctx context.Context) (*stripego.PaymentIntent, error) {
		return g.client.V1PaymentIntents.Cancel(ctx, id, nil)
	})
	if e, ok := payments.AsGatewayError(err); ok && e.Intent != nil && e.Intent.State == payments.IntentCanceled {
		return *e.Intent, nil
	}
	return intent, err
}

// Check asks Stripe for the account behind the key and returns an error unless Stripe answers,
// knows the key, and lets the account charge. It is for doctor.
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

// call does one request within the time-out and returns its object. A success that does not show the object
// asked for (a proxy's page, another object) proves nothing, so it is GatewayLost. A time-out is GatewayLost:
// the request may have been carried out.
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

// methodTypes are the payment_method_types of a PaymentIntent: exactly one, because with none a
// confirm may want a return_url.
var methodTypes = map[payments.Method]string{
	payments.Card: string(stripego.PaymentMethodTypeCard),
	payments.Bank: string(stripego.PaymentMethodTypeUSBankAccount),
}
