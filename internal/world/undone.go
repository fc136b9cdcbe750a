package world

import (
	"context"
	"fmt"
	"strings"

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
  (SELECT count(*) FROM notices WHERE state IN ('claimed', 'unknown') AND leased_until > @machine),
  (SELECT count(*) FROM notices WHERE (state = 'planned' AND not_before <= @now)
      OR (state = 'unknown' AND next_look_at <= @now AND (leased_until IS NULL OR leased_until <= @machine)))`

// undone says what is due and not done, and whether somebody is at it. While the database is down for
// the product nobody can be.
func (w *World) undone(ctx context.Context) (what string, busy bool, err error) {
	w.mu.Lock()
	down := w.dbDown
	w.mu.Unlock()
	if down {
		return "", false, nil
	}
	var jobs, charging, charges, sending, texts int
	args := named{"now": w.clock.Now(), "machine": app.SystemClock{}.Now()}
	if err := w.pool.QueryRow(ctx, undoneSQL, args.pgx()).Scan(&jobs, &charging, &charges, &sending, &texts); err != nil {
		return "", false, err
	}
	if p := w.Processor(); p != nil {
		charging -= min(charging, p.Held()) // these wait for the clock
	}
	var list []string
	for _, n := range []struct {
		count int
		what  string
	}{{jobs, "jobs in line"}, {charging, "charges in hand"}, {charges, "charges due"}, {sending, "texts in hand"}, {texts, "texts due"}} {
		if n.count > 0 {
			list = append(list, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	return strings.Join(list, ", "), jobs+charging+sending > 0, nil
}
