package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/internal/seal"
)

// importing is one import on its way.
type importing struct {
	conn  *pgx.Conn
	files []feed.Source
	opts  ImportOptions
	hash  seal.Keys
	keyID string // of the newest of hash: all answers of an import lie under one key
	read  map[feed.Kind]int64
	bad   feed.BadRows
}

func (im *importing) report(p feed.Problem) {
	im.bad.Add(p)
	if im.opts.Report != nil {
		im.opts.Report(p)
	}
}

func (im *importing) progress(p ImportProgress) {
	if im.opts.Progress != nil {
		im.opts.Progress(p)
	}
}

// stage copies the rows of one file into the staging table of its kind.
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
	rows.tell()
	return nil
}

// stagingTables says where the rows of a kind go. The columns of the key stand first, after where
// the row is from; a row that is not sound has only those.
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

// stagingRows hands the rows of a file to COPY, one at a time.
type stagingRows struct {
	im     *importing
	file   int
	reader *feed.Reader
	kind   feed.Kind
	count  int64
	values []any // reused: COPY has encoded a row before it asks for the next
}

// tellEvery is how many rows lie between two words of progress.
const tellEvery = 10_000

// Next goes to the next row.
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

func (s *stagingRows) tell() {
	s.im.progress(ImportProgress{
		File: s.im.files[s.file].Name, Kind: s.kind, Rows: s.count, Bytes: s.reader.Bytes(), Size: s.im.files[s.file].Size,
	})
}

// Values are the row's cells for the staging table.
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
		s.values = append(s.values, b.Account, day(b.Coverage.First()), int32(b.Revision), b.Billed.Cents(), b.FirstBill, when(b.GraceEndsAt)) //nolint:gosec // at most six digits
	case feed.Payments:
		p := &row.Payment
		s.values = append(s.values, p.ExternalID, p.Account, p.Cents.Cents(), p.ReceivedAt, p.Channel, orNull(p.OurReference))
	}
	if !row.Sound {
		clear(s.values[stagingTables[s.kind].keys:])
	}
	return s.values, nil
}

func (s *stagingRows) member(m *feed.Member) {
	keys := s.im.hash
	s.values = append(s.values, m.ID, m.Name, orNull(m.Phone), orNullDay(m.PhoneSince), m.Mobile, m.Language, m.TimeZone,
		string(m.SMSConsent), s.im.keyID,
		onFile(keys, m.ID, answerBirthDate, m.BirthDate), onFile(keys, m.ID, answerZIP, m.ZIP), onFile(keys, m.ID, answerSSN4, m.SSNLast4),
		onFile(keys, m.ID, answerInvoice, m.Invoice), onFile(keys, m.ID, answerInvoicePrevious, m.PreviousInvoice))
}

// Err is the error that ended the reading early.
func (s *stagingRows) Err() error { return s.reader.Err() }

// The kinds of answers on file, as the table answers names them (I3).
const (
	answerBirthDate       = "birth-date" // YYYY-MM-DD
	answerZIP             = "zip"
	answerSSN4            = "ssn4"
	answerInvoice         = "invoice"
	answerInvoicePrevious = "invoice-previous"
)

// onFile is the keyed hash of an answer as it lies in the table answers: over member ID, kind and
// answer, so that equal answers of two members differ. What a caller keys is checked against it
// with CheckMAC and the same three parts.
func onFile(keys seal.Keys, memberID, kind string, answer feed.Secret) []byte {
	if answer == "" {
		return nil
	}
	_, mac := keys.MAC(memberID, kind, answer.Plain())
	return mac
}

// orNull gives null for an empty cell.
func orNull(cell string) any {
	if cell == "" {
		return nil
	}
	return cell
}

func orNullDay(d billing.Date) any {
	if d.IsZero() {
		return nil
	}
	return day(d)
}

// day is a date as PostgreSQL's driver takes it.
func day(d billing.Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}
