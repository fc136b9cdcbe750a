package harness

import (
	"context"
	"time"
)

// Ready lets /readyz be answered by the replicas, in a world that was opened with NotYet.
func (w *World) Ready() { w.ready.Store(true) }

// URL is where this machine reaches the line.
func (w *World) URL() string { return w.front.local() }

// Tick does what a second of a running clock brings: keys in our own Redis age, billing's import
// comes when 02:00 has passed, the stand-ins do what is due, and every planner ticks. While somebody
// moves the clock, or a story is told, it does nothing.
func (w *World) Tick(ctx context.Context) error {
	if w.cache.own != nil {
		w.cache.own.FastForward(time.Second)
	}
	if w.standing.Load() || !w.moving.TryLock() {
		return nil
	}
	defer w.moving.Unlock()
	now := w.clock.Now()
	last := w.ticked
	w.ticked = now
	if !last.IsZero() && !w.nextImport(last).After(now) {
		if err := w.importAsDue(ctx); err != nil {
			return err
		}
	}
	return w.tickAll(ctx)
}
