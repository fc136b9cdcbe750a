package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"duebell/billing"
)

// Sweeper picks up what crashed processes and lost jobs leave behind: it wakes a worker for every
// open attempt that is due and not leased, closes offers that came to nothing, hands to a person
// what stays unknown, and erases tokens that nobody needs any more. It runs every 30 s on every
// worker process, whatever River says of its jobs.
type Sweeper struct {
	store   SweepStore
	turns   TurnLeases
	clock   billing.Clock
	machine billing.Clock
	policy  billing.Policy
	log     *slog.Logger
}

// SweepStore keeps the attempts for Sweeper; package store implements it. The counts are of
// attempts changed.
type SweepStore interface {
	// WakeDue enqueues a wake-up job for every open attempt that is due by now and whose lease is
	// over by machineNow. It changes no attempt, so the next tick does it again until a worker has
	// been there.
	WakeDue(ctx context.Context, now, machineNow time.Time) (int, error)
	StaleOffers(ctx context.Context, endedBefore, offeredBefore time.Time) ([]StaleOffer, error)
	CloseOffer(ctx context.Context, key string, at time.Time) error
	// TaskForUnknown leaves one task for each open attempt that has been due since before.
	TaskForUnknown(ctx context.Context, before, at time.Time) (int, error)
	// EraseOldTokens erases the tokens of bank debits that were settled before that instant.
	EraseOldTokens(ctx context.Context, before time.Time) (int, error)
}

// TurnLeases tells whether a turn of a call is being answered at this moment, by any replica.
type TurnLeases interface {
	Leased(ctx context.Context, call string) (bool, error)
}

// StaleOffer is an offer whose call is over, or that is half an hour old.
type StaleOffer struct{ Key, Call string }

// When offers are stale (design.md §5 (1); twilio.md §2.2). The call's end alone closes nothing: an
// assent posted just before a hang-up may reach another replica later.
const (
	offerLife           = 30 * time.Minute
	offerGraceAfterCall = time.Minute
)

// NewSweeper makes a Sweeper. clock is the domain's, machine is the one that leases are measured by.
func NewSweeper(store SweepStore, turns TurnLeases, clock, machine billing.Clock, policy billing.Policy, log *slog.Logger) *Sweeper {
	return &Sweeper{store: store, turns: turns, clock: clock, machine: machine, policy: policy, log: log}
}

// Tick does what is due now and returns for how many attempts it woke a worker. Running it twice,
// or on every replica at once, does no harm. A part that fails keeps no other part from being done;
// the errors are joined.
func (s *Sweeper) Tick(ctx context.Context) (int, error) {
	now := s.clock.Now()
	var errs []error
	woken, err := s.store.WakeDue(ctx, now, s.machine.Now())
	if err != nil {
		errs = append(errs, fmt.Errorf("wake due attempts: %w", err))
	}
	errs = append(errs, s.closeStale(ctx, now))
	// L3: too old an unknown is a person's task. The worker keeps looking all the same.
	overdue := now.Add(-s.policy.PendingResolveHours.Duration())
	if n, err := s.store.TaskForUnknown(ctx, overdue, now); err != nil {
		errs = append(errs, fmt.Errorf("hand over unknown attempts: %w", err))
	} else if n > 0 {
		s.log.Warn("payments with unknown outcome are now tasks: see duebell payments list, then payments resolve", "count", n)
	}
	// D2: bank tokens are erased after the return window.
	keep := now.AddDate(0, 0, -s.policy.OnetimeBankDataDays)
	if _, err := s.store.EraseOldTokens(ctx, keep); err != nil {
		errs = append(errs, fmt.Errorf("erase old tokens: %w", err))
	}
	return woken, errors.Join(errs...)
}

// closeStale closes offers and tokens that promise nothing. A turn that is being answered may be
// about to authorize its attempt, so nothing of that call is closed meanwhile; while leases cannot
// be asked for, nothing is closed at all.
func (s *Sweeper) closeStale(ctx context.Context, now time.Time) error {
	stale, err := s.store.StaleOffers(ctx, now.Add(-offerGraceAfterCall), now.Add(-offerLife))
	if err != nil {
		return fmt.Errorf("find stale offers: %w", err)
	}
	for _, o := range stale {
		leased, err := s.turns.Leased(ctx, o.Call)
		if err != nil {
			return fmt.Errorf("ask for a turn's lease: %w", err)
		}
		if leased {
			continue
		}
		err = s.store.CloseOffer(ctx, o.Key, now)
		if err != nil && !errors.Is(err, ErrTooLate) { // ErrTooLate: authorized since we looked, which is as good
			return fmt.Errorf("close offer: %w", err)
		}
	}
	return nil
}
