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

// ReceiveText stores a text that came in and applies what decide makes of it, in one transaction.
// notify.ErrDuplicateText: this message was received before, and nothing is changed; so Twilio may
// deliver it again after a lost reply.
//
// decide runs inside the transaction, with the number's lock held: it must be quick and wait for nothing
// outside. text.Words may be empty: not every text's words are kept. A crash before COMMIT leaves nothing,
// and Twilio's retry does it all.
func (s *Store) ReceiveText(ctx context.Context, text notify.InboundText, at time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	return s.inNoticeTx(ctx, "receive text", at, func(t noticeTx) error {
		rows, err := t.q.InsertInboundText(ctx, db.InsertInboundTextParams{
			MessageSid: text.SID, Number: text.Number, Class: string(text.Class), Words: ptr(text.Words), At: at,
		})
		if err != nil {
			return err
		}
		// The unique message SID decides, not a look before the insert: two deliveries at once cannot both
		// get through.
		if rows == 0 {
			return notify.ErrDuplicateText
		}
		return t.changeNumber(ctx, text.Number, decide)
	})
}

// ChangeConsent applies what the owner of a number wants about texts, expressed in another way than
// by text (O2: any reasonable means).
// A key on a call or an agent, for example. Nothing marks such a wish as received before, so decide must bear
// a repeat: the cause of its reply makes the answer unique.
func (s *Store) ChangeConsent(ctx context.Context, number string, at time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	return s.inNoticeTx(ctx, "change consent", at, func(t noticeTx) error {
		return t.changeNumber(ctx, number, decide)
	})
}

// changeNumber gives decide the facts of a number and applies its effect. The lock makes changes to
// one number, and claims of texts to it, run one after another: a text that is claimed after an
// opt-out sees it.
func (t noticeTx) changeNumber(ctx context.Context, number string, decide func(notify.NumberFacts) notify.Effect) error {
	// ClaimNotices takes the same lock, before it reads whether the number is suppressed.
	if err := t.q.LockNumber(ctx, number); err != nil {
		return err
	}
	row, err := t.q.NumberFacts(ctx, number)
	if err != nil {
		return fmt.Errorf("read facts of a number: %w", err)
	}
	helped, err := t.q.LastHelpReply(ctx, number)
	if err != nil {
		return fmt.Errorf("read the last help reply: %w", err)
	}
	facts := notify.NumberFacts{Suppressed: notify.Source(row.Suppressed), Language: row.Language, Zone: row.TimeZone}
	// The query returns the newest one only; none leaves LastHelp zero, which means never.
	if len(helped) > 0 {
		facts.LastHelp = helped[0]
	}
	if err := t.readAnswers(ctx, number, &facts); err != nil {
		return err
	}
	return t.apply(ctx, number, decide(facts))
}

// readAnswers fills in how many answers a number was sent in the last day, and which calls it asked
// for (N8: limits).
func (t noticeTx) readAnswers(ctx context.Context, number string, f *notify.NumberFacts) error {
	// N8's limit is per local day, and only decide knows the zone: so a little more than a day is read, and
	// decide leaves out what is older.
	const longestDay = 25 * time.Hour // a local day, when the clocks go back
	answers, err := t.q.CountAnswers(ctx, db.CountAnswersParams{Number: number, Since: t.at.Add(-24 * time.Hour)})
	if err != nil {
		return fmt.Errorf("count answers: %w", err)
	}
	calls, err := t.q.CallBacksOf(ctx, db.CallBacksOfParams{Number: number, Since: t.at.Add(-longestDay)})
	if err != nil {
		return fmt.Errorf("read call-backs: %w", err)
	}
	f.Answers = int(answers)
	for _, c := range calls {
		switch notify.State(c.State) {
		// Not placed yet, or it is not known whether it was.
		case notify.Planned, notify.Claimed, notify.Unknown:
			f.CallPending = true
		case notify.Accepted, notify.Sent:
			// Placed, and its end was not reported: it may be going on.
			f.CallPending = f.CallPending || t.at.Sub(c.At) < longestCall
		}
		if c.Placed {
			f.Calls = append(f.Calls, c.At)
		}
	}
	return nil
}

