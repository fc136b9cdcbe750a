package harness

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"duebell/internal/app"
)

// StallLimit is how long nothing may move, by the machine's clock, before a wait is given up. It measures
// progress and not the machine: one with every core busy takes as long as it needs.
const StallLimit = 90 * time.Second

// Progress returns a number that grows whenever something moves: a webhook, a request to Twilio or to the
// processor, a move of the clock. Whoever waits gives up only when it stands still.
func (h *Harness) Progress() int64 { return h.progress.Load() }

// noteProgress records that something has moved. Everything that passes between the product and the outside
// calls it.
func (h *Harness) noteProgress() { h.progress.Add(1) }

// stallTimer tells when a value has stood still for StallLimit, by the machine's clock. It belongs to one
// goroutine; whoever makes one stops its timer.
type stallTimer[T comparable] struct {
	last  T
	timer *time.Timer
}

// newStallTimer returns one that has seen the first value now.
func newStallTimer[T comparable](first T) *stallTimer[T] {
	return &stallTimer[T]{last: first, timer: time.NewTimer(StallLimit)}
}

// check restarts the timer when the value has changed, and returns an error once it has stood still too long,
// or the context's cause when that ended. It never blocks: callers look again after a wait of their own.
func (s *stallTimer[T]) check(ctx context.Context, now T) error {
	if now != s.last {
		s.last = now
		s.timer.Reset(StallLimit)
		return nil
	}
	select {
	case <-s.timer.C:
		return fmt.Errorf("nothing has moved for %v", StallLimit)
	case <-ctx.Done():
		return context.Cause(ctx)
	default:
		return nil
	}
}

// machineClock is the machine's clock as all roles of a harness read it. It runs, and is put forward when a
// process has died: what that process held on lease is free at once, as it would be after the lease's real
// time, and nobody has to choose leases so short that a slow machine loses them alive.
type machineClock struct{ ahead atomic.Int64 }

// Now returns the machine's time, never earlier than before.
func (c *machineClock) Now() time.Time {
	return app.SystemClock{}.Now().Add(time.Duration(c.ahead.Load()))
}

// expire lets every lease of this length run out. A live holder renews its own, or is fenced off as after any
// pause of its process: its later writes name an old fence and change nothing (design §5).
func (c *machineClock) expire(lease time.Duration) { c.ahead.Add(int64(lease + time.Millisecond)) }
