package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/notify"
	"duebell/store/db"
)

// ReceiveText keeps a text that came in and carries its effect out. Its SID is unique, so whatever
// comes twice changes nothing.
func (s *Store) ReceiveText(ctx context.Context, t notify.InboundText, at time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	return s.inTx(ctx, "receive text", func(q *db.Queries, tx pgx.Tx) error {
		fresh, err := q.InsertInboundText(ctx, db.InsertInboundTextParams{
			MessageSid: t.SID, Number: t.Number, Class: string(t.Class), Words: ptr(t.Words), At: at,
		})
		if err != nil {
			return err
		}
		if fresh == 0 {
			return notify.ErrDuplicateText
		}
		return s.changeNumber(ctx, q, tx, t.Number, at, decide)
	})
}

// ChangeConsent carries out a wish about texts that came another way than by text.
func (s *Store) ChangeConsent(ctx context.Context, number string, at time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	return s.inTx(ctx, "change consent", func(q *db.Queries, tx pgx.Tx) error {
		return s.changeNumber(ctx, q, tx, number, at, decide)
	})
}

func (s *Store) changeNumber(ctx context.Context, q *db.Queries, tx pgx.Tx, number string, at time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	if err := q.LockNumber(ctx, number); err != nil {
		return err
	}
	row, err := q.NumberFacts(ctx, number)
	if err != nil {
		return fmt.Errorf("read facts of a number: %w", err)
	}
	helped, err := q.LastHelpReply(ctx, number)
	if err != nil {
		return fmt.Errorf("read facts of a number: %w", err)
	}
	facts := notify.NumberFacts{Suppressed: notify.Source(row.Suppressed), Language: row.Language, Zone: row.TimeZone}
	if len(helped) > 0 {
		facts.LastHelp = helped[0]
	}
	if err := answerFacts(ctx, q, number, at, &facts); err != nil {
		return err
	}
	return s.carryOut(ctx, q, tx, number, decide(facts), at)
}

func (s *Store) carryOut(ctx context.Context, q *db.Queries, tx pgx.Tx, number string, e notify.Effect, at time.Time) error {
	suppressed := false
	if e.Suppress != nil {
		fresh, err := suppressNumber(ctx, q, *e.Suppress, at)
		if err != nil {
			return err
		}
		suppressed = fresh
	}
	if e.Lift != nil {
		if err := q.LiftSuppressions(ctx, db.LiftSuppressionsParams{Number: number, At: &at, Words: ptr(e.Lift.Words)}); err != nil {
			return err
		}
		if err := grantConsent(ctx, q, notify.SMS, *e.Lift, at); err != nil {
			return err
		}
	}
	if e.Calls != nil {
		if err := grantConsent(ctx, q, notify.Voice, *e.Calls, at); err != nil {
			return err
		}
	}
	if e.Detach {
		if err := detach(ctx, q, number, e.Task, at); err != nil {
			return err
		}
	}
	if e.Task != nil {
		if err := q.InsertGeneralTask(ctx, db.InsertGeneralTaskParams{
			Kind: e.Task.Kind, Detail: e.Task.Detail, At: at, DueAt: when(e.Task.Due),
		}); err != nil {
			return err
		}
	}
	if e.Reply == nil || e.Reply.IfSuppressed && !suppressed {
		return nil
	}
	return s.planAnswer(ctx, q, tx, number, *e.Reply, at)
}

// planAnswer plans the one answer to a cause and puts it in line.
func (s *Store) planAnswer(ctx context.Context, q *db.Queries, tx pgx.Tx, number string, r notify.Reply, at time.Time) error {
	spec, ok := r.Kind.Spec()
	if !ok || spec.Basis != notify.OnRequest {
		return fmt.Errorf("plan answer: %q is no kind of answer", r.Kind)
	}
	if r.NotAfter.IsZero() {
		r.NotAfter = at.Add(spec.Window)
	}
	channel := r.Channel
	if channel == "" {
		channel = notify.SMS
	}
	id, err := q.PlanAnswer(ctx, db.PlanAnswerParams{
		Reference: noticeReference(string(r.Kind), r.Cause), Number: number, Channel: string(channel), Kind: string(r.Kind), Language: r.Language,
		TimeZone: r.Zone, Cause: &r.Cause, ByRequest: r.Asked, At: at, NotAfter: &r.NotAfter,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("plan answer: %w", err)
	}
	return s.nudge(ctx, tx, NoticeJob{IDs: []int64{id}})
}

// answerFacts reads what a number has been answered and called lately.
func answerFacts(ctx context.Context, q *db.Queries, number string, at time.Time, f *notify.NumberFacts) error {
	const lately = 25 * time.Hour // a local day may be that long
	answers, err := q.CountAnswers(ctx, db.CountAnswersParams{Number: number, Since: at.Add(-24 * time.Hour)})
	if err != nil {
		return fmt.Errorf("count answers: %w", err)
	}
	calls, err := q.CallBacksOf(ctx, db.CallBacksOfParams{Number: number, Since: at.Add(-lately)})
	if err != nil {
		return fmt.Errorf("read call-backs: %w", err)
	}
	f.Answers = int(answers)
	for _, c := range calls {
		switch notify.State(c.State) {
		case notify.Planned, notify.Claimed, notify.Unknown:
			f.CallPending = true
		case notify.Accepted, notify.Sent:
			f.CallPending = f.CallPending || at.Sub(c.At) < longestCall
		}
		if c.Placed {
			f.Calls = append(f.Calls, c.At)
		}
	}
	return nil
}

// detach takes a number from whoever has it on file, for good (O5).
func detach(ctx context.Context, q *db.Queries, number string, why *notify.Task, at time.Time) error {
	cause := ""
	if why != nil {
		cause = why.Detail
	}
	if err := q.RecordDetached(ctx, db.RecordDetachedParams{Number: number, Cause: cause, At: at}); err != nil {
		return fmt.Errorf("detach a number: %w", err)
	}
	if err := q.RemoveNumber(ctx, &number); err != nil {
		return fmt.Errorf("detach a number: %w", err)
	}
	return nil
}
