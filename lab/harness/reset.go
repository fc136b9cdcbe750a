package harness

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"duebell/lab/twilio"
)

// Reset makes the harness as new for the next script: faults end, the stores are emptied, stand-ins and roles
// are replaced. The clock stays where it is. It refuses external stand-ins, which it could not empty. After an
// error the harness may have no roles: only Close is left.
func (h *Harness) Reset(ctx context.Context) error {
	if h.Twilio() == nil || h.Processor() == nil {
		return errExternal
	}
	h.moving.Lock()
	defer h.moving.Unlock()
	// Switches up first: what follows must reach the stores through them, and faults of the old script end
	// here.
	h.RedisUp()
	h.DatabaseUp()
	h.standIns.release() // held answers must not come into the next story
	// Roles end before the tables are emptied: a job that is still running would write rows of the old script
	// into the new one. The switches are up by now, so that the roles can end in order.
	if err := h.closeRoles(ctx); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	tables, err := h.productTables(ctx)
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	for i := range tables {
		tables[i] = pgx.Identifier{tables[i]}.Sanitize()
	}
	// One statement, so that foreign keys do not matter; identities start anew, so that every script sees the
	// same ids.
	if _, err := h.pool.Exec(ctx, "TRUNCATE "+strings.Join(tables, ", ")+" RESTART IDENTITY CASCADE"); err != nil {
		return fmt.Errorf("reset: empty the database: %w", err)
	}
	if err := h.redis.client.FlushDB(ctx).Err(); err != nil {
		return fmt.Errorf("reset: empty Redis: %w", err)
	}
	h.clearStory()
	// The addresses stay: settings that were read from outside (dev.env) still hold.
	h.standIns.newProcessor()
	if err := h.standIns.newTwilio(); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := h.setPolicy(h.cfg.Policy); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	// Last, and so with the configured policy and limits.
	return h.openRoles(ctx)
}

// clearStory forgets everything that belongs to the script before: what billing knows, faults that were ordered
// and not met yet, what was recorded. Nothing may be running: the roles are closed.
func (h *Harness) clearStory() {
	h.mu.Lock()
	h.stories, h.stale, h.procFault, h.killNext, h.payHangupSilent, h.violations, h.killWorker = nil, false, "", false, false, nil, ""
	h.limits = h.cfg.Settings.SendLimits
	clear(h.modes)
	h.mu.Unlock()
	h.planning.Store(false)
	h.facts.clear()
	h.logs.clear()
	h.balancer.clear()
	h.coverage.clear()
}

// clear forgets all counts.
func (c *coverage) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.items)
}

// clear forgets the requests.
func (b *loadBalancer) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = nil
}

// EndTwilioFaults ends every fault of Twilio's; errExternal where an external Twilio is used.
func (h *Harness) EndTwilioFaults() error { return h.SetTwilio(string(twilio.ModeNormal)) }
