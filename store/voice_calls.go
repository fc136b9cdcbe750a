package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/ivr"
	"duebell/notify"
	"duebell/store/db"
)

// CallAnswered notes that a call of ours was answered, and says what it is for. A call that had been
// given up, because the answer to its create was lost, is put right by it.
func (s *Store) CallAnswered(ctx context.Context, reference, call string, at time.Time) (ivr.Placed, error) {
	if err := s.callReport(ctx, reference, call, notify.Sent, at); err != nil {
		return ivr.Placed{}, err
	}
	row, err := s.q.NoticeByReference(ctx, reference)
	if err != nil {
		return ivr.Placed{}, fmt.Errorf("read a call of ours: %w", err)
	}
	facts, err := s.q.NumberFacts(ctx, row.Number)
	if err != nil {
		return ivr.Placed{}, fmt.Errorf("read facts of a number: %w", err)
	}
	return ivr.Placed{For: placedFor(row.Kind), Lang: facts.Language}, nil
}

// placedFor is why the conversation thinks that it calls.
func placedFor(kind string) ivr.PlacedFor {
	if notify.Kind(kind) == notify.CallBack {
		return ivr.AskedFor
	}
	return ivr.Reminder
}

// CallProgress notes Twilio's word on a call of ours.
func (s *Store) CallProgress(ctx context.Context, reference, call, status string, at time.Time) error {
	state, known := notify.CallState(status)
	if !known {
		return nil
	}
	return s.callReport(ctx, reference, call, state, at)
}

func (s *Store) callReport(ctx context.Context, reference, call string, state notify.State, at time.Time) error {
	got, err := s.RecordReports(ctx, []notify.DeliveryReport{{Reference: reference, SID: call, State: state}}, at)
	if err != nil {
		return fmt.Errorf("note news of a call: %w", err)
	}
	if got[0].NoSuchText {
		return ivr.ErrNotPlaced
	}
	return nil
}

// placed is why the line has placed a call; empty for one that somebody else has.
func (s *Store) placed(ctx context.Context, call string) (ivr.PlacedFor, error) {
	kind, err := s.q.PlacedKind(ctx, &call)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read a call of ours: %w", err)
	}
	return placedFor(kind), nil
}

// NumbersToCall are the numbers that have agreed to reminder calls and cannot be texted.
func (s *Store) NumbersToCall(ctx context.Context, after string, most int) ([]string, error) {
	numbers, err := s.q.NumbersToCall(ctx, db.NumbersToCallParams{After: after, MaxRows: int32(most)}) //nolint:gosec // G115: hundreds
	if err != nil {
		return nil, fmt.Errorf("read numbers to call: %w", err)
	}
	return numbers, nil
}

// CallInstead makes calls of the reminders that stand planned for a number.
func (p *planPage) CallInstead(ctx context.Context, number string) error {
	kinds := names(notify.CappedKinds())
	if err := p.q.CallInstead(ctx, db.CallInsteadParams{Number: number, Kinds: kinds}); err != nil {
		return fmt.Errorf("plan calls: %w", err)
	}
	return nil
}

// MayOfferCalls says whether the owner of a number has neither agreed to reminder calls nor refused them.
func (s *Store) MayOfferCalls(ctx context.Context, number string) (bool, error) {
	yes, err := s.q.MayBeAsked(ctx, number)
	if err != nil {
		return false, fmt.Errorf("ask whether a number may be offered calls: %w", err)
	}
	return yes, nil
}

// longestCall is after how long a call whose end was never told counts as over.
const longestCall = 2 * time.Hour

// CallsInProgress counts the calls of either direction that have not ended.
func (s *Store) CallsInProgress(ctx context.Context, now time.Time) (int, error) {
	n, err := s.q.CallsInProgress(ctx, now.Add(-longestCall))
	if err != nil {
		return 0, fmt.Errorf("count calls: %w", err)
	}
	return int(n), nil
}

// afterCall does what follows from the state that a call of ours has come to.
func (s *Store) afterCall(ctx context.Context, q *db.Queries, tx pgx.Tx, row db.Notice, t notify.Trouble, at time.Time) error {
	if notify.Kind(row.Kind) != notify.CallBack {
		return nil
	}
	switch notify.State(row.State) {
	case notify.Accepted, notify.Sent: // it is placed: now it is true that we are calling
		return s.answerCall(ctx, q, tx, row, notify.CallAck, at)
	case notify.Dropped:
		return s.answerCall(ctx, q, tx, row, notify.CallBusy, at)
	case notify.Failed:
		if t == "" { // no answer of the carrier's, twice
			return s.answerCall(ctx, q, tx, row, notify.CallBusy, at)
		}
		return q.InsertGeneralTask(ctx, db.InsertGeneralTaskParams{Kind: "call-back-failed", Detail: "text " + val(row.Cause), At: at})
	}
	return nil
}

// answerCall texts what became of the call that a text asked for.
func (s *Store) answerCall(ctx context.Context, q *db.Queries, tx pgx.Tx, row db.Notice, k notify.Kind, at time.Time) error {
	facts, err := q.NumberFacts(ctx, row.Number)
	if err != nil {
		return fmt.Errorf("read facts of a number: %w", err)
	}
	zone := facts.TimeZone
	if zone == "" {
		zone = "UTC" // the day of an answer orders nothing
	}
	return s.planAnswer(ctx, q, tx, row.Number, notify.Reply{Kind: k, Cause: val(row.Cause), Language: row.Language, Zone: zone, Asked: true}, at)
}
