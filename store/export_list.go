package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/payments"
	"duebell/store/db"
)

// List gives the newest authorized payments, masked for an operator's eyes. An empty state or
// account means any.
func (s *Store) List(ctx context.Context, state, account string, most int) ([]payments.Attempt, error) {
	most = min(most, 100_000)                                                                                    // a list for people
	rows, err := s.q.ListAttempts(ctx, db.ListAttemptsParams{State: state, Account: account, Most: int32(most)}) //nolint:gosec // bounded above
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	list := make([]payments.Attempt, len(rows))
	for i, row := range rows {
		list[i] = maskedAttempt(row)
	}
	return list, nil
}

// maskedAttempt is an attempt without what identifies a person (D3), and without its key, which
// is the stem of the processor's.
func maskedAttempt(row db.PaymentAttempt) payments.Attempt {
	a := attempt(row)
	a.Account, a.Caller, a.TextTo = masked(a.Account), masked(a.Caller), masked(a.TextTo)
	a.Holder, a.Key = "", ""
	return a
}

// masked is the last four of a number (D3).
func masked(number string) string { return number[max(0, len(number)-4):] }

// Story is all that is on record about one payment.
type Story struct {
	Attempt  payments.Attempt // masked
	Evidence *StoryEvidence   // nil: none is on record
	Events   []StoryEvent     // not in order of time
}

// StoryEvidence is what proves the consent (E8).
type StoryEvidence struct {
	Terms, Version, Language, Given, Confidence, WrittenCopy string
	TermsAt, GivenAt                                         time.Time
	Hash                                                     []byte
}

// StoryEvent is one thing that happened to a payment.
type StoryEvent struct {
	At   time.Time
	What string
}

// Story tells all that is on record about the payment with a reference, or
// payments.ErrNoSuchAttempt.
func (s *Store) Story(ctx context.Context, reference string) (Story, error) {
	var story Story
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, snapshot, func(tx pgx.Tx) error {
		q := s.q.WithTx(tx)
		row, err := q.AttemptByReference(ctx, &reference)
		if errors.Is(err, pgx.ErrNoRows) {
			return payments.ErrNoSuchAttempt
		}
		if err != nil {
			return err
		}
		story.Attempt = maskedAttempt(row)
		story.states()
		return story.read(ctx, q, row.Key)
	})
	if err != nil {
		return Story{}, fmt.Errorf("payment's story: %w", err)
	}
	return story, nil
}

// happened adds an event, unless it has not happened.
func (s *Story) happened(at *time.Time, format string, args ...any) {
	if at != nil && !at.IsZero() {
		s.Events = append(s.Events, StoryEvent{*at, fmt.Sprintf(format, args...)})
	}
}

// states tells what the attempt itself remembers.
func (s *Story) states() {
	a := &s.Attempt
	s.happened(&a.OfferedAt, "offered")
	s.happened(&a.AuthorizedAt, "authorized: received at this instant")
	final := a.State
	if final == payments.Returned {
		final = payments.Taken
	}
	s.happened(&a.SettledAt, "%s", final)
	s.happened(&a.ReturnedAt, "returned: %s", a.Code)
	switch {
	case a.AwaitsLetter && a.NotBefore.IsZero():
		s.happened(&a.AuthorizedAt, "the debit waits until its letter is posted")
	case a.NotBefore.After(a.AuthorizedAt):
		s.happened(&a.NotBefore, "the debit may go from here on")
	}
}

// read adds what other tables remember.
func (s *Story) read(ctx context.Context, q *db.Queries, key string) error {
	entries, err := q.StoryEntries(ctx, key)
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	for _, e := range entries {
		booked := "not booked by billing yet"
		if e.Echoed {
			booked = "booked by billing"
		}
		s.happened(&e.RecordedAt, "ledger: %s of %s, %s", e.Kind, billing.Money(e.Cents), booked)
	}
	notices, err := q.StoryNotices(ctx, key)
	if err != nil {
		return fmt.Errorf("read notices: %w", err)
	}
	for _, n := range notices {
		s.happened(&n.CreatedAt, "text %s planned; it is %s %s", n.Kind, n.State, n.Why)
		s.happened(n.SentAt, "text %s handed over", n.Kind)
	}
	tasks, err := q.StoryTasks(ctx, key)
	if err != nil {
		return fmt.Errorf("read tasks: %w", err)
	}
	for _, t := range tasks {
		s.happened(&t.At, "task for a person: %s %s", t.Kind, t.Detail)
		s.happened(t.DoneAt, "task done: %s", t.Kind)
	}
	if err := s.readLetter(ctx, q, key); err != nil {
		return err
	}
	return s.readEvidence(ctx, q, key)
}

func (s *Story) readLetter(ctx context.Context, q *db.Queries, key string) error {
	l, err := q.StoryLetter(ctx, key)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read letter: %w", err)
	}
	s.happened(&l.CreatedAt, "letter asked for: %s", l.Kind)
	s.happened(l.ExportedAt, "letter exported")
	s.happened(l.PostedOn, "letter posted on this day")
	return nil
}

func (s *Story) readEvidence(ctx context.Context, q *db.Queries, key string) error {
	e, err := q.StoryEvidence(ctx, key)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read evidence: %w", err)
	}
	s.Evidence = &StoryEvidence{
		Terms: e.Terms, Version: e.Version, Language: e.Language, Given: e.Given, Confidence: e.Confidence, WrittenCopy: e.WrittenCopy,
		TermsAt: e.TermsAt, GivenAt: e.GivenAt, Hash: e.Hash,
	}
	s.happened(&e.TermsAt, "terms spoken, version %s", e.Version)
	s.happened(&e.GivenAt, "consent given")
	return nil
}
