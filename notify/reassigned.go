package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"duebell/billing"
)

// Directory is the reassigned-numbers database. Each look-up costs money. Errors should be a *SendError, of
// which SendRefused means that it holds no such number.
type Directory interface {
	// Reassigned says whether a number has been given to somebody else since an instant.
	Reassigned(ctx context.Context, number string, since time.Time) (Reassignment, error)
}

// Reassignment is the directory's answer on one number.
type Reassignment string

// The answers. A number that the directory does not know proves nothing.
const (
	NumberReassigned Reassignment = "yes"
	NumberUnchanged  Reassignment = "no"
	NumberNotKnown   Reassignment = "no_data"
)

// NumberStore is what the number check needs of the database. Numbers come in order, so that a run may be
// ended anywhere.
type NumberStore interface {
	// NumbersToCheck returns numbers that we text or call, in order, whose owner was last confirmed before
	// an instant; after is the last number of the page before.
	NumbersToCheck(ctx context.Context, after string, before time.Time, most int) ([]KnownNumber, error)
	// RecordCheck stores a look-up, and since when the number is known to be its owner's.
	RecordCheck(ctx context.Context, k KnownNumber, at time.Time) error
}

// KnownNumber is a number and since when it is known to be its owner's. Verified moves on when its owner
// texts us, proves who they are, or the directory says "no".
type KnownNumber struct {
	Number   string
	Verified time.Time
}

// NumberChecker looks up whether numbers have been reassigned (O5: numbers are checked for reassignment). A
// new owner has consented to nothing, and must not learn of a stranger's bill. One run at a time is enough;
// two would look the same numbers up and change the same things once.
type NumberChecker struct {
	store  NumberStore
	inbox  *Inbox
	ask    Directory
	policy billing.Policy
	clock  billing.Clock
	log    *slog.Logger
}

// NewNumberChecker returns a checker that acts through inbox. ask is the directory; nil is not allowed.
func NewNumberChecker(store NumberStore, inbox *Inbox, ask Directory, p billing.Policy, clock billing.Clock, log *slog.Logger) *NumberChecker {
	return &NumberChecker{store: store, inbox: inbox, ask: ask, policy: p, clock: clock, log: log}
}

// CheckCounts counts look-ups by their answer.
type CheckCounts map[Reassignment]int

// How many numbers are read at a time, and looked up at once.
const (
	checkPage    = 200
	checksAtOnce = 4
)

// Run looks up every number whose last look-up, or its owner's last sign of life, is older than
// reassigned_check_days, and returns counts by answer. The first error ends the run; the next run asks for
// what is left.
func (c *NumberChecker) Run(ctx context.Context) (CheckCounts, error) {
	sum := CheckCounts{}
	// A number whose owner texted or proved themselves lately needs no look-up, each of which costs money.
	before := c.clock.Now().AddDate(0, 0, -c.policy.ReassignedCheckDays)
	for after := ""; ; {
		page, err := c.store.NumbersToCheck(ctx, after, before, checkPage)
		if err != nil {
			return sum, fmt.Errorf("numbers to check: %w", err)
		}
		if err := c.page(ctx, page, sum); err != nil {
			return sum, err
		}
		if len(page) < checkPage {
			return sum, nil
		}
		after = page[len(page)-1].Number
	}
}

// page looks up some numbers, a few at a time, and stops at the first error. The sum is the caller's and is
// changed under a lock.
func (c *NumberChecker) page(ctx context.Context, page []KnownNumber, sum CheckCounts) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		mu   sync.Mutex
		wg   sync.WaitGroup
		errs []error
		next = make(chan KnownNumber)
	)
	for range min(checksAtOnce, len(page)) {
		wg.Go(func() {
			for k := range next {
				answer, err := c.one(ctx, k)
				mu.Lock()
				if err == nil {
					sum[answer]++
				} else if ctx.Err() == nil {
					errs = append(errs, err)
					stop()
				}
				mu.Unlock()
			}
		})
	}
	for _, k := range page {
		select {
		case next <- k:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return errors.Join(append(errs, context.Cause(ctx))...)
}

// one looks a number up and carries out what the answer means. A crash in between leaves the check
// unrecorded: the next run repeats it. "Not known" is recorded as a look-up, so the number is not asked about
// again tomorrow.
func (c *NumberChecker) one(ctx context.Context, k KnownNumber) (Reassignment, error) {
	answer, err := c.ask.Reassigned(ctx, k.Number, k.Verified)
	if refused := (*SendError)(nil); errors.As(err, &refused) && refused.Kind == SendRefused {
		answer, err = NumberNotKnown, nil // the directory holds only numbers of the United States
	}
	if err != nil {
		return "", fmt.Errorf("look a number up: %w", err)
	}
	now := c.clock.Now()
	switch answer {
	// First the effect, then the check: a crash in between repeats both, and detaching twice changes nothing.
	case NumberReassigned:
		if err := c.inbox.DetachReassigned(ctx, k.Number); err != nil {
			return "", err
		}
		c.log.Info("a number belongs to somebody else now: its texts and calls are ended, and an agent has a task")
	case NumberUnchanged:
		k.Verified = now
	}
	return answer, c.store.RecordCheck(ctx, k, now)
}

// DetachReassigned ends texts and calls to a number that belongs to somebody else now, and detaches it from
// the member (O5). No text confirms it: the new owner has asked for nothing. Imports cannot bring the number
// back to that member (O5); the agent's task asks for another.
func (in *Inbox) DetachReassigned(ctx context.Context, number string) error {
	now := in.clock.Now()
	task := in.task("number-reassigned", "", now)
	task.Detail = "the number ending " + number[max(0, len(number)-4):] + " belongs to somebody else: ask the member for another"
	err := in.store.ChangeConsent(ctx, number, now, func(NumberFacts) Effect {
		return Effect{Suppress: &Suppression{Number: number, Source: FromReassigned, All: true}, Detach: true, Task: task}
	})
	if err != nil {
		return fmt.Errorf("detach a reassigned number: %w", err)
	}
	return nil
}
