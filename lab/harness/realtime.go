package harness

import (
	"context"
	"errors"
	"time"
)

// Ready lets the replicas answer /readyz with 200, in a harness that was opened with StartUnready. Dev calls it
// when dev.env is complete, for whoever waits for /readyz reads that file next.
func (h *Harness) Ready() { h.ready.Store(true) }

// URL returns the address at which this machine reaches the line, http:// and without a path. It is not always
// the public URL, over which signatures are made.
func (h *Harness) URL() string { return h.balancer.local() }

// Tick does what one second of a running clock brings: keys in an in-process Redis age, billing's import comes when
// 02:00 has passed, the stand-ins do what is due, and every planner ticks. It does nothing while the clock is being
// moved or stands for a script.
func (h *Harness) Tick(ctx context.Context) error {
	// miniredis has no clock of its own: keys expire by what it is told. Expiry of sessions and leases goes by
	// the machine, so a second is told for each real second, whatever the domain clock does.
	if h.redis.own != nil {
		h.redis.own.FastForward(time.Second)
	}
	// TryLock, not Lock: a move of the clock does all that a tick does, and ticks that queued up behind a move
	// of a month would follow it one after another.
	if h.standing.Load() || !h.moving.TryLock() {
		return nil
	}
	defer h.moving.Unlock()
	// From the last tick to this one: a tick that came late, or did not come while the clock was moved, loses
	// no import.
	now := h.clock.Now()
	last := h.ticked
	h.ticked = now
	if !h.nextImport(last).After(now) {
		if err := h.importAsDue(ctx); err != nil {
			return err
		}
	}
	return errors.Join(h.tickAll(ctx), h.measureAll(ctx))
}

// measureAll sets the metrics of the backlog, as a work process does after each of its ticks. Moves of a clock for a
// script leave it out: no script reads them, and it is a third of a tick's queries.
func (h *Harness) measureAll(ctx context.Context) error {
	h.mu.Lock()
	work := h.work
	h.mu.Unlock()
	var errs []error
	for _, k := range work {
		errs = append(errs, k.Measure(ctx))
	}
	return errors.Join(errs...)
}
