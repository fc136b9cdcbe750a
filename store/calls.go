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

// The compiler checks here that Store offers what the conversation asks for.
var _ interface {
	ivr.Milestones
	ivr.HandOffs
} = (*Store)(nil)

// SaveMilestone stores where a call stands. One of an earlier turn than the stored one changes nothing:
// it comes late, from a turn that another process took over.
//
// A milestone is how a call goes on when Redis has lost its session (design §4). It is a whole snapshot, so
// the newest write stands and no history is read. Safe to repeat. Once handed over, a call stays so.
func (s *Store) SaveMilestone(ctx context.Context, m ivr.Milestone) error {
	// m.At is when the milestone was made; only one of a transfer says when the caller was handed over.
	over := time.Time{}
	if m.HandedOver {
		over = m.At
	}
	err := s.q.SaveMilestone(ctx, db.SaveMilestoneParams{
		CallSid: m.Call, Caller: ptr(m.Caller), Called: ptr(m.Called), Language: m.Lang, LanguageKnown: m.LangKnown, Step: string(m.Step),
		Turn: int32(m.Turn), MemberID: ptr(m.Member.ID), Account: ptr(m.Account), //nolint:gosec // a turn is small
		VerifiedAt: when(m.Member.VerifiedAt), AttemptKey: ptr(m.Attempt), HandedOverAt: when(over), StartedAt: m.StartedAt,
		NotedAt: when(m.At),
	})
	if err != nil {
		return fmt.Errorf("store milestone: %w", err)
	}
	return nil
}

// LastMilestone returns the last milestone of a call, or ivr.ErrNoMilestone. The name and number of a
// verified member are read from their record as it is now; who was verified is the milestone's.
//
// It also works after the call has ended. PlacedFor says why we placed the call, empty for one that came in.
func (s *Store) LastMilestone(ctx context.Context, call string) (ivr.Milestone, error) {
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
	m := milestone(r)
	m.PlacedFor = placed
	return m, nil
}

// milestone converts a row. It does not say why we placed the call; see placed.
func milestone(r db.LastMilestoneRow) ivr.Milestone {
	return ivr.Milestone{
		Call: r.CallSid, Caller: val(r.Caller), Called: val(r.Called), Lang: r.Language, LangKnown: r.LanguageKnown, Step: ivr.StepName(r.Step), Turn: int(r.Turn),
		Member:  ivr.Member{ID: val(r.MemberID), Name: val(r.MemberName), Phone: val(r.MemberPhone), VerifiedAt: val(r.VerifiedAt)},
		Account: val(r.Account), Attempt: val(r.AttemptKey), HandedOver: r.HandedOverAt != nil, StartedAt: r.StartedAt,
	}
}

// CallerLanguage returns the language that was chosen on the newest call of a number; empty: none was (K2).
// A language that was only the default of a call does not count: somebody must have chosen it.
func (s *Store) CallerLanguage(ctx context.Context, caller string) (string, error) {
	lang, err := s.q.LanguageOfCaller(ctx, caller)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("look up a caller's language: %w", err)
	}
	return lang, nil
}

// DroppedCall returns the newest earlier call of a number that owes its caller news of a payment, or
// ivr.ErrNoMilestone (I7: who calls back hears first what happened to the money).
//
// Who calls now must have been verified again before this is asked: the query compares the member, or for a
// guest the account keyed now. A call that ended with good-bye counts only if its outcome was unknown and
// nobody has told since.
func (s *Store) DroppedCall(ctx context.Context, e ivr.DroppedCallQuery) (ivr.Milestone, error) {
	r, err := s.q.DroppedCall(ctx, db.DroppedCallParams{
		Caller: ptr(e.Caller), CallSid: e.Call, Goodbye: string(ivr.Goodbye), Since: e.Since, PromisedSince: e.PromisedSince,
		MemberID: e.Member, Account: e.Account,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return ivr.Milestone{}, ivr.ErrNoMilestone
	}
	if err != nil {
		return ivr.Milestone{}, fmt.Errorf("look for a dropped call: %w", err)
	}
	// The two queries return the same columns, so one row type converts to the other.
	return milestone(db.LastMilestoneRow(r)), nil
}

// CallEnded records when a call ended; the first report counts. A call without a milestone made no
// offer that would have to be closed after it, so nothing is stored of it.
// Reports may come twice and out of order (twilio.md §4.4). The end closes nothing by itself: the sweeper
// closes the call's offers a minute later.
func (s *Store) CallEnded(ctx context.Context, call string, at time.Time) error {
	if err := s.q.EndCall(ctx, db.EndCallParams{CallSid: call, At: &at}); err != nil {
		return fmt.Errorf("record the end of a call: %w", err)
	}
	return nil
}
