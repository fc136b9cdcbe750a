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

// Purposes of consents and suppressions: payment texts, or everything (O3: one opt-out ends all).
// The words stand in the schema's CHECKs and in export files: renaming one needs a migration.
const (
	purposePayments = "payments"
	purposeAll      = "all"
)

// Textable returns whether payment texts may go to a number: consent is in force and no suppression.
//
// basis lists the sources that policy accepts, "application" and "opt_in". The answer is true at this instant
// only; a claim reads consent and suppression again in its own transaction.
func (s *Store) Textable(ctx context.Context, number string, basis []string) (bool, error) {
	ok, err := s.q.Textable(ctx, db.TextableParams{Number: number, Basis: basis})
	if err != nil {
		return false, fmt.Errorf("read whether a number may be texted: %w", err)
	}
	return ok, nil
}

// GrantConsent records consent to payment texts. It lifts no suppression (O4: only its owner does).
// Granted again it keeps the first source, wording and instant: that is the proof that counts (O1: consent
// ledger).
func (s *Store) GrantConsent(ctx context.Context, c notify.Consent, at time.Time) error {
	return grantConsent(ctx, s.q, notify.SMS, c, at)
}

// grantConsent records consent to payment texts or reminder calls. A consent in force stays the
// first one.
func grantConsent(ctx context.Context, q *db.Queries, channel notify.Channel, c notify.Consent, at time.Time) error {
	err := q.GrantConsent(ctx, db.GrantConsentParams{Number: c.Number, Channel: string(channel), Source: string(c.Source), Wording: c.Words, At: at})
	if err != nil {
		return fmt.Errorf("record consent: %w", err)
	}
	return nil
}

// ExportConsents writes the consents in force as CSV, in the form that ImportConsents reads, and
// returns how many there are.
//
// Pages of 10,000 rows are read in one snapshot, so memory stays small and the file is consistent. What is
// written to w before an error stays there: the caller throws a broken file away.
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

// ConsentSummary counts what an import of consents has done.
type ConsentSummary struct {
	Read     int // rows of the file
	New      int // consents that were not in force before
	OptedOut int // not written: the number's owner has opted out, and only they take that back (O4)
}

// ImportConsents loads consents that others took down, whole or not at all (O1); a bad row gives a
// *feed.BadRows. The same file again changes nothing; no row lifts an opt-out, and a consent that
// has ended since stays ended.
//
// at is now by the domain clock: a row dated later is refused. sum is filled in also when the import fails,
// and then describes work that was rolled back.
func (s *Store) ImportConsents(ctx context.Context, file feed.Source, at time.Time) (sum ConsentSummary, err error) {
	// sum starts anew with every batch collector, so a file that turned out bad leaves no half counts of New.
	read, err := s.importFile(ctx, file, feed.OpenConsents, at, func() fileRows {
		sum = ConsentSummary{}
		return &consentRows{sum: &sum}
	})
	sum.Read = read
	return sum, err
}

// consentRows collects the rows of an import for one statement.
// The columns lie in parallel arrays because that is how the statement takes a whole batch.
type consentRows struct {
	db.ImportConsentsParams
	sum *ConsentSummary
}

// add collects a row.
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

// merge counts the rows that an opt-out in force refuses, and writes the others.
func (b *consentRows) merge(ctx context.Context, q *db.Queries, _ time.Time) error {
	// Counted before the write: the statement itself leaves those rows out and does not say how many.
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
	// The next batch starts empty; the counts go on.
	b.ImportConsentsParams = db.ImportConsentsParams{}
	return nil
}
