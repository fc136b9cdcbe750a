package feed_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/billing/feed"
)

var rules = feed.RulesOf(billing.DefaultPolicy(), billing.Date{Year: 2027, Month: time.February, Day: 10})

// head is the header of a kind of file in the order of the docs.
func head(kind feed.Kind) string { return strings.Join(feed.Columns(kind), ",") + "\n" }

// read gives the rows and the problems of one text.
func read(t *testing.T, text string) (feed.Kind, []feed.Row, []string) {
	t.Helper()
	var problems []string
	r, err := feed.Open(feed.Text("f.csv", text), rules, func(p feed.Problem) { problems = append(problems, p.String()) })
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rows []feed.Row
	for r.Next() {
		rows = append(rows, *r.Row())
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return r.Kind(), rows, problems
}

func TestRowsOfEachKind(t *testing.T) {
	ny := time.FixedZone("", -5*3600)
	tests := map[string]struct {
		text string
		want feed.Row
	}{
		"member": {
			head(feed.Members) + "100200300401,Anna Whitfield,+16175550101,2020-01-15,true,en,America/New_York,application,1980-04-12,02139,4821,,\n",
			feed.Row{Member: feed.Member{
				ID: "100200300401", Name: "Anna Whitfield", Phone: "+16175550101",
				PhoneSince: billing.Date{Year: 2020, Month: time.January, Day: 15}, Mobile: true, Language: "en",
				TimeZone: "America/New_York", SMSConsent: feed.ConsentApplication,
				BirthDate: "1980-04-12", ZIP: "02139", SSNLast4: "4821",
			}},
		},
		"employer, without birth date and phone": {
			head(feed.Members) + "100200300405,\"Harbor Bakery, Inc.\",,,false,en,,none,,02110,,90001234,90001188\n",
			feed.Row{Member: feed.Member{
				ID: "100200300405", Name: "Harbor Bakery, Inc.", Language: "en", SMSConsent: feed.ConsentNone,
				ZIP: "02110", Invoice: "90001234", PreviousInvoice: "90001188",
			}},
		},
		"account": {
			head(feed.Accounts) + "745678901,100200300404,health,active,third-due,21,6789\n",
			feed.Row{Account: billing.Account{
				Number: "745678901", MemberID: "100200300404", Kind: billing.KindHealth, Status: billing.StatusActive,
				Regime: billing.ThirdDue, AutoPayDay: 21, AutoPayLast4: "6789",
			}},
		},
		"bill": {
			head(feed.Bills) + "712345678,2027-03,1,19800,true,2027-05-31T23:59:59-05:00\n",
			feed.Row{Bill: billing.Bill{
				Account: "712345678", Coverage: billing.Month{Year: 2027, Month: time.March}, Revision: 1, Billed: 19800,
				FirstBill: true, GraceEndsAt: time.Date(2027, time.May, 31, 23, 59, 59, 0, ny),
			}},
		},
		"payment": {
			head(feed.Payments) + "WEB-1,712345678,-19800,2027-02-09T21:15:00-05:00,web,123456782\n",
			feed.Row{Payment: feed.Payment{
				ExternalID: "WEB-1", Account: "712345678", Cents: -19800,
				ReceivedAt: time.Date(2027, time.February, 9, 21, 15, 0, 0, ny), Channel: "web", OurReference: "123456782",
			}},
		},
		"columns in another order, capitals, byte order mark, CRLF, spaces": {
			"\uFEFFRevision, Account ,coverage_month,first_bill,billed_cents,grace_ends_at\r\n0, 712345678,2027-03,false,19800,\r\n",
			feed.Row{Bill: billing.Bill{
				Account: "712345678", Coverage: billing.Month{Year: 2027, Month: time.March}, Billed: 19800,
			}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, rows, problems := read(t, test.text)
			test.want.Line, test.want.Sound = 2, true
			same := cmp.Comparer(func(x, y time.Time) bool { return x.Equal(y) })
			plain := cmp.Transformer("plain", feed.Secret.Plain)
			if diff := cmp.Diff([]feed.Row{test.want}, rows, same, plain); diff != "" || problems != nil {
				t.Errorf("rows (-want +got):\n%s\nproblems: %q", diff, problems)
			}
		})
	}
}

// cell gives a sound row of a kind with one cell replaced.
func cell(kind feed.Kind, column, value string) string {
	sound := map[feed.Kind]string{
		feed.Members:  "100200300401,Anna,+16175550101,2020-01-15,true,en,America/New_York,application,1980-04-12,02139,4821,90001234,90001188",
		feed.Accounts: "712345678,100200300401,health,active,,21,6789",
		feed.Bills:    "712345678,2027-03,0,19800,false,",
		feed.Payments: "WEB-1,712345678,19800,2027-02-09T21:15:00-05:00,web,",
	}[kind]
	cells := strings.Split(sound, ",")
	cells[slices.Index(feed.Columns(kind), column)] = value
	return head(kind) + strings.Join(cells, ",") + "\n"
}

func TestCells(t *testing.T) {
	tests := []struct {
		kind   feed.Kind
		column string
		value  string
		want   string // part of the reason; empty = accepted
	}{
		{feed.Members, "member_id", "10020030040", "form of a member ID"},
		{feed.Members, "member_id", "", "form of a member ID"},
		{feed.Members, "name", "", "must not be empty"},
		{feed.Members, "name", strings.Repeat("n", 201), "longer than 200 bytes"},
		{feed.Members, "name", "Nu\x00l", "control character"},
		{feed.Members, "name", "\"two\nlines\"", "line break"},
		{feed.Members, "name", "Jos\xe9", "not UTF-8"},
		{feed.Members, "name", "José Núñez", ""},
		{feed.Members, "phone", "6175550199", "with + and country code"},
		{feed.Members, "phone", "+06175550101", "with + and country code"},
		{feed.Members, "phone", "+1617555010a", "with + and country code"},
		{feed.Members, "phone_since", "01/15/2020", "want a day"},
		{feed.Members, "phone_since", "2021-02-29", "want a day"},
		{feed.Members, "mobile", "yes", "true or false"},
		{feed.Members, "language", "EN", "language tag"},
		{feed.Members, "language", "pt-BR", ""},
		{feed.Members, "time_zone", "Boston", "IANA"},
		{feed.Members, "time_zone", "Local", "IANA"},
		{feed.Members, "time_zone", "", ""},
		{feed.Members, "sms_consent", "yes", "application, opt_in, none"},
		{feed.Members, "birth_date", "04121980", "want a day"},
		{feed.Members, "birth_date", "2027-02-11", "future"},
		{feed.Members, "birth_date", "2027-02-10", ""},
		{feed.Members, "birth_date", "1907-02-09", "120 years"},
		{feed.Members, "birth_date", "1907-02-10", ""},
		{feed.Members, "birth_date", "1981-02-29", "want a day"},
		{feed.Members, "zip", "2139", "5 digits"},
		{feed.Members, "zip", "02139-1234", "5 digits"},
		{feed.Members, "ssn_last4", "482", "last 4 digits"},
		{feed.Members, "invoice_number", "A90001234", "keyed on a phone"},
		{feed.Members, "previous_invoice_number", "900", "keyed on a phone"},
		{feed.Accounts, "account", "812345678", "billing account number"},
		{feed.Accounts, "account", "71234567", "billing account number"},
		{feed.Accounts, "member_id", "1", "form of a member ID"},
		{feed.Accounts, "kind", "Health", "health, dental, group"},
		{feed.Accounts, "status", "closed", "active, terminated, blocked"},
		{feed.Accounts, "grace_regime", "90 days", "month-end, next-due, third-due, none"},
		{feed.Accounts, "grace_regime", "none", ""},
		{feed.Accounts, "autopay_day", "24", "from 1 to 23"},
		{feed.Accounts, "autopay_day", "", "or neither"},
		{feed.Accounts, "autopay_last4", "", "or neither"},
		{feed.Accounts, "autopay_last4", "789", "last 4 digits"},
		{feed.Bills, "account", "", "billing account number"},
		{feed.Bills, "coverage_month", "2027-03-01", "want a month"},
		{feed.Bills, "coverage_month", "2027-13", "want a month"},
		{feed.Bills, "revision", "-1", "number of the revision"},
		{feed.Bills, "revision", "", "number of the revision"},
		{feed.Bills, "billed_cents", "198.00", "whole cents"},
		{feed.Bills, "billed_cents", "+19800", "whole cents"},
		{feed.Bills, "billed_cents", "$198", "whole cents"},
		{feed.Bills, "billed_cents", "-1", "never negative"},
		{feed.Bills, "billed_cents", "99999999999999999999", "whole cents"},
		{feed.Bills, "billed_cents", "100000000001", "too large"},
		{feed.Bills, "billed_cents", "0", ""},
		{feed.Bills, "first_bill", "", "true or false"},
		{feed.Bills, "grace_ends_at", "2027-03-31", "instant with its offset"},
		{feed.Bills, "grace_ends_at", "2027-03-31T23:59:59", "instant with its offset"},
		{feed.Bills, "grace_ends_at", "2027-04-01T03:59:59Z", ""},
		{feed.Payments, "external_id", "", "must not be empty"},
		{feed.Payments, "account", "7", "billing account number"},
		{feed.Payments, "cents", "", "must not be empty"},
		{feed.Payments, "cents", "0", "payment of nothing"},
		{feed.Payments, "cents", "-500", ""},
		{feed.Payments, "received_at", "2027-02-09", "instant with its offset"},
		{feed.Payments, "channel", "", "must not be empty"},
		{feed.Payments, "our_reference", "12345678", "9 digits of our reference"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %s %.12q", test.kind, test.column, test.value), func(t *testing.T) {
			_, rows, problems := read(t, cell(test.kind, test.column, test.value))
			if test.want == "" {
				if problems != nil || len(rows) != 1 || !rows[0].Sound {
					t.Errorf("refused: %q", problems)
				}
				return
			}
			if len(problems) != 1 || !strings.HasPrefix(problems[0], "f.csv:2: ") || !strings.Contains(problems[0], test.want) {
				t.Errorf("problems %q, want one on line 2 with %q", problems, test.want)
			}
			if len(rows) == 1 && rows[0].Sound {
				t.Error("the row counts as sound")
			}
			if len(test.value) > 3 && strings.Contains(strings.Join(problems, ""), test.value) {
				t.Errorf("the problem repeats the value: %q", problems)
			}
		})
	}
}

