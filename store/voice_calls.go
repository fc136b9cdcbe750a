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

// CallAnswered records that a call of ours was answered, and returns what it is for. It also puts a
// notice right that had been given up because the reply to its create was lost. ivr.ErrNotPlaced:
// the reference is not ours.
//
// reference is the notice's own, from the address that we gave Twilio; call is Twilio's CallSid, which
// becomes the notice's. Repeated it returns the same.
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

// placedFor translates a kind of notice into the conversation's reason for a call.
func placedFor(kind string) ivr.PlacedFor {
	if notify.Kind(kind) == notify.CallBack {
		return ivr.AskedFor
	}
	return ivr.Reminder
}

// CallProgress records a status that Twilio reports of a call of ours. A status that decides
// nothing is left out.
// ivr.ErrNotPlaced: the reference is not ours. Reports may come twice and out of order; the notice's state
// only moves forward.
func (s *Store) CallProgress(ctx context.Context, reference, call, status string, at time.Time) error {
	state, known := notify.CallState(status)
	if !known {
		return nil
	}
	return s.callReport(ctx, reference, call, state, at)
}

// callReport records a state of a call of ours, as a delivery report of its notice.
func (s *Store) callReport(ctx context.Context, reference, call string, state notify.State, at time.Time) error {
	got, err := s.RecordReports(ctx, []notify.DeliveryReport{{Reference: reference, SID: call, State: state}}, at)
	if err != nil {
		return fmt.Errorf("record the state of a call: %w", err)
	}
	if got[0].NoSuchText {
		return ivr.ErrNotPlaced
	}
	return nil
}

// placed returns why we placed a call; empty: we did not.
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

// afterCall writes what follows from the state that a call has come to. Only a call-back that a
// text asked for is answered (N8): call_ack once it is placed, because only then are we calling;
// call_busy if it could not be placed.
//
// The answers are texts with the cause of the text that asked, so each goes once. A failure with a reason of
// the carrier's becomes a task, because a "lines are busy" would not be true.
func (t noticeTx) afterCall(ctx context.Context, row db.Notice, trouble notify.Trouble) error {
	if notify.Kind(row.Kind) != notify.CallBack {
		return nil
	}
	switch notify.State(row.State) {
	case notify.Accepted, notify.Sent:
		return t.answerCallBack(ctx, row, notify.CallAck)
	case notify.Dropped:
		return t.answerCallBack(ctx, row, notify.CallBusy)
	case notify.Failed:
		if trouble == "" { // created twice, and never found at the carrier
			return t.answerCallBack(ctx, row, notify.CallBusy)
		}
		return t.q.InsertGeneralTask(ctx, db.InsertGeneralTaskParams{Kind: "call-back-failed", Detail: "text " + val(row.Cause), At: t.at})
	}
	return nil
}

// answerCallBack texts what became of the call that a text asked for.
func (t noticeTx) answerCallBack(ctx context.Context, row db.Notice, k notify.Kind) error {
	facts, err := t.q.NumberFacts(ctx, row.Number)
	if err != nil {
		return fmt.Errorf("read facts of a number: %w", err)
	}
	zone := facts.TimeZone
	if zone == "" {
		zone = "UTC" // an answer is unique by its cause, so its local day may be any
	}
	return t.planAnswer(ctx, row.Number, notify.Reply{Kind: k, Cause: val(row.Cause), Language: row.Language, Zone: zone, Asked: true})
}

// longestCall is after how long a call whose end was never reported counts as over.
// A lost report must not hold a channel of the pacing for ever.
const longestCall = 2 * time.Hour

// CallsInProgress returns how many calls of either direction have not ended (N9: pacing by free
// channels).
// Our own calls count from the claim on, before Twilio has answered the create: a channel may be in use by
// then.
func (s *Store) CallsInProgress(ctx context.Context, now time.Time) (int, error) {
	n, err := s.q.CallsInProgress(ctx, now.Add(-longestCall))
	if err != nil {
		return 0, fmt.Errorf("count calls in progress: %w", err)
	}
	return int(n), nil
}

// NumbersToCall returns the next numbers, at most limit, that have agreed to reminder calls and
// cannot be texted (N10).
// after is the last number of the page before, "" for the first.
func (s *Store) NumbersToCall(ctx context.Context, after string, limit int) ([]string, error) {
	numbers, err := s.q.NumbersToCall(ctx, db.NumbersToCallParams{After: after, MaxRows: int32(limit)}) //nolint:gosec // G115: hundreds
	if err != nil {
		return nil, fmt.Errorf("read numbers to call: %w", err)
	}
	return numbers, nil
}

// CallInstead turns the planned reminders of a number into calls.
// Reminders of which a text may already have gone stay texts. It belongs to the page's transaction.
func (p *planPage) CallInstead(ctx context.Context, number string) error {
	if err := p.q.CallInstead(ctx, db.CallInsteadParams{Number: number, Kinds: names(notify.CappedKinds())}); err != nil {
		return fmt.Errorf("plan calls: %w", err)
	}
	return nil
}

// MayOfferCalls returns whether the owner of a number may be offered reminder calls: they have neither
// agreed to them nor refused them.
func (s *Store) MayOfferCalls(ctx context.Context, number string) (bool, error) {
	yes, err := s.q.MayBeAsked(ctx, number)
	if err != nil {
		return false, fmt.Errorf("read whether a number may be offered calls: %w", err)
	}
	return yes, nil
}
