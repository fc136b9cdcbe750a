package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/internal/seal"
)

// importing is one running import.
// It lives on one connection, because temporary tables belong to a connection, and is used by one goroutine.
type importing struct {
	conn  *pgx.Conn
	files []feed.Source
	opts  ImportOptions
	hash  seal.Keys
	keyID string              // of the newest hash key: all answers of an import are hashed under it
	read  map[feed.Kind]int64 // rows so far
	bad   feed.BadRows
}

// report collects a problem and passes it on.
// BadRows keeps a bounded number of problems and counts the rest; the callback is told of every one.
func (im *importing) report(p feed.Problem) {
	im.bad.Add(p)
	if im.opts.Report != nil {
		im.opts.Report(p)
	}
}

// progress passes on how far the reading is.
func (im *importing) progress(p ImportProgress) {
	if im.opts.Progress != nil {
		im.opts.Progress(p)
	}
}

// stage copies the rows of one file into the staging table of its kind. Bad rows are reported and
// copied with their key only, so that rows that refer to them are not reported too.
//
// file is the index in im.files, which the staged rows carry so that a later problem can name its file.
// Error: the file cannot be read, or the database refused the copy; bad rows are no error here.
func (im *importing) stage(ctx context.Context, file int) error {
	src := im.files[file]
	r, err := feed.Open(src, im.opts.Rules, im.report)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	if r.Kind() == "" {
		return nil // its header is among the problems
	}
	rows := &stagingRows{im: im, file: file, reader: r, kind: r.Kind()}
	table := stagingTables[r.Kind()]
	if _, err := im.conn.CopyFrom(ctx, pgx.Identifier{table.name}, table.columns, rows); err != nil {
		return fmt.Errorf("copy %s: %w", src.Name, err)
	}
	im.read[r.Kind()] += rows.count
	// A last report, so that a file shorter than tellEvery is shown as well.
	rows.tell()
	return nil
}

// stagingTables maps a kind to its table. The first columns say where a row is from, the next are
// its key: keys counts both together. A row that is not sound has only those.
// The order of columns is the order in which Values appends cells. A column added here needs a cell there and
// a column in staging.sql.
var stagingTables = map[feed.Kind]struct {
	name    string
	columns []string
	keys    int
}{
	feed.Members: {"stage_members", []string{
		"file", "line", "sound", "member_id", "name", "phone", "phone_since", "mobile", "language", "time_zone", "sms_consent",
		"key_id", "birth_mac", "zip_mac", "ssn4_mac", "invoice_mac", "previous_mac",
	}, 4},
	feed.Accounts: {"stage_accounts", []string{
		"file", "line", "sound", "account", "member_id", "kind", "status", "grace_regime", "autopay_day", "autopay_last4",
	}, 4},
	feed.Bills: {"stage_bills", []string{
		"file", "line", "sound", "account", "coverage_month", "revision", "billed_cents", "first_bill", "grace_ends_at",
	}, 6},
	feed.Payments: {"stage_payments", []string{
		"file", "line", "sound", "external_id", "account", "cents", "received_at", "channel", "our_reference",
	}, 4},
}

// stagingRows is the source of a COPY: the rows of one file.
// It implements pgx.CopyFromSource: rows go to the database while the file is being read, never all in
// memory.
type stagingRows struct {
	im     *importing
	file   int
	reader *feed.Reader
	kind   feed.Kind
	count  int64
	values []any // reused: COPY has encoded a row before it asks for the next
}

// tellEvery is how many rows are read between two reports of progress.
const tellEvery = 10_000

// Next reads the next row; false: there is none, or Err.
func (s *stagingRows) Next() bool {
	if !s.reader.Next() {
		return false
	}
	s.count++
	if s.count%tellEvery == 0 {
		s.tell()
	}
	return true
}

// tell reports how far the file is read.
func (s *stagingRows) tell() {
	s.im.progress(ImportProgress{
		File: s.im.files[s.file].Name, Kind: s.kind, Rows: s.count, Bytes: s.reader.Bytes(), Size: s.im.files[s.file].Size,
	})
}

// Values returns the row's cells in the order of the table's columns.
func (s *stagingRows) Values() ([]any, error) {
	row := s.reader.Row()
	s.values = append(s.values[:0], int32(s.file), int32(row.Line), row.Sound) //nolint:gosec // files are few, lines are counted in int32 too
	switch s.kind {
	case feed.Members:
		s.member(&row.Member)
	case feed.Accounts:
		a := &row.Account
		s.values = append(s.values, a.Number, a.MemberID, string(a.Kind), string(a.Status),
			orNull(string(a.Regime)), ptr(int16(a.AutoPayDay)), orNull(a.AutoPayLast4)) //nolint:gosec // a day of a month
	case feed.Bills:
		b := &row.Bill
		s.values = append(s.values, b.Account, dayUTC(b.Coverage.First()), int32(b.Revision), b.Billed.Cents(), b.FirstBill, when(b.GraceEndsAt)) //nolint:gosec // at most six digits
	case feed.Payments:
		p := &row.Payment
		s.values = append(s.values, p.ExternalID, p.Account, p.Cents.Cents(), p.ReceivedAt, p.Channel, orNull(p.OurReference))
	}
	// The cells behind the key become null. Their number stays: COPY wants one value for each column.
	if !row.Sound {
		clear(s.values[stagingTables[s.kind].keys:])
	}
	return s.values, nil
}

// member appends a member's cells. Answers are hashed here, so that they never reach the database
// in clear (D1).
// PhoneSince is the day since which the number has been on file, by billing (I6: number age).
func (s *stagingRows) member(m *feed.Member) {
	keys := s.im.hash
	s.values = append(s.values, m.ID, m.Name, orNull(m.Phone), orNullDay(m.PhoneSince), m.Mobile, m.Language, m.TimeZone,
		string(m.SMSConsent), s.im.keyID,
		onFile(keys, m.ID, answerBirthDate, m.BirthDate), onFile(keys, m.ID, answerZIP, m.ZIP), onFile(keys, m.ID, answerSSN4, m.SSNLast4),
		onFile(keys, m.ID, answerInvoice, m.Invoice), onFile(keys, m.ID, answerInvoicePrevious, m.PreviousInvoice))
}

// Err returns the error that ended the reading early.
func (s *stagingRows) Err() error { return s.reader.Err() }

// The kinds of answers on file, as the table verification_answers names them (I3: what proves an
// identity).
const (
	answerBirthDate       = "birth-date" // YYYY-MM-DD
	answerZIP             = "zip"
	answerSSN4            = "ssn4"
	answerInvoice         = "invoice"
	answerInvoicePrevious = "invoice-previous"
)

// onFile returns the keyed hash of an answer as verification_answers stores it; nil: there is none.
// It is over member ID, kind and answer, so that equal answers of two members differ. What a caller
// keys is compared by CheckMAC with the same three parts.
// The hash is keyed: without DUEBELL_HASH_KEYS a copy of the table cannot be searched for a birth date,
// although there are few of them.
func onFile(keys seal.Keys, memberID, kind string, answer feed.Secret) []byte {
	if answer == "" {
		return nil
	}
	_, mac := keys.MAC(memberID, kind, answer.Plain())
	return mac
}

// orNull returns null for an empty cell.
// COPY takes untyped values, so a nil of type any is needed where ptr would give a typed nil pointer.
func orNull(cell string) any {
	if cell == "" {
		return nil
	}
	return cell
}

// orNullDay returns null for a date that is not given.
func orNullDay(d billing.Date) any {
	if d.IsZero() {
		return nil
	}
	return dayUTC(d)
}
