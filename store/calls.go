package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/ivr"
	"duebell/store/db"
)

var _ ivr.Logbook = (*Store)(nil)

// Milestone keeps where a call stands. It is a snapshot; one of an earlier turn than the kept one is ignored.
func (s *Store) Milestone(ctx context.Context, m ivr.Milestone) error {
	over := time.Time{}
	if m.HandedOver {
		over = m.At
	}
	err := s.q.KeepMilestone(ctx, db.KeepMilestoneParams{
		CallSid: m.Call, Caller: ptr(m.Caller), Called: ptr(m.Called), Language: m.Lang, Step: string(m.Step),
		Turn: int32(m.Turn), MemberID: ptr(m.Member.ID), Account: ptr(m.Account), //nolint:gosec // a turn is small
		VerifiedAt: when(m.Member.VerifiedAt), AttemptKey: ptr(m.Attempt), HandedOverAt: when(over), StartedAt: m.StartedAt,
	})
	if err != nil {
		return fmt.Errorf("keep milestone: %w", err)
	}
	return nil
}

// Recover gives the last milestone of a call, or ivr.ErrNoMilestone. Name and number of a verified
// member come from their record, where they may have changed; who was verified has not.
func (s *Store) Recover(ctx context.Context, call string) (ivr.Milestone, error) {
	r, err := s.q.LastMilestone(ctx, call)
	if errors.Is(err, pgx.ErrNoRows) {
		return ivr.Milestone{}, ivr.ErrNoMilestone
	}
	if err != nil {
		return ivr.Milestone{}, fmt.Errorf("read milestone: %w", err)
	}
	placed, err := s.placed(ctx, call)
	if err != nil {
		return ivr.Milestone{}, err
	}
	return ivr.Milestone{
		PlacedFor: placed, Call: r.CallSid, Caller: val(r.Caller), Called: val(r.Called), Lang: r.Language, Step: ivr.StepName(r.Step), Turn: int(r.Turn),
		Member:  ivr.Member{ID: val(r.MemberID), Name: val(r.MemberName), Phone: val(r.MemberPhone), VerifiedAt: val(r.VerifiedAt)},
		Account: val(r.Account), Attempt: val(r.AttemptKey), HandedOver: r.HandedOverAt != nil, StartedAt: r.StartedAt,
	}, nil
}

// HandOff records that a caller is on the way to a person; the same turn again records nothing new.
func (s *Store) HandOff(ctx context.Context, h ivr.HandOff) error {
	err := s.q.RecordHandOff(ctx, db.RecordHandOffParams{
		CallSid: h.Call, Turn: int32(h.Turn), Reason: h.Reason, Verified: h.Verified, Account: ptr(h.Account), //nolint:gosec // a turn is small
		AttemptKey: ptr(h.Attempt), Language: h.Lang, Step: string(h.Step), At: h.At,
	})
	if err != nil {
		return fmt.Errorf("record hand-over: %w", err)
	}
	return nil
}

// CallEnded notes when a call ended; the first note counts. A call without a milestone promised
// nothing that would have to end with it.
func (s *Store) CallEnded(ctx context.Context, call string, at time.Time) error {
	if err := s.q.EndCall(ctx, db.EndCallParams{CallSid: call, At: &at}); err != nil {
		return fmt.Errorf("note the end of a call: %w", err)
	}
	return nil
}
