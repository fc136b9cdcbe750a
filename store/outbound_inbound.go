package store

import (
	"context"
	"fmt"
	"time"

	"duebell/notify"
	"duebell/store/db"
)

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
	if err := q.NoteDetached(ctx, db.NoteDetachedParams{Number: number, Cause: cause, At: at}); err != nil {
		return fmt.Errorf("detach a number: %w", err)
	}
	if err := q.DetachNumber(ctx, &number); err != nil {
		return fmt.Errorf("detach a number: %w", err)
	}
	return nil
}
