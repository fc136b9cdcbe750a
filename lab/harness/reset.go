package harness

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"duebell/lab/twilio"
)

// Reset begins a new story: everything is mended, the stores are emptied and the stand-ins replaced.
// The clock stays where it is.
func (w *World) Reset(ctx context.Context) error {
	if w.Twilio() == nil || w.Processor() == nil {
		return errNotOurs
	}
	w.moving.Lock()
	defer w.moving.Unlock()
	w.RedisUp()
	w.DatabaseUp()
	w.outside.release() // held answers must not come into the next story
	if err := w.closeRoles(ctx); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	tables, err := w.ours(ctx)
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	for i := range tables {
		tables[i] = pgx.Identifier{tables[i]}.Sanitize()
	}
	if _, err := w.pool.Exec(ctx, "TRUNCATE "+strings.Join(tables, ", ")+" RESTART IDENTITY CASCADE"); err != nil {
		return fmt.Errorf("reset: empty the database: %w", err)
	}
	if err := w.cache.client.FlushDB(ctx).Err(); err != nil {
		return fmt.Errorf("reset: empty Redis: %w", err)
	}
	w.forget()
	w.outside.newProcessor()
	if err := w.outside.newTwilio(); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := w.setPolicy(w.cfg.Policy); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	return w.openRoles(ctx)
}

func (w *World) forget() {
	w.mu.Lock()
	w.stories, w.stale, w.procFault, w.kill, w.silent, w.complaints, w.killWork = nil, false, "", false, false, nil, ""
	w.limits = w.cfg.Settings.SendLimits
	clear(w.modes)
	w.mu.Unlock()
	w.plans.Store(false)
	w.truth.clear()
	w.logs.clear()
	w.front.forget()
	w.passed.clear()
}

func (r *record) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.items)
}

func (f *front) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = nil
}

// Normal ends every way of Twilio's to misbehave.
func (w *World) Normal() error { return w.SetTwilio(string(twilio.ModeNormal)) }
