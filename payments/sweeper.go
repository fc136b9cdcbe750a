package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"duebell/billing"
)

// Sweeper keeps the book moving whatever became of the jobs: it nudges every attempt that is due and
// in nobody's hands, closes offers that came to nothing, and hands to a person what stays unknown.
type Sweeper struct {
	store   SweepStore
	turns   TurnLeases
	clock   Clock
	machine Clock
	policy  billing.Policy
	log     *slog.Logger
}

// SweepBook is the sweeper's part of the book of attempts.
type SweepStore interface {
	WakeDue(ctx context.Context, now, machineNow time.Time) (int, error)
	StaleOffers(ctx context.Context, endedBefore, offeredBefore time.Time) ([]StaleOffer, error)
	CloseOffer(ctx context.Context, key string, at time.Time) error
	TaskForUnknown(ctx context.Context, before, at time.Time) (int, error)
	EraseOldTokens(ctx context.Context, before time.Time) (int, error)
}

// Turns tells whether a turn of a call is being answered at this moment, by any replica.
type TurnLeases interface {
	Leased(ctx context.Context, call string) (bool, error)
}

// StaleOffer is an offer whose call is over, or that is half an hour old.
type StaleOffer struct{ Key, Call string }

const (
	offerLife           = 30 * time.Minute
	offerGraceAfterCall = time.Minute
)

// NewSweeper puts a sweeper together.
func NewSweeper(book SweepStore, turns TurnLeases, clock, machine Clock, policy billing.Policy, log *slog.Logger) *Sweeper {
	return &Sweeper{store: book, turns: turns, clock: clock, machine: machine, policy: policy, log: log}
}

// Tick does what is due now and says how many attempts it nudged. Running it twice, or on every
// replica at once, does no harm.
func (s *Sweeper) Tick(ctx context.Context) (int, error) {
	now := s.clock.Now()
	var errs []error
	nudged, err := s.store.WakeDue(ctx, now, s.machine.Now())
	if err != nil {
		errs = append(errs, fmt.Errorf("nudge due attempts: %w", err))
	}
	errs = append(errs, s.closeStale(ctx, now))
	overdue := now.Add(-time.Duration(s.policy.PendingResolveHours) * time.Hour)
	if n, err := s.store.TaskForUnknown(ctx, overdue, now); err != nil {
		errs = append(errs, fmt.Errorf("hand over unknown attempts: %w", err))
	} else if n > 0 {
		s.log.Warn("payments unknown for too long were handed to a person", "count", n)
	}
	keep := now.AddDate(0, 0, -s.policy.OnetimeBankDataDays)
	if _, err := s.store.EraseOldTokens(ctx, keep); err != nil {
		errs = append(errs, fmt.Errorf("erase old tokens: %w", err))
	}
	return nudged, errors.Join(errs...)
}

// closeStale closes offers and tokens that promise nothing. A turn that is being answered may be
// about to authorize its attempt, so nothing of that call is closed meanwhile.
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
		if err != nil && !errors.Is(err, ErrTooLate) { // authorized since we looked: all the better
			return fmt.Errorf("close offer: %w", err)
		}
	}
	return nil
}
