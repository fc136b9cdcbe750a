package harness

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"duebell/billing/feed"
	"duebell/internal/app"
	"duebell/lab/twilio"
	"duebell/notify"
)

// PlanReminders has every move of the clock plan reminders from now on, and plans them now. Without
// it a world sends none, unless it was opened with Reminders: most stories are not about them.
func (w *World) PlanReminders(ctx context.Context) error {
	w.plans.Store(true)
	return w.Settle(ctx)
}

// plan has every replica of work plan at once: one of them does.
func (w *World) plan(ctx context.Context, work []*app.Work) []error {
	if !w.plans.Load() {
		return nil
	}
	done := make(chan error, len(work))
	for _, k := range work {
		go func() { done <- k.PlanReminders(ctx) }()
	}
	var errs []error
	for range work {
		errs = append(errs, <-done)
	}
	return errs
}

// nextReminderSQL leaves out what was put off: whoever waits for Twilio asks again every few seconds.
const nextReminderSQL = `SELECT min(not_before) FROM notices
	WHERE state = 'planned' AND not_before > @now AND not_before <= @at AND waits = 0 AND creates = 0`

// nextStop is the first instant up to at where a moving clock must stop: an import, or a text that may go
// for the first time. A line that runs would send it then, and not when the move ends.
func (w *World) nextStop(ctx context.Context, at time.Time) (next time.Time, imports bool, err error) {
	next = w.nextImport(w.clock.Now())
	w.mu.Lock()
	down := w.dbDown
	w.mu.Unlock()
	if !w.plans.Load() || down {
		return next, true, nil
	}
	var text *time.Time
	args := named{"now": w.clock.Now(), "at": at}
	if err := w.pool.QueryRow(ctx, nextReminderSQL, args.pgx()).Scan(&text); err != nil {
		return next, false, fmt.Errorf("when the next text may go: %w", err)
	}
	if text != nil && text.Before(next) {
		return *text, false, nil
	}
	return next, true, nil
}

// CarrierSays has texts to a number meet this from now on.
func (w *World) CarrierSays(number string, o twilio.Outcome) error {
	t := w.Twilio()
	if t == nil {
		return errNotOurs
	}
	t.SetOutcome(number, o)
	return nil
}

// Speak gives every member a language, as if each had chosen it on a call.
func (w *World) Speak(ctx context.Context, lang string) error {
	_, err := w.pool.Exec(ctx, `UPDATE members SET language = $1`, lang)
	return err
}

// AgreesToCalls records that the owner of a number has agreed to reminder calls.
func (w *World) AgreesToCalls(ctx context.Context, number string) error {
	now := w.clock.Now()
	file := feed.Text("consents.csv", "number,channel,source,at,wording\n"+number+",voice,agent,"+now.Format(time.RFC3339)+",the story says so\n")
	return w.Import(ctx, file)
}

// PauseTexts holds a kind of text back, as `duebell reminders pause` does; * is every kind.
func (w *World) PauseTexts(ctx context.Context, kind string) error {
	_, err := w.store.PauseKind(ctx, notify.Kind(kind), "the story", w.clock.Now())
	return err
}

// ResumeTexts lets it go again. Nothing to resume is a mistake of the story's.
func (w *World) ResumeTexts(ctx context.Context, kind string) error {
	held, err := w.store.ResumeKind(ctx, notify.Kind(kind))
	if err == nil && !held {
		err = fmt.Errorf("%s is not held back", kind)
	}
	return err
}

// Suppressions is what `duebell export suppressions` writes.
func (w *World) Suppressions(ctx context.Context) (string, error) {
	var b strings.Builder
	_, err := w.store.ExportSuppressions(ctx, &b)
	return b.String(), err
}

// limits are what a story can say of sender and lines, by the names of the settings.
var limits = map[string]func(*notify.SendLimits, int){
	"segments-per-second": func(l *notify.SendLimits, n int) { l.SegmentsPerSecond = float64(n) },
	"segments-per-day":    func(l *notify.SendLimits, n int) { l.SegmentsPerDay = n },
	"lines":               func(l *notify.SendLimits, n int) { l.Lines = n },
}

// Limits names them.
func Limits() []string { return slices.Sorted(maps.Keys(limits)) }

// Limit sets one of them and starts every role anew.
func (w *World) Limit(ctx context.Context, name string, n int) error {
	w.mu.Lock()
	limits[name](&w.limits, n)
	w.mu.Unlock()
	return w.Restart(ctx)
}

// MoveDue moves the due instant of all bills of a month, on top of the story's own policy (C5).
func (w *World) MoveDue(ctx context.Context, policy, month string, dueAt time.Time) error {
	return w.SetPolicy(ctx, policy+fmt.Sprintf(
		"due_overrides = [{scope = \"all\", bill_month = %q, due_at = %q, reason = \"the story\", announced_at = %q}]\n",
		month, dueAt.In(w.Zone()).Format(time.RFC3339), w.clock.Now().In(w.Zone()).Format(time.RFC3339)))
}
