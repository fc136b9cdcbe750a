package samples_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/internal/seal"
	"duebell/ivr"
	"duebell/lab/samples"
	"duebell/lab/testenv"
	"duebell/store"
)

// world is a database with the sample members' billing system before it.
type world struct {
	t       *testing.T
	pool    *pgxpool.Pool
	store   *store.Store
	people  *store.Members
	cal     *billing.Calendar
	stories []samples.Story
}

func newWorld(t *testing.T, stories []samples.Story) *world {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	keys, err := seal.ParseKeys("k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	cal, err := billing.NewCalendar(billing.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(pool, nil, keys, keys, nil)
	return &world{t, pool, st, st.Members(billing.DefaultPolicy(), cal), cal, stories}
}

// clock reads a local time of Boston.
func clock(t *testing.T, local string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02T15:04", local, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (w *world) deliver(local string) store.ImportSummary {
	w.t.Helper()
	at := clock(w.t, local)
	rules := feed.RulesOf(billing.DefaultPolicy(), w.cal.DateOf(at))
	sum, err := samples.Import(context.Background(), w.store, w.stories, at, w.cal, rules)
	if err != nil {
		w.t.Fatalf("%s: %v", local, err)
	}
	return sum
}

// owes tells an account's standing in one line.
func (w *world) owes(account, local string) string {
	w.t.Helper()
	at := clock(w.t, local)
	owed, err := w.people.Standing(context.Background(), account, at)
	if err != nil {
		w.t.Fatal(err)
	}
	s := owed.Standing
	text := s.TotalDue.String()
	if s.OldestUnpaid != nil {
		text += " for " + s.OldestUnpaid.Coverage.String()
	}
	if s.PastDue > 0 {
		text += ", past due " + s.PastDue.String() + " since " + s.Clock.Coverage.String()
	}
	if s.AfterGrace {
		text += ", after grace"
	}
	if s.FirstBillOpen {
		text += ", first bill"
	}
	return text
}

// pay books money taken on the line, or taken back where it is negative.
func (w *world) pay(account, local string, cents int64) {
	w.t.Helper()
	const attempt = `INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, state, reference, offered_at, authorized_at,
	                                               settled_at, intent_id, not_before, holder)
	                 SELECT n, n, 1, $1, abs($2), 'card', 'taken', n, $3, $3, $3, n, $3, ''
	                 FROM (SELECT (100000000 + count(*))::text AS n FROM payment_attempts) x RETURNING key`
	const entry = `INSERT INTO ledger (account, kind, cents, reference, attempt_key, received_at, recorded_at)
	               VALUES ($1, CASE WHEN $2 > 0 THEN 'payment' ELSE 'reversal' END, $2, $4, $4, $3, $3)`
	var key string
	if err := w.pool.QueryRow(context.Background(), attempt, account, cents, clock(w.t, local)).Scan(&key); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.pool.Exec(context.Background(), entry, account, cents, clock(w.t, local), key); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) expect(local string, want map[string]string) {
	w.t.Helper()
	got := map[string]string{}
	for account := range want {
		got[account] = w.owes(account, local)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", local, diff)
	}
}

func TestTheSampleMembersStand(t *testing.T) {
	for _, month := range []string{"2027-02", "2026-12", "2028-02"} {
		t.Run(month, func(t *testing.T) {
			m, err := billing.ParseMonth(month)
			if err != nil {
				t.Fatal(err)
			}
			last, next := m.String(), m.Add(1).String()
			w := newWorld(t, samples.Stories())
			w.deliver(month + "-10T10:00")
			w.expect(month+"-10T10:00", map[string]string{
				"712345678": "198.00 for " + next,
				"712345686": "31.50 for " + next,
				"723456789": "0.00",
				"734567890": "470.00 for " + last + ", past due 235.00 since " + last,
				"745678901": "152.00 for " + next,
				"756789012": "4210.75 for " + next,
				"767890123": "152.00 for " + next + ", first bill",
				"778901234": "88.20 for " + next,
			})
		})
	}
}

// Everyone of the table can prove who they are with what the table says.
func TestTheSampleMembersAreVerified(t *testing.T) {
	w := newWorld(t, samples.Stories())
	w.deliver("2027-02-10T10:00")
	for i, s := range samples.Stories() {
		if s.Kind == billing.KindGroup {
			continue // by invoice number
		}
		selector, err := billing.ParseSelector(s.Account, billing.DefaultPolicy())
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.people.Verify(context.Background(), ivr.VerifyTry{
			Call: fmt.Sprint("CA", i), Turn: 1, At: clock(t, "2027-02-10T10:00"),
			Keyed: ivr.Identification{Selector: selector, BirthDate: s.Born, ZIP: s.ZIP},
		})
		if err != nil || got.Member.ID != s.MemberID {
			t.Errorf("account …%s: member %q, %v", s.Account[5:], got.Member.ID, err)
		}
	}
}

func TestMonthAfterMonthTheStoryStands(t *testing.T) {
	w := newWorld(t, samples.Stories())
	w.deliver("2027-02-10T10:00")
	for _, day := range []string{"2027-02-11T02:00", "2027-02-24T02:00", "2027-02-28T02:00"} {
		sum := w.deliver(day)
		for kind, n := range sum.Changed {
			if n != 0 {
				t.Errorf("%s: %d %s changed", day, n, kind)
			}
		}
	}
	w.expect("2027-02-24T02:00", map[string]string{
		"712345678": "198.00 for 2027-03, past due 198.00 since 2027-03",
		"734567890": "470.00 for 2027-02, past due 470.00 since 2027-02",
	})
	// One month on; then half a year without a delivery, as when dev was not running.
	for _, day := range []string{"2027-03-01T02:00", "2027-04-02T02:00", "2027-10-15T09:00"} {
		m := billing.MonthOf(billing.DateIn(clock(t, day), w.cal.Zone()))
		last, next := m.String(), m.Add(1).String()
		w.deliver(day)
		w.expect(day, map[string]string{
			"712345678": "198.00 for " + next,
			"712345686": "31.50 for " + next,
			"723456789": "0.00",
			"734567890": "470.00 for " + last + ", past due 235.00 since " + last,
			"767890123": "152.00 for " + next + ", first bill",
		})
	}
}

func TestMoneyPaidOnTheLineStaysCounted(t *testing.T) {
	w := newWorld(t, samples.Stories())
	w.deliver("2027-02-10T10:00")
	w.pay("712345678", "2027-02-10T11:00", 19800) // all
	w.pay("712345686", "2027-02-10T11:00", 1000)  // a part
	w.pay("734567890", "2027-02-10T11:00", 47000) // all, past due included
	w.pay("778901234", "2027-02-10T11:00", 10000) // more than is owed
	w.deliver("2027-02-11T02:00")
	w.expect("2027-02-11T02:00", map[string]string{
		"712345678": "0.00", "712345686": "21.50 for 2027-03", "734567890": "0.00", "778901234": "-11.80",
	})
	w.deliver("2027-03-01T02:00")
	w.expect("2027-03-01T02:00", map[string]string{
		"712345678": "198.00 for 2027-04",
		"712345686": "31.50 for 2027-04",
		"734567890": "235.00 for 2027-04",
		"778901234": "76.40 for 2027-04",
	})
	// The bank takes it back in March: the old bill is open again, and stays so until the next one comes.
	w.pay("712345678", "2027-03-02T11:00", -19800)
	w.deliver("2027-03-03T02:00")
	if got := w.owes("712345678", "2027-03-03T02:00"); !strings.HasPrefix(got, "396.00 for 2027-03, past due 198.00") {
		t.Errorf("after the return: %s", got)
	}
}

// What is on its way when the new bill comes is not paid on the web as well.
func TestMoneyOnItsWayCounts(t *testing.T) {
	w := newWorld(t, samples.Stories())
	w.deliver("2027-02-27T10:00")
	const authorized = `INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, bank_type, state, reference, offered_at,
	                                                  authorized_at, awaits_letter, holder, token_sealed)
	                    VALUES ('k', 'c', 1, '712345678', 19800, 'bank', 'checking', 'authorized', '100000009', $1, $1, true, '', '\x00')`
	if _, err := w.pool.Exec(context.Background(), authorized, clock(t, "2027-02-27T11:00")); err != nil {
		t.Fatal(err)
	}
	w.deliver("2027-03-01T02:00")
	if got := w.owes("712345678", "2027-03-01T02:00"); !strings.HasPrefix(got, "396.00 for 2027-03") {
		t.Errorf("owes %s", got)
	}
}

func TestAccountsAlike(t *testing.T) {
	first, err := samples.Parse(strings.Fields("712300009 owes 98.00 phone +16175560099"))
	if err != nil {
		t.Fatal(err)
	}
	next, err := first.Like(2)
	if err != nil || next.Account != "712300011" || next.MemberID != "900712300011" || next.Phone != "+16175560101" || next.Billed != first.Billed {
		t.Errorf("%+v, %v", next, err)
	}
	first.Phone = ""
	if next, err := first.Like(1); err != nil || next.Phone != "" {
		t.Errorf("%+v, %v", next, err)
	}
}

func TestAccountsOfScripts(t *testing.T) {
	tests := map[string]string{
		"712345678 owes 198.00 phone +16175550101 born 1980-04-12 zip 02139":        "198.00 for 2027-03",
		"712345678 owes 235.00 past-due 100.00 grace third-due":                     "335.00 for 2027-02, past due 100.00 since 2027-02",
		"712345678 owes 0.00 status terminated":                                     "0.00",
		"712345678 owes -20.00":                                                     "-20.00",
		"712345678 owes 152.00 first true kind dental language es":                  "152.00 for 2027-03, first bill",
		"712345678 owes 10.00 autopay 21/6789 ssn 4821 name Ann_Lee invoice 900012": "10.00 for 2027-03",
	}
	for words, want := range tests {
		t.Run(words, func(t *testing.T) {
			story, err := samples.Parse(strings.Fields(words))
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, []samples.Story{story})
			for _, day := range []string{"2027-02-10T10:00", "2027-02-10T11:00"} {
				w.deliver(day)
				if got := w.owes("712345678", day); got != want {
					t.Errorf("%s: %s, want %s", day, got, want)
				}
			}
		})
	}
	for _, words := range []string{"", "712345678 owes", "712345678 owes 198", "712345678 owes much", "712345678 shoe-size 9", "712345678 autopay x"} {
		if _, err := samples.Parse(strings.Fields(words)); err == nil {
			t.Errorf("%q is taken", words)
		}
	}
}
