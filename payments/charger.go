package payments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"duebell/billing"
)

// Charger brings authorized attempts to an outcome (design.md §5, twilio.md §13.2). The row is the
// truth, a job only wakes a worker: running it twice, late or never for one wake-up does no harm,
// because the lease decides.
//
// What a crash, or a lost reply, leaves behind at each line, and who repairs it. "The next worker"
// comes when the lease has run out (60 s by the machine's clock): the Sweeper wakes one every 30 s
// for what is due and not leased.
//
//	LeaseAttempt    before COMMIT nothing happened. After it the attempt is leased to nobody alive until the lease
//	                runs out. The first lease also starts the create key's life.
//	Create          an unconfirmed object may exist whose id we do not know. The next worker creates again under the same
//	                key and gets the same object; under a new key (23 h gone, a stored 500) it gets another one, and the
//	                first stays unconfirmed for ever. No money has moved.
//	RecordIntent    before COMMIT: as at Create. After it the attempt is confirming with one confirm counted, and no
//	                worker creates again: the next one retrieves by id.
//	Confirm         the money may have moved. The next worker retrieves by id, and what the object says is the outcome.
//	                Only "requires_confirmation" lets it confirm again, under the next key; a confirm that is still on
//	                its way meets an object that is charged at most once.
//	RecordConfirm   counted and not sent: the next worker retrieves, and confirms under the key after that.
//	Cancel          the object is cancelled and the row not: the next worker retrieves "canceled" and declines.
//	Take, Decline   one transaction each with ledger, texts and tasks: before COMMIT the next worker retrieves the same
//	                final state and writes it; after COMMIT only log line and metric are lost.
//	Release         the lease runs out instead, and the next look-up comes then.
//
// A worker that was slow rather than dead comes back after another has leased the attempt: every
// write names the fence of its lease and is refused with ErrTooLate, and its requests meet the same
// object under keys of their own.
type Charger struct {
	store   ChargeStore
	gateway Gateway
	clock   billing.Clock
	machine billing.Clock
	log     *slog.Logger
	opts    ChargerOptions
}

// ChargerOptions are the settings of a Charger. Zero values get the defaults.
type ChargerOptions struct {
	// Lease is how long a worker may hold an attempt, by the machine's clock; default 60 s. It is
	// longer than a job may run (45 s), so a worker that loses its lease is one that was stopped.
	Lease      time.Duration
	PhoneOrder bool // policy stripe_moto
	// Settled is called with every attempt that reached an outcome, after its COMMIT; for metrics.
	Settled func(a Attempt)
}

// ChargeStore keeps the attempts for Charger; package store implements it. Every write names the
// lease's fence and fails with ErrTooLate when another worker has leased the attempt since. now and
// at are the domain's, machineNow and leaseUntil the machine's.
type ChargeStore interface {
	// LeaseAttempt leases an open attempt that is due and not leased; ErrNoSuchAttempt when there
	// is none such.
	LeaseAttempt(ctx context.Context, key string, now, machineNow, leaseUntil time.Time) (ChargeLease, error)
	// NewCreateKey counts a fresh create key and starts its life.
	NewCreateKey(ctx context.Context, c ChargeLease, now time.Time) (ChargeLease, error)
	// RecordIntent stores the object's id, counts the first confirm and makes the attempt confirming.
	RecordIntent(ctx context.Context, c ChargeLease, intentID string) (ChargeLease, error)
	// RecordConfirm counts a further confirm.
	RecordConfirm(ctx context.Context, c ChargeLease) (ChargeLease, error)
	// Release ends the lease; an attempt whose object exists becomes unknown. nextLook is when it
	// is due again.
	Release(ctx context.Context, c ChargeLease, nextLook time.Time) error
	Take(ctx context.Context, c ChargeLease, at time.Time) (Attempt, error)
	Decline(ctx context.Context, c ChargeLease, code string, at time.Time) (Attempt, error)
}

