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

// PlanReminders lets every move of the clock plan reminders from now on, and plans them now. Without it, and
// without Config.Reminders, a harness sends none: most scripts are not about them, and each would have to
// expect them. It may be called again. A reset ends it.
func (h *Harness) PlanReminders(ctx context.Context) error {
	h.planning.Store(true)
	return h.ProcessDue(ctx)
}

// planReminders has every replica of work plan at once, as in production: one of them does, the others find it
// done. So every script that plans with two replicas tests that no text is planned twice (N1: a reason is
// unique). It returns one entry a replica, nil for those that planned.
func (h *Harness) planReminders(ctx context.Context, work []*app.Work) []error {
	if !h.planning.Load() {
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

// nextReminderSQL leaves out what was put off: whoever waits for Twilio asks again every few seconds. Only a
// notice that was never tried counts (waits and creates are 0).
const nextReminderSQL = `SELECT min(not_before) FROM notices
	WHERE state = 'planned' AND not_before > @now AND not_before <= @at AND waits = 0 AND creates = 0`

// nextStop returns the first instant at which a clock that moves to at must stop: an import, or a text that may
// go for the first time. A running line would send that text then, and not when the move ends; a text that goes
// hours late may be untrue, or outside its window (N4, N6: send windows). imports says that the stop is an
// import. The instant may lie beyond at: then there is nothing to stop for.
func (h *Harness) nextStop(ctx context.Context, at time.Time) (next time.Time, imports bool, err error) {
	next = h.nextImport(h.clock.Now())
	h.mu.Lock()
	down := h.dbDown
	h.mu.Unlock()
	if !h.planning.Load() || down {
		return next, true, nil
	}
	var text *time.Time
	args := named{"now": h.clock.Now(), "at": at}
	if err := h.pool.QueryRow(ctx, nextReminderSQL, args.pgx()).Scan(&text); err != nil {
		return next, false, fmt.Errorf("find when the next text may go: %w", err)
	}
	if text != nil && text.Before(next) {
		return *text, false, nil
	}
	return next, true, nil
}

// SetTextOutcome sets what becomes of texts to a number from now on; texts that were sent before keep theirs.
// It returns errExternal where an external Twilio is used.
func (h *Harness) SetTextOutcome(number string, o twilio.Outcome) error {
	t := h.Twilio()
	if t == nil {
		return errExternal
	}
	t.SetOutcome(number, o)
	return nil
}

// SetLanguages gives every member a language, as if each had chosen it on a call. It writes past the product:
// an import keeps the language as long as billing's own stays what it was.
func (h *Harness) SetLanguages(ctx context.Context, lang string) error {
	_, err := h.pool.Exec(ctx, `UPDATE members SET language = $1`, lang)
	return err
}

// ConsentToCalls records that the owner of a number has agreed to reminder calls (N10: opt-in only), by an
// import, as an agent's record would come (O1: source, time and wording).
func (h *Harness) ConsentToCalls(ctx context.Context, number string) error {
	now := h.clock.Now()
	file := feed.Text("consents.csv", "number,channel,source,at,wording\n"+number+",voice,agent,"+now.Format(time.RFC3339)+",the script says so\n")
	return h.Import(ctx, file)
}

// PauseTexts holds texts of a kind back, as `duebell reminders pause` does; * is every kind. Paused twice is no
// error.
func (h *Harness) PauseTexts(ctx context.Context, kind string) error {
	_, err := h.store.PauseKind(ctx, notify.Kind(kind), "the script", h.clock.Now())
	return err
}

// ResumeTexts lets them go again. It returns an error when the kind is not held back: a script that resumes it
// expects that it was.
func (h *Harness) ResumeTexts(ctx context.Context, kind string) error {
	held, err := h.store.ResumeKind(ctx, notify.Kind(kind))
	if err == nil && !held {
		err = fmt.Errorf("%s is not held back", kind)
	}
	return err
}

// ExportSuppressions returns what `duebell export suppressions` writes: CSV with a header line.
func (h *Harness) ExportSuppressions(ctx context.Context) (string, error) {
	var b strings.Builder
	_, err := h.store.ExportSuppressions(ctx, &b)
	return b.String(), err
}

// sendLimits are the limits of the sender of texts and of the telephone lines that a script may set, by the names
// of the settings.
var sendLimits = map[string]func(*notify.SendLimits, int){
	"segments-per-second": func(l *notify.SendLimits, n int) { l.SegmentsPerSecond = float64(n) },
	"segments-per-day":    func(l *notify.SendLimits, n int) { l.SegmentsPerDay = n },
	"lines":               func(l *notify.SendLimits, n int) { l.Lines = n },
}

// SendLimitNames returns the names of the limits that SetSendLimit takes, sorted.
func SendLimitNames() []string { return slices.Sorted(maps.Keys(sendLimits)) }

// SetSendLimit sets one of the limits and restarts every role, because a role reads its limits at the start.
// The name must be one of SendLimitNames: the parser of scripts has checked it. A reset puts the configured
// limits back.
func (h *Harness) SetSendLimit(ctx context.Context, name string, n int) error {
	h.mu.Lock()
	sendLimits[name](&h.limits, n)
	h.mu.Unlock()
	return h.Restart(ctx)
}

// MoveDue moves the due instant of all bills issued in a month (C5: a dated override), beside the other
// settings of the script's policy, and restarts every role. month is YYYY-MM, the month in which the bills were
// issued and not the one that they cover. The announcement is dated now.
func (h *Harness) MoveDue(ctx context.Context, policy, month string, dueAt time.Time) error {
	return h.SetPolicy(ctx, policy+fmt.Sprintf(
		"due_overrides = [{scope = \"all\", bill_month = %q, due_at = %q, reason = \"the script\", announced_at = %q}]\n",
		month, dueAt.In(h.Zone()).Format(time.RFC3339), h.clock.Now().In(h.Zone()).Format(time.RFC3339)))
}
