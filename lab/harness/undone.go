package harness

import (
	"context"
	"fmt"

	"duebell/internal/app"
)

// undoneSQL counts what is due by the domain's clock and what somebody has in hand by the machine's.
const undoneSQL = `
SELECT
  (SELECT count(*) FROM river_job WHERE state = 'available' AND kind IN ('charge', 'notice')),
  (SELECT count(*) FROM payment_attempts WHERE state IN ('authorized', 'confirming', 'unknown')
      AND leased_until > @machine),
  (SELECT count(*) FROM payment_attempts WHERE state IN ('authorized', 'confirming', 'unknown') AND not_before <= @now
      AND (next_look_at IS NULL OR next_look_at <= @now) AND (leased_until IS NULL OR leased_until <= @machine)),
  (SELECT count(*) FROM notices WHERE state IN ('claimed', 'unknown', 'accepted', 'sent') AND leased_until > @machine),
  (SELECT count(*) FROM notices WHERE (state = 'planned' AND not_before <= @now
          AND NOT EXISTS (SELECT 1 FROM paused_kinds c WHERE c.kind IN ('*', notices.kind)
              AND (c.probe_at IS NULL OR c.probe_at > @now OR notices.channel <> 'sms'))) -- where one text may try, all of them count until it has
      OR ((state = 'unknown' AND next_look_at <= @now OR poll_at <= @now) AND (leased_until IS NULL OR leased_until <= @machine)))`

// undone is how much there is to do, and how much of it somebody is at.
type undone struct {
	jobs     int // in line
	charging int // payments in a worker's hands
	charges  int // payments due, in nobody's
	sending  int // texts in a worker's hands
	texts    int // texts due
	events   int // of the processor, not delivered and not tried yet
}

func (u undone) inHand() bool { return u.jobs+u.charging+u.sending > 0 }

// String names what there is.
func (u undone) String() string {
	return fmt.Sprintf("%d jobs in line, %d charges in hand and %d due, %d texts in hand and %d due, %d events",
		u.jobs, u.charging, u.charges, u.sending, u.texts, u.events)
}

// undone counts what is due and not done. While the database is down for the product nobody can do it.
func (w *World) undone(ctx context.Context) (undone, error) {
	w.mu.Lock()
	down := w.dbDown
	w.mu.Unlock()
	var u undone
	if down {
		return u, nil
	}
	args := named{"now": w.clock.Now(), "machine": app.SystemClock{}.Now()}
	err := w.pool.QueryRow(ctx, undoneSQL, args.pgx()).Scan(&u.jobs, &u.charging, &u.charges, &u.sending, &u.texts)
	if err != nil {
		return u, err
	}
	if p := w.Processor(); p != nil {
		u.charging -= min(u.charging, p.Held()) // these wait for the clock
		u.events = max(0, p.Undelivered()-int(w.refused.Load()))
	}
	return u, nil
}
