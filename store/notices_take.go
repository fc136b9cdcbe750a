package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/notify"
	"duebell/payments"
	"duebell/store/db"
)

// TakeNotice claims a planned notice after asking decide with the facts of this transaction, or takes
// one in doubt to be looked for. The row is locked first: of two couriers the second finds it claimed.
func (s *Store) TakeNotice(ctx context.Context, id int64, at notify.Moment, decide func(notify.Facts) (notify.Verdict, error)) (notify.Claim, error) {
	var got notify.Claim
	err := s.inTx(ctx, "take notice", func(q *db.Queries, tx pgx.Tx) error {
		locked, err := q.NoticeForUpdate(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		row := locked.Notice
		switch notify.State(row.State) {
		case notify.Planned:
			got, err = s.takePlanned(ctx, q, tx, locked, at, decide)
		case notify.Unsure:
			got, err = takeUnsure(ctx, q, row, at)
		case notify.Accepted, notify.Sent:
			got, err = claimPoll(ctx, q, row, at)
		}
		return err
	})
	if err != nil {
		return notify.Claim{}, err
	}
	if got.ID == 0 {
		return notify.Claim{}, notify.ErrNothingToDo
	}
	return got, nil
}

// takePlanned writes the verdict: claimed, put off or ended.
func (s *Store) takePlanned(ctx context.Context, q *db.Queries, tx pgx.Tx, locked db.NoticeForUpdateRow, at notify.Moment, decide func(notify.Facts) (notify.Verdict, error)) (notify.Claim, error) {
	row := locked.Notice
	if row.NotBefore.After(at.Now) {
		return notify.Claim{}, nil
	}
	facts, err := noticeFacts(ctx, q, row, at.Now)
	if err != nil {
		return notify.Claim{}, err
	}
	probe := false
	if locked.Stopped {
		if facts.Paused, probe, err = paused(ctx, q, row, at.Now); err != nil {
			return notify.Claim{}, fmt.Errorf("read what is stopped: %w", err)
		}
	}
	v, err := decide(facts)
	if err != nil {
		return notify.Claim{}, err
	}
	for _, u := range v.Untrue {
		if err := q.DropReason(ctx, db.DropReasonParams{
			ID: row.ID, Account: u.Account, DaysBefore: int32(u.DaysBefore), Why: &u.Why, //nolint:gosec // G115: days
		}); err != nil {
			return notify.Claim{}, err
		}
	}
	switch v.Do {
	case notify.DoSend:
		claimed, err := q.ClaimNotice(ctx, db.ClaimNoticeParams{ID: row.ID, Body: &v.Body, Now: &at.Now, LeaseUntil: &at.LeaseUntil})
		c := claimOf(claimed)
		c.Probe = probe
		return c, err
	case notify.DoWait:
		return notify.Claim{}, q.PutNoticeOff(ctx, db.PutNoticeOffParams{ID: row.ID, Until: v.Until})
	case notify.DoDrop:
		return notify.Claim{}, s.endNotice(ctx, q, tx, row, notify.Dropped, v.Why, at.Now)
	case notify.DoSuppress:
		return notify.Claim{}, s.endNotice(ctx, q, tx, row, notify.Suppressed, v.Why, at.Now)
	}
	return notify.Claim{}, fmt.Errorf("a verdict that we do not know: %q", v.Do)
}

// endNotice ends a notice of which nothing has left. One that was created once and not found again
// stays open to the carrier's word.
func (s *Store) endNotice(ctx context.Context, q *db.Queries, tx pgx.Tx, row db.Notice, state notify.State, why string, at time.Time) error {
	ended, err := q.EndNotice(ctx, db.EndNoticeParams{ID: row.ID, State: string(state), Why: &why})
	if err != nil {
		return err
	}
	if err := q.DropReasons(ctx, db.DropReasonsParams{ID: row.ID, Why: &why}); err != nil {
		return err
	}
	return s.afterEnd(ctx, q, tx, ended, "", at)
}

func takeUnsure(ctx context.Context, q *db.Queries, row db.Notice, at notify.Moment) (notify.Claim, error) {
	taken, err := q.ClaimLook(ctx, db.ClaimLookParams{ID: row.ID, Now: &at.Now, MachineNow: &at.MachineNow, LeaseUntil: &at.LeaseUntil})
	if errors.Is(err, pgx.ErrNoRows) {
		return notify.Claim{}, nil
	}
	return claimOf(taken), err
}

// realDays is how far back the answer to "is this real" looks (O10).
const realDays = 7 * 24 * time.Hour

// noticeFacts re-reads all that a notice rests on.
func noticeFacts(ctx context.Context, q *db.Queries, row db.Notice, now time.Time) (notify.Facts, error) {
	rows, err := q.NoticeFacts(ctx, row.ID)
	if err != nil {
		return notify.Facts{}, fmt.Errorf("read facts: %w", err)
	}
	f := notify.Facts{Kind: notify.Kind(row.Kind), Channel: notify.Channel(row.Channel), Number: row.Number, Language: row.Language, ByRequest: row.ByRequest, NotAfter: val(row.NotAfter)}
	for _, r := range rows {
		f.Consent, f.OptedOut, f.Unreachable = r.Consent, r.OptedOut, r.Unreachable
		f.Zones = r.ZonesOfNumber
		if len(f.Zones) == 0 && val(r.ZoneOfAccount) != "" {
			f.Zones = []string{*r.ZoneOfAccount}
		}
		if r.Account != nil {
			f.Reasons = append(f.Reasons, reasonFacts(r))
		}
	}
	if trait, _ := f.Kind.Traits(); trait.Reminder {
		if f.Household, err = household(ctx, q, row.Number, now); err != nil {
			return notify.Facts{}, err
		}
	}
	if f.Kind == notify.RealReply {
		if f.Recent, err = recentTexts(ctx, q, row.Number, now); err != nil {
			return notify.Facts{}, err
		}
	}
	return f, nil
}

func reasonFacts(r db.NoticeFactsRow) notify.Reason {
	reason := notify.Reason{
		Account: val(r.Account), DaysBefore: int(val(r.DaysBefore)),
		Owed: billing.Money(r.Owed), InFlight: r.InFlight, Terminated: r.Terminated,
	}
	if r.CoverageMonth != nil {
		reason.Coverage = billing.MonthOf(billing.DateIn(*r.CoverageMonth, time.UTC))
	}
	if r.PaymentState == nil {
		return reason
	}
	state := payments.State(*r.PaymentState)
	reason.Payment = &notify.Payment{
		State: state, Cents: billing.Money(val(r.Cents) + val(r.FeeCents)), BankType: payments.BankType(val(r.BankType)),
		Last4: val(r.Last4), Reference: val(r.Reference), AuthorizedAt: val(r.AuthorizedAt), NotBefore: val(r.DebitNotBefore),
		Submitted: r.IntentID != nil || r.CreateSentAt != nil || state != payments.Authorized, Heard: val(r.Heard),
	}
	return reason
}

func recentTexts(ctx context.Context, q *db.Queries, number string, now time.Time) ([]notify.SentText, error) {
	var kinds []string
	for _, k := range notify.NamedKinds() {
		kinds = append(kinds, string(k))
	}
	since := now.Add(-realDays)
	rows, err := q.RecentTexts(ctx, db.RecentTextsParams{Number: number, Kinds: kinds, Since: &since})
	if err != nil {
		return nil, fmt.Errorf("read recent texts: %w", err)
	}
	texts := make([]notify.SentText, len(rows))
	for i, r := range rows {
		texts[i] = notify.SentText{Kind: notify.Kind(r.Kind), At: r.At}
	}
	return texts, nil
}

func claimOf(r db.Notice) notify.Claim {
	return notify.Claim{
		ID: r.ID, Reference: r.Reference, Kind: notify.Kind(r.Kind), Channel: notify.Channel(r.Channel), State: notify.State(r.State),
		Number: r.Number, Body: val(r.Body), SID: val(r.MessageSid), Fence: r.Fence,
		Creates: int(r.Creates), Looks: int(r.Looks), Waits: int(r.Waits), Polls: int(r.Polls), TriedAt: val(r.TriedAt),
	}
}
