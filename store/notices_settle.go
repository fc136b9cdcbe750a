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

// RecordNotice writes what came of a claim. Every write names the fence.
func (s *Store) RecordNotice(ctx context.Context, c notify.ClaimedNotice, r notify.SendResult, at time.Time) error {
	return s.inTx(ctx, "record notice", func(q *db.Queries, tx pgx.Tx) error {
		code := ptr(int32(r.Code)) //nolint:gosec // G115: a carrier's error code has five digits
		var rows int64
		var err error
		switch {
		case r.State == notify.Planned && r.NotSent:
			rows, err = q.ReplanUnsent(ctx, db.ReplanUnsentParams{ID: c.ID, Fence: c.Fence, Again: r.RetryAt, Why: ptr(r.Why), ErrorCode: code})
			if err == nil && rows > 0 && c.Channel == notify.SMS {
				err = pause(ctx, q, string(c.Kind), r.Code, r.Trouble, at)
			}
		case r.State == notify.Planned:
			rows, err = q.ReplanNotFound(ctx, db.ReplanNotFoundParams{ID: c.ID, Fence: c.Fence, Again: r.RetryAt, Why: ptr(r.Why)})
		case r.State == notify.Unknown:
			return doubtNotice(ctx, q, c, r, at)
		case r.State == notify.Failed, r.State == notify.Suppressed:
			return s.failNotice(ctx, q, tx, c, r, code, at)
		default:
			return fmt.Errorf("a result that we do not know: %q", r.State)
		}
		return overtaken(rows, err)
	})
}

func overtaken(rows int64, err error) error {
	if err == nil && rows == 0 {
		return notify.ErrSuperseded
	}
	return err
}

func doubtNotice(ctx context.Context, q *db.Queries, c notify.ClaimedNotice, r notify.SendResult, at time.Time) error {
	p := db.MarkUnknownParams{ID: c.ID, Fence: c.Fence, NextLookAt: when(r.RetryAt), Why: ptr(r.Why)}
	if r.LookupMissed {
		p.Looked = 1
	}
	if err := overtaken(q.MarkUnknown(ctx, p)); err != nil {
		return err
	}
	if !r.NeedsReview {
		return nil
	}
	return q.InsertNoticeTask(ctx, db.InsertNoticeTaskParams{ID: c.ID, Kind: "text-in-doubt", Detail: r.Why, At: at})
}

func (s *Store) failNotice(ctx context.Context, q *db.Queries, tx pgx.Tx, c notify.ClaimedNotice, r notify.SendResult, code *int32, at time.Time) error {
	row, err := q.FailNotice(ctx, db.FailNoticeParams{ID: c.ID, Fence: c.Fence, State: string(r.State), Why: ptr(r.Why), ErrorCode: code})
	if errors.Is(err, pgx.ErrNoRows) {
		return notify.ErrSuperseded
	}
	if err != nil {
		return err
	}
	return s.afterEnd(ctx, q, tx, row, r.Trouble, at)
}

