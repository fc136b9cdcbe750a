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

// Purposes of consents and suppressions: payment texts, or everything (O3).
const (
	purposePayments = "payments"
	purposeAll      = "all"
)

// Arrives says whether a text can arrive under a number, as far as we know: no landline, no dead number.
func (s *Store) Arrives(ctx context.Context, number string) (bool, error) {
	ok, err := s.q.Arrives(ctx, number)
	if err != nil {
		return false, fmt.Errorf("read what arrives under a number: %w", err)
	}
	return ok, nil
}

// Textable says whether payment texts may go to a number: consent is in force and nothing suppresses it.
func (s *Store) Textable(ctx context.Context, number string, basis []string) (bool, error) {
	ok, err := s.q.Textable(ctx, db.TextableParams{Number: number, Basis: basis})
	if err != nil {
		return false, fmt.Errorf("ask whether a number can be texted: %w", err)
	}
	return ok, nil
}

// SuppressNumber switches texts to a number off, without an answer.
func (s *Store) SuppressNumber(ctx context.Context, sup notify.Suppression, at time.Time) error {
	return s.inTx(ctx, "suppress a number", func(q *db.Queries, _ pgx.Tx) error {
		if err := q.LockNumber(ctx, sup.Number); err != nil {
			return err
		}
		_, err := suppressNumber(ctx, q, sup, at)
		return err
	})
}

// GrantConsent records consent for payment texts. It lifts no suppression.
func (s *Store) GrantConsent(ctx context.Context, c notify.Consent, at time.Time) error {
	if err := grantConsent(ctx, s.q, c, at); err != nil {
		return fmt.Errorf("record consent: %w", err)
	}
	return nil
}

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
			return notify.ErrSeenBefore
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
		if err := grantConsent(ctx, q, *e.Lift, at); err != nil {
			return err
		}
	}
	if e.Calls != nil {
		if err := q.GrantCalls(ctx, db.GrantCallsParams{Number: number, Source: string(e.Calls.Source), Wording: e.Calls.Words, At: at}); err != nil {
			return fmt.Errorf("record consent to calls: %w", err)
		}
	}
	if e.Detach {
		if err := detach(ctx, q, number, e.Task, at); err != nil {
			return err
		}
	}
	if e.Task != nil {
		if err := q.InsertInboundTask(ctx, db.InsertInboundTaskParams{
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
	trait, ok := r.Kind.Traits()
	if !ok || !trait.Reply {
		return fmt.Errorf("plan answer: %q is no kind of answer", r.Kind)
	}
	if r.NotAfter.IsZero() {
		r.NotAfter = at.Add(trait.Window)
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

// suppressNumber writes the suppression that is in force from now on and ends the consent that it
// revokes. fresh is false when the number was switched off already. A number where nothing arrives
// keeps its consent: its owner has said nothing.
func suppressNumber(ctx context.Context, q *db.Queries, sup notify.Suppression, at time.Time) (fresh bool, err error) {
	rows := []db.SuppressNumberParams{{Channel: "sms", Purpose: purposePayments}}
	channels := []string{"sms"}
	switch {
	case sup.CallsOnly:
		rows[0].Channel, channels[0] = "voice", "voice"
	case sup.All:
		channels = append(channels, "voice")
		rows = append(rows, db.SuppressNumberParams{Channel: "sms", Purpose: purposeAll}, db.SuppressNumberParams{Channel: "voice", Purpose: purposeAll})
	}
	for i, p := range rows {
		p.Number, p.Source, p.Words, p.At = sup.Number, string(sup.Source), sup.Words, at
		n, err := q.SuppressNumber(ctx, p)
		if err != nil {
			return false, fmt.Errorf("suppress: %w", err)
		}
		if i == 0 {
			fresh = n > 0
		}
	}
	if sup.Source == notify.FromUnreachable {
		return fresh, nil
	}
	if err := q.RevokeConsents(ctx, db.RevokeConsentsParams{Number: sup.Number, Channels: channels, At: &at}); err != nil {
		return false, fmt.Errorf("end consent: %w", err)
	}
	return fresh, nil
}

func grantConsent(ctx context.Context, q *db.Queries, c notify.Consent, at time.Time) error {
	return q.GrantConsent(ctx, db.GrantConsentParams{Number: c.Number, Source: string(c.Source), Wording: c.Words, At: at})
}