func TestConsentNeedsANumber(t *testing.T) {
	_, _, problems := read(t, head(feed.Members)+"100200300401,Anna,,,false,en,,opt_in,,,,,\n100200300402,Ben,,,true,en,,none,,,,,\n")
	want := []string{
		"f.csv:2: sms_consent: consent to texts needs a phone number",
		"f.csv:3: mobile: there is no phone number to be mobile",
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Error(diff)
	}
}

func TestHeaders(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"nothing":       {"", []string{"f.csv:1: the file is empty: not even a header"}},
		"prose":         {"Dear colleagues\n", []string{"f.csv:1: this is no header of a members, accounts, bills or payments file"}},
		"no header":     {"712345678,2027-03,0,19800,false,\n", []string{"f.csv:1: this is no header of a members, accounts, bills or payments file"}},
		"semicolons":    {"account;coverage_month\n", []string{"f.csv:1: the columns must be separated by commas"}},
		"UTF-16":        {"\xff\xfea\x00c\x00", []string{"f.csv:1: the file is UTF-16: save it as UTF-8"}},
		"open quote":    {"account,\"kind\n", []string{"f.csv:1: the header is no CSV: a quotation mark is missing or out of place at character 15"}},
		"missing":       {"account,coverage_month,revision,billed_cents,first_bill\n", []string{"f.csv:1: column grace_ends_at of a bills file is missing"}},
		"twice":         {"account,account,coverage_month,revision,billed_cents,first_bill,grace_ends_at\n", []string{"f.csv:1: column account is there twice"}},
		"unknown":       {"account,coverage_month,revision,billed,first_bill,grace_ends_at\n", []string{"f.csv:1: column 4 is unknown in a bills file", "f.csv:1: column billed_cents of a bills file is missing"}},
		"header only":   {head(feed.Bills), nil},
		"blank lines":   {"\n\n" + head(feed.Bills) + "\n", nil},
		"no line break": {strings.TrimSpace(head(feed.Payments)), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			kind, rows, problems := read(t, test.text)
			if diff := cmp.Diff(test.want, problems); diff != "" || len(rows) > 0 {
				t.Errorf("rows %d, problems:\n%s", len(rows), diff)
			}
			if (kind == "") != (test.want != nil) {
				t.Errorf("kind %q", kind)
			}
		})
	}
}

