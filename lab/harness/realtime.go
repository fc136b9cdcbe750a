package harness

import (
	"context"
	"time"
)

// Ready lets the replicas answer /readyz, in a harness that was opened with StartUnready.
func (h *Harness) Ready() { h.ready.Store(true) }

// URL returns the address at which this machine reaches the line.
func (h *Harness) URL() string { return h.balancer.local() }

// Tick does what one second of a running clock brings: keys in an in-process Redis age, billing's import comes when
// 02:00 has passed, the stand-ins do what is due, and every planner ticks. It does nothing while the clock is being
// moved or stands for a script.
func (h *Harness) Tick(ctx context.Context) error {
	if h.redis.own != nil {
		h.redis.own.FastForward(time.Second)
	}
	if h.standing.Load() || !h.moving.TryLock() {
		return nil
	}
	defer h.moving.Unlock()
	now := h.clock.Now()
	last := h.ticked
	h.ticked = now
	if !h.nextImport(last).After(now) {
		if err := h.importAsDue(ctx); err != nil {
			return err
		}
	}
	return h.tickAll(ctx)
}
