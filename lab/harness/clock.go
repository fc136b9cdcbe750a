package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/lab/samples"
	"duebell/store"
)

// importHour is when billing's import comes, local (design: 02:00).
const importHour = billing.LocalTime(2 * 60 * 60)

// StopClock puts the clock at an instant and stops it there, before a story begins.
func (h *Harness) StopClock(at time.Time) {
	h.clock.Stand()
	h.clock.Set(at)
	h.standing.Store(true)
}

// RunClock lets the clock go on by itself again, with or without reminders as the harness was opened.
func (h *Harness) RunClock() {
	h.planning.Store(h.cfg.Reminders)
	h.clock.Run()
	h.standing.Store(false)
}

// Advance moves the clock forward, passing everything that is due on the way.
func (h *Harness) Advance(ctx context.Context, d time.Duration) error {
	return h.Until(ctx, h.clock.Now().Add(d))
}

// Until moves the clock to an instant: it passes each import in order, and the hour of each reminder,
// ticks every planner, look-up and sweeper, and returns when nothing due is left undone.
func (h *Harness) Until(ctx context.Context, at time.Time) error {
	h.moving.Lock()
	defer h.moving.Unlock()
	if at.Before(h.clock.Now()) {
		return fmt.Errorf("the clock does not go back: it is %s already", h.clock.Now().In(h.Zone()).Format("2006-01-02T15:04:05"))
	}
	h.recordClockMove(h.clock.Now(), at)
	if h.planning.Load() { // what is planned now may go on the way
		if err := h.processDue(ctx); err != nil {
			return err
		}
	}
	for {
		next, imports, err := h.nextStop(ctx, at)
		if err != nil {
			return err
		}
		if next.After(at) {
			break
		}
		h.noteProgress()
		h.clock.Set(next)
		if imports {
			if err := h.importAsDue(ctx); err != nil {
				return err
			}
		}
		if err := h.processDue(ctx); err != nil {
			return err
		}
	}
	h.clock.Set(at)
	return h.processDue(ctx)
}

// nextImport is the first 02:00 local after an instant. On the day on which 02:00 does not exist it is
// the first instant after the gap (C1).
func (h *Harness) nextImport(after time.Time) time.Time {
	_, cal := h.Policy()
	day := cal.DateOf(after)
	if at := cal.At(day, importHour); at.After(after) {
		return at
	}
	return cal.At(day.Add(1), importHour)
}

// pause is a <Pause> in a call: the clock moves by its length. A clock that runs by itself is waited for.
func (h *Harness) pause(ctx context.Context, d time.Duration) {
	if h.standing.Load() {
		if err := h.Advance(ctx, d); err != nil {
			h.violate("while a caller was on hold: %v", err)
		}
		return
	}
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// ImportSamples makes the sample members known to billing and imports them.
func (h *Harness) ImportSamples(ctx context.Context) error {
	return h.addStories(ctx, samples.Stories()...)
}

// ImportAccounts makes accounts known to billing, as the script word says it, and imports them. Each is like
// the one before it, with numbers one higher. One that is known already is said anew.
func (h *Harness) ImportAccounts(ctx context.Context, many int, fields []string) error {
	first, err := samples.Parse(fields)
	if err != nil {
		return err
	}
	list := make([]samples.Story, many)
	for i := range list {
		if list[i], err = first.Like(i); err != nil {
			return err
		}
	}
	return h.addStories(ctx, list...)
}

func (h *Harness) addStories(ctx context.Context, list ...samples.Story) error {
	h.mu.Lock()
	h.stories = slices.DeleteFunc(h.stories, func(old samples.Story) bool {
		return slices.ContainsFunc(list, func(s samples.Story) bool { return s.Account == old.Account })
	})
	h.stories = append(h.stories, list...)
	h.mu.Unlock()
	return h.importNow(ctx)
}

// StopImports stops billing's import: from now on balances grow old (B6).
func (h *Harness) StopImports() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stale = true
}

