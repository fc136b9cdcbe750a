package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"duebell/payments"
	"duebell/payments/connector"
)

// Gateway returns a gateway that counts and times each request to the processor and makes a span of it. A
// span holds the operation and what the answer proved; ids, amounts and tokens stay out of it.
// The answers and errors pass through unchanged, so retries and look-ups are decided as without it.
func Gateway(g payments.Gateway, m *Metrics) payments.Gateway { return measuredGateway{g, m} }

// measuredGateway implements every method: a new one must be measured as well.
type measuredGateway struct {
	gateway payments.Gateway
	metrics *Metrics
}

// askProcessor makes one measured request to the processor.
// op becomes a label, so it must be a constant. An error that is no GatewayError counts as "error".
func askProcessor[T any](ctx context.Context, m *Metrics, op string, request func(context.Context) (T, error)) (T, error) {
	ctx, s := startSpan(ctx, "processor "+op, attribute.String(attrOp, op))
	began := time.Now()
	got, err := request(ctx)
	// An answer is ok whatever it says: a declined card is a good answer.
	kind := "ok"
	if err != nil {
		kind = "error"
		if g, ok := payments.AsGatewayError(err); ok {
			kind = string(g.Kind)
		}
	}
	countRequest(m.gateway, m.gatewayTime, op, kind, began)
	s.SetAttributes(attribute.String(attrOutcome, kind))
	endSpan(s, err)
	return got, err
}

// Create creates the unconfirmed payment at the processor.
func (g measuredGateway) Create(ctx context.Context, key string, c payments.Charge) (payments.Intent, error) {
	return askProcessor(ctx, g.metrics, "create", func(ctx context.Context) (payments.Intent, error) { return g.gateway.Create(ctx, key, c) })
}

// Confirm asks for the money.
func (g measuredGateway) Confirm(ctx context.Context, key, id string, c payments.Charge) (payments.Intent, error) {
	return askProcessor(ctx, g.metrics, "confirm", func(ctx context.Context) (payments.Intent, error) { return g.gateway.Confirm(ctx, key, id, c) })
}

// Retrieve reads the payment by its id.
func (g measuredGateway) Retrieve(ctx context.Context, id string) (payments.Intent, error) {
	return askProcessor(ctx, g.metrics, "retrieve", func(ctx context.Context) (payments.Intent, error) { return g.gateway.Retrieve(ctx, id) })
}

// Cancel cancels the payment, so that no money will move.
func (g measuredGateway) Cancel(ctx context.Context, id string) (payments.Intent, error) {
	return askProcessor(ctx, g.metrics, "cancel", func(ctx context.Context) (payments.Intent, error) { return g.gateway.Cancel(ctx, id) })
}

// Tokenizer returns a tokenizer that counts and times the bank connector's requests to the processor.
func Tokenizer(t connector.Tokenizer, m *Metrics) connector.Tokenizer { return measuredTokenizer{t, m} }

// measuredTokenizer is Tokenizer's implementation.
type measuredTokenizer struct {
	tokenizer connector.Tokenizer
	metrics   *Metrics
}

// BankPaymentMethod makes the processor's payment method. Of the account nothing is recorded.
func (t measuredTokenizer) BankPaymentMethod(ctx context.Context, key string, b connector.BankAccount) (token, last4, bank string, err error) {
	type made struct{ token, last4, bank string }
	got, err := askProcessor(ctx, t.metrics, "tokenize", func(ctx context.Context) (m made, err error) {
		m.token, m.last4, m.bank, err = t.tokenizer.BankPaymentMethod(ctx, key, b)
		return m, err
	})
	return got.token, got.last4, got.bank, err
}

// ChargeStore returns a store that notes in the span of a charge job the attempt's method and each state it reaches.
// It counts nothing: settled attempts are counted by the charger's own hook.
func ChargeStore(b payments.ChargeStore) payments.ChargeStore { return tracedCharges{b} }

// tracedCharges passes every method on; those below also write into the span.
type tracedCharges struct{ payments.ChargeStore }

// noteState writes a state into the span, unless the call failed.
func noteState(ctx context.Context, s payments.State, err error) {
	if err == nil {
		annotate(ctx, attribute.String(attrState, string(s)))
	}
}

// LeaseAttempt leases the attempt.
func (t tracedCharges) LeaseAttempt(ctx context.Context, key string, now, machineNow, leaseUntil time.Time) (payments.ChargeLease, error) {
	c, err := t.ChargeStore.LeaseAttempt(ctx, key, now, machineNow, leaseUntil)
	if err == nil {
		annotate(ctx, attribute.String(attrMethod, string(c.Method)))
	}
	noteState(ctx, c.State, err)
	return c, err
}

// RecordIntent stores the id of the processor's payment.
func (t tracedCharges) RecordIntent(ctx context.Context, c payments.ChargeLease, id string) (payments.ChargeLease, error) {
	next, err := t.ChargeStore.RecordIntent(ctx, c, id)
	noteState(ctx, next.State, err)
	return next, err
}

