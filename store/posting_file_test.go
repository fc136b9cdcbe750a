package store_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/payments"
	"duebell/store"
)

// posting exports the payments and gives the lines after the header.
func (o *billingFixture) posting() ([]string, store.PostingTotals) {
	o.t.Helper()
	var file bytes.Buffer
	totals, err := o.store.ExportPayments(context.Background(), &file, feedAt)
	if err != nil {
		o.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(file.String()), "\n")
	if lines[0] != strings.Join(store.PostingColumns, ",") {
		o.t.Errorf("header %q", lines[0])
	}
	return lines[1:], totals
}

func TestExportImportedAsEchoIsEmpty(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household...)
	o.taken("100000009", "712345678", 14800)
	o.taken("100000017", "712345686", 3150)
	o.returned("100000017")

	lines, totals := o.posting()
	want := []string{
		"entry,100000009,712345678,payment,card,14800,2027-02-10T15:00:00Z,",
		"entry,100000017,712345686,payment,card,3150,2027-02-10T15:00:00Z,",
		"entry,100000017,712345686,reversal,card,-3150,2027-02-10T15:00:00Z,",
		"trailer,,,,,14800,2027-02-10T15:00:00Z,3",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if (totals != store.PostingTotals{Count: 3, Cents: 14800}) {
		t.Errorf("totals %+v", totals)
	}

	// Billing books what it was sent, under numbers of its own, and sends it back.
	records, err := csv.NewReader(strings.NewReader(strings.Join(lines, "\n"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var echo []string
	for i, r := range records[:len(records)-1] {
		echo = append(echo, fmt.Sprintf("BOOKED-%d,%s,%s,%s,phone,%s", i, r[2], r[5], r[6], r[1]))
	}
	before := o.rows(counted)
	sum := o.mustLoad(csvOf(feed.Payments, echo...))
	if sum.Echoes != 3 || sum.Mismatches+sum.Foreign != 0 {
		t.Errorf("summary %+v, want three echoes", sum)
	}
	if diff := cmp.Diff(before, o.rows(counted)); diff != "" {
		t.Errorf("what counts has changed: %s", diff)
	}
	lines, totals = o.posting()
	if diff := cmp.Diff([]string{"trailer,,,,,0,2027-02-10T15:00:00Z,0"}, lines); diff != "" || totals.Count != 0 {
		t.Errorf("not empty: %s", diff)
	}
}

func TestExportGoesOnPastAPage(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household[:3]...)
	o.exec(`INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, state, reference, offered_at, authorized_at,
	                                      settled_at, intent_id, not_before, holder)
	        SELECT n, n, 1, '712345678', 100, 'card', 'taken', n, $1, $1, $1, n, $1, '' FROM generate_series(100000000, 100011999) AS s(i), LATERAL (SELECT i::text AS n) x`, feedAt)
	o.exec(`INSERT INTO ledger (account, kind, cents, reference, attempt_key, received_at, recorded_at)
	        SELECT account, 'payment', cents, reference, key, authorized_at, authorized_at FROM payment_attempts`)
	lines, totals := o.posting()
	if len(lines) != 12_001 || (totals != store.PostingTotals{Count: 12_000, Cents: 1_200_000}) {
		t.Errorf("%d lines, totals %+v", len(lines), totals)
	}
}

type brokenDisk struct{}

func (brokenDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

var easternCalendar = func() *billing.Calendar {
	cal, err := billing.NewCalendar(billing.DefaultPolicy())
	if err != nil {
		panic(err)
	}
	return cal
}()

// letter books a bank payment that waits for its letter.
func (o *billingFixture) letter(reference, account string, state payments.State) {
	o.t.Helper()
	o.exec(`INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, bank_type, state, reference, offered_at, authorized_at,
	                                      settled_at, intent_id, awaits_letter, holder, last4, language, token_sealed)
	        VALUES ($1, $1, 1, $2, 23500, 'bank', 'checking', $3, $1, $4, $4,
	                CASE WHEN $3 IN ('taken', 'voided', 'declined') THEN $4::timestamptz END, CASE WHEN $3 = 'taken' THEN $1 END,
	                $3 <> 'taken', 'Anna M. Whitfield', '6789', 'es', CASE WHEN $3 = 'authorized' THEN '\x00'::bytea END)`,
		reference, account, string(state), feedAt)
	o.exec("INSERT INTO letters (attempt_key, kind, created_at) VALUES ($1, 'written-notice', $2)", reference, feedAt)
}

func (o *billingFixture) letters() []string {
	o.t.Helper()
	var file bytes.Buffer
	n, err := o.store.ExportLetters(context.Background(), &file, easternCalendar, "+18776236765", feedAt)
	if err != nil {
		o.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(file.String()), "\n")
	if lines[0] != strings.Join(store.LetterColumns, ",") || n != len(lines)-1 {
		o.t.Errorf("%d letters, file:\n%s", n, file.String())
	}
	return lines[1:]
}

func TestLettersToPost(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household[:3]...)
	o.letter("100000009", "712345678", payments.Authorized)
	o.letter("100000017", "712345686", payments.Taken) // its text did not arrive, and the debit has gone
	o.letter("100000025", "712345686", payments.Voided)
	o.letter("100000033", "778901234", payments.Declined)

	if _, err := o.store.ExportLetters(context.Background(), brokenDisk{}, easternCalendar, "+18776236765", feedAt); err == nil {
		t.Error("a file that was not written counts as exported")
	}
	want := []string{
		"100000009,712345678,Anna Whitfield,Anna M. Whitfield,es,235.00,checking,6789,2027-02-10,+18776236765,to-cancel,false",
		"100000017,712345686,Anna Whitfield,Anna M. Whitfield,es,235.00,checking,6789,2027-02-10,+18776236765,questions,false",
	}
	if diff := cmp.Diff(want, o.letters()); diff != "" {
		t.Error(diff)
	}
	for i := range want {
		want[i] = strings.TrimSuffix(want[i], "false") + "true"
	}
	if diff := cmp.Diff(want, o.letters()); diff != "" {
		t.Errorf("once more, as nothing was posted: %s", diff)
	}
	o.expect("SELECT attempt_key, exported_at FROM letters WHERE exported_at IS NOT NULL ORDER BY 1",
		"100000009|2027-02-10T15:00:00Z", "100000017|2027-02-10T15:00:00Z")
}

func (o *billingFixture) posted(on billing.Date, references ...string) (store.LettersSummary, error) {
	file := feed.Text("posted.csv", "reference\n"+strings.Join(references, "\n")+"\n")
	// Reported on Tuesday the 16th, the day after Washington's birthday.
	return o.store.LettersPosted(context.Background(), file, on, easternCalendar, feedAt.AddDate(0, 0, 6))
}

// E6: the debit may go from 00:00 local of the banking day after posting.
func TestPostedLettersSetTheDay(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household[:3]...)
	o.letter("100000009", "712345678", payments.Authorized)
	o.letter("100000017", "712345686", payments.Taken)
	o.letter("100000025", "778901234", payments.Voided) // was on its way when the caller cancelled
	friday := billing.Date{Year: 2027, Month: time.February, Day: 12}

	sum, err := o.posted(friday, "100000009", "100000017", "100000025")
	if err != nil || (sum != store.LettersSummary{Recorded: 3, Released: 1}) {
		t.Errorf("summary %+v, error %v", sum, err)
	}
	const state = "SELECT reference, state, not_before, posted_on FROM payment_attempts JOIN letters ON attempt_key = key ORDER BY 1"
	// Saturday, Sunday and Washington's birthday lie between: Tuesday, 00:00 in Boston.
	want := []string{
		"100000009|authorized|2027-02-16T05:00:00Z|2027-02-12T00:00:00Z",
		"100000017|taken|<nil>|2027-02-12T00:00:00Z",
		"100000025|voided|<nil>|2027-02-12T00:00:00Z",
	}
	o.expect(state, want...)
	if lines := o.letters(); len(lines) != 0 {
		t.Errorf("still to post: %q", lines)
	}

	sum, err = o.posted(friday, "100000009")
	if err != nil || (sum != store.LettersSummary{Again: 1}) {
		t.Errorf("the same list again: %+v, %v", sum, err)
	}
	o.expect(state, want...)
}

func TestPostedLettersWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household[:3]...)
	o.letter("100000009", "712345678", payments.Authorized)
	o.letter("100000017", "712345686", payments.Authorized)
	wednesday := billing.Date{Year: 2027, Month: time.February, Day: 10}
	if _, err := o.posted(wednesday, "100000017"); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		on         billing.Date
		references []string
		want       []string
	}{
		"unknown, twice, no reference": {wednesday, []string{"100000009", "999999998", "100000009", "12"}, []string{
			"posted.csv:3: reference: there is no letter with this reference",
			"posted.csv:4: reference: the same reference stands in line 2",
			"posted.csv:5: reference: want the 9 digits of our reference",
		}},
		"another day":                {wednesday.Add(1), []string{"100000009", "100000017"}, []string{"posted.csv:3: reference: is known to have been posted on another day"}},
		"before it was asked for":    {wednesday.Add(-1), []string{"100000009"}, []string{"posted.csv:2: reference: cannot have been posted on that day: the payment was authorized later"}},
		"a day that is not here yet": {wednesday.Add(7), []string{"100000009"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := o.posted(test.on, test.references...)
			var bad *feed.BadRows
			var got []string
			if errors.As(err, &bad) {
				for _, p := range bad.Problems {
					got = append(got, p.String())
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" || err == nil {
				t.Errorf("error %v\n%s", err, diff)
			}
		})
	}
	o.expect("SELECT count(*) FROM letters WHERE posted_on IS NULL", "1")
	o.expect("SELECT not_before FROM payment_attempts WHERE reference = '100000009'", "<nil>")
}