// ChargeLease is an attempt that one worker (or a person with evidence) holds for a while, alone.
type ChargeLease struct {
	Attempt
	Token        Token
	Fence        int64     // grows with each lease; a write under an older one is refused
	Creates      int       // number of the create key in use, from 1
	Confirms     int       // confirms counted so far; the number in the last confirm key
	Looks        int       // how often the outcome was looked for in vain
	CreateSentAt time.Time // when the create key in use was first sent
}

// createKeyLifetime is how long a create key is trusted. The processor may forget keys once they
// are 24 h old; then the same key would make a second object (twilio.md §13.1).
const createKeyLifetime = 23 * time.Hour

// NewCharger makes a Charger. clock is the domain's, machine is the one that leases are measured by.
func NewCharger(store ChargeStore, gateway Gateway, clock, machine billing.Clock, log *slog.Logger, opts ChargerOptions) *Charger {
	if opts.Lease == 0 {
		opts.Lease = 60 * time.Second
	}
	if opts.Settled == nil {
		opts.Settled = func(Attempt) {}
	}
	return &Charger{store: store, gateway: gateway, clock: clock, machine: machine, log: log, opts: opts}
}

// Run brings one attempt as far as it goes now. It returns nil when there is nothing to do: another
// worker has leased it, it is not due, or it is settled. An error is one of our own store; the
// lease then runs out and the sweeper wakes another worker.
func (c *Charger) Run(ctx context.Context, key string) error {
	machineNow := c.machine.Now()
	lease, err := c.store.LeaseAttempt(ctx, key, c.clock.Now(), machineNow, machineNow.Add(c.opts.Lease))
	if errors.Is(err, ErrNoSuchAttempt) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lease attempt: %w", err)
	}
	intent, err := c.advance(ctx, &lease)
	if err != nil {
		err = c.handleGatewayError(ctx, lease, err)
	} else {
		err = c.settle(ctx, lease, intent)
	}
	if errors.Is(err, ErrTooLate) { // the fence: the other worker looks for itself, and nothing was written here
		c.log.Info("another worker has leased the attempt", "attempt", lease.Key)
		return nil
	}
	return err
}

// advance creates, confirms or looks up, whichever is next, and returns the processor's object. The
// lease that it leaves in *lease holds what was stored on the way.
func (c *Charger) advance(ctx context.Context, lease *ChargeLease) (Intent, error) {
	if lease.IntentID == "" {
		if err := c.create(ctx, lease); err != nil {
			return Intent{}, err
		}
		return c.confirm(ctx, *lease) // counted by RecordIntent, so a crash before or after it looks the same
	}
	// An earlier worker stored the id. Whether its confirm was sent or arrived, only the object
	// knows.
	intent, err := c.gateway.Retrieve(ctx, lease.IntentID)
	if err != nil || intent.State != IntentUnconfirmed {
		return intent, err
	}
	// It waits for a confirm: the next one goes under the next key, counted before it is sent.
	// Under the old key the processor would repeat its stored reply, a stored 500 included.
	next, err := c.store.RecordConfirm(ctx, *lease)
	if err != nil {
		return Intent{}, err
	}
	*lease = next
	return c.confirm(ctx, next)
}

// create makes the unconfirmed object and stores its id. A crash between the two leaves an object
// that nobody confirms: no money has moved.
func (c *Charger) create(ctx context.Context, lease *ChargeLease) error {
	if c.clock.Now().Sub(lease.CreateSentAt) >= createKeyLifetime {
		if err := c.renewCreateKey(ctx, lease); err != nil {
			return err
		}
	}
	intent, err := c.gateway.Create(ctx, createKey(*lease), c.charge(*lease))
	if g, ok := AsGatewayError(err); ok && g.Replayed && g.Kind == GatewayLost {
		// A stored 500 would be repeated for ever. If an object was made all the same, it stays
		// unconfirmed.
		if err := c.renewCreateKey(ctx, lease); err != nil {
			return err
		}
		intent, err = c.gateway.Create(ctx, createKey(*lease), c.charge(*lease))
	}
	if err != nil {
		return err
	}
	next, err := c.store.RecordIntent(ctx, *lease, intent.ID)
	if err != nil {
		return err
	}
	*lease = next
	return nil
}

