package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Charger brings authorized attempts to an outcome. The row is the truth, a job only a nudge:
// running it twice, late or never for one nudge does no harm, because the claim decides.
//
// What happens if the process dies, line by line:
//
//	claim           the lease runs out; the sweeper nudges again.
//	create          the same key again gives the same object; an unconfirmed object moves no money.
//	RecordIntent    stored: retrieve by id from now on. Not stored: the create is repeated under its key.
//	confirm         the id is stored and the confirm counted before it leaves: the next worker retrieves.
//	settle          the object is final; the next worker retrieves it and settles.
type Charger struct {
	store   ChargeStore
	gateway Gateway
	clock   Clock
	machine Clock
	log     *slog.Logger
	opts    ChargerOptions
}

// ChargerOptions are the charger's settings. Zero values get the defaults.
type ChargerOptions struct {
	Lease      time.Duration // how long a worker may hold an attempt (machine clock); 60 s
	PhoneOrder bool          // policy stripe_moto
	// Settled is told of every outcome; for metrics.
	Settled func(a Attempt)
}

// ChargeBook is the charger's part of the book of attempts. Every write names the claim's fence
// and fails with ErrTooLate when another worker has taken over.
type ChargeStore interface {
	LeaseAttempt(ctx context.Context, key string, now, machineNow, leaseUntil time.Time) (ChargeLease, error)
	NewCreateKey(ctx context.Context, c ChargeLease, now time.Time) (ChargeLease, error)
	RecordIntent(ctx context.Context, c ChargeLease, intentID string) (ChargeLease, error)
	RecordConfirm(ctx context.Context, c ChargeLease) (ChargeLease, error)
	Release(ctx context.Context, c ChargeLease, nextLook time.Time) error
	Take(ctx context.Context, c ChargeLease, at time.Time) (Attempt, error)
	Decline(ctx context.Context, c ChargeLease, code string, at time.Time) (Attempt, error)
}

// Claim is an attempt in a worker's hands.
type ChargeLease struct {
	Attempt
	Token        Token
	Fence        int64
	Creates      int // number in the create key
	Confirms     int // confirms sent so far, this one included once recorded
	Looks        int
	CreateSentAt time.Time
	ConsentAt    time.Time
}

// keyLife is how long a create key is trusted: the processor forgets keys after 24 h.
const createKeyLifetime = 23 * time.Hour

// NewCharger puts a charger together. clock is the domain's, machine is for leases.
func NewCharger(book ChargeStore, gateway Gateway, clock, machine Clock, log *slog.Logger, opts ChargerOptions) *Charger {
	if opts.Lease == 0 {
		opts.Lease = 60 * time.Second
	}
	if opts.Settled == nil {
		opts.Settled = func(Attempt) {}
	}
	return &Charger{store: book, gateway: gateway, clock: clock, machine: machine, log: log, opts: opts}
}

// Run brings one attempt as far as it goes now. It returns nil when there is nothing to do:
// another worker has it, it is not due, or it is settled.
func (c *Charger) Run(ctx context.Context, key string) error {
	machineNow := c.machine.Now()
	claim, err := c.store.LeaseAttempt(ctx, key, c.clock.Now(), machineNow, machineNow.Add(c.opts.Lease))
	if errors.Is(err, ErrNoSuchAttempt) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim attempt: %w", err)
	}
	intent, err := c.advance(ctx, &claim)
	if err != nil {
		err = c.handleGatewayError(ctx, claim, err)
	} else {
		err = c.settle(ctx, claim, intent)
	}
	if errors.Is(err, ErrTooLate) { // the fence: whoever took over looks for himself, and nothing was written here
		c.log.Info("another worker has taken over", "attempt", claim.Key)
		return nil
	}
	return err
}

// advance creates, confirms or looks up, whichever is next, and returns what the processor says.
func (c *Charger) advance(ctx context.Context, claim *ChargeLease) (Intent, error) {
	if claim.IntentID == "" {
		if err := c.create(ctx, claim); err != nil {
			return Intent{}, err
		}
		return c.confirm(ctx, *claim)
	}
	intent, err := c.gateway.Retrieve(ctx, claim.IntentID)
	if err != nil || intent.State != IntentUnconfirmed {
		return intent, err
	}
	// Only the object itself may say that it waits for a confirm; then the next key is used.
	next, err := c.store.RecordConfirm(ctx, *claim)
	if err != nil {
		return Intent{}, err
	}
	*claim = next
	return c.confirm(ctx, next)
}

func (c *Charger) create(ctx context.Context, claim *ChargeLease) error {
	if c.clock.Now().Sub(claim.CreateSentAt) >= createKeyLifetime {
		if err := c.renewCreateKey(ctx, claim); err != nil {
			return err
		}
	}
	intent, err := c.gateway.Create(ctx, createKey(*claim), c.charge(*claim))
	if g, ok := AsGatewayError(err); ok && g.Replayed && g.Kind == GatewayLost {
		// A stored 500 would be replayed for ever: an unconfirmed stray object moves no money.
		if err := c.renewCreateKey(ctx, claim); err != nil {
			return err
		}
		intent, err = c.gateway.Create(ctx, createKey(*claim), c.charge(*claim))
	}
	if err != nil {
		return err
	}
	next, err := c.store.RecordIntent(ctx, *claim, intent.ID)
	if err != nil {
		return err
	}
	*claim = next
	return nil
}

func (c *Charger) renewCreateKey(ctx context.Context, claim *ChargeLease) error {
	next, err := c.store.NewCreateKey(ctx, *claim, c.clock.Now())
	if err != nil {
		return err
	}
	*claim = next
	return nil
}

