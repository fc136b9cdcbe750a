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

// Stand puts the clock at an instant and stops it there, before a story begins.
func (w *World) Stand(at time.Time) {
	w.clock.Stand()
	w.clock.Set(at)
	w.standing.Store(true)
}

// Run lets the clock go on by itself again, with or without reminders as the world was opened.
func (w *World) Run() {
	w.plans.Store(w.cfg.Reminders)
	w.clock.Run()
	w.standing.Store(false)
}

// Advance moves the clock forward, passing everything that is due on the way.
func (w *World) Advance(ctx context.Context, d time.Duration) error {
	return w.Until(ctx, w.clock.Now().Add(d))
}

// Until moves the clock to an instant: it passes each import in order, and the hour of each reminder,
// ticks every planner, look-up and sweeper, and returns when nothing due is left undone.
func (w *World) Until(ctx context.Context, at time.Time) error {
	w.moving.Lock()
	defer w.moving.Unlock()
	if at.Before(w.clock.Now()) {
		return fmt.Errorf("the clock does not go back: it is %s already", w.clock.Now().In(w.Zone()).Format("2006-01-02T15:04:05"))
	}
	w.movedTo(w.clock.Now(), at)
	if w.plans.Load() { // what is planned now may go on the way
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
	for {
		next, imports, err := w.nextStop(ctx, at)
		if err != nil {
			return err
		}
		if next.After(at) {
			break
		}
		w.clock.Set(next)
		if imports {
			if err := w.importAsDue(ctx); err != nil {
				return err
			}
		}
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
	w.clock.Set(at)
	return w.settle(ctx)
}

// nextImport is the first 02:00 local after an instant. On the day on which 02:00 does not exist it is
// the first instant after the gap (C1).
func (w *World) nextImport(after time.Time) time.Time {
	_, cal := w.Policy()
	day := cal.DateOf(after)
	if at := cal.At(day, importHour); at.After(after) {
		return at
	}
	return cal.At(day.Add(1), importHour)
}

// pause is a <Pause> in a call: the clock moves by its length. A clock that runs by itself is waited for.
func (w *World) pause(ctx context.Context, d time.Duration) {
	if w.standing.Load() {
		if err := w.Advance(ctx, d); err != nil {
			w.complain("while a caller was on hold: %v", err)
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

// Sample makes the sample members known to billing and imports them.
func (w *World) Sample(ctx context.Context) error { return w.addStories(ctx, samples.Stories()...) }

// Accounts makes accounts known to billing, as the script word says it, and imports them. Each is like
// the one before it, with numbers one higher. One that is known already is said anew.
func (w *World) Accounts(ctx context.Context, many int, fields []string) error {
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
	return w.addStories(ctx, list...)
}

func (w *World) addStories(ctx context.Context, list ...samples.Story) error {
	w.mu.Lock()
	w.stories = slices.DeleteFunc(w.stories, func(old samples.Story) bool {
		return slices.ContainsFunc(list, func(s samples.Story) bool { return s.Account == old.Account })
	})
	w.stories = append(w.stories, list...)
	w.mu.Unlock()
	return w.importNow(ctx)
}

// ImportStale stops billing's import: from now on balances grow old (B6).
func (w *World) ImportStale() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stale = true
}

// Import loads a file as `duebell import` does: one of billing's, of opt-outs or of consents.
func (w *World) Import(ctx context.Context, file feed.Source) error {
	kind, err := feed.OwnKind(file)
	now := w.clock.Now()
	switch {
	case err != nil:
	case kind == feed.Suppressions:
		_, err = w.store.ImportSuppressions(ctx, file, now)
	case kind == feed.Consents:
		_, err = w.store.ImportConsents(ctx, file, now)
	default:
		_, err = w.store.Import(ctx, []feed.Source{file}, store.ImportOptions{AsOf: now, At: now, Rules: w.feedRules()})
	}
	return err
}

func (w *World) feedRules() feed.Rules {
	policy, cal := w.Policy()
	return feed.RulesOf(policy, cal.DateOf(w.clock.Now()))
}

// importAsDue is the import at 02:00: it does not come while billing is stale or the database is down.
func (w *World) importAsDue(ctx context.Context) error {
	w.mu.Lock()
	skip := w.stale || w.dbDown || len(w.stories) == 0
	w.mu.Unlock()
	if skip {
		return nil
	}
	return w.importNow(ctx)
}

func (w *World) importNow(ctx context.Context) error {
	w.mu.Lock()
	stories, cal := w.stories, w.calendar
	w.mu.Unlock()
	_, err := samples.Import(ctx, w.store, stories, w.clock.Now(), cal, w.feedRules())
	return err
}

// Settle lets everything happen that is due now.
func (w *World) Settle(ctx context.Context) error {
	w.moving.Lock()
	defer w.moving.Unlock()
	return w.settle(ctx)
}

// settlePatience bounds how long things may take by the machine's clock.
const settlePatience = 45 * time.Second

// deadConnections is how many failing ticks in a row an outage that is over explains.
const deadConnections = 40

// settle ticks until a whole round has found nothing left undone.
func (w *World) settle(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	broken := 0
	for {
		if err := w.tickAll(bounded); err != nil {
			// After an outage each connection of a pool is found dead once.
			if broken++; broken > deadConnections {
				return err
			}
			continue
		}
		broken = 0
		left, err := w.undone(bounded)
		if err != nil {
			return fmt.Errorf("what is left undone: %w", err)
		}
		if left == (undone{}) {
			return nil
		}
		if err := w.awaitHands(bounded, left); err != nil {
			return err
		}
	}
}

// awaitHands waits until nobody is at work any more. Workers tell nobody when they are done; the rows
// do, and so they are looked at.
func (w *World) awaitHands(ctx context.Context, left undone) error {
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("still undone after %v: %s: %w", settlePatience, left, context.Cause(ctx))
		}
		if !left.inHand() {
			return nil
		}
		var err error
		if left, err = w.undone(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("what is left undone: %w", err)
		}
	}
}

// tickAll tells the stand-ins the time and ticks every replica of work at once.
func (w *World) tickAll(ctx context.Context) error {
	if p := w.Processor(); p != nil {
		if err := p.Advance(ctx, w.clock.Now()); err != nil {
			return err
		}
		w.refused.Store(int64(p.Undelivered())) // nobody took these: not again before the next move
	}
	w.mu.Lock()
	work, broken := w.work, w.dbDown || w.redisDown
	w.mu.Unlock()
	errs := w.plan(ctx, work)
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
	if t := w.Twilio(); t != nil {
		return t.Settle(ctx)
	}
	return nil
}
