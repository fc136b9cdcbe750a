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
//
// now is the domain clock, for not_before and next look-ups; machineNow is for leases. At most 1,000 a run,
// oldest first. Run on several machines at once it may enqueue an attempt twice: the second job finds it
// leased or settled. A job that is still in the queue is not looked for either; a few needless jobs cost less
// than a forgotten payment.
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
//
// At most 500, oldest first. The list is only a proposal: a turn of the call may be about to authorize, so
// the caller asks Redis for its lease before it closes one, and CloseOffer refuses what was authorized
// meanwhile.
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
//
// before is compared with not_before, so that a debit that waits for its letter is not too old. Cut off in
// the middle it goes on at the next run. An attempt whose task a person has closed gets no second one.
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
// Card tokens are erased when they are taken, so only bank tokens are left here.
func (s *Store) EraseOldTokens(ctx context.Context, before time.Time) (int, error) {
	n, err := s.q.EraseOldTokens(ctx, &before)
	return int(n), err
}

// OldestDue returns since when the oldest open attempt has been due; zero: none is.
//
// Its age is the alarm for payments that nobody works on. It counts from not_before and includes leased
// attempts and those that wait for a look-up: an attempt that is looked up again and again is still open.
func (s *Store) OldestDue(ctx context.Context, now time.Time) (time.Time, error) {
	t, err := s.q.OldestDue(ctx, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return t, err
}

// SoftLocks returns how many subjects' verification is locked at an instant (I5).
// A subject is a member, or the keyed hash of a number that no record is behind (see stranger).
func (s *Store) SoftLocks(ctx context.Context, at time.Time) (int, error) {
	n, err := s.q.SoftLocksInForce(ctx, at)
	return int(n), err
}