func (c *Charger) confirm(ctx context.Context, claim ChargeLease) (Intent, error) {
	intent, err := c.gateway.Confirm(ctx, fmt.Sprintf("%s/confirm/%d", claim.Key, claim.Confirms), claim.IntentID, c.charge(claim))
	if g, ok := AsGatewayError(err); ok && g.Kind == GatewayRefused {
		if g.Intent != nil {
			return *g.Intent, nil // a declined confirm describes the object
		}
		return c.gateway.Retrieve(ctx, claim.IntentID)
	}
	return intent, err
}

func createKey(claim ChargeLease) string {
	if claim.Creates <= 1 {
		return claim.Key + "/create"
	}
	return fmt.Sprintf("%s/create/%d", claim.Key, claim.Creates)
}

func (c *Charger) charge(claim ChargeLease) Charge {
	return Charge{
		Reference:  claim.Reference,
		Cents:      (claim.Cents + claim.Fee).Cents(),
		Method:     claim.Method,
		Token:      claim.Token.Value,
		AcceptedAt: claim.AuthorizedAt,
		PhoneOrder: c.opts.PhoneOrder && claim.Method == Card,
	}
}

// settle turns the processor's word into ours (the state table of twilio.md §13.2).
func (c *Charger) settle(ctx context.Context, claim ChargeLease, i Intent) error {
	switch i.State {
	case IntentSucceeded:
		return c.recordTaken(ctx, claim)
	case IntentProcessing:
		if claim.Method == Bank { // filed: a bank debit is taken when the processor has accepted it
			return c.recordTaken(ctx, claim)
		}
		return c.releaseUntilNextLook(ctx, claim)
	case IntentNoMethod:
		if err := c.recordDeclined(ctx, claim, i.Code); err != nil {
			return err
		}
		c.cancelDeclined(ctx, claim)
		return nil
	case IntentNeedsAction:
		// The bank wants something that a phone call cannot give. Declined only once it is cancelled.
		canceled, err := c.gateway.Cancel(ctx, claim.IntentID)
		if err != nil {
			return c.handleGatewayError(ctx, claim, err)
		}
		if canceled.State == IntentNeedsAction {
			return c.releaseUntilNextLook(ctx, claim)
		}
		if canceled.State == IntentCanceled {
			return c.recordDeclined(ctx, claim, actionCode(claim, i))
		}
		return c.settle(ctx, claim, canceled)
	case IntentCanceled:
		return c.recordDeclined(ctx, claim, orElse(i.Code, "canceled"))
	case IntentUnconfirmed:
		return c.releaseUntilNextLook(ctx, claim)
	default:
		c.log.Error("processor says a word we do not know", "attempt", claim.Key, "intent_state", string(i.State))
		return c.releaseUntilNextLook(ctx, claim)
	}
}

// CodeWantsVerification: the bank wants the account verified before it pays.
const CodeWantsVerification = "wants_verification"

// wanted names what the payer's bank asked for: an account to be verified, or a card holder to be authenticated.
func actionCode(claim ChargeLease, i Intent) string {
	if claim.Method == Bank {
		return CodeWantsVerification
	}
	return orElse(i.Code, "authentication_required")
}

func (c *Charger) recordTaken(ctx context.Context, claim ChargeLease) error {
	a, err := c.store.Take(ctx, claim, c.clock.Now())
	if err != nil {
		return fmt.Errorf("record taken: %w", err)
	}
	c.opts.Settled(a)
	c.log.Info("payment taken", "attempt", a.Key, "method", string(a.Method))
	return nil
}

func (c *Charger) recordDeclined(ctx context.Context, claim ChargeLease, code string) error {
	a, err := c.store.Decline(ctx, claim, orElse(code, "declined"), c.clock.Now())
	if err != nil {
		return fmt.Errorf("record declined: %w", err)
	}
	c.opts.Settled(a)
	c.log.Info("payment declined", "attempt", a.Key, "method", string(a.Method), "code", a.Code)
	return nil
}

// cancelStray tidies a declined object away. Nothing depends on it: a late confirm finds no payment method.
func (c *Charger) cancelDeclined(ctx context.Context, claim ChargeLease) {
	if _, err := c.gateway.Cancel(ctx, claim.IntentID); err != nil {
		c.log.Warn("declined object not cancelled", "attempt", claim.Key, "error", err)
	}
}

// failed decides what a failed request proves. Only a refused create proves "never charged".
func (c *Charger) handleGatewayError(ctx context.Context, claim ChargeLease, err error) error {
	g, ok := AsGatewayError(err)
	if !ok {
		return err // our own store: the lease runs out, the sweeper nudges
	}
	switch g.Kind {
	case GatewayRefused:
		if claim.IntentID == "" {
			return c.recordDeclined(ctx, claim, g.Code)
		}
	case GatewayConfig, GatewayKeyReused:
		c.log.Error("processor refuses our request: mend the configuration or the code", "op", g.Op, "kind", string(g.Kind), "code", g.Code)
	default:
		c.log.Warn("processor gave no answer", "op", g.Op, "attempt", claim.Key, "kind", string(g.Kind))
	}
	return c.releaseUntilNextLook(ctx, claim)
}

const releaseTimeout = 5 * time.Second

// wait gives the attempt back to be looked at again: after 10 s, 1 min, 5 min, then every 15 min.
func (c *Charger) releaseUntilNextLook(ctx context.Context, claim ChargeLease) error {
	// A worker that is told to stop still gives back what it holds: otherwise a restart would leave
	// the payment to its lease.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	steps := []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
	next := c.clock.Now().Add(steps[min(claim.Looks, len(steps)-1)])
	if err := c.store.Release(ctx, claim, next); err != nil {
		return fmt.Errorf("release attempt: %w", err)
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
