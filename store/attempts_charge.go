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

// failureGrace is how long the text about a failure waits: the caller on hold may hear it meanwhile
// (L3), and then it is dropped.
// Too short, and a caller who has heard it is texted as well; too long, and one who hung up waits for the
// truth.
const failureGrace = 30 * time.Second

// LeaseAttempt leases an attempt that is due to one worker. ErrNoSuchAttempt: nothing to do.
//
// Due means: open, not_before reached, next look-up reached by now (domain clock), and no lease in force by
// machineNow. The lease ends at leaseUntil of the machine's clock. If this worker dies, the next one leases
// the attempt after that instant with a higher fence, and looks up by the stored id what the dead one has
// done.
func (s *Store) LeaseAttempt(ctx context.Context, key string, now, machineNow, leaseUntil time.Time) (payments.ChargeLease, error) {
	row, err := s.q.LeaseAttempt(ctx, db.LeaseAttemptParams{Key: key, Now: &now, MachineNow: &machineNow, LeaseUntil: &leaseUntil})
	if errors.Is(err, pgx.ErrNoRows) {
		return payments.ChargeLease{}, payments.ErrNoSuchAttempt
	}
	if err != nil {
		return payments.ChargeLease{}, fmt.Errorf("lease attempt: %w", err)
	}
	return s.chargeLease(row)
}

// LeaseForPerson leases an open attempt to a person with evidence, whenever its next look-up would
// be due.
// It is for confirming and unknown attempts only: one that is merely authorized was never sent, and there is
// nothing to resolve. payments.ErrNoSuchAttempt: no such attempt, another state, or a worker holds it now.
func (s *Store) LeaseForPerson(ctx context.Context, key string, machineNow, leaseUntil time.Time) (payments.ChargeLease, error) {
	row, err := s.q.LeaseForPerson(ctx, db.LeaseForPersonParams{Key: key, MachineNow: &machineNow, LeaseUntil: &leaseUntil})
	if errors.Is(err, pgx.ErrNoRows) {
		return payments.ChargeLease{}, payments.ErrNoSuchAttempt
	}
	if err != nil {
		return payments.ChargeLease{}, fmt.Errorf("lease attempt: %w", err)
	}
	return s.chargeLease(row)
}

// chargeLease converts a leased row and opens its token. The token leaves the store only here, for
// the worker that charges it.
// If the sealing key was retired too early the token does not open: nothing is charged, and the lease that was
// just taken runs out.
func (s *Store) chargeLease(row db.PaymentAttempt) (payments.ChargeLease, error) {
	// A CHECK holds that every state that can be leased has its token. Card tokens are erased when taken or
	// declined, bank tokens later (D2: after return window).
	token, err := s.keys.Open(row.TokenSealed, tokenContext+row.Key)
	if err != nil {
		return payments.ChargeLease{}, fmt.Errorf("open sealed token: %w", err)
	}
	a := attempt(row)
	return payments.ChargeLease{
		Attempt: a, Token: payments.Token{Value: string(token), Last4: a.Last4}, Fence: row.Fence,
		Creates: int(row.Creates), Confirms: int(row.Confirms), Looks: int(row.Looks), CreateSentAt: val(row.CreateSentAt),
	}, nil
}

// fenced converts the row of a write that named a fence. No row: another worker has taken over,
// payments.ErrTooLate.
// The same error comes when the state has moved on under the same fence; either way this worker must write
// nothing more.
func (s *Store) fenced(row db.PaymentAttempt, err error) (payments.ChargeLease, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return payments.ChargeLease{}, payments.ErrTooLate
	}
	if err != nil {
		return payments.ChargeLease{}, err
	}
	return s.chargeLease(row)
}

// NewCreateKey moves on to a new create key, once the processor may have forgotten the one before.
//
// The processor forgets an idempotency key after a day (twilio.md §13.1), and then the same key would make a
// second object. A new number within the key is safe because an unconfirmed object moves no money.
func (s *Store) NewCreateKey(ctx context.Context, c payments.ChargeLease, now time.Time) (payments.ChargeLease, error) {
	return s.fenced(s.q.NewCreateKey(ctx, db.NewCreateKeyParams{Key: c.Key, Fence: c.Fence, Now: &now}))
}

