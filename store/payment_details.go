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

// PaymentFilter selects payments for ListPayments. Zero fields select all; Limit must be set.
type PaymentFilter struct {
	State   payments.State
	Account string
	Since   time.Time // authorized at or after it
	Limit   int       // rows
	Reveal  bool      // numbers whole, not as their last four (D3)
}

// ListPayments returns the authorized payments that a filter selects, newest first, with numbers
// masked (D3: last four).
// Attempts that were never authorized are no payments and are left out. Since is compared with the
// authorization.
func (s *Store) ListPayments(ctx context.Context, f PaymentFilter) ([]payments.Attempt, error) {
	rows, err := s.q.ListAttempts(ctx, db.ListAttemptsParams{
		Since: f.Since, State: string(f.State), Account: f.Account, MaxRows: int32(min(f.Limit, 1_000_000)), //nolint:gosec // bounded
	})
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	list := make([]payments.Attempt, len(rows))
	for i, row := range rows {
		list[i] = shownAttempt(row, f.Reveal)
	}
	return list, nil
}

// shownAttempt converts a row without what identifies a person (D3), and without its key, the stem
// of the processor's idempotency keys.
// The holder's name is never shown, revealed or not.
func shownAttempt(row db.PaymentAttempt, reveal bool) payments.Attempt {
	a := attempt(row)
	if !reveal {
		a.Account, a.Caller, a.TextTo = masked(a.Account), masked(a.Caller), masked(a.TextTo)
	}
	a.Holder, a.Key = "", ""
	return a
}

// masked returns the last four of a number (D3).
// Shorter numbers come back as they are: there is nothing left to hide behind.
func masked(number string) string {
	if len(number) <= 4 {
		return number
	}
	return "…" + number[len(number)-4:]
}

// PaymentDetail is everything on record about one payment.
// Token and idempotency key are nowhere in it.
type PaymentDetail struct {
	Payment  payments.Attempt // masked, unless revealed
	Evidence *PaymentEvidence // nil: none is on record
	Entries  []PaymentEntry
	Letter   *PaymentLetter // nil: no letter was asked for
	Notices  []PaymentNotice
	Tasks    []PaymentTask
}

// PaymentEvidence is what proves the consent (E8).
type PaymentEvidence struct {
	Terms, Version, Language, Given, Confidence, WrittenCopy string
	TermsAt, GivenAt                                         time.Time
	Hash                                                     []byte
}

// PaymentEntry is what the ledger holds of the payment. Echoed: billing has booked it as well.
type PaymentEntry struct {
	Kind                   billing.EntryKind
	Cents                  billing.Money
	ReceivedAt, RecordedAt time.Time
	Echoed                 bool
}

// PaymentLetter is the written notice on paper, where there is one (E6).
// ExportedAt and PostedOn are zero until it has been.
type PaymentLetter struct {
	Kind                  string
	CreatedAt, ExportedAt time.Time
	PostedOn              billing.Date
}

// PaymentNotice is a text about the payment, without its words and number.
// SentAt is zero until the text was handed to the carrier.
type PaymentNotice struct {
	Kind, State, Why  string
	CreatedAt, SentAt time.Time
}

// PaymentTask is a task about the payment.
// DoneAt is zero while it is open.
type PaymentTask struct {
	Kind, Detail string
	At, DoneAt   time.Time
}

// ShowPayment returns everything on record about the payment with a reference, read in one
// snapshot, or payments.ErrNoSuchAttempt.
//
// reveal shows account and phone numbers whole; nothing here records who asked for that.
func (s *Store) ShowPayment(ctx context.Context, reference string, reveal bool) (PaymentDetail, error) {
	var d PaymentDetail
	err := s.inSnapshot(ctx, "show payment", func(q *db.Queries) error {
		row, err := q.AttemptByReference(ctx, &reference)
		if errors.Is(err, pgx.ErrNoRows) {
			return payments.ErrNoSuchAttempt
		}
		if err != nil {
			return err
		}
		d.Payment = shownAttempt(row, reveal)
		return d.read(ctx, q, row.Key)
	})
	if err != nil {
		return PaymentDetail{}, err
	}
	return d, nil
}

// read fills in everything that refers to the payment.
// Evidence and letter may be missing: evidence once its retention has ended, a letter where none was asked
// for.
func (d *PaymentDetail) read(ctx context.Context, q *db.Queries, key string) error {
	switch e, err := q.ShowEvidence(ctx, key); {
	case err == nil:
		d.Evidence = &PaymentEvidence{
			Terms: e.Terms, Version: e.Version, Language: e.Language, Given: e.Given, Confidence: e.Confidence, WrittenCopy: e.WrittenCopy,
			TermsAt: e.TermsAt, GivenAt: e.GivenAt, Hash: e.Hash,
		}
	case !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("read evidence: %w", err)
	}
	switch l, err := q.ShowLetter(ctx, key); {
	case err == nil:
		d.Letter = &PaymentLetter{Kind: l.Kind, CreatedAt: l.CreatedAt, ExportedAt: val(l.ExportedAt)}
		if l.PostedOn != nil {
			d.Letter.PostedOn = billing.DateIn(*l.PostedOn, time.UTC)
		}
	case !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("read letter: %w", err)
	}
	entries, err := q.ShowEntries(ctx, key)
	if err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	for _, e := range entries {
		d.Entries = append(d.Entries, PaymentEntry{billing.EntryKind(e.Kind), billing.Money(e.Cents), e.ReceivedAt, e.RecordedAt, e.Echoed})
	}
	notices, err := q.ShowNotices(ctx, key)
	if err != nil {
		return fmt.Errorf("read notices: %w", err)
	}
	for _, n := range notices {
		d.Notices = append(d.Notices, PaymentNotice{Kind: n.Kind, State: n.State, Why: n.Why, CreatedAt: n.CreatedAt, SentAt: val(n.SentAt)})
	}
	tasks, err := q.ShowTasks(ctx, key)
	if err != nil {
		return fmt.Errorf("read tasks: %w", err)
	}
	for _, t := range tasks {
		d.Tasks = append(d.Tasks, PaymentTask{Kind: t.Kind, Detail: t.Detail, At: t.At, DoneAt: val(t.DoneAt)})
	}
	return nil
}
