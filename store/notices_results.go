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

// RecordNotice writes the result of a claim where the carrier does not have the text.
// notify.ErrSuperseded: the fence is old, or a delivery report settled the notice meanwhile; then
// nothing is written.
//
// r.State says what comes of it: Planned with NotSent, the carrier never processed the create, and it does
// not count; Planned without, three look-ups found nothing and it may go once more; Unknown, it is looked up
// later; Failed or Suppressed, it is over. After a crash before this write the claim's lease runs out and the
// text is looked up.
func (s *Store) RecordNotice(ctx context.Context, c notify.ClaimedNotice, r notify.SendResult, at time.Time) error {
	return s.inNoticeTx(ctx, "record notice", at, func(t noticeTx) error {
		code := ptr(int32(r.Code)) //nolint:gosec // G115: a carrier's error code has five digits
		var rows int64
		var err error
		switch {
		// Only a create that was certainly not processed gets here (429, a refusal of our account, a batch
		// that ran out of time): the one case that is safe to repeat.
		case r.State == notify.Planned && r.NotSent:
			rows, err = t.q.ReplanUnsent(ctx, db.ReplanUnsentParams{ID: c.ID, Fence: c.Fence, Again: r.RetryAt, Why: ptr(r.Why), ErrorCode: code})
			if err == nil && rows > 0 && c.Channel == notify.SMS {
				err = t.pauseFor(ctx, string(c.Kind), r.Code, r.Trouble)
			}
		// The words are kept until the next claim writes new ones: a late report must still find them.
		case r.State == notify.Planned:
			rows, err = t.q.ReplanNotFound(ctx, db.ReplanNotFoundParams{ID: c.ID, Fence: c.Fence, Again: r.RetryAt, Why: ptr(r.Why)})
		case r.State == notify.Unknown:
			return t.markUnknown(ctx, c, r)
		case r.State == notify.Failed, r.State == notify.Suppressed:
			return t.fail(ctx, c, r, code)
		default:
			return fmt.Errorf("no such result of a claim: %q", r.State)
		}
		return superseded(rows, err)
	})
}

// superseded turns a fenced write that found no row into notify.ErrSuperseded.
func superseded(rows int64, err error) error {
	if err == nil && rows == 0 {
		return notify.ErrSuperseded
	}
	return err
}

// markUnknown leaves a notice in doubt, to be looked up at r.RetryAt; one that nobody can settle
// becomes a task (N11).
// A look-up that missed is counted; the third miss is decided by the sender, not here.
func (t noticeTx) markUnknown(ctx context.Context, c notify.ClaimedNotice, r notify.SendResult) error {
	p := db.MarkUnknownParams{ID: c.ID, Fence: c.Fence, NextLookAt: when(r.RetryAt), Why: ptr(r.Why)}
	if r.LookupMissed {
		p.Looked = 1
	}
	if err := superseded(t.q.MarkUnknown(ctx, p)); err != nil {
		return err
	}
	if !r.NeedsReview {
		return nil
	}
	return t.task(ctx, c.ID, "text-in-doubt", r.Why)
}

// fail ends a notice that the carrier refused, with everything that follows from it.
func (t noticeTx) fail(ctx context.Context, c notify.ClaimedNotice, r notify.SendResult, code *int32) error {
	row, err := t.q.FailNotice(ctx, db.FailNoticeParams{ID: c.ID, Fence: c.Fence, State: string(r.State), Why: ptr(r.Why), ErrorCode: code})
	if errors.Is(err, pgx.ErrNoRows) {
		return notify.ErrSuperseded
	}
	if err != nil {
		return err
	}
	return t.afterChange(ctx, row, r.Trouble)
}

// task leaves a task about a notice: one of a kind for a payment, so the same again writes nothing.
func (t noticeTx) task(ctx context.Context, notice int64, kind, detail string) error {
	return t.q.InsertNoticeTask(ctx, db.InsertNoticeTaskParams{ID: notice, Kind: kind, Detail: detail, At: t.at})
}

