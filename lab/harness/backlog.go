package harness

import (
	"context"
	"fmt"

	"duebell/internal/app"
)

// backlogSQL counts what is due by the domain's clock and what somebody has in hand by the machine's.
const backlogSQL = `
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

// backlog is how much there is to do, and how much of it somebody is at.
type backlog struct {
	jobs     int // in line
	charging int // payments in a worker's hands
	charges  int // payments due, in nobody's
	sending  int // texts in a worker's hands
	texts    int // texts due
	events   int // of the processor, not delivered and not tried yet
}

func (b backlog) inProgress() bool { return b.jobs+b.charging+b.sending > 0 }

// String names what there is.
func (b backlog) String() string {
	return fmt.Sprintf("%d jobs in line, %d charges in hand and %d due, %d texts in hand and %d due, %d events",
		b.jobs, b.charging, b.charges, b.sending, b.texts, b.events)
}

// backlog counts what is due and not done. While the database is down for the product nobody can do it.
func (h *Harness) backlog(ctx context.Context) (backlog, error) {
	h.mu.Lock()
	down := h.dbDown
	h.mu.Unlock()
	var u backlog
	if down {
		return u, nil
	}
	args := named{"now": h.clock.Now(), "machine": app.SystemClock{}.Now()}
	err := h.pool.QueryRow(ctx, backlogSQL, args.pgx()).Scan(&u.jobs, &u.charging, &u.charges, &u.sending, &u.texts)
	if err != nil {
		return u, err
	}
	if p := h.Processor(); p != nil {
		u.charging -= min(u.charging, p.Held()) // these wait for the clock
		u.events = max(0, p.Undelivered()-int(h.refusedEvents.Load()))
	}
	return u, nil
}
