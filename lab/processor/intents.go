package processor

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Statuses of a PaymentIntent.
const (
	requiresMethod       = "requires_payment_method"
	requiresConfirmation = "requires_confirmation"
	requiresAction       = "requires_action"
	processing           = "processing"
	succeeded            = "succeeded"
	canceled             = "canceled"
)

// intent is a PaymentIntent: one wish to be paid, and all tries to fulfil it. Money moves in confirm alone,
// and at most once. Guarded by Processor.mu; the exported fields are what Save writes.
type intent struct {
	ID     string
	Secret string
	// In cents.
	Amount int64
	// The payment method it holds now; a decline takes it away.
	Method string
	// The types it may be paid with; never empty.
	Types []string
	// Made without payment_method_types: then confirm wants a return_url.
	Automatic bool
	Metadata  map[string]string
	// The description, as the gateway shows it.
	Text   string
	Status string
	// Why the last try failed; nil once a confirm begins anew.
	Error *apiError
	// What the customer would have to do, in requires_action; the product cancels such a one (twilio.md
	// §13.2).
	Action  string
	Created time.Time

	// The charge's id, once a confirm was tried, also in vain.
	Charge string
	// The payment method that was charged, or was to be.
	Charged string
	// Money moved or is moving. It stays true when the money comes back.
	Moved bool
	// The money came back: a bounced debit or a dispute.
	Returned    bool
	ConfirmedAt time.Time
	CanceledAt  time.Time
	CancelWhy   string
	// The instant of a bank debit's outcome; zero for cards and once a dispute has decided it.
	SettlesAt time.Time
}