func TestListAndShowPayments(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household[:3]...)
	o.taken("100000009", "712345678", 14800)
	o.exec("UPDATE payment_attempts SET caller = '+16175550101', text_number = '+16175550101', last4 = '4242' WHERE key = '100000009'")
	o.letter("100000017", "712345686", payments.Authorized)
	o.exec(`INSERT INTO payment_evidence (key, terms, version, language, given, terms_at, given_at, written_copy, hash)
	        VALUES ('100000017', 'the terms', 'en-1', 'en', 'i authorize', $1, $1, 'letter', '\x01')`, feedAt)
	o.exec("INSERT INTO tasks (kind, attempt_key, detail, at) VALUES ('letter', '100000017', 'post it', $1)", feedAt)
	o.exec("UPDATE payment_attempts SET authorized_at = authorized_at - interval '1 day' WHERE key = '100000009'")

	list := func(f store.PaymentFilter) (references []string) {
		t.Helper()
		if f.Limit == 0 {
			f.Limit = 10
		}
		rows, err := o.store.ListPayments(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range rows {
			references = append(references, p.Reference)
			if shown := fmt.Sprintf("%+v", p); strings.Contains(shown, "712345") || strings.Contains(shown, "61755") || strings.Contains(shown, "Anna") {
				t.Errorf("not masked: %s", shown)
			}
		}
		return references
	}
	for _, test := range []struct {
		filter store.PaymentFilter
		want   []string
	}{
		{store.PaymentFilter{}, []string{"100000017", "100000009"}},
		{store.PaymentFilter{Limit: 1}, []string{"100000017"}},
		{store.PaymentFilter{State: payments.Taken}, []string{"100000009"}},
		{store.PaymentFilter{Account: "712345686"}, []string{"100000017"}},
		{store.PaymentFilter{Since: feedAt}, []string{"100000017"}},
		{store.PaymentFilter{State: payments.Unknown}, nil},
	} {
		if diff := cmp.Diff(test.want, list(test.filter)); diff != "" {
			t.Errorf("%+v: %s", test.filter, diff)
		}
	}

	card, err := o.store.ShowPayment(context.Background(), "100000009", false)
	if err != nil {
		t.Fatal(err)
	}
	if p := card.Payment; p.Account != "…5678" || p.Caller != "…0101" || p.TextTo != "…0101" || p.Last4 != "4242" || p.Cents != 14800 {
		t.Errorf("payment %+v", p)
	}
	if len(card.Entries) != 1 || card.Entries[0].Cents != 14800 || card.Entries[0].Echoed || card.Evidence != nil || card.Letter != nil {
		t.Errorf("card payment %+v", card)
	}
	bank, err := o.store.ShowPayment(context.Background(), "100000017", false)
	if err != nil {
		t.Fatal(err)
	}
	if bank.Evidence == nil || bank.Evidence.Given != "i authorize" || bank.Letter == nil || !bank.Letter.PostedOn.IsZero() || len(bank.Tasks) != 1 {
		t.Errorf("bank payment %+v", bank)
	}
	if _, err := o.store.ShowPayment(context.Background(), "999999998", false); !errors.Is(err, payments.ErrNoSuchAttempt) {
		t.Errorf("unknown reference: %v", err)
	}
}

// TestExportDocs holds docs/export.md to the code.
func TestExportDocs(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/export.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, columns := range [][]string{store.PostingColumns, store.LetterColumns} {
		if !strings.Contains(text, "    "+strings.Join(columns, ",")+"\n") {
			t.Errorf("the header is not there: %s", strings.Join(columns, ","))
		}
		for _, column := range columns {
			if !strings.Contains(text, "`"+column+"`") {
				t.Errorf("column %s is not explained", column)
			}
		}
	}
}