// renewCreateKey stores the new key's number before the key is used, so that no later worker uses
// it as the old one.
func (c *Charger) renewCreateKey(ctx context.Context, lease *ChargeLease) error {
	next, err := c.store.NewCreateKey(ctx, *lease, c.clock.Now())
	if err != nil {
		return err
	}
	*lease = next
	return nil
}

// confirm asks for the money under the key of the last counted confirm and returns the object. A
// refusal is no outcome by itself: an earlier confirm may have been carried out, so the object is
// taken from the refusal or looked up.
func (c *Charger) confirm(ctx context.Context, lease ChargeLease) (Intent, error) {
	intent, err := c.gateway.Confirm(ctx, fmt.Sprintf("%s/confirm/%d", lease.Key, lease.Confirms), lease.IntentID, c.charge(lease))
	if g, ok := AsGatewayError(err); ok && g.Kind == GatewayRefused {
		if g.Intent != nil {
			return *g.Intent, nil // a declined confirm describes the object
		}
		return c.gateway.Retrieve(ctx, lease.IntentID)
	}
	return intent, err
}

// createKey returns the idempotency key of the create: the attempt's key and a number, never token,
// call or time.
func createKey(lease ChargeLease) string {
	if lease.Creates <= 1 {
		return lease.Key + "/create"
	}
	return fmt.Sprintf("%s/create/%d", lease.Key, lease.Creates)
}

// charge returns what the processor is told. It is the same for each create and confirm of an
// attempt: under a used key, other parameters would be an error.
func (c *Charger) charge(lease ChargeLease) Charge {
	return Charge{
		Reference:  lease.Reference,
		Cents:      (lease.Cents + lease.Fee).Cents(),
		Method:     lease.Method,
		Token:      lease.Token.Value,
		AcceptedAt: lease.AuthorizedAt,
		PhoneOrder: c.opts.PhoneOrder && lease.Method == Card,
	}
}

// settle writes what the processor's object proves (the state table of twilio.md §13.2). "Never
// charged" is written only for a final state, or after a successful cancel.
func (c *Charger) settle(ctx context.Context, lease ChargeLease, i Intent) error {
	switch i.State {
	case IntentSucceeded:
		return c.recordTaken(ctx, lease)
	case IntentProcessing:
		if lease.Method == Bank { // filed: a bank debit is taken when the processor has accepted it
			return c.recordTaken(ctx, lease)
		}
		return c.releaseUntilNextLook(ctx, lease)
	case IntentNoMethod:
		if err := c.recordDeclined(ctx, lease, i.Code); err != nil {
			return err
		}
		c.cancelDeclined(ctx, lease)
		return nil
	case IntentNeedsAction:
		return c.cancelAndSettle(ctx, lease, i)
	case IntentCanceled:
		return c.recordDeclined(ctx, lease, cmp.Or(i.Code, "canceled"))
	case IntentUnconfirmed: // a confirm of ours may still arrive
		return c.releaseUntilNextLook(ctx, lease)
	default:
		c.log.Error("the processor reports a state that we do not know: look at the payment there", "attempt", lease.Key, "intent_state", string(i.State))
		return c.releaseUntilNextLook(ctx, lease)
	}
}

// cancelAndSettle cancels an object whose bank wants something that a phone call cannot give. The
// attempt is declined only once it is cancelled; if it was charged in between, that is what is
// settled.
func (c *Charger) cancelAndSettle(ctx context.Context, lease ChargeLease, asked Intent) error {
	now, err := c.gateway.Cancel(ctx, lease.IntentID)
	switch {
	case err != nil:
		return c.handleGatewayError(ctx, lease, err)
	case now.State == IntentNeedsAction:
		return c.releaseUntilNextLook(ctx, lease)
	case now.State == IntentCanceled:
		// A crash before the next line leaves "canceled" to the next worker: declined too, under
		// that code.
		return c.recordDeclined(ctx, lease, actionCode(lease, asked))
	}
	return c.settle(ctx, lease, now)
}

