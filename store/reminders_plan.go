package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"duebell/billing"
	"duebell/notify"
	"duebell/store/db"
)

// Plan writes reminders down, a notice and its reasons each. Nothing is nudged: the couriers' tick
// finds what is due.
func (p *planPage) Plan(ctx context.Context, list []notify.Reminder, day billing.Date, at time.Time) (int, error) {
	in := db.PlanRemindersParams{Day: dayUTC(day), At: at}
	for _, m := range list {
		in.TextRefs = append(in.TextRefs, p.reference(at))
		in.TextNumbers = append(in.TextNumbers, m.Number)
		in.TextLanguages = append(in.TextLanguages, m.Language)
		in.TextKinds = append(in.TextKinds, string(m.Kind))
		in.TextCauses = append(in.TextCauses, m.Cause)
		in.NotBefores = append(in.NotBefores, m.NotBefore)
		in.NotAfters = append(in.NotAfters, m.NotAfter)
		for _, c := range m.Reasons {
			in.Numbers = append(in.Numbers, m.Number)
			in.Languages = append(in.Languages, m.Language)
			in.Kinds = append(in.Kinds, string(m.Kind))
			in.Causes = append(in.Causes, m.Cause)
			in.DaysBefore = append(in.DaysBefore, int32(c.DaysBefore)) //nolint:gosec // G115: days
			in.Accounts = append(in.Accounts, c.Account)
			in.CoverageMonths = append(in.CoverageMonths, monthUTC(c.Coverage))
		}
	}
	planned, err := p.q.PlanReminders(ctx, in)
	if err != nil {
		return 0, fmt.Errorf("plan reminders: %w", err)
	}
	return int(planned), nil
}

// reference names a notice towards the carrier, who sees it, as whatever logs addresses does: nothing
// about anybody can be read from it, and nobody can guess it. It begins with numbers that rise, because a
// million names in no order cost the index far more than the texts themselves.
func (p *planPage) reference(at time.Time) string {
	return strconv.FormatInt(at.Unix(), 36) + fmt.Sprintf("%06x", p.refs.Add(1)) + strings.ToLower(rand.Text()[:20])
}

// ReminderCount says how many texts of a kind are in a state, and why where there is a reason.
type ReminderCount struct {
	Kind  notify.Kind
	State notify.State
	Why   string
	Texts int
}

// ReminderCounts says what became of the reminders that were planned since an instant.
func (s *Store) ReminderCounts(ctx context.Context, since time.Time) ([]ReminderCount, error) {
	kinds := names(notify.ReminderKinds())
	rows, err := s.q.ReminderCounts(ctx, db.ReminderCountsParams{Kinds: kinds, Since: since})
	if err != nil {
		return nil, fmt.Errorf("count reminders: %w", err)
	}
	list := make([]ReminderCount, len(rows))
	for i, r := range rows {
		list[i] = ReminderCount{Kind: notify.Kind(r.Kind), State: notify.State(r.State), Why: r.Why, Texts: int(r.Texts)}
	}
	return list, nil
}

// Paused is a kind of text that is held back, or all of them.
type Paused struct {
	Kind  notify.Kind
	Since time.Time
	Why   string
	By    string
}

// PausedCampaigns lists what is held back.
func (s *Store) PausedCampaigns(ctx context.Context) ([]Paused, error) {
	rows, err := s.q.PausedCampaigns(ctx)
	if err != nil {
		return nil, fmt.Errorf("read paused kinds: %w", err)
	}
	list := make([]Paused, len(rows))
	for i, r := range rows {
		list[i] = Paused{Kind: notify.Kind(r.Kind), Since: val(r.PausedAt), Why: r.Why, By: r.ByWhom}
	}
	return list, nil
}

// PauseCampaign holds a kind back until somebody resumes it; false: it was held back already. It is
// read by every claim, so that what stands in line stays too.
func (s *Store) PauseCampaign(ctx context.Context, k notify.Kind, why string, at time.Time) (bool, error) {
	n, err := s.q.PauseKind(ctx, db.PauseKindParams{Kind: string(k), At: &at, Why: why, ByWhom: "operator"})
	if err != nil {
		return false, fmt.Errorf("pause %s: %w", k, err)
	}
	return n > 0, nil
}

// ResumeCampaign lets a kind go again; false: it was not held back.
func (s *Store) ResumeCampaign(ctx context.Context, k notify.Kind) (bool, error) {
	n, err := s.q.ResumeCampaign(ctx, string(k))
	if err != nil {
		return false, fmt.Errorf("resume %s: %w", k, err)
	}
	return n > 0, nil
}
