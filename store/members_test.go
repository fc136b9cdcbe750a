package store_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing"
	"duebell/internal/seal"
	"duebell/ivr"
	"duebell/lab/testenv"
	"duebell/store"
)

// tracer writes down the statements that a pool sends, and may do something when one has ended.
type tracer struct {
	mu    sync.Mutex
	sent  []string
	ended func(sql string)
}

func (r *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	first, _, _ := strings.Cut(d.SQL, "\n") // of what sqlc has made, the name
	r.sent = append(r.sent, first)
	return context.WithValue(ctx, r, first)
}

func (r *tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if r.ended != nil {
		r.ended(ctx.Value(r).(string))
	}
}

func (r *tracer) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent
	r.sent = nil
	return sent
}

// identityFixture is where callers prove who they are.
type identityFixture struct {
	*textFixture
	members *store.Members
	trace   *tracer
	hash    seal.Keys
	at      time.Time
	calls   int
}

const (
	anasID, bensID, twinsID = "100200300401", "100200300402", "100200300407"
	shop                    = "756789012"
	shopID                  = "100200300405"
	caller                  = "+16175550142"
)

func newIdentityFixture(t *testing.T) *identityFixture {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	l := &identityFixture{trace: &tracer{}, at: textsAt, textFixture: &textFixture{t: t}}
	cfg.ConnConfig.Tracer, cfg.MaxConns = l.trace, 10
	if l.pool, err = pgxpool.NewWithConfig(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.pool.Close)
	if l.hash, err = seal.ParseKeys("h1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("h", 32)))); err != nil {
		t.Fatal(err)
	}
	cal, err := billing.NewCalendar(billing.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	l.store = store.New(l.pool, nil, l.hash, l.hash, &testClock{at: textsAt})
	l.members = l.store.Members(billing.DefaultPolicy(), cal)
	l.member(anasID, "Ana", ana, anas, "birth-date 1980-04-12", "zip 02139")
	l.member(bensID, "Ben", ben, bens, "birth-date 1975-11-30", "zip 01103")
	l.member(twinsID, "Tina", ana, "778901234", "birth-date 2001-05-05", "zip 02139")
	l.member(shopID, "Harbor Bakery", "+16175550105", shop, "zip 02110", "invoice 90001234")
	return l
}

func (l *identityFixture) member(id, name, phone, account string, answers ...string) {
	l.t.Helper()
	l.exec(`INSERT INTO members (member_id, name, phone, mobile, language, time_zone) VALUES ($1, $2, $3, true, 'en', 'America/New_York')`, id, name, phone)
	l.exec(`INSERT INTO accounts (account, member_id, kind, status) VALUES ($1, $2, 'health', 'active')`, account, id)
	for _, a := range answers {
		kind, answer, _ := strings.Cut(a, " ")
		keyID, mac := l.hash.MAC(id, kind, answer)
		l.exec(`INSERT INTO verification_answers (member_id, kind, key_id, mac) VALUES ($1, $2, $3, $4)`, id, kind, keyID, mac)
	}
}

// try is one try in a call of its own: the selector's digits, a birth date and a ZIP.
func (l *identityFixture) try(selector, born, zip string) ivr.VerifyTry {
	l.t.Helper()
	s, err := billing.ParseSelector(selector, billing.DefaultPolicy())
	if err != nil {
		l.t.Fatal(err)
	}
	l.calls++
	return ivr.VerifyTry{
		Keyed: ivr.Identification{Selector: s, BirthDate: born, ZIP: zip}, Call: fmt.Sprintf("CA%d", l.calls), Turn: 5,
		Caller: fmt.Sprintf("+1978555%04d", l.calls), At: l.at,
	}
}

func (l *identityFixture) right() ivr.VerifyTry { return l.try(anas, "1980-04-12", "02139") }
func (l *identityFixture) wrong() ivr.VerifyTry { return l.try(anas, "1980-04-13", "02139") }

// verified says whether a try passes; any error but the one failure line is a failure of the test.
func (l *identityFixture) verified(try ivr.VerifyTry) bool {
	l.t.Helper()
	got, err := l.members.Verify(context.Background(), try)
	if err != nil && (!errors.Is(err, ivr.ErrNotVerified) || err.Error() != ivr.ErrNotVerified.Error()) {
		l.t.Fatalf("verify: %v", err)
	}
	if err != nil && got != (ivr.Verified{}) {
		l.t.Errorf("refused, and tells %+v", got)
	}
	return err == nil
}

// fail lets n tries fail on Ana's account.
func (l *identityFixture) fail(n int) {
	l.t.Helper()
	for range n {
		if l.verified(l.wrong()) {
			l.t.Fatal("verified by a wrong birth date")
		}
	}
}

func (l *identityFixture) want(what string, try ivr.VerifyTry, pass bool) {
	l.t.Helper()
	if got := l.verified(try); got != pass {
		l.t.Errorf("%s: verified %v, want %v", what, got, pass)
	}
}

// TestVerified: what a proven caller is known by.
func TestVerified(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	member := ivr.Member{ID: anasID, Name: "Ana", Phone: ana, VerifiedAt: textsAt}
	for selector, account := range map[string]string{anas: anas, anasID: "", ana[2:]: ""} {
		got, err := l.members.Verify(context.Background(), l.try(selector, "1980-04-12", "02139"))
		if diff := cmp.Diff(ivr.Verified{Member: member, Account: account}, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", selector, err, diff)
		}
	}
}

// TestI1EqualStatements: unknown, wrong, locked or without a birth date: the same statements in the
// same order as when it passes, and the same answer.
func TestI1EqualStatements(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	repeated := l.right()
	withheld := l.right()
	withheld.Caller = ""
	cases := []struct {
		name string
		try  ivr.VerifyTry
		pass bool
	}{
		{"right", repeated, true},
		{"right, the same turn again", repeated, true},
		{"right, number withheld", withheld, true},
		{"unknown account", l.try("799999999", "1980-04-12", "02139"), false},
		{"unknown member", l.try("999999999999", "1980-04-12", "02139"), false},
		{"unknown phone", l.try("9785550000", "1980-04-12", "02139"), false},
		{"wrong birth date", l.try(anas, "1980-04-13", "02139"), false},
		{"wrong ZIP", l.try(anas, "1980-04-12", "02138"), false},
		{"both wrong", l.try(anas, "1981-04-12", "02138"), false},
		{"answers of another member", l.try(anas, "1975-11-30", "01103"), false},
		{"employer, no birth date on file", l.try(shop, "1980-04-12", "02110"), false},
		{"employer, no birth date keyed", l.try(shop, "", "02110"), false},
		{"household by phone", l.try(ana[2:], "2001-05-05", "02139"), true},
		{"household by phone, wrong", l.try(ana[2:], "2001-05-06", "02139"), false},
		{"wrong for the fifth time", l.wrong(), false},
		{"locked, wrong", l.wrong(), false},
		{"locked, right", l.right(), false},
	}
	l.trace.take()
	var want []string
	for _, c := range cases {
		l.want(c.name, c.try, c.pass)
		got := l.trace.take()
		if want == nil {
			want = got
			t.Logf("%d statements: %v", len(want), want)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: other statements:\n%s", c.name, diff)
		}
	}
	if got := l.one(`SELECT count(*) FROM soft_locks`); got != "1" {
		t.Errorf("%s locks, want one", got)
	}
}

// TestI5SoftLock: five failures in 24 hours; then half an hour in which right answers fail too.
func TestI5SoftLock(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	l.fail(4)
	l.want("after four", l.right(), true)
	l.fail(1)
	l.want("after five", l.right(), false)
	l.want("by the member ID", l.try(anasID, "1980-04-12", "02139"), false)
	l.want("another member", l.try(bens, "1975-11-30", "01103"), true)
	l.at = textsAt.Add(30*time.Minute - time.Microsecond)
	l.want("a moment before it ends", l.right(), false)
	l.at = textsAt.Add(30 * time.Minute)
	l.want("when it ends", l.right(), true)
}

// TestI5Window: a failure a day ago counts no more.
func TestI5Window(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	l.fail(4)
	l.at = textsAt.Add(24 * time.Hour)
	l.fail(4)
	l.want("four a day ago, four now", l.right(), true)
	l.at = l.at.Add(24*time.Hour - time.Microsecond)
	l.fail(1)
	l.want("the fifth within a day", l.right(), false)
}

// TestI5CounterStartsAnew: what was tried while it was locked counts neither towards the next lock nor makes it longer.
func TestI5CounterStartsAnew(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	l.fail(5)
	l.at = textsAt.Add(time.Minute)
	l.fail(10)
	l.at = textsAt.Add(30 * time.Minute)
	l.fail(4)
	l.want("four since it ended", l.right(), true)
	l.fail(1)
	l.want("five since it ended", l.right(), false)
	if got := l.lines(`SELECT until - from_at FROM soft_locks ORDER BY from_at`); len(got) != 2 {
		t.Errorf("locks %v, want two", got)
	}
}

// TestI5SecondLock lasts a day, and the one after a quiet day half an hour again.
func TestI5SecondLock(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	l.fail(5)
	l.at = textsAt.Add(23 * time.Hour)
	l.fail(5)
	l.at = l.at.Add(24*time.Hour - time.Microsecond)
	l.want("a moment before the day ends", l.right(), false)
	l.at = l.at.Add(time.Microsecond)
	l.want("when the day ends", l.right(), true)
	l.fail(5)
	l.at = l.at.Add(30 * time.Minute)
	l.want("half an hour after the third", l.right(), true)
}

// TestI5SecondLockOfOne does not lengthen another's, where both stand behind one phone number.
func TestI5SecondLockOfOne(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	l.fail(5) // Ana alone, by her account
	l.at = textsAt.Add(time.Hour)
	for range 5 {
		l.want("household", l.try(ana[2:], "1999-01-01", "02139"), false)
	}
	if got := strings.Join(l.lines(`SELECT subject, extract(epoch FROM until - from_at)::int FROM soft_locks ORDER BY from_at, subject`), " "); got !=
		anasID+"|1800 "+anasID+"|86400 "+twinsID+"|1800" {
		t.Errorf("locks %s", got)
	}
}

// TestI5AccountsOfACaller: ten different ones in a day, each as often as its own limit allows. A number
// that tries an eleventh has been through with all of them.
func TestI5AccountsOfACaller(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	from := func(number string, try ivr.VerifyTry) ivr.VerifyTry { try.Caller = number; return try }
	l.want("the first", from(caller, l.wrong()), false)
	for i := range 9 {
		l.want("unknown", from(caller, l.try(fmt.Sprintf("79999999%d", i), "1980-04-12", "02139")), false)
	}
	l.want("one of the ten", from(caller, l.right()), true)
	l.want("the eleventh", from(caller, l.try(bens, "1975-11-30", "01103")), false)
	l.want("one of the ten, after it", from(caller, l.right()), false)
	l.want("the eleventh from another number", from("+16175550143", l.try(bens, "1975-11-30", "01103")), true)
	l.want("the eleventh from a withheld number", from("", l.try(bens, "1975-11-30", "01103")), true)
	l.at = textsAt.Add(24 * time.Hour)
	l.want("a day later", from(caller, l.try(bens, "1975-11-30", "01103")), true)
}

// TestI5WithheldNumbers have no counter of their own.
func TestI5WithheldNumbers(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	for i := range 15 {
		try := l.try(fmt.Sprintf("7999999%02d", i), "1980-04-12", "02139")
		try.Caller = ""
		l.want("unknown", try, false)
	}
	right := l.right()
	right.Caller = ""
	l.want("right", right, true)
}

// TestI5HundredInARow: agents only, however long ago they were; a pass in between ends the row.
func TestI5HundredInARow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		failures   int
		passBefore int // failures that came before a pass
		pass       bool
	}{{"99", 99, 0, true}, {"100", 100, 0, false}, {"100, and a pass in between", 100, 1, true}, {"a pass before all", 100, 100, true}, {"199, 99 since the pass", 199, 100, true}} {
		t.Run(c.name, func(t *testing.T) {
			l := newIdentityFixture(t)
			l.exec(`INSERT INTO verifications (call_sid, turn, subject, passed, at)
				SELECT 'CAold' || n, 5, $1, false, $2::timestamptz + n * interval '1 minute' FROM generate_series(1, $3) AS n`, anasID, textsAt.AddDate(0, 0, -20), c.failures)
			if c.passBefore > 0 {
				l.exec(`INSERT INTO verifications (call_sid, turn, subject, passed, at) VALUES ('CApass', 5, $1, true, $2::timestamptz + $3 * interval '1 minute' + interval '1 second')`,
					anasID, textsAt.AddDate(0, 0, -20), c.passBefore)
			}
			l.want("right answers", l.right(), c.pass && c.failures-c.passBefore < 100)
		})
	}
}