// CodeWantsVerification is the code of a bank debit that the bank wants verified first, which a
// call cannot do.
const CodeWantsVerification = "wants_verification"

// actionCode names what the payer's bank asked for: an account to be verified, or a card holder to
// be authenticated.
func actionCode(lease ChargeLease, i Intent) string {
	if lease.Method == Bank {
		return CodeWantsVerification
	}
	return cmp.Or(i.Code, "authentication_required")
}

// recordTaken writes state, ledger entry and receipt in one transaction.
func (c *Charger) recordTaken(ctx context.Context, lease ChargeLease) error {
	a, err := c.store.Take(ctx, lease, c.clock.Now())
	if err != nil {
		return fmt.Errorf("record taken: %w", err)
	}
	c.opts.Settled(a)
	c.log.Info("payment taken", "attempt", a.Key, "method", string(a.Method))
	return nil
}

// recordDeclined writes that nothing was charged, with the text and task for a caller who does not
// hear it (L3).
func (c *Charger) recordDeclined(ctx context.Context, lease ChargeLease, code string) error {
	a, err := c.store.Decline(ctx, lease, cmp.Or(code, "declined"), c.clock.Now())
	if err != nil {
		return fmt.Errorf("record declined: %w", err)
	}
	c.opts.Settled(a)
	c.log.Info("payment declined", "attempt", a.Key, "method", string(a.Method), "code", a.Code)
	return nil
}

// cancelDeclined cancels a declined object at the processor. Nothing depends on it: the payment
// method was named at create only and is used up, so a late confirm finds none.
func (c *Charger) cancelDeclined(ctx context.Context, lease ChargeLease) {
	if _, err := c.gateway.Cancel(ctx, lease.IntentID); err != nil {
		c.log.Warn("a declined payment could not be cancelled at the processor; nothing was charged", "attempt", lease.Key, "error", err)
	}
}

// handleGatewayError writes what a failed request proves. Only a refused create proves "never
// charged"; everything else is looked at again later. An error of our own store is returned.
func (c *Charger) handleGatewayError(ctx context.Context, lease ChargeLease, err error) error {
	g, ok := AsGatewayError(err)
	if !ok {
		return err // the lease runs out, and the sweeper wakes another worker
	}
	switch g.Kind {
	case GatewayRefused:
		if lease.IntentID == "" {
			return c.recordDeclined(ctx, lease, g.Code)
		}
	case GatewayConfig, GatewayKeyReused:
		c.log.Error("the processor refuses our request: check the API key and the account there; the payment waits", "op", g.Op, "kind", string(g.Kind), "code", g.Code)
	default:
		c.log.Warn("the processor gave no answer: it is asked again", "op", g.Op, "attempt", lease.Key, "kind", string(g.Kind))
	}
	return c.releaseUntilNextLook(ctx, lease)
}

// releaseTimeout bounds the one write of a worker that is being stopped.
const releaseTimeout = 5 * time.Second

// lookAfter is how long an unknown outcome waits for its next look-up; the last one repeats
// (design.md §5 (4)).
var lookAfter = []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}

// releaseUntilNextLook ends the lease and makes the attempt due again after the next of lookAfter.
func (c *Charger) releaseUntilNextLook(ctx context.Context, lease ChargeLease) error {
	// A worker that is told to stop still releases what it holds: otherwise a restart would leave
	// the payment waiting for its lease to run out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	next := c.clock.Now().Add(lookAfter[min(lease.Looks, len(lookAfter)-1)])
	if err := c.store.Release(ctx, lease, next); err != nil {
		return fmt.Errorf("release attempt: %w", err)
	}
	return nil
}
