package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/handoff"
	"duebell/ivr"
	"duebell/payments"
	"duebell/store/db"
)

// RecordHandOff records that a turn transfers its caller to a person. The same turn again only adds its
// whisper reference: Twilio may follow either answer.
//
// It runs before the caller hears that they are transferred, so that the whisper finds its context however
// fast the person answers. An empty h.Ref records a transfer without a whisper.
func (s *Store) RecordHandOff(ctx context.Context, h ivr.HandOff) error {
	return s.inTx(ctx, "record hand-over", func(q *db.Queries, _ pgx.Tx) error {
		if err := q.NoteHandedOver(ctx, db.NoteHandedOverParams{CallSid: h.Call, At: &h.At}); err != nil {
			return err
		}
		p := db.RecordHandOffParams{
			CallSid: h.Call, Turn: int32(h.Turn), Reason: h.Reason, Verified: h.Verified, Account: ptr(h.Account), //nolint:gosec // a turn is small
			AttemptKey: ptr(h.Attempt), Language: h.Lang, Step: string(h.Step), At: h.At,
			Tier: ptr(h.Context.Tier), AccountLast4: ptr(h.Context.Account), Doing: string(h.Context.Doing), Payment: h.Context.Payment,
		}
		// A negative count means that it is not known; null keeps it apart from "no try left".
		if left := int32(h.Context.TriesLeft); left >= 0 { //nolint:gosec // a few tries
			p.TriesLeft = &left
		}
		id, err := q.RecordHandOff(ctx, p)
		if err != nil || h.Ref == "" {
			return err
		}
		// A turn that runs twice draws two references, and Twilio may follow either: both lead to the one
		// row.
		return q.KeepHandOffRef(ctx, db.KeepHandOffRefParams{Ref: h.Ref, HandoffID: id})
	})
}

// HandOffContext is what the person hears of a caller, by the reference in the whisper's address, or
// handoff.ErrUnknownRef. The bill's state is told of proven identities only, and left out where it
// cannot be read: the person still has the rest.
//
// at is now by the domain clock. The reference is opaque and random: whoever has it hears the context, so it
// stands in the whisper's address and nowhere else.
func (p *Members) HandOffContext(ctx context.Context, ref string, at time.Time) (handoff.CallerContext, error) {
	r, err := p.q.HandOffByRef(ctx, ref)
	if errors.Is(err, pgx.ErrNoRows) {
		return handoff.CallerContext{}, handoff.ErrUnknownRef
	}
	if err != nil {
		return handoff.CallerContext{}, fmt.Errorf("read a hand-off: %w", err)
	}
	// -1 says that the count is not known; a stored one replaces it below.
	c := handoff.CallerContext{
		Tier: val(r.Tier), Account: val(r.AccountLast4), Lang: r.Language, Doing: r.Doing,
		Payment: paymentNow(handoff.PaymentState(r.Payment), payments.State(r.AttemptState), r.PaymentOpen), TriesLeft: -1,
	}
	if r.TriesLeft != nil {
		c.TriesLeft = int(*r.TriesLeft)
	}
	// An unverified caller's account number proves nothing, so its balance is not told, not even to our own
	// people (H3: never secrets).
	if r.Verified && r.Account != nil {
		if owed, err := p.Standing(ctx, *r.Account, at); err == nil {
			c.Bill = billState(owed.Standing)
		}
	}
	return c, nil
}

// paymentNow returns the state of the payment at the instant it is told: open if any payment is,
// else what the attempt came to, else the state when the caller was transferred.
// An open payment wins over everything: the person must not take another one (H5: charge goes on).
func paymentNow(then handoff.PaymentState, state payments.State, open bool) handoff.PaymentState {
	switch {
	case open:
		return handoff.PaymentOpen
	case state == payments.Taken:
		return handoff.PaymentTaken
	case state == payments.Declined:
		return handoff.PaymentDeclined
	case state == payments.Closed || state == payments.Voided || state == payments.Returned:
		return handoff.PaymentNone
	}
	return then
}

// billState returns what the person is told of the bill: late before due, due before clear.
// A credit counts as clear.
func billState(s billing.Standing) handoff.BillState {
	switch {
	case s.PastDue.IsPositive():
		return handoff.BillLate
	case s.TotalDue.IsPositive():
		return handoff.BillDue
	}
	return handoff.BillClear
}

// AcceptHandOff notes that the person took the call, or says handoff.ErrUnknownRef. The first time counts.
// The key press in the whisper proves that a person, and not a voicemail, answered (H5: accept by key).
func (s *Store) AcceptHandOff(ctx context.Context, ref string, at time.Time) error {
	n, err := s.q.AcceptHandOff(ctx, db.AcceptHandOffParams{Ref: ref, At: &at})
	if err != nil {
		return fmt.Errorf("record that a person took the call: %w", err)
	}
	if n == 0 {
		return handoff.ErrUnknownRef
	}
	return nil
}