// TestSameTurnAgain: it counts once, and gives what it gave.
func TestSameTurnAgain(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	passed, failed := l.right(), l.wrong()
	l.want("right", passed, true)
	for range 10 {
		l.want("wrong, again", failed, false)
	}
	l.want("one failure so far", l.right(), true)
	l.fail(4)
	l.want("locked", l.right(), false)
	l.want("the turn that had passed", passed, true)
	l.want("the turn that had failed", failed, false)
	if got := l.one(`SELECT count(*) FROM verifications WHERE call_sid IN ($1, $2)`, passed.Call, failed.Call); got != "2" {
		t.Errorf("%s tries counted, want 2", got)
	}
}

// TestB3OnePhoneForSeveral: the answers pick one. A failure counts against every one it might have been.
func TestB3OnePhoneForSeveral(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	got, err := l.members.Verify(context.Background(), l.try(ana[2:], "2001-05-05", "02139"))
	if err != nil || got.Member.ID != twinsID {
		t.Errorf("%+v, %v", got, err)
	}
	for range 5 {
		l.want("wrong", l.try(ana[2:], "1990-01-01", "02139"), false)
	}
	l.want("Ana is locked", l.right(), false)
	l.want("Tina is locked", l.try("778901234", "2001-05-05", "02139"), false)

	l.at = textsAt.Add(time.Hour)
	l.member("100200300408", "Tim", ana, "778901242", "birth-date 2001-05-05", "zip 02139")
	several := func() error {
		_, err := l.members.Verify(context.Background(), l.try(ana[2:], "2001-05-05", "02139"))
		return err
	}
	for range 6 { // nothing was wrong, so that nothing counts
		if err := several(); !errors.Is(err, ivr.ErrSeveral) {
			t.Errorf("two are left: %v", err)
		}
	}
	l.want("by the member ID", l.try(twinsID, "2001-05-05", "02139"), true)
	for range 5 {
		l.want("wrong", l.try(twinsID, "1990-01-01", "02139"), false)
	}
	if err := several(); !errors.Is(err, ivr.ErrNotVerified) {
		t.Errorf("locked, the right answers are told from wrong ones: %v", err)
	}
}

