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

// importHour is when billing's import comes, local time of the line (B6: the import comes nightly). Two in the
// morning is the hour that the change to daylight saving time skips, so scripts meet the missing hour as well.
const importHour = billing.LocalTime(2 * 60 * 60)

// StopClock sets the domain clock to an instant, backwards too, and stops it there. Nothing that is due is done
// on the way. Only an empty database may be taken back in time: rows that lie in the future would make no sense
// to any rule.
func (h *Harness) StopClock(at time.Time) {
	h.clock.Stand()
	h.clock.Set(at)
	h.standing.Store(true)
}

// Advance moves the clock forward by d, as Until does, and returns when nothing due is left. A negative d is
// refused.
func (h *Harness) Advance(ctx context.Context, d time.Duration) error {
	return h.Until(ctx, h.clock.Now().Add(d))
}

// Until moves the clock to an instant and returns when nothing that is due is left to do. On the way it stops
// at each import, in order, and at each instant at which a reminder may go for the first time; at each stop
// every planner, look-up and sweeper ticks. It refuses to go back. One move is made at a time: a second caller
// waits for the first. When it fails half-way the clock stays at the stop that it had reached, and may be moved
// on from there.
func (h *Harness) Until(ctx context.Context, at time.Time) error {
	h.moving.Lock()
	defer h.moving.Unlock()
	if at.Before(h.clock.Now()) {
		return fmt.Errorf("the clock does not go back: it is %s already", h.clock.Now().In(h.Zone()).Format("2006-01-02T15:04:05"))
	}
	// Once for the whole move, not at each stop.
	h.recordClockMove(h.clock.Now(), at)
	if h.planning.Load() { // what is planned now may go on the way
		if err := h.processDue(ctx); err != nil {
			return err
		}
	}
	for {
		// Asked anew at each stop: what was done at the last one may have planned a text between here and the
		// end.
		next, imports, err := h.nextStop(ctx, at)
		if err != nil {
			return err
		}
		if next.After(at) {
			break
		}
		h.noteProgress()
		// Set before the import, which is stamped with the clock's time: an import of 02:00 says that it is of
		// 02:00.
		h.clock.Set(next)
		// Before the due work of this stop: a production line has imported by the time its planners tick
		// (design §2, every move passes each 02:00 import).
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

// nextImport returns the first 02:00 local after an instant; on the night without a 02:00, the first instant
// after the gap (C1: zone rules, not 24-hour steps). On the night with two it is the first of them.
func (h *Harness) nextImport(after time.Time) time.Time {
	_, cal := h.Policy()
	day := cal.DateOf(after)
	if at := cal.At(day, importHour); at.After(after) {
		return at
	}
	return cal.At(day.Add(1), importHour)
}

// pause plays a <Pause> in a call: the stand-in for Twilio calls it in place of waiting. A standing clock is
// moved by the pause's length, with everything that falls due meanwhile, so that a script's minute on hold
// costs no real minute; a running one is waited for. An error cannot be returned through Twilio's verbs, so it
// becomes a violation, which fails the script.
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

// ImportSamples adds the sample members to what billing knows, and imports everything that billing knows. It
// may be called again: the samples replace themselves, and payments that were made on the line stay.
func (h *Harness) ImportSamples(ctx context.Context) error {
	return h.addStories(ctx, samples.Stories()...)
}

// ImportAccounts adds accounts to what billing knows, in the words of the script word account, and imports.
// Each is like the one before it, with account, member and phone numbers one higher. An account that is known
// already is replaced. It returns an error for fields that no one can read; what a value may be is the import's
// own to judge.
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

// addStories replaces what billing knows of these accounts, adds those that are new, and imports at once. When
// the import fails the stories stay: the next import tries them again.
func (h *Harness) addStories(ctx context.Context, list ...samples.Story) error {
	h.mu.Lock()
	h.stories = slices.DeleteFunc(h.stories, func(old samples.Story) bool {
		return slices.ContainsFunc(list, func(s samples.Story) bool { return s.Account == old.Account })
	})
	h.stories = append(h.stories, list...)
	h.mu.Unlock()
	return h.importNow(ctx)
}

// StopImports ends billing's nightly import: from now on balances grow old (B6: a stale import offers no
// balance). Only a reset starts it again. What a script imports itself still comes in.
func (h *Harness) StopImports() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stale = true
}

// Import loads one file as `duebell import` does: billing's own, opt-outs or consents, told apart by the
// header. A file with a bad row gives a *feed.BadRows and changes nothing.
func (h *Harness) Import(ctx context.Context, file feed.Source) error {
	kind, err := feed.OwnKind(file)
	now := h.clock.Now()
	switch {
	// The header was none of ours, or two kinds at once: the error is returned below.
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

// feedRules returns the rules that the policy in force sets for files, as of today (limits of what is plausible
// move with the clock).
func (h *Harness) feedRules() feed.Rules {
	policy, cal := h.Policy()
	return feed.RulesOf(policy, cal.DateOf(h.clock.Now()))
}

// importAsDue is the import at 02:00. It does not come after StopImports, while the database is down, or when
// billing knows nobody. A night that is left out is not made up for; the next one brings the same standing.
func (h *Harness) importAsDue(ctx context.Context) error {
	h.mu.Lock()
	skip := h.stale || h.dbDown || len(h.stories) == 0
	h.mu.Unlock()
	if skip {
		return nil
	}
	return h.importNow(ctx)
}

// importNow delivers billing's files as of now and imports them, past every fault: the billing system of the
// samples does not go through the switch before the database.
func (h *Harness) importNow(ctx context.Context) error {
	h.mu.Lock()
	stories, cal := h.stories, h.calendar
	h.mu.Unlock()
	_, err := samples.Import(ctx, h.store, stories, h.clock.Now(), cal, h.feedRules())
	return err
}

// ProcessDue does everything that is due now and returns when none of it is left. The clock does not move.
// Checks of scripts call it first, so that they judge a line that has come to rest. It waits for a move of the
// clock that is under way.
func (h *Harness) ProcessDue(ctx context.Context) error {
	h.moving.Lock()
	defer h.moving.Unlock()
	return h.processDue(ctx)
}

// maxFailedTicks is how many failing ticks in a row may follow an outage: each connection of a pool is found
// dead once. A failure that lasts longer has another cause, and is returned.
const maxFailedTicks = 40

// processDue ticks until a whole round has found no backlog. It gives up only when nothing moves any more. The
// caller holds h.moving, so that the clock stands still (a running one aside) while work is counted.
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
		// A tick only queues jobs and delivers; the workers do the work after it has returned. So it takes at
		// least one look at the backlog, and another tick for what that work has made due in its turn (a
		// receipt after a charge).
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

// movement is what must change while due work is being done: either the backlog shrinks, or requests are made.
// A worker that retries against a processor that is slow makes requests without shrinking the backlog.
type movement struct {
	left     backlog
	requests int64 // Progress
}

// awaitWorkers waits until no worker holds anything any more, and then returns nil, whether or not work is
// left: the next tick sees to that. Workers tell nobody when they are done; their rows do, and so these are
// polled: often at first, then less and less, for each look costs the database. It returns an error when
// nothing has moved for StallLimit, or the context's cause.
func (h *Harness) awaitWorkers(ctx context.Context, left backlog, stall *stallTimer[movement]) error {
	const shortest, longest = 2 * time.Millisecond, 25 * time.Millisecond
	pause := shortest
	poll := time.NewTimer(pause)
	defer poll.Stop()
	for {
		if err := stall.check(ctx, movement{left, h.Progress()}); err != nil {
			return err
		}
		if !left.inProgress() && h.hasWorkers() {
			return nil
		}
		select {
		case <-poll.C:
			pause = min(pause*3/2, longest)
			poll.Reset(pause)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var err error
		if left, err = h.backlog(ctx); err != nil {
			return fmt.Errorf("count the backlog: %w", err)
		}
	}
}

// hasWorkers reports whether anybody is there to do due work: while killed workers are replaced nobody is, and
// a wait that ended then would tick nobody.
func (h *Harness) hasWorkers() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.work) > 0
}

// tickAll tells the processor the time, plans reminders, ticks every replica of work at once, and then lets
// Twilio do what it has waiting. Errors count only while both stores are up: while one is down they are what
// the script asked for. All replicas tick side by side on purpose, as in production, where their leases and
// SKIP LOCKED keep them from doing the same work twice.
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
	// The processor comes first: what it settles now may pay a bill, and then no reminder may go for it (N2:
	// re-read before sending).
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
