package store

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing/feed"
	"duebell/notify"
	"duebell/store/db"
)

// SuppressNumber switches texts to a number off, without an answer.
//
// No confirmation goes out; ChangeConsent is for a wish that gets one. A text that is being sent while this
// waits for the number's lock still goes; every later claim sees the suppression. Again it changes nothing.
func (s *Store) SuppressNumber(ctx context.Context, sup notify.Suppression, at time.Time) error {
	return s.inTx(ctx, "suppress a number", func(q *db.Queries, _ pgx.Tx) error {
		if err := q.LockNumber(ctx, sup.Number); err != nil {
			return err
		}
		_, err := suppressNumber(ctx, q, sup, at)
		return err
	})
}

// TextsArrive returns whether texts arrive at a number, as far as we know (N11: no landline, no dead number).
// It says nothing about consent: an opted-out number's texts would arrive.
func (s *Store) TextsArrive(ctx context.Context, number string) (bool, error) {
	ok, err := s.q.Arrives(ctx, number)
	if err != nil {
		return false, fmt.Errorf("read what arrives under a number: %w", err)
	}
	return ok, nil
}

// suppressNumber writes a suppression and ends the consents that it revokes. fresh is false when
// the number was switched off already. A number where nothing arrives keeps its consent: its owner
// has said nothing (N11).
//
// The caller holds the number's lock, or its transaction must not race with a claim. A suppression is never
// removed, only lifted, so that there is proof of both (O1: consent ledger).
func suppressNumber(ctx context.Context, q *db.Queries, sup notify.Suppression, at time.Time) (fresh bool, err error) {
	rows := []db.SuppressNumberParams{{Channel: string(notify.SMS), Purpose: purposePayments}}
	channels := []string{string(notify.SMS)}
	switch {
	case sup.CallsOnly: // N10: key 7, no more calls
		rows[0].Channel, channels[0] = string(notify.Voice), string(notify.Voice)
	case sup.All: // O3: from the switch date on an opt-out ends calls and every other purpose too
		channels = append(channels, string(notify.Voice))
		rows = append(rows,
			db.SuppressNumberParams{Channel: string(notify.SMS), Purpose: purposeAll}, db.SuppressNumberParams{Channel: string(notify.Voice), Purpose: purposeAll})
	}
	for i, p := range rows {
		p.Number, p.Source, p.Words, p.At = sup.Number, string(sup.Source), sup.Words, at
		n, err := q.SuppressNumber(ctx, p)
		if err != nil {
			return false, fmt.Errorf("suppress: %w", err)
		}
		if i == 0 {
			fresh = n > 0
		}
	}
	if sup.Source == notify.FromUnreachable {
		return fresh, nil
	}
	if err := q.RevokeConsents(ctx, db.RevokeConsentsParams{Number: sup.Number, Channels: channels, At: &at}); err != nil {
		return false, fmt.Errorf("end consent: %w", err)
	}
	return fresh, nil
}

// ExportSuppressions writes the suppressions in force as CSV, in the form that ImportSuppressions reads, and
// returns how many there are. Opt-outs must survive a move to another database or provider: this is the file
// for it.
func (s *Store) ExportSuppressions(ctx context.Context, w io.Writer) (int, error) {
	return s.exportFile(ctx, "suppressions", w, feed.SuppressionColumns, func(q *db.Queries, after int64) (rows [][]string, last int64, err error) {
		page, err := q.SuppressionsInForce(ctx, after)
		if err != nil {
			return nil, 0, fmt.Errorf("read suppressions: %w", err)
		}
		for _, r := range page {
			rows, last = append(rows, []string{r.Number, r.Channel, r.Purpose, r.Source, instant(r.At), r.Words}), r.ID
		}
		return rows, last, nil
	})
}

// SuppressionSummary counts what an import of opt-outs has done.
type SuppressionSummary struct {
	Read     int // rows of the file
	New      int // suppressions that were not in force before
	Consents int // consents that ended by it
}

// ImportSuppressions loads opt-outs that others took down, whole or not at all; a bad row gives a
// *feed.BadRows. The same file again changes nothing, and an opt-out that its owner has lifted
// since stays lifted.
//
// at is now by the domain clock; a row dated later is refused. sum is filled in also when the import fails,
// and then describes work that was rolled back.
func (s *Store) ImportSuppressions(ctx context.Context, file feed.Source, at time.Time) (sum SuppressionSummary, err error) {
	read, err := s.importFile(ctx, file, feed.OpenSuppressions, at, func() fileRows {
		sum = SuppressionSummary{}
		return &suppressionRows{sum: &sum}
	})
	sum.Read = read
	return sum, err
}

// suppressionRows collects the rows of an import for one statement.
type suppressionRows struct {
	db.ImportSuppressionsParams
	sum *SuppressionSummary
}

// add collects a row.
func (b *suppressionRows) add(row *feed.Row) time.Time {
	r := row.Suppression
	b.Numbers = append(b.Numbers, r.Number)
	b.Channels = append(b.Channels, r.Channel)
	b.Purposes = append(b.Purposes, r.Purpose)
	b.Sources = append(b.Sources, r.Source)
	b.Words = append(b.Words, r.Words)
	b.Ats = append(b.Ats, r.At)
	return r.At
}

// merge writes the rows and ends the consents that they revoke (O2: an opt-out takes effect at once).
func (b *suppressionRows) merge(ctx context.Context, q *db.Queries, at time.Time) error {
	fresh, err := q.ImportSuppressions(ctx, b.ImportSuppressionsParams)
	if err != nil {
		return fmt.Errorf("write suppressions: %w", err)
	}
	ended, err := q.EndSuppressedConsents(ctx, db.EndSuppressedConsentsParams{At: &at, Numbers: b.Numbers})
	if err != nil {
		return fmt.Errorf("end consents: %w", err)
	}
	b.sum.New += int(fresh)
	b.sum.Consents += int(ended)
	b.ImportSuppressionsParams = db.ImportSuppressionsParams{}
	return nil
}