// Every bad row is reported, and those after it are read all the same.
func TestReadsOnAfterBadRows(t *testing.T) {
	text := head(feed.Bills) +
		"712345678,2027-03,0,19800,false,\n" +
		"712345678,2027-04\n" +
		"7123\"45678,2027-04,0,1,false,\n" +
		"nonsense,never,x,y,z,w\n" +
		"712345686,2027-03,0,31.50,false,\n" +
		"723456789,2027-03,0,100,false,\n"
	_, rows, problems := read(t, text)
	want := []string{
		"f.csv:3: has 2 cells, the header has 6",
		"f.csv:4: a quotation mark is missing or out of place at character 5",
		"f.csv:5: account: does not have the form of a billing account number",
		"f.csv:5: coverage_month: want a month of the form 2027-03",
		"f.csv:5: revision: want the number of the revision: 0 for the first bill of a month, 1 for the first change",
		"f.csv:5: billed_cents: want whole cents: 21450 for 214.50 dollars",
		"f.csv:5: first_bill: want true or false",
		"f.csv:5: grace_ends_at: want an instant with its offset, as 2027-01-31T23:59:59-05:00",
		"f.csv:6: billed_cents: want whole cents: 21450 for 214.50 dollars",
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Error(diff)
	}
	var seen []string
	for _, row := range rows {
		seen = append(seen, fmt.Sprint(row.Line, row.Bill.Account, row.Sound))
	}
	if diff := cmp.Diff([]string{"2712345678true", "6712345686false", "7723456789true"}, seen); diff != "" {
		t.Errorf("rows with a key: %s", diff)
	}
}

