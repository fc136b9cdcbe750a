package store

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/payments"
	"duebell/store/db"
)

// LetterColumns is the header of the file of letters to post. It has no address: billing holds it, we do not.
// Other people's programs read these columns by name.
var LetterColumns = []string{
	"reference", "account", "member_name", "payer_name", "language", "amount", "account_type", "last4",
	"authorized_on", "service_phone", "words", "exported_before",
}

// What a letter says of its debit (E6): how to cancel it while it has not been submitted,
// afterwards only whom to ask.
const (
	letterCancel    = "to-cancel"
	letterQuestions = "questions"
)

// ExportLetters writes the written notices that still have to be posted as CSV (E6), and returns
// how many there are. Letters of payments that were voided or declined meanwhile are left out. A
// letter comes again in every file until it is reported as posted; exported_before marks it. If the
// file cannot be written, none counts as exported.
//
// The letters are locked until the file is written and marked, so two exports at once do not both take a
// letter for new. If COMMIT fails after the file was written, its letters come again as if for the first
// time. Amounts include the fee.
func (s *Store) ExportLetters(ctx context.Context, w io.Writer, cal *billing.Calendar, servicePhone string, at time.Time) (int, error) {
	count := 0
	err := s.inTx(ctx, "export letters", func(q *db.Queries, _ pgx.Tx) error {
		letters, err := q.LettersToPost(ctx)
		if err != nil {
			return err
		}
		out := csv.NewWriter(w)
		if err := out.Write(LetterColumns); err != nil {
			return fmt.Errorf("write the header: %w", err)
		}
		keys := make([]string, len(letters))
		for i, l := range letters {
			keys[i] = l.Key
			if err := out.Write(letterLine(l, cal, servicePhone)); err != nil {
				return fmt.Errorf("write a letter: %w", err)
			}
		}
		out.Flush()
		if err := out.Error(); err != nil {
			return fmt.Errorf("write the file: %w", err)
		}
		// exported_at keeps the instant of the first export; later ones do not change it.
		count = len(letters)
		_, err = q.LettersExported(ctx, db.LettersExportedParams{At: &at, Keys: keys})
		return err
	})
	return count, err
}

// letterLine returns a letter's cells. The payer is the holder that the caller named, else the member.
func letterLine(l db.LettersToPostRow, cal *billing.Calendar, servicePhone string) []string {
	payer := l.Holder
	if payer == "" {
		payer = l.MemberName
	}
	// "To cancel" stands in a letter only while the debit can still be cancelled by phone (E6: cancel while
	// unsubmitted).
	words := letterQuestions
	if l.AwaitsLetter && payments.State(l.State) == payments.Authorized {
		words = letterCancel
	}
	return []string{
		l.Reference, l.Account, l.MemberName, payer, l.Language, billing.Money(l.Cents).String(), l.BankType, l.Last4,
		cal.DateOf(l.AuthorizedAt).String(), servicePhone, words, strconv.FormatBool(l.ExportedAt != nil),
	}
}

// LettersSummary counts what a report of posted letters has done.
type LettersSummary struct {
	Recorded int // letters that were not known to be posted
	Again    int // letters that were reported for that day before
	Released int // debits that may go now
}

// LettersPosted records the day on which letters were posted, whole or not at all: a reference
// without a letter gives a *feed.BadRows. A debit that waits for its letter may go from 00:00 local
// of the banking day after it (E6); the sweeper finds it then. The same report again changes
// nothing.
//
// on is the day of posting in the business zone; a day after at's is refused, with a plain error. sum.Again
// counts letters that the file names and that were recorded before.
func (s *Store) LettersPosted(ctx context.Context, file feed.Source, on billing.Date, cal *billing.Calendar, at time.Time) (LettersSummary, error) {
	if on.After(cal.DateOf(at)) {
		return LettersSummary{}, errors.New("letters posted: the day of posting lies in the future; check --on")
	}
	list, err := readPosted(file)
	if err != nil {
		return LettersSummary{}, fmt.Errorf("letters posted: %w", err)
	}
	var sum LettersSummary
	err = s.inTx(ctx, "letters posted", func(q *db.Queries, _ pgx.Tx) error {
		letters, err := q.LettersOf(ctx, list.references)
		if err != nil {
			return err
		}
		// The letters' rows are locked by the read above: nothing can post them between the comparison and
		// the write.
		keys := list.compare(letters, on, cal)
		if list.bad.Count > 0 {
			list.bad.Sort([]feed.Source{file})
			return &list.bad
		}
		sum, err = post(ctx, q, keys, on, cal)
		sum.Again = len(letters) - sum.Recorded
		return err
	})
	if err != nil {
		return LettersSummary{}, err
	}
	return sum, nil
}

// post records the day of posting and sets the day of the debits that waited for it.
// not_before is set only on debits that are authorized and still wait: one that was cancelled meanwhile stays
// cancelled.
func post(ctx context.Context, q *db.Queries, keys []string, on billing.Date, cal *billing.Calendar) (LettersSummary, error) {
	posted, debit := dayUTC(on), cal.LetterNotBefore(on)
	recorded, err := q.PostLetters(ctx, db.PostLettersParams{PostedOn: &posted, Keys: keys})
	if err != nil {
		return LettersSummary{}, err
	}
	released, err := q.SetDebitDay(ctx, db.SetDebitDayParams{NotBefore: &debit, Keys: keys})
	return LettersSummary{Recorded: int(recorded), Released: int(released)}, err
}

// postedList is the references of a file, with the problems found in it.
// lines maps a reference to the line that names it, for messages.
type postedList struct {
	file       string
	references []string
	lines      map[string]int
	bad        feed.BadRows
}

// readPosted reads the whole file, so that all its problems are reported at once.
func readPosted(file feed.Source) (*postedList, error) {
	list := &postedList{file: file.Name, lines: map[string]int{}}
	r, err := feed.OpenLetters(file, list.bad.Add)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // it was only read
	for r.Next() {
		row := r.Row()
		if first, twice := list.lines[row.Reference]; twice {
			list.refuse(row.Line, fmt.Sprintf("the same reference stands in line %d", first))
			continue
		}
		list.lines[row.Reference] = row.Line
		list.references = append(list.references, row.Reference)
	}
	return list, r.Err()
}

// refuse adds a problem with the reference in a line.
func (p *postedList) refuse(line int, reason string) {
	p.bad.Add(feed.Problem{File: p.file, Line: line, Column: "reference", Reason: reason})
}

// compare refuses references that fit no letter, and returns the attempt keys of the letters.
//
// A letter cannot have been posted before its payment was authorized, nor on two days. Posted on the same day
// again is no problem: the report may be repeated.
func (p *postedList) compare(letters []db.LettersOfRow, on billing.Date, cal *billing.Calendar) []string {
	known := make(map[string]bool, len(letters))
	keys := make([]string, len(letters))
	for i, l := range letters {
		known[l.Reference], keys[i] = true, l.Key
		switch {
		case l.PostedOn != nil && !l.PostedOn.Equal(dayUTC(on)):
			p.refuse(p.lines[l.Reference], "is known to have been posted on another day")
		case cal.DateOf(l.CreatedAt).After(on):
			p.refuse(p.lines[l.Reference], "cannot have been posted on that day: the payment was authorized later")
		}
	}
	for _, reference := range p.references {
		if !known[reference] {
			p.refuse(p.lines[reference], "there is no letter with this reference")
		}
	}
	return keys
}
