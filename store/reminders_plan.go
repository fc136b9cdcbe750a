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

// Plan writes a notice and its reasons for each reminder, and returns how many notices are new.
// What is planned already stays as it is. No job is enqueued: the senders' tick finds what is due.
//
// day is the local day that notices are unique by (N1: one a day). A reminder with a Cause (AutoPay: one draw
// each) is unique by that instead. The page's transaction ends with it: nothing is planned twice however
// often the planner runs.
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
		// The reasons lie in arrays of their own, each with its notice's number, kind, language and cause to
		// join by.
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

// reference returns a new opaque reference. The carrier and whatever logs addresses see it, so
// nothing about anybody can be read from it, and nobody can guess it. It begins with rising digits:
// a million references in random order would cost the index far more than the texts themselves.
func (p *planPage) reference(at time.Time) string {
	return strconv.FormatInt(at.Unix(), 36) + fmt.Sprintf("%06x", p.refs.Add(1)) + strings.ToLower(rand.Text()[:20])
}

// ReminderCount is how many texts of a kind are in a state, for one reason where there is one.
// Why is empty for texts that were sent or wait; otherwise it is one of the words of package notify.
type ReminderCount struct {
	Kind  notify.Kind
	State notify.State
	Why   string
	Texts int
}

// ReminderCounts returns what became of the reminders that were planned since an instant.
// since is compared with the instant of planning, not of sending. A retry counts as a text of its own.
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
