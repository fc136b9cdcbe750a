package app

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"duebell/payments"
	"duebell/payments/connector"
	"duebell/store"
)

// watchedGateway counts and times what the processor is asked. A span says the operation and what the
// answer proved; ids, amounts and tokens stay out of it.
type watchedGateway struct {
	gateway payments.Gateway
	metrics *Metrics
}

func (w watchedGateway) ask(ctx context.Context, op string, f func(context.Context) (payments.Intent, error)) (payments.Intent, error) {
	return askProcessor(ctx, w.metrics, op, f)
}

// askProcessor makes one request to the processor, watched.
func askProcessor[T any](ctx context.Context, m *Metrics, op string, f func(context.Context) (T, error)) (T, error) {
	ctx, sp := span(ctx, "processor "+op, attribute.String(attrOp, op))
	began := time.Now()
	got, err := f(ctx)
	kind := "ok"
	if err != nil {
		kind = "error"
		if g, ok := payments.AsGatewayError(err); ok {
			kind = string(g.Kind)
		}
	}
	asked(m.gateway, m.gatewayTime, op, kind, began)
	sp.SetAttributes(attribute.String(attrOutcome, kind))
	ended(sp, err)
	return got, err
}

// Create makes the unconfirmed object.
func (w watchedGateway) Create(ctx context.Context, key string, c payments.Charge) (payments.Intent, error) {
	return w.ask(ctx, "create", func(ctx context.Context) (payments.Intent, error) { return w.gateway.Create(ctx, key, c) })
}

// Confirm asks for the money.
func (w watchedGateway) Confirm(ctx context.Context, key, id string, c payments.Charge) (payments.Intent, error) {
	return w.ask(ctx, "confirm", func(ctx context.Context) (payments.Intent, error) { return w.gateway.Confirm(ctx, key, id, c) })
}

// Retrieve looks the object up.
func (w watchedGateway) Retrieve(ctx context.Context, id string) (payments.Intent, error) {
	return w.ask(ctx, "retrieve", func(ctx context.Context) (payments.Intent, error) { return w.gateway.Retrieve(ctx, id) })
}

// Cancel makes sure that no money will move.
func (w watchedGateway) Cancel(ctx context.Context, id string) (payments.Intent, error) {
	return w.ask(ctx, "cancel", func(ctx context.Context) (payments.Intent, error) { return w.gateway.Cancel(ctx, id) })
}

// watchedTokenizer counts and times the tokens of bank accounts.
type watchedTokenizer struct {
	tokenizer connector.Tokenizer
	metrics   *Metrics
}

// BankPaymentMethod makes the processor's payment method.
func (w watchedTokenizer) BankPaymentMethod(ctx context.Context, key string, b connector.BankAccount) (token, last4, bank string, err error) {
	type made struct{ token, last4, bank string }
	got, err := askProcessor(ctx, w.metrics, "tokenize", func(ctx context.Context) (m made, err error) {
		m.token, m.last4, m.bank, err = w.tokenizer.BankPaymentMethod(ctx, key, b)
		return m, err
	})
	return got.token, got.last4, got.bank, err
}

// watchedCharges tells the span of a charge which attempt it is and how far it comes.
type watchedCharges struct{ payments.ChargeStore }

func (w watchedCharges) state(ctx context.Context, s payments.State, err error) {
	if err == nil {
		note(ctx, attribute.String(attrState, string(s)))
	}
}

// LeaseAttempt leases the attempt to this worker.
func (w watchedCharges) LeaseAttempt(ctx context.Context, key string, now, machineNow, leaseUntil time.Time) (payments.ChargeLease, error) {
	c, err := w.ChargeStore.LeaseAttempt(ctx, key, now, machineNow, leaseUntil)
	if err == nil {
		note(ctx, attribute.String(attrMethod, string(c.Method)))
	}
	w.state(ctx, c.State, err)
	return c, err
}

