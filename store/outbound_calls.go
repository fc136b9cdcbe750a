package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/ivr"
	"duebell/notify"
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