// RecordIntent stores the id of the processor's object and counts the first confirm, before it is
// sent. A crash afterwards leaves a confirming attempt, which the next worker looks up by that id.
//
// It must be committed before the confirm leaves: without the stored id a lost reply could never be looked
// up, since the processor has no search by key. payments.ErrTooLate: another worker holds the attempt.
func (s *Store) RecordIntent(ctx context.Context, c payments.ChargeLease, intentID string) (payments.ChargeLease, error) {
	return s.fenced(s.q.RecordIntent(ctx, db.RecordIntentParams{Key: c.Key, Fence: c.Fence, IntentID: &intentID}))
}

// RecordConfirm counts a further confirm before it is sent.
// The number is part of the next confirm's idempotency key, so two different confirms never share one.
func (s *Store) RecordConfirm(ctx context.Context, c payments.ChargeLease) (payments.ChargeLease, error) {
	return s.fenced(s.q.RecordConfirm(ctx, db.RecordConfirmParams{Key: c.Key, Fence: c.Fence}))
}

// Release ends a lease without an outcome. With an object of the processor the attempt is unknown
// now: a confirm may have been sent.
//
// nextLook (domain clock) is when the sweeper wakes a worker again. Without an object the state stays
// authorized, and the next worker creates one. payments.ErrTooLate: the lease was lost already, which leaves
// nothing to release.
func (s *Store) Release(ctx context.Context, c payments.ChargeLease, nextLook time.Time) error {
	n, err := s.q.ReleaseAttempt(ctx, db.ReleaseAttemptParams{Key: c.Key, Fence: c.Fence, NextLookAt: &nextLook})
	if err == nil && n == 0 {
		return payments.ErrTooLate
	}
	return err
}

// Take records that the money was taken: state, ledger entry (rule P5: as of its authorization) and
// receipt, in one transaction.
//
// Repeated under the same fence it finds the attempt taken and returns payments.ErrTooLate: the first run did
// everything. So a lost COMMIT reply never makes a second entry. A card's token is erased by the same
// statement.
func (s *Store) Take(ctx context.Context, c payments.ChargeLease, at time.Time) (payments.Attempt, error) {
	var got payments.Attempt
	err := s.inTx(ctx, "take", func(q *db.Queries, tx pgx.Tx) error {
		row, err := q.TakeAttempt(ctx, db.TakeAttemptParams{Key: c.Key, Fence: c.Fence, At: &at})
		if errors.Is(err, pgx.ErrNoRows) {
			return payments.ErrTooLate
		}
		if err != nil {
			return err
		}
		got = attempt(row)
		// A unique index over the attempt refuses a second entry, whatever state machine goes wrong above it.
		if err := q.InsertLedgerPayment(ctx, db.InsertLedgerPaymentParams{
			Account: row.Account, Cents: row.Cents, Reference: row.Reference, AttemptKey: &row.Key,
			ReceivedAt: received(row), At: at,
		}); err != nil {
			return err
		}
		if err := q.CloseTask(ctx, db.CloseTaskParams{Kind: taskUnknown, AttemptKey: &row.Key, At: &at}); err != nil {
			return err
		}
		jobs := []river.JobArgs{}
		if err := s.planNotice(ctx, q, &jobs, "payment_received", row, at, at); err != nil {
			return err
		}
		return s.enqueue(ctx, tx, jobs...)
	})
	return got, err
}

// received returns when the money counts as received: when it was authorized (C6), or when the
// payment that it replaces was (L3).
// The instant decides whether the payment was in time, so it is never the outcome's or the settlement's.
func received(row db.PaymentAttempt) time.Time {
	if row.CountsFrom != nil {
		return *row.CountsFrom
	}
	return *row.AuthorizedAt
}

// Decline records that nothing was charged. A failure that the caller did not hear is texted and
// becomes a task (L3). Whether it was heard is known only a moment later, so the text waits
// failureGrace and checks again when it is claimed.
//
// code is the processor's reason, or ours for a cancelled object. Call it only after a final state or a
// successful cancel (twilio.md §13.2: never-charged only then). The token is erased. payments.ErrTooLate: as
// in Take.
func (s *Store) Decline(ctx context.Context, c payments.ChargeLease, code string, at time.Time) (payments.Attempt, error) {
	var got payments.Attempt
	err := s.inTx(ctx, "decline", func(q *db.Queries, tx pgx.Tx) error {
		row, err := q.DeclineAttempt(ctx, db.DeclineAttemptParams{Key: c.Key, Fence: c.Fence, At: &at, Code: &code})
		if errors.Is(err, pgx.ErrNoRows) {
			return payments.ErrTooLate
		}
		if err != nil {
			return err
		}
		got = attempt(row)
		// The task comes at once although the caller may still hear it: MarkHeard closes it then. The other
		// order would lose it when this process dies in between.
		if err := declinedTasks(ctx, q, row, at); err != nil {
			return err
		}
		jobs := []river.JobArgs{}
		if err := s.planNotice(ctx, q, &jobs, "payment_failed", row, at, at.Add(failureGrace)); err != nil {
			return err
		}
		return s.enqueue(ctx, tx, jobs...)
	})
	return got, err
}