// RecordReports writes the carrier's reports, all or none, and returns for each what it changed. It
// names no fence: a text that the carrier has exists, whoever holds the claim. A report that comes
// late or twice changes nothing.
//
// States only move forward (twilio.md §6: rank, never back); the rank is a function of the schema. Results
// come in the order of list, which must not name a reference twice: the statement would then keep one of the
// two.
func (s *Store) RecordReports(ctx context.Context, list []notify.DeliveryReport, at time.Time) (got []notify.ReportResult, err error) {
	p := db.RecordReportsParams{At: &at}
	for _, r := range list {
		p.Refs, p.MessageSids, p.States = append(p.Refs, r.Reference), append(p.MessageSids, r.SID), append(p.States, string(r.State))
		p.Whys, p.PollAts = append(p.Whys, r.Why), append(p.PollAts, r.PollAt)
		p.ErrorCodes = append(p.ErrorCodes, int32(r.Code)) //nolint:gosec // G115: a carrier's error code has five digits
	}
	err = s.inNoticeTx(ctx, "record delivery reports", at, func(t noticeTx) error {
		if err := t.q.UseIndexesForClaim(ctx); err != nil {
			return err
		}
		// One statement for the batch. A reference that no notice carries, or an older state, returns no row.
		rows, err := t.q.RecordReports(ctx, p)
		if err != nil {
			return err
		}
		changed := make(map[string]db.Notice, len(rows))
		for _, row := range rows {
			changed[row.Reference] = row
		}
		got = make([]notify.ReportResult, len(list))
		for i, r := range list {
			row, ok := changed[r.Reference]
			if !ok {
				got[i], err = unchanged(ctx, t.q, r)
			} else {
				got[i] = notify.ReportResult{Kind: notify.Kind(row.Kind), Changed: true}
				err = t.afterChange(ctx, row, r.Trouble)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return got, err
}

// unchanged says why a report changed nothing: no notice carries its reference, it speaks of a
// second text under the same reference, or (neither is set) it came late or twice.
// SentTwice means that Twilio accepted our create twice: the second text cannot be called back, but it must
// be known.
func unchanged(ctx context.Context, q *db.Queries, r notify.DeliveryReport) (notify.ReportResult, error) {
	row, err := q.NoticeByReference(ctx, r.Reference)
	if errors.Is(err, pgx.ErrNoRows) {
		return notify.ReportResult{NoSuchText: true}, nil
	}
	if err != nil {
		return notify.ReportResult{}, err
	}
	return notify.ReportResult{Kind: notify.Kind(row.Kind), SentTwice: val(row.MessageSid) != r.SID}, nil
}

// afterChange writes what follows from the state that a notice has come to. Of a text that was not
// sent or did not arrive: what the carrier's code pauses, a retry, a suppression (N11: nothing
// arrives there; O2: the owner opted out), and a letter in place of a written notice (E6: no debit
// without one). Of a call: afterCall.
//
// trouble is what the carrier's code means, empty where there is none. It is reached once for each change of
// state, because a write that changes nothing returns no row; pause, retry and letter are unique besides.
func (t noticeTx) afterChange(ctx context.Context, row db.Notice, trouble notify.Trouble) error {
	if row.Channel == string(notify.Voice) {
		return t.afterCall(ctx, row, trouble)
	}
	switch notify.State(row.State) {
	// Never sent: nothing to retry and nothing that the carrier could have told, but a written notice still
	// needs its letter.
	case notify.Dropped, notify.Suppressed:
	case notify.Failed, notify.Undelivered:
		if err := t.pauseFor(ctx, row.Kind, int(val(row.ErrorCode)), trouble); err != nil {
			return err
		}
		if err := t.planRetry(ctx, row, trouble); err != nil {
			return err
		}
	default:
		return nil
	}
	// The owner opted out at the carrier (21610), which we may not have heard of otherwise.
	if trouble == notify.OptedOut {
		if _, err := suppressNumber(ctx, t.q, notify.Suppression{Number: row.Number, Source: notify.FromCarrier}, t.at); err != nil {
			return err
		}
	}
	if trouble.Permanent() {
		if _, err := suppressNumber(ctx, t.q, notify.Suppression{Number: row.Number, Source: notify.FromUnreachable}, t.at); err != nil {
			return err
		}
		if err := t.task(ctx, row.ID, "number-takes-no-texts", string(trouble)); err != nil {
			return err
		}
	}
	if notify.Kind(row.Kind) != notify.TelWrittenNotice || row.AttemptKey == nil {
		return nil
	}
	// No row: the debit was cancelled or declined meanwhile, or has a letter. The debit itself is not held
	// back here.
	letters, err := t.q.LetterInsteadOfText(ctx, db.LetterInsteadOfTextParams{AttemptKey: *row.AttemptKey, At: t.at})
	if err != nil || letters == 0 {
		return err
	}
	return t.task(ctx, row.ID, "written-notice-by-letter", val(row.Why))
}

// planRetry plans a text that did not arrive for a passing reason once more, if notify allows it.
// The retry is a notice of its own, with the reasons of the first one.
//
// It keeps the first notice's window, and retries counts along the chain, so that it ends. The first notice
// keeps its SID: a late "delivered" is still its own.
func (t noticeTx) planRetry(ctx context.Context, row db.Notice, trouble notify.Trouble) error {
	again, ok := notify.RetryAt(notify.Kind(row.Kind), trouble, int(row.Retries), t.at, val(row.NotAfter))
	if !ok || row.Channel != string(notify.SMS) {
		return nil
	}
	id, err := t.q.PlanRetry(ctx, db.PlanRetryParams{Reference: noticeReference("retry", row.Reference), At: t.at, NotBefore: again, ID: row.ID})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // planned already: the report came twice
	}
	if err != nil {
		return fmt.Errorf("plan retry: %w", err)
	}
	return t.q.MoveReasons(ctx, db.MoveReasonsParams{RetryID: id, ID: row.ID})
}

// SimilarTexts returns the messages to the number of a claim in doubt that belong to other notices,
// and how many other notices in doubt the same message could be.
//
// The sender uses it to judge what the carrier lists for a lost create: a message that belongs to another
// notice is not this one's, and where one message could be two notices nobody may guess (twilio.md §6: a
// person looks).
func (s *Store) SimilarTexts(ctx context.Context, c notify.ClaimedNotice) (notify.Similar, error) {
	const plannedBefore = 48 * time.Hour // a notice may be planned long before it is sent
	known, err := s.q.KnownSIDs(ctx, db.KnownSIDsParams{Number: c.Number, ID: c.ID, Since: c.TriedAt.Add(-plannedBefore)})
	if err != nil {
		return notify.Similar{}, fmt.Errorf("read similar texts: %w", err)
	}
	// Both notices of such a pair were tried within the span in which the carrier's list is searched.
	since, until := c.TriedAt.Add(-notify.LookupSpan), c.TriedAt.Add(notify.LookupSpan)
	inDoubt, err := s.q.CountSimilarInDoubt(ctx, db.CountSimilarInDoubtParams{Number: c.Number, Body: &c.Body, ID: c.ID, Since: &since, Until: &until})
	if err != nil {
		return notify.Similar{}, fmt.Errorf("count similar texts in doubt: %w", err)
	}
	return notify.Similar{SIDs: known, InDoubt: int(inDoubt)}, nil
}