// RecordIntent stores the processor's object.
func (w watchedCharges) RecordIntent(ctx context.Context, c payments.ChargeLease, id string) (payments.ChargeLease, error) {
	next, err := w.ChargeStore.RecordIntent(ctx, c, id)
	w.state(ctx, next.State, err)
	return next, err
}

// Release puts the attempt off: its outcome is not known.
func (w watchedCharges) Release(ctx context.Context, c payments.ChargeLease, nextLook time.Time) error {
	err := w.ChargeStore.Release(ctx, c, nextLook)
	if err == nil {
		note(ctx, attribute.String(attrOutcome, "looked at again later"))
	}
	return err
}

// Take books the money.
func (w watchedCharges) Take(ctx context.Context, c payments.ChargeLease, at time.Time) (payments.Attempt, error) {
	a, err := w.ChargeStore.Take(ctx, c, at)
	w.state(ctx, a.State, err)
	return a, err
}

// Decline records that nothing was charged.
func (w watchedCharges) Decline(ctx context.Context, c payments.ChargeLease, code string, at time.Time) (payments.Attempt, error) {
	a, err := w.ChargeStore.Decline(ctx, c, code, at)
	w.state(ctx, a.State, err)
	return a, err
}

// watchedDesk counts the ends of attempts that are reached on a call.
type watchedDesk struct {
	payments.CheckoutStore
	metrics *Metrics
}

// Void cancels an authorized payment.
func (w watchedDesk) Void(ctx context.Context, key string, at time.Time) (payments.Attempt, error) {
	a, err := w.CheckoutStore.Void(ctx, key, at)
	if err == nil {
		w.metrics.Settled(a)
	}
	return a, err
}

// CloseOffer ends an offer that came to nothing.
func (w watchedDesk) CloseOffer(ctx context.Context, key string, at time.Time) error {
	err := w.CheckoutStore.CloseOffer(ctx, key, at)
	if err == nil {
		w.metrics.offersClosed.WithLabelValues("call").Inc()
	}
	return err
}

// watchedSweeps counts what the sweeper finds left behind.
type watchedSweeps struct {
	payments.SweepStore
	metrics *Metrics
}

// WakeDue enqueues wake-up jobs for due attempts.
func (w watchedSweeps) WakeDue(ctx context.Context, now, machineNow time.Time) (int, error) {
	n, err := w.SweepStore.WakeDue(ctx, now, machineNow)
	w.metrics.nudged.Add(float64(n))
	return n, err
}

// CloseOffer ends an offer whose call is over.
func (w watchedSweeps) CloseOffer(ctx context.Context, key string, at time.Time) error {
	err := w.SweepStore.CloseOffer(ctx, key, at)
	if err == nil {
		w.metrics.offersClosed.WithLabelValues("sweeper").Inc()
	}
	return err
}

// TaskForUnknown hands to a person what stays unknown.
func (w watchedSweeps) TaskForUnknown(ctx context.Context, before, at time.Time) (int, error) {
	n, err := w.SweepStore.TaskForUnknown(ctx, before, at)
	w.metrics.toPerson.Add(float64(n))
	return n, err
}

// watchedEvents counts the processor's events and the payments that came back.
type watchedEvents struct {
	*store.Store
	metrics *Metrics
}

// Return records that a taken payment came back.
func (w watchedEvents) Return(ctx context.Context, key, code string, at time.Time) error {
	if err := w.Store.Return(ctx, key, code, at); err != nil {
		return err
	}
	if a, err := w.Attempt(ctx, key); err == nil && a.State == payments.Returned {
		w.metrics.Settled(a)
	}
	return nil
}

// RecordEvent records that an event has been dealt with.
func (w watchedEvents) RecordEvent(ctx context.Context, e payments.Event, at time.Time) error {
	w.metrics.events.WithLabelValues(string(e.Kind)).Inc()
	return w.Store.RecordEvent(ctx, e, at)
}
