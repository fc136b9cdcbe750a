package payments

import (
	"context"
	"fmt"
	"time"

	"duebell/billing"
)

// Failure is a payment that failed without the caller hearing so on the call.
type UnheardFailure struct {
	CountsFrom time.Time // when it would have counted as received
	ToldAt     time.Time // when its text went, or when it failed where none did
	Account    string
	Kind       billing.Kind
}

// longestText is how long after a failure its text may go at the latest.
const maxNoticeDelay = 48 * time.Hour

// Hold has a payment that replaces a failed one count from the first (L3), for declined_hold_hours. It needs the
// calendar: only where a bill came due in between does it matter, and only there does the ledger say so.
func (d *Checkout) WithReplacementWindow(cal *billing.Calendar) *Checkout {
	d.calendar = cal
	return d
}

// held is since when a payment that is authorized now counts as received: the instant of one whose caller was asked to
// wait, was in time, and learned afterwards that it had failed. Zero: it counts as any other.
func (d *Checkout) countsFrom(ctx context.Context, key string, now time.Time) (time.Time, error) {
	hold := d.policy.DeclinedHoldHours.Duration()
	if d.calendar == nil || hold <= 0 {
		return time.Time{}, nil
	}
	failures, err := d.store.UnheardFailures(ctx, key, now.Add(-hold-maxNoticeDelay))
	if err != nil {
		return time.Time{}, fmt.Errorf("look for failed payments: %w", err)
	}
	return oldestHeldInstant(failures, now, hold, d.calendar), nil
}

// countsFrom is the oldest failure that still holds and with which the money meets a due instant that it misses without.
func oldestHeldInstant(failures []UnheardFailure, now time.Time, hold time.Duration, cal *billing.Calendar) time.Time {
	for _, f := range failures {
		if !now.After(f.ToldAt.Add(hold)) && cal.FellDue(f.Kind, f.Account, f.CountsFrom, now) {
			return f.CountsFrom
		}
	}
	return time.Time{}
}