// intentView is a PaymentIntent as the API shows it. Fields that are never set are there because stripe-go
// and people expect them.
type intentView struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"`
	Received       int64             `json:"amount_received"`
	CanceledAt     *int64            `json:"canceled_at"`
	CancelWhy      *string           `json:"cancellation_reason"`
	CaptureMethod  string            `json:"capture_method"`
	ClientSecret   string            `json:"client_secret"`
	Confirmation   string            `json:"confirmation_method"`
	Created        int64             `json:"created"`
	Currency       string            `json:"currency"`
	Customer       *string           `json:"customer"`
	Description    *string           `json:"description"`
	LastError      *apiError         `json:"last_payment_error"`
	LatestCharge   *string           `json:"latest_charge"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	NextAction     map[string]any    `json:"next_action"`
	Method         *string           `json:"payment_method"`
	MethodTypes    []string          `json:"payment_method_types"`
	SetupFutureUse *string           `json:"setup_future_usage"`
	Status         string            `json:"status"`
}

// createIntent makes a PaymentIntent, unconfirmed: no money moves. Amounts are in cents, from 50 (Stripe's
// least) on; the currency is usd. With a payment method it waits to be confirmed, without one for a method.
// The lock is held.
func (p *Processor) createIntent(q params, now time.Time) (any, *apiError) {
	// Cents without sign or point; ParseInt would take a minus, which the least amount refuses.
	amount, err := strconv.ParseInt(q["amount"], 10, 64)
	switch {
	case err != nil:
		return nil, invalid("parameter_invalid_integer", "amount", "Invalid integer.")
	case amount < 50:
		return nil, invalid("amount_too_small", "amount", "Amount must be at least $0.50 usd.")
	case amount > 99999999:
		return nil, invalid("amount_too_large", "amount", "Amount must be no more than $999,999.99.")
	case q["currency"] != "usd":
		return nil, invalid("", "currency", "Invalid currency: the stand-in takes usd.")
	}
	types := q.list("payment_method_types")
	// Stripe then offers whatever the account has, and may redirect the payer: confirm asks where to.
	automatic := len(types) == 0
	if automatic {
		types = []string{card, usBank}
	}
	for _, t := range types {
		if t != card && t != usBank {
			return nil, invalid("", "payment_method_types", "The payment method type is invalid.")
		}
	}
	status := requiresMethod
	if id := q["payment_method"]; id != "" {
		// Refused here already, so a PaymentIntent never begins with a method that cannot pay it.
		if fault := p.usable(id, types); fault != nil {
			return nil, fault
		}
		status = requiresConfirmation
	}
	in := &intent{
		ID: p.id("pi"), Amount: amount, Method: q["payment_method"], Types: types, Automatic: automatic,
		Metadata: q.under("metadata"), Text: q["description"], Status: status, Created: now,
	}
	// Shown as Stripe shows it; the stand-in takes it for nothing.
	in.Secret = in.ID + "_secret_standin"
	p.state.Intents = append(p.state.Intents, in)
	p.state.byID[in.ID] = in
	return in.view(), nil
}

// usable refuses a payment method that cannot pay a PaymentIntent of these types, and one that was used
// before: without a customer it works once (twilio.md §13.1). Nil: it may be used. The lock is held.
func (p *Processor) usable(id string, types []string) *apiError {
	m := p.state.Methods[id]
	if m == nil {
		e := noSuch("PaymentMethod", "payment_method")
		// The id stands in a field and not in the path, so it is no 404.
		e.status = 400
		return e
	}
	if !slices.Contains(types, m.Type) {
		return invalid("payment_intent_incompatible_payment_method", "payment_method",
			"The PaymentMethod provided ("+m.Type+") is not allowed for this PaymentIntent.")
	}
	if m.Used {
		return invalid("", "", "The provided PaymentMethod was previously used with a PaymentIntent without "+
			"Customer attachment. It may not be used again. To use a PaymentMethod multiple times, "+
			"you must attach it to a Customer first.")
	}
	return nil
}

// getIntent shows one: the way to learn what became of a request whose reply was lost. The lock is held.
func (p *Processor) getIntent(id string) (any, *apiError) {
	in := p.state.byID[id]
	if in == nil {
		return nil, noSuch("payment_intent", "intent")
	}
	return in.view(), nil
}

// listIntents lists them, newest first; all of them unless a limit is named. The lock is held.
func (p *Processor) listIntents(q params) (any, *apiError) {
	limit := len(p.state.Intents)
	if s := q["limit"]; s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, invalid("parameter_invalid_integer", "limit", "Invalid integer.")
		}
		limit = n
	}
	data := []intentView{}
	// An id that is unknown skips everything, and the list is empty.
	after, seen := q["starting_after"], q["starting_after"] == ""
	more := false
	for _, in := range slices.Backward(p.state.Intents) {
		if !seen {
			seen = in.ID == after
			continue
		}
		if len(data) == limit {
			more = true
			break
		}
		data = append(data, in.view())
	}
	return map[string]any{"object": "list", "url": "/v1/payment_intents", "has_more": more, "data": data}, nil
}

// cancelable are the statuses in which no money has moved. processing is left out: Stripe allows it in rare
// cases, and here never.
var cancelable = []string{requiresMethod, requiresConfirmation, requiresAction, "requires_capture"}

// cancelIntent cancels one that has not moved money. After that it never does, which is what lets the product
// say "not charged" (twilio.md §13.2, rule 5). A second cancel is refused with the status. The lock is held.
func (p *Processor) cancelIntent(req request, q params, now time.Time) (any, *apiError) {
	in := p.state.byID[req.id]
	if in == nil {
		return nil, noSuch("payment_intent", "intent")
	}
	why := q["cancellation_reason"]
	if why != "" && !slices.Contains([]string{"duplicate", "fraudulent", "requested_by_customer", "abandoned"}, why) {
		return nil, invalid("", "cancellation_reason", "Invalid cancellation_reason.")
	}
	if !slices.Contains(cancelable, in.Status) {
		return nil, wrongState(in, in.view(), "You cannot cancel this PaymentIntent because it has a status of "+in.Status+
			". Only a PaymentIntent with one of the following statuses may be canceled: "+strings.Join(cancelable, ", ")+".")
	}
	// The payment method that it holds stays as it is, used or not.
	in.Status, in.CanceledAt, in.CancelWhy, in.Action = canceled, now, why, ""
	p.queueEvent("payment_intent.canceled", in.view(), now)
	return in.view(), nil
}

// view returns a PaymentIntent as the API shows it now. It shares Metadata and Error with the PaymentIntent,
// so it is turned into JSON before the lock is released.
func (in *intent) view() intentView {
	v := intentView{
		ID: in.ID, Object: "payment_intent", Amount: in.Amount, CaptureMethod: "automatic_async",
		ClientSecret: in.Secret, Confirmation: "automatic", Created: in.Created.Unix(), Currency: "usd",
		Description: optional(in.Text), LastError: in.Error, LatestCharge: optional(in.Charge),
		Metadata: in.Metadata, Method: optional(in.Method), MethodTypes: in.Types, Status: in.Status,
		CancelWhy: optional(in.CancelWhy),
	}
	// What is only processing has not been received.
	if in.Status == succeeded {
		v.Received = in.Amount
	}
	if !in.CanceledAt.IsZero() {
		at := in.CanceledAt.Unix()
		v.CanceledAt = &at
	}
	if in.Action != "" {
		v.NextAction = map[string]any{"type": in.Action}
	}
	return v
}

// optional returns nil for an empty string: JSON's null.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
