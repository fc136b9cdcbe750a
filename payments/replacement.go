package payments

import (
	"context"
	"fmt"
	"time"

	"duebell/billing"
)

// UnheardFailure is a payment that failed without the caller hearing so on the call.
type UnheardFailure struct {
	CountsFrom time.Time // when it would have counted as received
	ToldAt     time.Time // when its text went, or when it failed where none did
	Account    string
	Kind       billing.Kind
}

// maxNoticeDelay is how long after a failure its text may go at the latest. It only bounds the
// look-up of failures: the hold itself is counted from the text.
const maxNoticeDelay = 48 * time.Hour

// WithReplacementWindow makes a payment that replaces a failed one count as received when the first
// was, and returns the Checkout (L3: in time for declined_hold_hours after the failure text). It
// needs the calendar: only where a bill came due in between does it matter, and only there does the
// ledger say so.
func (c *Checkout) WithReplacementWindow(cal *billing.Calendar) *Checkout {
	c.calendar = cal
	return c
}

// countsFrom returns since when a payment that is authorized now counts as received: the instant of
// one whose caller was asked to wait, was in time, and learned afterwards that it had failed. Zero:
// it counts from now, as any other.
func (c *Checkout) countsFrom(ctx context.Context, key string, now time.Time) (time.Time, error) {
	hold := c.policy.DeclinedHoldHours.Duration()
	if c.calendar == nil || hold <= 0 {
		return time.Time{}, nil
	}
	failures, err := c.store.UnheardFailures(ctx, key, now.Add(-hold-maxNoticeDelay))
	if err != nil {
		return time.Time{}, fmt.Errorf("look for failed payments: %w", err)
	}
	return oldestHeldInstant(failures, now, hold, c.calendar), nil
}

// oldestHeldInstant returns the instant of the oldest failure that still holds and with which the
// money meets a due instant that it misses without; zero when there is none. Failures come oldest
// first.
func oldestHeldInstant(failures []UnheardFailure, now time.Time, hold time.Duration, cal *billing.Calendar) time.Time {
	for _, f := range failures {
		if !now.After(f.ToldAt.Add(hold)) && cal.FellDue(f.Kind, f.Account, f.CountsFrom, now) {
			return f.CountsFrom
		}
	}
	return time.Time{}
}