// TestI5AtOnce: a guesser with many calls at once has no more guesses than one after another.
func TestI5AtOnce(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	var all sync.WaitGroup
	for i := range 20 {
		try := l.wrong()
		try.Caller, try.At = caller, textsAt.Add(time.Duration(i)*time.Millisecond)
		all.Go(func() {
			if _, err := l.members.Verify(context.Background(), try); !errors.Is(err, ivr.ErrNotVerified) {
				t.Errorf("verify: %v", err)
			}
		})
	}
	all.Wait()
	if got := l.one(`SELECT count(*) FROM soft_locks`); got != "1" {
		t.Errorf("%s locks after twenty failures at once, want 1", got)
	}
}

// TestStandingIsOneSnapshot: an import that ends in the middle is seen whole or not at all.
func TestStandingIsOneSnapshot(t *testing.T) {
	t.Parallel()
	l := newIdentityFixture(t)
	l.exec(`INSERT INTO bills (account, coverage_month, revision, billed_cents) VALUES ($1, '2027-03-01', 0, 19800)`, anas)
	done := false
	l.trace.ended = func(sql string) {
		if done || !strings.Contains(sql, "BillsOf") {
			return
		}
		done = true
		l.exec(`INSERT INTO bills (account, coverage_month, revision, billed_cents) VALUES ($1, '2027-04-01', 0, 100)`, anas)
		l.exec(`INSERT INTO ledger (account, kind, cents, external_id, received_at, recorded_at) VALUES ($1, 'foreign', 19900, 'x1', $2, $2)`, anas, textsAt)
	}
	for _, want := range []billing.Money{19800, 0} {
		got, err := l.members.Standing(context.Background(), anas, textsAt)
		if err != nil || got.TotalDue != want {
			t.Errorf("owes %s (%v), want %s", got.TotalDue, err, want)
		}
	}
	if !done {
		t.Error("nothing was loaded in the middle")
	}
}