// Release ends the lease without an outcome; the attempt is looked up again at nextLook.
func (t tracedCharges) Release(ctx context.Context, c payments.ChargeLease, nextLook time.Time) error {
	err := t.ChargeStore.Release(ctx, c, nextLook)
	if err == nil {
		annotate(ctx, attribute.String(attrOutcome, "looked at again later"))
	}
	return err
}

// Take books the payment as taken.
func (t tracedCharges) Take(ctx context.Context, c payments.ChargeLease, at time.Time) (payments.Attempt, error) {
	a, err := t.ChargeStore.Take(ctx, c, at)
	noteState(ctx, a.State, err)
	return a, err
}

// Decline records that nothing was charged.
func (t tracedCharges) Decline(ctx context.Context, c payments.ChargeLease, code string, at time.Time) (payments.Attempt, error) {
	a, err := t.ChargeStore.Decline(ctx, c, code, at)
	noteState(ctx, a.State, err)
	return a, err
}

// CheckoutStore returns a store that counts the attempts that end on a call: voided, or closed as offers.
func CheckoutStore(b payments.CheckoutStore, m *Metrics) payments.CheckoutStore {
	return countedCheckout{b, m}
}

// countedCheckout counts two methods; the others pass through.
type countedCheckout struct {
	payments.CheckoutStore
	metrics *Metrics
}

// Void cancels an authorized payment.
// A void that is repeated succeeds again and is counted again.
func (c countedCheckout) Void(ctx context.Context, key string, at time.Time) (payments.Attempt, error) {
	a, err := c.CheckoutStore.Void(ctx, key, at)
	if err == nil {
		c.metrics.Settled(a)
	}
	return a, err
}

// CloseOffer ends an offer that was not authorized.
func (c countedCheckout) CloseOffer(ctx context.Context, key string, at time.Time) error {
	err := c.CheckoutStore.CloseOffer(ctx, key, at)
	if err == nil {
		c.metrics.offersClosed.WithLabelValues("call").Inc()
	}
	return err
}

// SweepStore returns a store that counts what the sweeper found left over: attempts to wake up, offers to
// close, unknown payments that a person must settle.
func SweepStore(b payments.SweepStore, m *Metrics) payments.SweepStore { return countedSweeps{b, m} }

// countedSweeps counts three methods; the others pass through.
type countedSweeps struct {
	payments.SweepStore
	metrics *Metrics
}

// WakeDue queues a charge job for each attempt that is due and not leased.
// A number that stays high says that workers do not keep up, or that jobs are lost.
func (c countedSweeps) WakeDue(ctx context.Context, now, machineNow time.Time) (int, error) {
	n, err := c.SweepStore.WakeDue(ctx, now, machineNow)
	c.metrics.requeued.Add(float64(n))
	return n, err
}

// CloseOffer ends an offer whose call is over.
func (c countedSweeps) CloseOffer(ctx context.Context, key string, at time.Time) error {
	err := c.SweepStore.CloseOffer(ctx, key, at)
	if err == nil {
		c.metrics.offersClosed.WithLabelValues("sweeper").Inc()
	}
	return err
}

// TaskForUnknown leaves a task for each payment that stayed unknown for too long.
func (c countedSweeps) TaskForUnknown(ctx context.Context, before, at time.Time) (int, error) {
	n, err := c.SweepStore.TaskForUnknown(ctx, before, at)
	c.metrics.toPerson.Add(float64(n))
	return n, err
}

// EventStore returns a store that counts the processor's events and the payments that were returned.
func EventStore(b eventStore, m *Metrics) payments.EventStore { return countedEvents{b, m} }

// eventStore also reads an attempt back, to count a return under its method.
type eventStore interface {
	payments.EventStore
	Attempt(ctx context.Context, key string) (payments.Attempt, error)
}

// countedEvents counts two methods; the others pass through.
type countedEvents struct {
	eventStore
	metrics *Metrics
}

// Return records that a taken payment came back.
// The same event again finds the attempt returned and is counted again: Return does not say whether it did
// anything.
func (c countedEvents) Return(ctx context.Context, key, code string, at time.Time) error {
	if err := c.eventStore.Return(ctx, key, code, at); err != nil {
		return err
	}
	// The return is stored by now; where the attempt cannot be read only its count is lost.
	if a, err := c.Attempt(ctx, key); err == nil && a.State == payments.Returned {
		c.metrics.Settled(a)
	}
	return nil
}

// RecordEvent records that an event was processed.
func (c countedEvents) RecordEvent(ctx context.Context, e payments.Event, at time.Time) error {
	c.metrics.events.WithLabelValues(string(e.Kind)).Inc()
	return c.eventStore.RecordEvent(ctx, e, at)
}