// Import loads a file as `duebell import` does: one of billing's, of opt-outs or of consents.
func (h *Harness) Import(ctx context.Context, file feed.Source) error {
	kind, err := feed.OwnKind(file)
	now := h.clock.Now()
	switch {
	case err != nil:
	case kind == feed.Suppressions:
		_, err = h.store.ImportSuppressions(ctx, file, now)
	case kind == feed.Consents:
		_, err = h.store.ImportConsents(ctx, file, now)
	default:
		_, err = h.store.Import(ctx, []feed.Source{file}, store.ImportOptions{AsOf: now, At: now, Rules: h.feedRules()})
	}
	return err
}

func (h *Harness) feedRules() feed.Rules {
	policy, cal := h.Policy()
	return feed.RulesOf(policy, cal.DateOf(h.clock.Now()))
}

// importAsDue is the import at 02:00: it does not come while billing is stale or the database is down.
func (h *Harness) importAsDue(ctx context.Context) error {
	h.mu.Lock()
	skip := h.stale || h.dbDown || len(h.stories) == 0
	h.mu.Unlock()
	if skip {
		return nil
	}
	return h.importNow(ctx)
}

func (h *Harness) importNow(ctx context.Context) error {
	h.mu.Lock()
	stories, cal := h.stories, h.calendar
	h.mu.Unlock()
	_, err := samples.Import(ctx, h.store, stories, h.clock.Now(), cal, h.feedRules())
	return err
}

// ProcessDue lets everything happen that is due now.
func (h *Harness) ProcessDue(ctx context.Context) error {
	h.moving.Lock()
	defer h.moving.Unlock()
	return h.processDue(ctx)
}

// maxFailedTicks is how many failing ticks in a row an outage that is over explains.
const maxFailedTicks = 40

// processDue ticks until a whole round has found no backlog. It gives up only when nothing moves any more.
func (h *Harness) processDue(ctx context.Context) error {
	stall := newStallTimer(movement{})
	defer stall.timer.Stop()
	broken := 0
	for {
		if err := h.tickAll(ctx); err != nil {
			// After an outage each connection of a pool is found dead once.
			if broken++; broken > maxFailedTicks {
				return err
			}
			continue
		}
		broken = 0
		left, err := h.backlog(ctx)
		if err != nil {
			return fmt.Errorf("count the backlog: %w", err)
		}
		if left == (backlog{}) {
			return nil
		}
		if err := h.awaitWorkers(ctx, left, stall); err != nil {
			return fmt.Errorf("the backlog does not shrink: %s: %w", left, err)
		}
	}
}

// movement is what must change while due work is being done.
type movement struct {
	left     backlog
	requests int64 // Progress
}

// awaitWorkers waits until no worker holds anything any more. Workers tell nobody when they are done; their rows
// do, and so these are polled.
func (h *Harness) awaitWorkers(ctx context.Context, left backlog, stall *stallTimer[movement]) error {
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for {
		if err := stall.check(ctx, movement{left, h.Progress()}); err != nil {
			return err
		}
		if !left.inProgress() {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var err error
		if left, err = h.backlog(ctx); err != nil {
			return fmt.Errorf("count the backlog: %w", err)
		}
	}
}

// tickAll tells the stand-ins the time and ticks every replica of work at once.
func (h *Harness) tickAll(ctx context.Context) error {
	if p := h.Processor(); p != nil {
		if err := p.Advance(ctx, h.clock.Now()); err != nil {
			return err
		}
		h.refusedEvents.Store(int64(p.Undelivered())) // nobody took these: not again before the next move
	}
	h.mu.Lock()
	work, broken := h.work, h.dbDown || h.redisDown
	h.mu.Unlock()
	errs := h.planReminders(ctx, work)
	done := make(chan error, len(work))
	for _, k := range work {
		go func() { done <- k.Tick(ctx) }()
	}
	for range work {
		errs = append(errs, <-done)
	}
	if err := errors.Join(errs...); err != nil && !broken {
		return fmt.Errorf("tick: %w", err)
	}
	if t := h.Twilio(); t != nil {
		return t.RunPending(ctx)
	}
	return nil
}
