package store

import (
	"context"
	"fmt"
	"io"
	"time"

	"duebell/billing/feed"
	"duebell/notify"
	"duebell/store/db"
)

// Purposes of consents and suppressions: payment texts, or everything (O3).
const (
	purposePayments = "payments"
	purposeAll      = "all"
)

// Textable reports whether payment texts may go to a number: a consent is in force that rests on one of the
// basis words of sms_basis (O1), and nothing suppresses it.
func (s *Store) Textable(ctx context.Context, number string, basis []string) (bool, error) {
	ok, err := s.q.Textable(ctx, db.TextableParams{Number: number, Basis: basis})
	if err != nil {
		return false, fmt.Errorf("ask whether a number can be texted: %w", err)
	}
	return ok, nil
}

// GrantConsent records consent for payment texts. It lifts no suppression.
func (s *Store) GrantConsent(ctx context.Context, c notify.Consent, at time.Time) error {
	return grantConsent(ctx, s.q, notify.SMS, c, at)
}

// grantConsent records consent to payment texts or reminder calls. A consent in force stays the first one.
func grantConsent(ctx context.Context, q *db.Queries, channel notify.Channel, c notify.Consent, at time.Time) error {
	err := q.GrantConsent(ctx, db.GrantConsentParams{Number: c.Number, Channel: string(channel), Source: string(c.Source), Wording: c.Words, At: at})
	if err != nil {
		return fmt.Errorf("record consent: %w", err)
	}
	return nil
}

// ExportConsents writes who has agreed to texts and calls: what is in force, in the form in which
// ImportConsents reads it.
func (s *Store) ExportConsents(ctx context.Context, w io.Writer) (int, error) {
	return s.exportFile(ctx, "consents", w, feed.ConsentColumns, func(q *db.Queries, after int64) (rows [][]string, last int64, err error) {
		page, err := q.ConsentsInForce(ctx, after)
		if err != nil {
			return nil, 0, fmt.Errorf("read consents: %w", err)
		}
		for _, r := range page {
			rows, last = append(rows, []string{r.Number, r.Channel, r.Purpose, r.Source, instant(r.At), r.Wording}), r.ID
		}
		return rows, last, nil
	})
}

// ConsentSummary is what an import of consents has done.
type ConsentSummary struct {
	Read     int
	New      int // in force only now
	OptedOut int // not written: the number's owner has opted out, and only they take that back (O4)
}

// ImportConsents takes consents over that others took down, whole or not at all (O1). The same file again changes
// nothing; none lifts an opt-out, and one that has ended since stays ended.
func (s *Store) ImportConsents(ctx context.Context, file feed.Source, at time.Time) (sum ConsentSummary, err error) {
	read, err := s.importFile(ctx, file, feed.OpenConsents, at, func() ownRows {
		sum = ConsentSummary{}
		return &consentRows{sum: &sum}
	})
	sum.Read = read
	return sum, err
}

// consentRows are rows on their way into the database.
type consentRows struct {
	db.ImportConsentsParams
	sum *ConsentSummary
}

func (b *consentRows) add(row *feed.Row) time.Time {
	r := row.Consent
	b.Numbers = append(b.Numbers, r.Number)
	b.Channels = append(b.Channels, r.Channel)
	b.Purposes = append(b.Purposes, r.Purpose)
	b.Sources = append(b.Sources, r.Source)
	b.Wordings = append(b.Wordings, r.Wording)
	b.Ats = append(b.Ats, r.At)
	return r.At
}

func (b *consentRows) merge(ctx context.Context, q *db.Queries, _ time.Time) error {
	refused, err := q.CountOptedOut(ctx, db.CountOptedOutParams{Numbers: b.Numbers, Channels: b.Channels, Purposes: b.Purposes})
	if err != nil {
		return fmt.Errorf("count opt-outs: %w", err)
	}
	fresh, err := q.ImportConsents(ctx, b.ImportConsentsParams)
	if err != nil {
		return fmt.Errorf("write consents: %w", err)
	}
	b.sum.New += int(fresh)
	b.sum.OptedOut += int(refused)
	b.ImportConsentsParams = db.ImportConsentsParams{}
	return nil
}
