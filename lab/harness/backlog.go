package harness

import (
	"context"
	"fmt"
)

// backlogSQL counts the jobs in line, and of payments and notices those that a worker holds on lease (leases go
// by the machine's clock) and those that are due (by the domain clock) and held by nobody. The conditions
// repeat those of the product's own sweepers: what the sweepers would not take up must not count here, or the
// clock would wait for it for ever; and what they would take up must count, or the clock would move on past due
// work. It is one statement, so that all five numbers belong to one instant; a row that a worker claims between
// two statements cannot be missed.
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
      OR state = 'claimed' AND leased_until <= @machine -- of a dead worker: the next tick looks for it
      OR ((state = 'unknown' AND next_look_at <= @now OR poll_at <= @now) AND (leased_until IS NULL OR leased_until <= @machine)))`

// backlog is the work that is due and not done, with how much of it a worker is doing. The zero value means
// that nothing is left: the clock may move on. It is compared with ==, so its fields stay plain numbers.
type backlog struct {
	jobs     int // waiting to be worked
	charging int // payments on lease to a worker
	charges  int // payments due, on lease to nobody
	sending  int // texts on lease to a worker
	texts    int // texts due
	events   int // of the processor, neither delivered nor tried since the clock last moved
}

// inProgress reports whether a worker holds, or is about to take, any of the work. Then waiting is enough;
// otherwise another tick has to queue what is due. Undelivered events do not count: only the next tick delivers
// them.
func (b backlog) inProgress() bool { return b.jobs+b.charging+b.sending > 0 }

// String names the counts, for the error of a wait that gave up.
func (b backlog) String() string {
	return fmt.Sprintf("%d jobs waiting, %d charges in progress and %d due, %d texts in progress and %d due, %d events undelivered",
		b.jobs, b.charging, b.charges, b.sending, b.texts, b.events)
}

// backlog counts the work that is due and not done, past every fault that a script has set. It returns the zero
// backlog while the database is down for the product: nobody could do anything, and the work counts again once
// it is up. It may be called at any time from any goroutine.
func (h *Harness) backlog(ctx context.Context) (backlog, error) {
	h.mu.Lock()
	down := h.dbDown
	h.mu.Unlock()
	var b backlog
	if down {
		return b, nil
	}
	// Two clocks (design §2): what is due goes by the domain clock, leases run by the machine's.
	args := named{"now": h.clock.Now(), "machine": h.machine.Now()}
	err := h.pool.QueryRow(ctx, backlogSQL, args.pgx()).Scan(&b.jobs, &b.charging, &b.charges, &b.sending, &b.texts)
	if err != nil {
		return b, err
	}
	if p := h.Processor(); p != nil {
		// "processor slow 20s" holds an answer until the domain clock has moved that far, and with it the
		// worker that waits for the answer. That worker is not in progress in the sense of a wait: waiting for
		// it would never end.
		b.charging -= min(b.charging, p.Held()) // these wait for the clock
		// An event that the product did not take at the last delivery stays with the stand-in until the clock
		// moves again, as Stripe tries again later. It is left out, else a line that is down would keep every
		// move from ending.
		b.events = max(0, p.Undelivered()-int(h.refusedEvents.Load()))
	}
	return b, nil
}