// Kinds of tasks about an attempt. An attempt has at most one of a kind, and whatever makes it
// needless closes it in the same transaction.
const (
	taskUnknown = "payment-unknown"
	taskFailed  = "payment-failed" // closed when the caller has heard it
)

// declinedTasks closes the task to find evidence, and leaves one for a person as long as the caller
// has not heard of the failure (L3).
func declinedTasks(ctx context.Context, q *db.Queries, row db.PaymentAttempt, at time.Time) error {
	if err := q.CloseTask(ctx, db.CloseTaskParams{Kind: taskUnknown, AttemptKey: &row.Key, At: &at}); err != nil {
		return err
	}
	if row.Heard {
		return nil
	}
	return q.InsertTask(ctx, db.InsertTaskParams{
		Kind: taskFailed, Account: &row.Account, AttemptKey: &row.Key, Detail: "the caller has not heard that nothing was charged", At: at,
	})
}

// Return records that a taken payment came back: the reversal in the ledger reopens the bill as of
// its original due date (L5). On an attempt that is not taken it does nothing, so the same event
// again changes nothing.
//
// code is the bank's return code, such as R01, or a word for a dispute. The reversal is for the whole amount
// and is dated at; the payment's own entry stays, because the ledger is append-only (L1: new entries only).
func (s *Store) Return(ctx context.Context, key, code string, at time.Time) error {
	return s.inTx(ctx, "return", func(q *db.Queries, tx pgx.Tx) error {
		row, err := q.ReturnAttempt(ctx, db.ReturnAttemptParams{Key: key, At: &at, Code: &code})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := q.InsertLedgerReversal(ctx, db.InsertLedgerReversalParams{
			Account: row.Account, Cents: -row.Cents, Reference: row.Reference, AttemptKey: &row.Key, At: at,
		}); err != nil {
			return err
		}
		if err := q.InsertTask(ctx, db.InsertTaskParams{Kind: "payment-returned", Account: &row.Account, AttemptKey: &row.Key, Detail: code, At: at}); err != nil {
			return err
		}
		jobs := []river.JobArgs{}
		if err := s.planNotice(ctx, q, &jobs, "payment_returned", row, at, at); err != nil {
			return err
		}
		return s.enqueue(ctx, tx, jobs...)
	})
}

// Void cancels a payment that has not been submitted (E12: until then the caller can cancel).
// payments.ErrTooLate: it has been, or a worker holds it. One that is cancelled already is returned
// as it is.
//
// The new fence keeps a worker whose lease ran out, but who is still alive, from sending the charge
// afterwards. The token is erased. payments.ErrNoSuchAttempt: no attempt has this key.
func (s *Store) Void(ctx context.Context, key string, at time.Time) (payments.Attempt, error) {
	machineNow := s.machine.Now()
	var got payments.Attempt
	err := s.inTx(ctx, "void", func(q *db.Queries, _ pgx.Tx) error {
		row, err := q.VoidAttempt(ctx, db.VoidAttemptParams{Key: key, At: &at, MachineNow: &machineNow})
		if errors.Is(err, pgx.ErrNoRows) {
			// No row was in a state to void. Read which state it is in: voided already is success, anything
			// else too late.
			if got, err = s.oneAttempt(q.AttemptByKey(ctx, key)); err == nil && got.State != payments.Voided {
				err = payments.ErrTooLate
			}
			return err
		}
		if err != nil {
			return err
		}
		got = attempt(row)
		return q.CloseTask(ctx, db.CloseTaskParams{Kind: taskUnknown, AttemptKey: &key, At: &at}) // there is nothing left to find
	})
	return got, err
}

