package store_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/internal/seal"
	"duebell/lab/testenv"
	"duebell/store"
)

// feedAt is when the tests of import and export take place: a Wednesday in Boston.
var feedAt = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

// feedRules are the forms of the default policy.
var feedRules = feed.RulesOf(billing.DefaultPolicy(), billing.Date{Year: 2027, Month: time.February, Day: 10})

// billingFixture is a store to import into and export from.
type billingFixture struct {
	t     testing.TB
	pool  *pgxpool.Pool
	store *store.Store
	hash  seal.Keys
}

func newBillingFixture(t testing.TB) *billingFixture {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	hash, err := seal.ParseKeys("h1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return &billingFixture{t: t, pool: pool, store: store.New(pool, nil, hash, hash, nil), hash: hash}
}

// load imports texts by name.
func (o *billingFixture) load(files ...feed.Source) (store.ImportSummary, error) {
	return o.store.Import(context.Background(), files, store.ImportOptions{AsOf: feedAt, At: feedAt, Rules: feedRules})
}

func (o *billingFixture) mustLoad(files ...feed.Source) store.ImportSummary {
	o.t.Helper()
	sum, err := o.load(files...)
	if err != nil {
		o.t.Fatal(err)
	}
	return sum
}

// rows gives every row of a query as one line, its columns joined by bars.
func (o *billingFixture) rows(query string, args ...any) []string {
	o.t.Helper()
	rows, err := o.pool.Query(context.Background(), query, args...)
	if err != nil {
		o.t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		cells := make([]string, len(values))
		for i, v := range values {
			if at, ok := v.(time.Time); ok {
				v = at.UTC().Format(time.RFC3339)
			}
			cells[i] = fmt.Sprint(v)
		}
		return strings.Join(cells, "|"), err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return lines
}

func (o *billingFixture) expect(query string, want ...string) {
	o.t.Helper()
	if diff := cmp.Diff(want, o.rows(query)); diff != "" {
		o.t.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

func (o *billingFixture) exec(query string, args ...any) {
	o.t.Helper()
	if _, err := o.pool.Exec(context.Background(), query, args...); err != nil {
		o.t.Fatal(err)
	}
}

func csvOf(kind feed.Kind, rows ...string) feed.Source {
	head := strings.Join(feed.Columns(kind), ",")
	return feed.Text(string(kind)+".csv", head+"\n"+strings.Join(rows, "\n")+"\n")
}

// Two members of one household, three accounts.
var (
	anna = "100200300401,Anna Whitfield,+16175550101,2020-01-15,true,en,America/New_York,application,1980-04-12,02139,4821,,"
	owen = "100200300407,Owen Whitfield,+16175550101,2021-05-01,true,es,America/New_York,opt_in,2001-05-05,02139,2916,,"

	household = []feed.Source{
		csvOf(feed.Bills, "712345678,2027-03,0,19800,false,", "712345686,2027-03,0,3150,false,", "778901234,2027-03,0,8820,true,2027-04-30T23:59:59-04:00"),
		csvOf(feed.Accounts,
			"712345678,100200300401,health,active,,,", "712345686,100200300401,dental,active,third-due,21,6789",
			"778901234,100200300407,health,active,next-due,,"),
		csvOf(feed.Members, anna, owen),
		csvOf(feed.Payments, "WEB-1,712345678,5000,2027-02-09T21:15:00-05:00,web,"),
	}
)

func TestImportLoadsAllFourKindsInAnyOrder(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	sum := o.mustLoad(household...)
	counts := map[feed.Kind]int64{feed.Members: 2, feed.Accounts: 3, feed.Bills: 3, feed.Payments: 1}
	want := store.ImportSummary{Read: counts, Changed: counts, Answers: 6, Foreign: 1, ConsentsGiven: 1}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Error(diff)
	}
	o.expect("SELECT member_id, name, phone, phone_since, mobile, language, time_zone FROM members ORDER BY 1",
		"100200300401|Anna Whitfield|+16175550101|2020-01-15T00:00:00Z|true|en|America/New_York",
		"100200300407|Owen Whitfield|+16175550101|2021-05-01T00:00:00Z|true|es|America/New_York")
	o.expect("SELECT account, member_id, kind, status, grace_regime, autopay_day, autopay_last4, frozen_at FROM accounts ORDER BY 1",
		"712345678|100200300401|health|active|<nil>|<nil>|<nil>|<nil>",
		"712345686|100200300401|dental|active|third-due|21|6789|<nil>",
		"778901234|100200300407|health|active|next-due|<nil>|<nil>|<nil>")
	o.expect("SELECT account, coverage_month, revision, billed_cents, first_bill, grace_ends_at FROM bills ORDER BY 1",
		"712345678|2027-03-01T00:00:00Z|0|19800|false|<nil>",
		"712345686|2027-03-01T00:00:00Z|0|3150|false|<nil>",
		"778901234|2027-03-01T00:00:00Z|0|8820|true|2027-05-01T03:59:59Z")
	o.expect("SELECT account, kind, cents, external_id, received_at, recorded_at FROM ledger",
		"712345678|foreign|5000|WEB-1|2027-02-10T02:15:00Z|2027-02-10T15:00:00Z")
	o.expect("SELECT external_id, account, cents, channel, our_reference, meaning FROM booked_payments", "WEB-1|712345678|5000|web|<nil>|foreign")
	o.expect("SELECT number, channel, purpose, source, ended_at FROM consents", "+16175550101|sms|payments|application|<nil>")
	o.expect("SELECT as_of, members, accounts, bills, payments FROM import_runs", "2027-02-10T15:00:00Z|2|3|3|1")
}

// Answers are on file as keyed hashes, and match what a caller keys.
func TestImportFilesAnswersAsHashes(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(csvOf(feed.Members, anna, "100200300405,Harbor Bakery,,,false,en,,none,,02110,,90001234,90001188"))
	check := func(member, kind, answer string, want bool) {
		t.Helper()
		var keyID string
		var mac []byte
		err := o.pool.QueryRow(context.Background(), "SELECT key_id, mac FROM verification_answers WHERE member_id = $1 AND kind = $2", member, kind).Scan(&keyID, &mac)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if got := o.hash.CheckMAC(keyID, mac, member, kind, answer); got != want {
			t.Errorf("%s of %s: match %v, want %v", kind, member, got, want)
		}
	}
	check("100200300401", "birth-date", "1980-04-12", true)
	check("100200300401", "birth-date", "1980-04-13", false)
	check("100200300401", "zip", "02139", true)
	check("100200300401", "ssn4", "4821", true)
	check("100200300405", "zip", "02110", true)
	check("100200300405", "invoice", "90001234", true)
	check("100200300405", "invoice-previous", "90001188", true)
	o.expect("SELECT count(*) FROM verification_answers WHERE member_id = '100200300405'", "3")

	// The next month's invoice moves up; an answer that billing dropped is gone.
	sum := o.mustLoad(csvOf(feed.Members, "100200300405,Harbor Bakery,,,false,en,,none,,,,90001300,90001234"))
	check("100200300405", "invoice", "90001300", true)
	check("100200300405", "invoice-previous", "90001234", true)
	o.expect("SELECT kind FROM verification_answers WHERE member_id = '100200300405' ORDER BY 1", "invoice", "invoice-previous")
	if sum.Answers != 3 || sum.Changed[feed.Members] != 0 {
		t.Errorf("answers %d, members %d changed, want 3 and 0", sum.Answers, sum.Changed[feed.Members])
	}
}

// dump is everything an import may touch, runs aside.
func (o *billingFixture) dump() []string {
	var all []string
	for _, table := range []string{"members", "verification_answers", "accounts", "bills", "ledger", "booked_payments", "consents", "tasks", "unposted_entries"} {
		all = append(all, o.rows("SELECT '"+table+"', xmin, t::text FROM "+table+" t ORDER BY t::text")...)
	}
	return all
}

func TestTheSameFilesAgainChangeNothing(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household...)
	o.taken("123456782", "712345686", 3150)
	more := csvOf(feed.Payments,
		"WEB-1,712345678,5000,2027-02-09T21:15:00-05:00,web,",
		"OURS-1,712345686,3150,2027-02-10T10:00:00-05:00,phone,123456782",
		"OURS-2,712345678,4700,2027-02-10T10:00:00-05:00,phone,999999998")
	o.mustLoad(more)
	before := o.dump()
	for range 2 {
		sum := o.mustLoad(append([]feed.Source{more}, household[:3]...)...)
		if diff := cmp.Diff(before, o.dump()); diff != "" {
			t.Errorf("changed:\n%s", diff)
		}
		for kind, n := range sum.Changed {
			if n != 0 {
				t.Errorf("%d %s are said to have changed", n, kind)
			}
		}
		if sum.Foreign+sum.Echoes+sum.ConsentsGiven+sum.Answers != 0 || sum.Mismatches != 1 {
			t.Errorf("summary %+v, want nothing but the mismatch that is still there", sum)
		}
	}
	o.expect("SELECT count(*) FROM import_runs WHERE bills IS NOT NULL", "3")
}

func TestImportMergesChanges(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household...)
	o.exec("UPDATE accounts SET frozen_at = $1 WHERE account = '712345678'", feedAt)
	sum := o.mustLoad(
		csvOf(feed.Members, "100200300401,Anna W. Reyes,+16175550199,2027-02-10,true,en,,application,1980-04-12,02140,4821,,"),
		csvOf(feed.Accounts, "712345678,100200300401,health,terminated,none,,"),
		csvOf(feed.Bills, "712345678,2027-03,1,0,false,"))
	want := map[feed.Kind]int64{feed.Members: 1, feed.Accounts: 1, feed.Bills: 1}
	if diff := cmp.Diff(want, sum.Changed); diff != "" || sum.Answers != 1 {
		t.Errorf("answers %d, changed: %s", sum.Answers, diff)
	}
	o.expect("SELECT name, phone, time_zone FROM members WHERE member_id = '100200300401'", "Anna W. Reyes|+16175550199|")
	o.expect("SELECT status, grace_regime, frozen_at FROM accounts WHERE account = '712345678'", "terminated|none|2027-02-10T15:00:00Z")
	o.expect("SELECT revision, billed_cents FROM bills WHERE account = '712345678' ORDER BY 1", "0|19800", "1|0")
}

// B6: a few payments alone do not make old balances fresh.
func TestImportedAsOf(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	asOf := func() time.Time {
		t.Helper()
		at, err := o.store.ImportedAsOf(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if at := asOf(); !at.IsZero() {
		t.Errorf("never imported, as of %v", at)
	}
	opts := store.ImportOptions{AsOf: feedAt.Add(-9 * time.Hour), At: feedAt, Rules: feedRules}
	if _, err := o.store.Import(context.Background(), household, opts); err != nil {
		t.Fatal(err)
	}
	o.mustLoad(csvOf(feed.Payments, "WEB-2,712345678,5000,2027-02-09T21:15:00-05:00,web,"))
	if at := asOf(); !at.Equal(opts.AsOf) {
		t.Errorf("as of %v, want that of the bills, %v", at, opts.AsOf)
	}
	opts.AsOf = feedAt.Add(time.Second)
	if _, err := o.store.Import(context.Background(), household, opts); err == nil || !strings.Contains(err.Error(), "lies in the future") {
		t.Errorf("files of the future: %v", err)
	}
}

func TestImportTellsItsProgress(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	var bills strings.Builder
	bills.WriteString(strings.Join(feed.Columns(feed.Bills), ",") + "\n")
	for i := range 25_000 {
		fmt.Fprintf(&bills, "712345678,%04d-%02d,0,100,false,\n", 2000+i/12/10, 1+i%12)
	}
	var told []string
	_, err := o.store.Import(context.Background(), []feed.Source{feed.Text("bills.csv", bills.String())}, store.ImportOptions{
		AsOf: feedAt, At: feedAt, Rules: feedRules,
		Progress: func(p store.ImportProgress) {
			told = append(told, fmt.Sprintf("%s %s %d %t", p.File, p.Kind, p.Rows, p.Bytes <= p.Size))
		},
	})
	want := []string{"bills.csv bills 10000 true", "bills.csv bills 20000 true", "bills.csv bills 25000 true", "  0 true"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	// Most of these rows come more than once, and all lack their account.
	var bad *feed.BadRows
	if !errors.As(err, &bad) || bad.Count <= 25_000 || len(bad.Problems) != 10_000 {
		t.Errorf("error %v", err)
	}
}

// TestImportDocs loads the examples of docs/import.md, all of them together.
func TestImportDocs(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []feed.Source
	for _, kind := range feed.Kinds() {
		header := strings.Join(feed.Columns(kind), ",") + "\n"
		_, after, _ := strings.Cut(string(raw), "    "+header)
		example, _, _ := strings.Cut(after, "\n\n")
		files = append(files, feed.Text(string(kind), header+strings.ReplaceAll(example, "    ", "")))
	}
	o := newBillingFixture(t)
	o.mustLoad(files[:3]...)
	o.taken("123456782", "712345678", 14800) // what the example's second payment echoes
	sum := o.mustLoad(files...)
	if sum.Foreign != 2 || sum.Echoes != 1 || sum.Mismatches != 0 {
		t.Errorf("summary %+v", sum)
	}
}
