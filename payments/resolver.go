package payments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duebell/billing"
)

// Verdict is what a person has found out about an unknown payment.
type Verdict string

const (
	VerdictTaken      Verdict = "taken"
	VerdictNotCharged Verdict = "not-charged"
)

// Resolution is a person's evidence about an unknown payment.
type Resolution struct {
	Reference string
	Verdict   Verdict
	Evidence  string // what was seen, and where
	By        string // who looked
}

// ResolveStore keeps the attempts for Resolver; package store implements it.
type ResolveStore interface {
	ChargeStore
	AttemptByReference(ctx context.Context, reference string) (Attempt, error)
	// LeaseForPerson is LeaseAttempt for a person: whenever the next look-up would be due, and only
	// once the processor has an object. ErrNoSuchAttempt: a worker has leased it.
	LeaseForPerson(ctx context.Context, key string, machineNow, leaseUntil time.Time) (ChargeLease, error)
	RecordResolution(ctx context.Context, key string, r Resolution, at time.Time) error
}

// Resolver settles an unknown payment with a person's evidence (L3: only evidence ends it). The
// gateway is asked first, and what contradicts it is refused: a person's word never beats the
// processor's own.
//
// The evidence is written before the outcome. If the process dies between the two, the payment
// stays unknown and its task open; when the lease has run out the same command does the rest, and
// workers look it up meanwhile.
type Resolver struct {
	charger *Charger
	store   ResolveStore
	gateway Gateway
	clock   billing.Clock
	machine billing.Clock
}

// NewResolver makes a Resolver. It writes outcomes through the charger, so that they are logged and
// counted alike.
func NewResolver(c *Charger, store ResolveStore, gateway Gateway, clock, machine billing.Clock) *Resolver {
	return &Resolver{charger: c, store: store, gateway: gateway, clock: clock, machine: machine}
}

// ErrContradicted says that the processor says something else than the person.
var ErrContradicted = errors.New("the processor contradicts this")

// Resolve settles the payment with that reference and returns it as it then stands. Its errors are
// sentences for the operator; the payment is unchanged when there is one.
func (r *Resolver) Resolve(ctx context.Context, res Resolution) (Attempt, error) {
	switch {
	case res.Verdict != VerdictTaken && res.Verdict != VerdictNotCharged:
		return Attempt{}, fmt.Errorf("verdict %q: say taken or not-charged", res.Verdict)
	case res.Evidence == "" || res.By == "":
		return Attempt{}, errors.New("evidence and by are both needed: what was seen, and who saw it")
	}
	a, err := r.store.AttemptByReference(ctx, res.Reference)
	if err != nil {
		return Attempt{}, err
	}
	if !a.State.Open() {
		return a, fmt.Errorf("payment %s is settled already: it is %s", res.Reference, a.State)
	}
	if a.IntentID == "" {
		return a, fmt.Errorf("payment %s has not reached the processor yet: let the worker charge it, or have the caller cancel it", res.Reference)
	}
	machineNow := r.machine.Now()
	lease, err := r.store.LeaseForPerson(ctx, a.Key, machineNow, machineNow.Add(time.Minute))
	// Not wrapped: the attempt exists, and ErrNoSuchAttempt would tell the operator that the reference is wrong.
	if errors.Is(err, ErrNoSuchAttempt) {
		return a, fmt.Errorf("a worker is looking this payment up right now; payment %s is unchanged, try again in a minute", res.Reference)
	}
	if err != nil {
		return a, err
	}
	if err := r.settle(ctx, lease, res); err != nil {
		return a, err
	}
	return r.store.AttemptByReference(ctx, res.Reference)
}

// settle asks the processor, makes sure that nothing can still be charged, and writes the evidence
// and then the outcome.
func (r *Resolver) settle(ctx context.Context, lease ChargeLease, res Resolution) error {
	intent, err := r.gateway.Retrieve(ctx, lease.IntentID)
	if err != nil {
		return r.release(ctx, lease, fmt.Errorf("the processor must be asked first and does not answer, try again later: %w", err))
	}
	err = checkVerdict(lease.Attempt, intent, res.Verdict)
	if err == nil && res.Verdict == VerdictNotCharged {
		err = r.ensureCanceled(ctx, lease, intent)
	}
	if err != nil {
		return r.release(ctx, lease, err)
	}
	if err := r.store.RecordResolution(ctx, lease.Key, res, r.clock.Now()); err != nil {
		return r.release(ctx, lease, err)
	}
	// A crash here leaves evidence without outcome: the payment is still unknown, and the command
	// may be repeated.
	if res.Verdict == VerdictTaken {
		return r.charger.recordTaken(ctx, lease)
	}
	return r.charger.recordDeclined(ctx, lease, "resolved")
}

// release ends the lease, due at once: a worker may find plainly what was refused here. It returns
// why, and the store's error if there is one.
func (r *Resolver) release(ctx context.Context, lease ChargeLease, why error) error {
	return errors.Join(why, r.store.Release(ctx, lease, r.clock.Now()))
}

// ensureCanceled cancels an object that can still be confirmed. Only then was nothing charged.
func (r *Resolver) ensureCanceled(ctx context.Context, lease ChargeLease, i Intent) error {
	if i.State == IntentCanceled || i.State == IntentNoMethod {
		return nil
	}
	canceled, err := r.gateway.Cancel(ctx, lease.IntentID)
	if g, ok := AsGatewayError(err); ok && g.Kind != GatewayRefused {
		return fmt.Errorf("the processor must cancel it first and does not answer, try again later: %w", err)
	}
	if err != nil || canceled.State != IntentCanceled {
		return fmt.Errorf("the processor did not cancel it, so it may still charge: %w", ErrContradicted)
	}
	return nil
}

// checkVerdict returns ErrContradicted when the processor's object says the opposite of the
// person's verdict.
func checkVerdict(a Attempt, i Intent, v Verdict) error {
	charged := i.State == IntentSucceeded || (i.State == IntentProcessing && a.Method == Bank)
	never := i.State == IntentCanceled || i.State == IntentNoMethod || i.State == IntentUnconfirmed || i.State == IntentNeedsAction
	switch {
	case v == VerdictTaken && never:
		return fmt.Errorf("%w: it says %s, no money moved", ErrContradicted, i.State)
	case v == VerdictNotCharged && charged:
		return fmt.Errorf("%w: it says %s, the money moved", ErrContradicted, i.State)
	}
	return nil
}
