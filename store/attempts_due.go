package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"duebell/payments"
	"duebell/store/db"
)

// WakeDue enqueues a wake-up job for every open attempt that is due and not leased, and returns how
// many.
func (s *Store) WakeDue(ctx context.Context, now, machineNow time.Time) (int, error) {
	keys, err := s.q.DueAttempts(ctx, db.DueAttemptsParams{Now: &now, MachineNow: &machineNow})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	jobs := make([]river.JobArgs, len(keys))
	for i, k := range keys {
		jobs[i] = ChargeJob{Key: k}
	}
	err = s.inTx(ctx, "wake due attempts", func(_ *db.Queries, tx pgx.Tx) error { return s.enqueue(ctx, tx, jobs...) })
	return len(keys), err
}

// StaleOffers returns offers and tokens whose call ended by endedBefore, or that were made by
// offeredBefore.
func (s *Store) StaleOffers(ctx context.Context, endedBefore, offeredBefore time.Time) ([]payments.StaleOffer, error) {
	rows, err := s.q.StaleOffers(ctx, db.StaleOffersParams{EndedBefore: &endedBefore, OfferedBefore: offeredBefore})
	if err != nil {
		return nil, err
	}
	out := make([]payments.StaleOffer, len(rows))
	for i, r := range rows {
		out[i] = payments.StaleOffer{Key: r.Key, Call: r.CallSid}
	}
	return out, nil
}

// TaskForUnknown leaves a task for each attempt that has been open since before, once each, and
// returns how many.
func (s *Store) TaskForUnknown(ctx context.Context, before, at time.Time) (int, error) {
	rows, err := s.q.UnknownSince(ctx, &before)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		if err := s.q.InsertTask(ctx, db.InsertTaskParams{
			Kind: taskUnknown, Account: &r.Account, AttemptKey: &r.Key,
			Detail: "find evidence at the processor, then: duebell payments resolve", At: at,
		}); err != nil {
			return 0, fmt.Errorf("task: %w", err)
		}
	}
	return len(rows), nil
}

// EraseOldTokens erases the sealed tokens of bank payments that were settled before, and returns
// how many (D2: kept for the return window).
func (s *Store) EraseOldTokens(ctx context.Context, before time.Time) (int, error) {
	n, err := s.q.EraseOldTokens(ctx, &before)
	return int(n), err
}

// OldestDue returns since when the oldest open attempt has been due; zero: none is.
func (s *Store) OldestDue(ctx context.Context, now time.Time) (time.Time, error) {
	t, err := s.q.OldestDue(ctx, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return t, err
}

// SoftLocks returns how many subjects' verification is locked at an instant (I5).
func (s *Store) SoftLocks(ctx context.Context, at time.Time) (int, error) {
	n, err := s.q.SoftLocksInForce(ctx, at)
	return int(n), err
}