// RecordReports writes the carrier's word. It names no fence: a text that exists, exists.
func (s *Store) RecordReports(ctx context.Context, list []notify.DeliveryReport, at time.Time) (got []notify.ReportResult, err error) {
	p := db.RecordReportsParams{At: &at}
	for _, r := range list {
		p.Refs, p.MessageSids, p.States = append(p.Refs, r.Reference), append(p.MessageSids, r.SID), append(p.States, string(r.State))
		p.Whys, p.PollAts = append(p.Whys, r.Why), append(p.PollAts, r.PollAt)
		p.ErrorCodes = append(p.ErrorCodes, int32(r.Code)) //nolint:gosec // G115: a carrier's error code has five digits
	}
	err = s.inTx(ctx, "report notices", func(q *db.Queries, tx pgx.Tx) error {
		if err := q.UseIndexesForClaim(ctx); err != nil {
			return err
		}
		rows, err := q.RecordReports(ctx, p)
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
				got[i], err = unchanged(ctx, q, r)
			} else {
				got[i] = notify.ReportResult{Kind: notify.Kind(row.Kind), Changed: true}
				err = s.afterEnd(ctx, q, tx, row, r.Trouble, at)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return got, err
}

// unchanged tells a report that came late or twice from one that belongs to nothing, or to a second text.
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

// afterEnd does what follows from a text that did not go or did not arrive, in the same transaction:
// a written notice becomes a letter the same day (E6), a number that takes no texts or wants none is
// suppressed (N11, O2), and a person is told.
func (s *Store) afterEnd(ctx context.Context, q *db.Queries, tx pgx.Tx, row db.Notice, t notify.Trouble, at time.Time) error {
	if row.Channel == string(notify.Voice) {
		return s.afterCall(ctx, q, tx, row, t, at)
	}
	switch notify.State(row.State) {
	case notify.Dropped, notify.Suppressed:
	case notify.Failed, notify.Undelivered:
		if err := pause(ctx, q, row.Kind, int(val(row.ErrorCode)), t, at); err != nil {
			return err
		}
		if err := s.planRetry(ctx, q, row, t, at); err != nil {
			return err
		}
	default:
		return nil
	}
	if t == notify.OptedOut {
		if _, err := suppressNumber(ctx, q, notify.Suppression{Number: row.Number, Source: notify.FromCarrier}, at); err != nil {
			return err
		}
	}
	if t.Permanent() {
		if _, err := suppressNumber(ctx, q, notify.Suppression{Number: row.Number, Source: notify.FromUnreachable}, at); err != nil {
			return err
		}
		if err := q.InsertNoticeTask(ctx, db.InsertNoticeTaskParams{ID: row.ID, Kind: "number-takes-no-texts", Detail: string(t), At: at}); err != nil {
			return err
		}
	}
	if notify.Kind(row.Kind) != notify.TelWrittenNotice || row.AttemptKey == nil {
		return nil
	}
	letters, err := q.LetterInsteadOfText(ctx, db.LetterInsteadOfTextParams{AttemptKey: *row.AttemptKey, At: at})
	if err != nil || letters == 0 {
		return err
	}
	return q.InsertNoticeTask(ctx, db.InsertNoticeTaskParams{ID: row.ID, Kind: "written-notice-by-letter", Detail: val(row.Why), At: at})
}

// SimilarTexts reads what a look-up could mistake for the text of a claim.
func (s *Store) SimilarTexts(ctx context.Context, c notify.ClaimedNotice) (notify.Similar, error) {
	const lately = 48 * time.Hour // a text's row may be planned long before it goes
	known, err := s.q.KnownSIDs(ctx, db.KnownSIDsParams{Number: c.Number, ID: c.ID, Since: c.TriedAt.Add(-lately)})
	if err != nil {
		return notify.Similar{}, fmt.Errorf("read siblings: %w", err)
	}
	since, until := c.TriedAt.Add(-notify.LookupSpan), c.TriedAt.Add(notify.LookupSpan)
	twins, err := s.q.CountSimilarInDoubt(ctx, db.CountSimilarInDoubtParams{Number: c.Number, Body: &c.Body, ID: c.ID, Since: &since, Until: &until})
	if err != nil {
		return notify.Similar{}, fmt.Errorf("read siblings: %w", err)
	}
	return notify.Similar{SIDs: known, InDoubt: int(twins)}, nil
}

// EnqueueDue ends what is overdue, gives up leases that ran out, and puts what is due in line.
func (s *Store) EnqueueDue(ctx context.Context, n notify.EnqueueRequest) (notify.EnqueueResult, error) {
	var got notify.EnqueueResult
	err := s.inTx(ctx, "nudge notices", func(q *db.Queries, tx pgx.Tx) error {
		expired, err := q.ExpireClaims(ctx, &n.MachineNow)
		if err != nil {
			return err
		}
		why := notify.WhyTooLate
		overdue, err := q.OverdueNotices(ctx, db.OverdueNoticesParams{Now: &n.Now, Why: &why})
		if err != nil {
			return err
		}
		for _, row := range overdue {
			got.Dropped = append(got.Dropped, notify.Kind(row.Kind))
			if err := q.DropAllReasons(ctx, db.DropAllReasonsParams{ID: row.ID, Why: &why}); err != nil {
				return err
			}
			if err := s.afterEnd(ctx, q, tx, row, "", n.Now); err != nil {
				return err
			}
		}
		got.Expired = int(expired)
		got.Due, err = s.nudgeDue(ctx, q, tx, n)
		return err
	})
	return got, err
}

// OldestDueNotice is since when the oldest unsent text has been due, or zero when none is.
func (s *Store) OldestDueNotice(ctx context.Context, now time.Time) (time.Time, error) {
	kinds := append(names(notify.FirstKinds()), names(notify.CappedKinds())...)
	t, err := s.q.OldestDueNotice(ctx, db.OldestDueNoticeParams{Now: now, Kinds: kinds})
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return t, err
}