// apply writes an effect: suppression or consent first, then what follows from it, the answer last.
//
// All of it is in the transaction that stored the text: a crash leaves the text unanswered and unstored, and
// Twilio's retry starts from the beginning.
func (t noticeTx) apply(ctx context.Context, number string, e notify.Effect) error {
	suppressed := false
	if e.Suppress != nil {
		var err error
		if suppressed, err = suppressNumber(ctx, t.q, *e.Suppress, t.at); err != nil {
			return err
		}
	}
	// Only a wish of the number's owner gets here (O4: owner lifts it). The lifted suppression stays as a
	// row, with the words.
	if e.Lift != nil {
		if err := t.q.LiftSuppressions(ctx, db.LiftSuppressionsParams{Number: number, At: &t.at, Words: ptr(e.Lift.Words)}); err != nil {
			return err
		}
		if err := grantConsent(ctx, t.q, notify.SMS, *e.Lift, t.at); err != nil {
			return err
		}
	}
	if e.Calls != nil {
		if err := grantConsent(ctx, t.q, notify.Voice, *e.Calls, t.at); err != nil {
			return err
		}
	}
	if e.Detach {
		if err := t.detach(ctx, number, e.Task); err != nil {
			return err
		}
	}
	if e.Task != nil {
		if err := t.q.InsertGeneralTask(ctx, db.InsertGeneralTaskParams{
			Kind: e.Task.Kind, Detail: e.Task.Detail, At: t.at, DueAt: when(e.Task.Due),
		}); err != nil {
			return err
		}
	}
	if e.Reply == nil || e.Reply.IfSuppressed && !suppressed {
		return nil // O2: one confirmation of an opt-out, not one for each repetition
	}
	return t.planAnswer(ctx, number, *e.Reply)
}

// detach takes a number off every member who has it, and keeps imports from bringing it back (O5:
// wrong number).
//
// The record is written before the number is removed: it is read from the members who still have it.
func (t noticeTx) detach(ctx context.Context, number string, task *notify.Task) error {
	cause := ""
	if task != nil {
		cause = task.Detail
	}
	if err := t.q.RecordDetached(ctx, db.RecordDetachedParams{Number: number, Cause: cause, At: t.at}); err != nil {
		return fmt.Errorf("detach a number: %w", err)
	}
	if err := t.q.RemoveNumber(ctx, &number); err != nil {
		return fmt.Errorf("detach a number: %w", err)
	}
	return nil
}

// planAnswer plans the one answer to a cause and enqueues its job. Planned already, it does nothing.
//
// A cause is a message SID, or a call and turn, with the kind: the unique key over both makes the answer one.
// An answer is sent at any hour, within its kind's window (N5: answers any time).
func (t noticeTx) planAnswer(ctx context.Context, number string, r notify.Reply) error {
	spec, ok := r.Kind.Spec()
	if !ok || spec.Basis != notify.OnRequest {
		return fmt.Errorf("plan answer: %q is no kind of answer", r.Kind)
	}
	if r.NotAfter.IsZero() {
		r.NotAfter = t.at.Add(spec.Window)
	}
	channel := r.Channel
	if channel == "" {
		channel = notify.SMS
	}
	id, err := t.q.PlanAnswer(ctx, db.PlanAnswerParams{
		Reference: noticeReference(string(r.Kind), r.Cause), Number: number, Channel: string(channel), Kind: string(r.Kind), Language: r.Language,
		TimeZone: r.Zone, Cause: &r.Cause, ByRequest: r.Asked, At: t.at, NotAfter: &r.NotAfter,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("plan answer: %w", err)
	}
	return t.enqueue(ctx, t.tx, NoticeJob{IDs: []int64{id}})
}