// HandOffAccepted returns whether a person took the call that a turn transferred (H5).
//
// False also when the turn transferred nobody. A dialled leg that was completed without an accepted whisper
// was no conversation with a person.
func (s *Store) HandOffAccepted(ctx context.Context, call string, turn int) (bool, error) {
	yes, err := s.q.WasAccepted(ctx, db.WasAcceptedParams{CallSid: call, Turn: int32(turn)}) //nolint:gosec // a turn is small
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read whether a person took the call: %w", err)
	}
	return yes, nil
}

// EndHandOff notes what became of the transfer that a turn made, and says whether a person took the
// call. The first news counts; a transfer that was never recorded is nobody's.
//
// An accepted whisper wins over any outcome that Twilio reports later. Safe to repeat: ended_at and outcome
// are written once.
func (s *Store) EndHandOff(ctx context.Context, call string, turn int, o handoff.Outcome, at time.Time) (bool, error) {
	accepted, err := s.q.EndHandOff(ctx, db.EndHandOffParams{CallSid: call, Turn: int32(turn), Outcome: string(o), At: &at}) //nolint:gosec // a turn is small
	if errors.Is(err, pgx.ErrNoRows) {
		// Without a row only the report itself can say whether somebody took the call.
		return o == handoff.Accepted, nil
	}
	if err != nil {
		return false, fmt.Errorf("record the end of a transfer: %w", err)
	}
	return accepted, nil
}

// BookCallback stores a call-back appointment, once for each call and turn (H2). A turn that runs twice keeps
// the first slot. Deadline is the member's due instant: who is due first is called first.
func (s *Store) BookCallback(ctx context.Context, b ivr.CallbackBooking) error {
	err := s.q.BookCallback(ctx, db.BookCallbackParams{
		CallSid: b.Call, Turn: int32(b.Turn), Number: b.Number, SlotFrom: b.From, SlotUntil: b.Until, Reason: b.Reason, //nolint:gosec // a turn is small
		Account: ptr(b.Account), Language: b.Lang, Deadline: when(b.Deadline), At: b.At,
	})
	if err != nil {
		return fmt.Errorf("book a call-back: %w", err)
	}
	return nil
}

// HandOffs returns at most `most` transfers and call-backs, in the order in which people should see
// to them.
//
// onlyOpen leaves out what is done or was taken over by something later. Numbers and accounts come back
// whole: the command masks them, unless the operator asks to see them (D3: last four).
func (s *Store) HandOffs(ctx context.Context, onlyOpen bool, most int) ([]handoff.Request, error) {
	// Each list is read up to the limit before they are merged: the merged list may come from one of them
	// alone.
	limit := int32(min(max(most, 1), 100_000))
	booked, err := s.q.Callbacks(ctx, db.CallbacksParams{OnlyOpen: onlyOpen, MaxRows: limit})
	if err != nil {
		return nil, fmt.Errorf("list call-backs: %w", err)
	}
	sent, err := s.q.HandOffs(ctx, db.HandOffsParams{OnlyOpen: onlyOpen, MaxRows: limit})
	if err != nil {
		return nil, fmt.Errorf("list hand-offs: %w", err)
	}
	list := make([]handoff.Request, 0, len(booked)+len(sent))
	for _, r := range booked {
		list = append(list, handoff.Request{
			ID: r.ID, Kind: handoff.CallBack, Number: r.Number, From: r.SlotFrom, Until: r.SlotUntil, Reason: r.Reason, Account: val(r.Account),
			Lang: r.Language, Deadline: val(r.Deadline), At: r.At, DoneAt: val(r.DoneAt), Open: r.DoneAt == nil,
		})
	}
	for _, r := range sent {
		list = append(list, handoff.Request{
			ID: r.ID, Kind: handoff.HandOver, Number: val(r.Caller), Reason: r.Reason, Account: val(r.Account), Lang: r.Language, At: r.At,
			Tier: val(r.Tier), Doing: r.Step, Payment: handoff.PaymentState(r.Payment), Outcome: handoff.Outcome(val(r.Outcome)),
			DoneAt: val(r.DoneAt), Open: r.Unmet,
		})
	}
	handoff.Prioritize(list)
	return list[:min(len(list), int(limit))], nil
}

// HandOffDone records that somebody saw to a request, and returns since when; the first time
// counts. handoff.ErrNoRequest: no request has this number.
// Both tables draw their ids from one sequence, so a number means one request.
func (s *Store) HandOffDone(ctx context.Context, id int64, at time.Time) (time.Time, error) {
	done, err := s.q.CallbackDone(ctx, db.CallbackDoneParams{ID: id, At: &at})
	if errors.Is(err, pgx.ErrNoRows) {
		done, err = s.q.HandOffDone(ctx, db.HandOffDoneParams{ID: id, At: &at})
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, handoff.ErrNoRequest
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("record that a request was seen to: %w", err)
	}
	return val(done), nil
}