// TextResult stores the number that the result is texted to. If the money was taken meanwhile, the
// receipt is planned here.
//
// The first number stays: a second one changes nothing. If the payment was declined meanwhile no text is
// planned here; the task about it stays open.
func (s *Store) TextResult(ctx context.Context, key, number string, at time.Time) error {
	return s.inTx(ctx, "text the result", func(q *db.Queries, tx pgx.Tx) error {
		if err := q.TextResultTo(ctx, db.TextResultToParams{Key: key, TextNumber: &number}); err != nil {
			return err
		}
		row, err := q.AttemptByKey(ctx, key)
		if err != nil || row.State != string(payments.Taken) {
			return err
		}
		jobs := []river.JobArgs{}
		if err := s.planNotice(ctx, q, &jobs, "payment_received", row, at, at); err != nil {
			return err
		}
		return s.enqueue(ctx, tx, jobs...)
	})
}

// planNotice plans a text about one payment, if it has a number to text to, and adds its job to jobs.
//
// kind is a payment kind of package notify. Planned already, or due later, it adds no job: the senders' sweep
// (EnqueueDue) finds it when notBefore comes.
func (s *Store) planNotice(ctx context.Context, q *db.Queries, jobs *[]river.JobArgs, kind string, row db.PaymentAttempt, at, notBefore time.Time) error {
	if row.TextNumber == nil {
		return nil
	}
	id, planned, err := planPaymentNotice(ctx, q, paymentNotice{
		Kind: kind, Number: *row.TextNumber, Language: row.Language, AttemptKey: row.Key, Account: row.Account,
		At: at, NotBefore: notBefore, ByRequest: row.TextAsked,
	})
	if err != nil {
		return fmt.Errorf("plan %s: %w", kind, err)
	}
	if planned && !notBefore.After(at) {
		*jobs = append(*jobs, NoticeJob{IDs: []int64{id}})
	}
	return nil
}

// AttemptByIntent returns the attempt of one of the processor's objects, or payments.ErrNoSuchAttempt.
func (s *Store) AttemptByIntent(ctx context.Context, intentID string) (payments.Attempt, error) {
	return s.oneAttempt(s.q.AttemptByIntent(ctx, &intentID))
}

// LookUpNow makes an open attempt due at once and enqueues a job that wakes a worker. revokeLease
// ends the lease of the worker that holds it. ErrTooLate: it was settled meanwhile.
//
// An event decides nothing by itself: the worker asks the processor. revokeLease is for an event that says
// more than the answer which the lease's holder may be waiting for; its later writes then name an old fence.
func (s *Store) LookUpNow(ctx context.Context, a payments.Attempt, revokeLease bool, now time.Time) error {
	return s.inTx(ctx, "look now", func(q *db.Queries, tx pgx.Tx) error {
		n, err := q.LookUpNow(ctx, db.LookUpNowParams{IntentID: &a.IntentID, Overtaken: revokeLease, Now: &now})
		if err != nil {
			return err
		}
		if n == 0 {
			return payments.ErrTooLate
		}
		return s.enqueue(ctx, tx, ChargeJob{Key: a.Key})
	})
}

// TaskForContradiction leaves a task for an attempt that is on record as never charged, and has been.
// Nothing else is changed: whether the money goes back or is booked, a person decides. Repeated it leaves one
// task.
func (s *Store) TaskForContradiction(ctx context.Context, a payments.Attempt, at time.Time) error {
	return s.q.InsertTask(ctx, db.InsertTaskParams{
		Kind: "charged-after-decline", Account: &a.Account, AttemptKey: &a.Key, Detail: "the processor has charged it: pay it back or book it", At: at,
	})
}

// RecordEvent records that an event has been dealt with; the same one again changes nothing.
//
// It is written after the event's effect, so a crash in between lets the event come again; its effect must be
// safe to repeat. The processor repeats an event until it is acknowledged.
func (s *Store) RecordEvent(ctx context.Context, e payments.Event, at time.Time) error {
	_, err := s.q.InsertEvent(ctx, db.InsertEventParams{ID: e.ID, Kind: string(e.Kind), IntentID: ptr(e.IntentID), At: at})
	return err
}

// RecordResolution stores a person's evidence. The task that asked for it ends with the outcome.
//
// It is written before the outcome, and stays when the outcome is refused: what people claimed is kept.
// Verdict and evidence are the person's own words; r.By is their name.
func (s *Store) RecordResolution(ctx context.Context, key string, r payments.Resolution, at time.Time) error {
	err := s.q.InsertResolution(ctx, db.InsertResolutionParams{
		AttemptKey: key, Verdict: string(r.Verdict), Evidence: r.Evidence, ByWhom: r.By, At: at,
	})
	if err != nil {
		return fmt.Errorf("record resolution: %w", err)
	}
	return nil
}