func TestLetters(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"references alone":       {"reference\n123456782\n100000009\n", []string{"2 123456782", "3 100000009"}},
		"the exported file":      {"Reference,name,anything\n123456782,Anna,x\n", []string{"2 123456782"}},
		"no reference":           {"ref\n123456782\n", []string{"f.csv:1: column reference is missing"}},
		"two of them":            {"reference,reference\n", []string{"f.csv:1: column reference is there twice"}},
		"another number":         {"reference\n712345\n", []string{"f.csv:2: reference: want the 9 digits of our reference"}},
		"a cell that is missing": {"reference,name\n123456782\n", []string{"f.csv:2: has 1 cells, the header has 2"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			r, err := feed.OpenLetters(feed.Text("f.csv", test.text), func(p feed.Problem) { got = append(got, p.String()) })
			if err != nil {
				t.Fatal(err)
			}
			for r.Next() {
				got = append(got, fmt.Sprint(r.Row().Line, " ", r.Row().Reference))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsOfReading(t *testing.T) {
	broken := errors.New("the disk is gone")
	src := feed.Source{Name: "f.csv", Open: func() (io.ReadCloser, error) {
		half := io.MultiReader(strings.NewReader(head(feed.Bills)+"712345678,2027-03,0,1,false,\n"), iotest.ErrReader(broken))
		return io.NopCloser(half), nil
	}}
	r, err := feed.Open(src, rules, func(p feed.Problem) { t.Errorf("reported %s", p) })
	if err != nil {
		t.Fatal(err)
	}
	for r.Next() {
	}
	if !errors.Is(r.Err(), broken) {
		t.Errorf("error %v, want the disk's", r.Err())
	}
	if _, err := feed.Open(feed.File("/nonexistent/bills.csv"), rules, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that there is no such file", err)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	row := feed.Row{Member: feed.Member{BirthDate: "1980-04-12", ZIP: "02139", SSNLast4: "4821", Invoice: "90001234"}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "row", row, "zip", row.Member.ZIP)
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(text) + fmt.Sprintf("%v %+v %#v %q %x", row, row, row, row.Member.ZIP, row.Member.ZIP)
	if secret := regexp.MustCompile(`1980|0213|2139|4821|9000|1234`).FindString(shown); secret != "" {
		t.Errorf("%q shows in:\n%s", secret, shown)
	}
}

func TestBadRowsKeepsTheirOrderAndABound(t *testing.T) {
	var bad feed.BadRows
	bad.Add(feed.Problem{File: "b.csv", Line: 2, Reason: "x"})
	bad.Add(feed.Problem{File: "a.csv", Line: 9, Reason: "x"})
	bad.Add(feed.Problem{File: "a.csv", Line: 3, Reason: "x"})
	bad.Sort([]feed.Source{feed.Text("a.csv", ""), feed.Text("b.csv", "")})
	if want := "nothing was changed: problems found: 3; a.csv:3: x; a.csv:9: x; b.csv:2: x"; bad.Error() != want {
		t.Errorf("error %q, want %q", bad.Error(), want)
	}
	for range 20_000 {
		bad.Add(feed.Problem{File: "a.csv"})
	}
	if bad.Count != 20_003 || len(bad.Problems) != 10_000 {
		t.Errorf("%d counted, %d kept", bad.Count, len(bad.Problems))
	}
}

func FuzzRead(f *testing.F) {
	for _, kind := range feed.Kinds() {
		f.Add(cell(kind, feed.Columns(kind)[0], "1"))
	}
	f.Add("\xef\xbb\xbf\"account\",\"\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		kind, rows, problems := read(t, text)
		if kind == "" && problems == nil {
			t.Error("neither a kind nor a problem")
		}
		for _, row := range rows {
			if !row.Sound && problems == nil {
				t.Error("an unsound row without a problem")
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	text.WriteString(head(feed.Bills))
	for i := range 100_000 {
		fmt.Fprintf(&text, "7%08d,2027-03,0,%d,false,2027-03-31T23:59:59-04:00\n", i, 10_000+i%9_000)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		r, err := feed.Open(feed.Text("b.csv", text.String()), rules, func(p feed.Problem) { b.Fatal(p) })
		if err != nil {
			b.Fatal(err)
		}
		for r.Next() {
		}
	}
}
