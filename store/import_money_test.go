package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing/feed"
	"duebell/store"
)

// taken books a payment of ours, as the charge's last transaction leaves it.
func (o *billingFixture) taken(reference, account string, cents int64) {
	o.t.Helper()
	o.exec(`INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, state, reference, offered_at, authorized_at,
	                                      settled_at, intent_id, not_before, holder)
	        VALUES ($1, $1, 1, $2, $3, 'card', 'taken', $1, $4, $4, $4, $1, $4, 'Anna Whitfield')`, reference, account, cents, feedAt)
	o.exec(`INSERT INTO ledger (account, kind, cents, reference, attempt_key, received_at, recorded_at)
	        VALUES ($2, 'payment', $3, $1, $1, $4, $4)`, reference, account, cents, feedAt)
}

// returned takes it back.
func (o *billingFixture) returned(reference string) {
	o.t.Helper()
	o.exec("UPDATE payment_attempts SET state = 'returned', returned_at = $2 WHERE key = $1", reference, feedAt)
	o.exec(`INSERT INTO ledger (account, kind, cents, reference, attempt_key, received_at, recorded_at)
	        SELECT account, 'reversal', -cents, reference, key, $2, $2 FROM payment_attempts WHERE key = $1`, reference, feedAt)
}

const (
	meanings = "SELECT external_id, meaning FROM booked_payments ORDER BY 1"
	counted  = "SELECT account, sum(cents)::bigint FROM ledger GROUP BY 1 ORDER BY 1"
)

func TestEchoesAreMatchedAndNeverCountedTwice(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household[:3]...)
	o.taken("100000009", "712345678", 19800)
	o.taken("100000017", "712345686", 3150)
	o.returned("100000017")

	sum := o.mustLoad(csvOf(feed.Payments,
		"A,712345678,19800,2027-02-10T10:00:00-05:00,phone,100000009",  // ours
		"B,712345678,19800,2027-02-10T10:00:00-05:00,phone,100000009",  // the same entry again: it cannot be meant twice
		"C,712345686,3150,2027-02-10T10:00:00-05:00,phone,100000017",   // ours
		"D,712345686,-3150,2027-02-12T10:00:00-05:00,phone,100000017",  // and its reversal
		"E,712345678,-19800,2027-02-12T10:00:00-05:00,phone,100000009", // a reversal that we do not hold
		"F,712345678,100,2027-02-10T10:00:00-05:00,phone,100000025",    // a reference that we do not hold
		"G,778901234,8820,2027-02-10T10:00:00-05:00,web,",
		"H,778901234,-8820,2027-02-11T10:00:00-05:00,web,"))
	if sum.Echoes != 3 || sum.Mismatches != 3 || sum.Foreign != 2 {
		t.Errorf("summary %+v, want 3 echoes, 3 mismatches, 2 foreign", sum)
	}
	o.expect(meanings, "A|echo", "B|mismatch", "C|echo", "D|echo", "E|mismatch", "F|mismatch", "G|foreign", "H|foreign")
	o.expect(counted, "712345678|19800", "712345686|0", "778901234|0")
	o.expect("SELECT count(*) FROM unposted_entries", "0")
	o.expect("SELECT kind, account, detail FROM tasks ORDER BY id",
		"import-mismatch|712345678|payment B of the billing system names our reference 100000009, but no entry of ours under it waits for this account and amount",
		"import-mismatch|712345678|payment E of the billing system names our reference 100000009, but no entry of ours under it waits for this account and amount",
		"import-mismatch|712345678|payment F of the billing system names our reference 100000025, but no entry of ours under it waits for this account and amount")
}

func TestAnEchoWithAnotherAmountOrAccountIsAMismatch(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"amount":  "A,712345678,19801,2027-02-10T10:00:00-05:00,phone,100000009",
		"account": "A,712345686,19800,2027-02-10T10:00:00-05:00,phone,100000009",
		"sign":    "A,712345678,-19800,2027-02-10T10:00:00-05:00,phone,100000009",
	}
	for name, row := range tests {
		t.Run(name, func(t *testing.T) {
			o := newBillingFixture(t)
			o.mustLoad(household[:3]...)
			o.taken("100000009", "712345678", 19800)
			o.mustLoad(csvOf(feed.Payments, row))
			o.expect(meanings, "A|mismatch")
			o.expect(counted, "712345678|19800")
			o.expect("SELECT count(*) FROM unposted_entries", "1")
		})
	}
}

// What was never counted may be sent again, corrected; it is judged anew each time.
func TestAMismatchCanBeMended(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household[:3]...)
	o.taken("100000009", "712345678", 19800)
	early := csvOf(feed.Payments,
		"A,712345678,198,2027-02-10T10:00:00-05:00,phone,100000009",
		"B,712345686,3150,2027-02-10T10:00:00-05:00,phone,100000017",
		"C,778901234,8820,2027-02-10T10:00:00-05:00,phone,100000025")
	o.mustLoad(early)
	o.mustLoad(early)
	o.expect(meanings, "A|mismatch", "B|mismatch", "C|mismatch")
	o.expect("SELECT count(*) FROM tasks", "3")

	o.taken("100000017", "712345686", 3150) // settled by a person in the meantime
	sum := o.mustLoad(csvOf(feed.Payments,
		"A,712345678,19800,2027-02-10T10:00:00-05:00,phone,100000009",
		"B,712345686,3150,2027-02-10T10:00:00-05:00,phone,100000017",
		"C,778901234,8820,2027-02-10T10:00:00-05:00,web,"))
	if sum.Echoes != 2 || sum.Foreign != 1 || sum.Mismatches != 0 {
		t.Errorf("summary %+v", sum)
	}
	o.expect(meanings, "A|echo", "B|echo", "C|foreign")
	o.expect(counted, "712345678|19800", "712345686|3150", "778901234|8820")
	o.expect("SELECT count(*) FROM unposted_entries", "0")
}

func TestConsentsFromBilling(t *testing.T) {
	t.Parallel()
	member := func(id, phone, mobile, consent string) string {
		return "1002003004" + id + ",Name," + phone + ",," + mobile + ",en,," + consent + ",,,,,"
	}
	const list = "SELECT number, source, ended_at IS NULL FROM consents ORDER BY id"
	o := newBillingFixture(t)
	o.exec("INSERT INTO suppressions (number, channel, purpose, source, at) VALUES ('+16175550102', 'sms', 'payments', 'text', $1)", feedAt)
	o.exec("INSERT INTO consents (number, channel, purpose, source, at, ended_at) VALUES ('+16175550103', 'sms', 'payments', 'start', $1, $1)", feedAt)
	o.exec("INSERT INTO consents (number, channel, purpose, source, at) VALUES ('+16175550104', 'sms', 'payments', 'start', $1)", feedAt)
	o.mustLoad(csvOf(feed.Members,
		member("01", "+16175550101", "true", "application"),
		member("02", "+16175550102", "true", "opt_in"),       // has said stop: consent on file, suppression in force
		member("03", "+16175550103", "true", "application"),  // has ended it: only the person brings it back
		member("04", "+16175550104", "true", "none"),         // gave it to us, not to billing
		member("05", "+16175550105", "false", "application"), // a landline
		member("06", "+16175550106", "true", "none"),
		member("07", "+16175550101", "true", "none"))) // shares its number with 01
	want := []string{"+16175550103|start|false", "+16175550104|start|true", "+16175550101|application|true", "+16175550102|opt_in|true"}
	o.expect(list, want...)
	o.expect("SELECT count(*) FROM suppressions WHERE lifted_at IS NULL", "1")

	// One of two on a number takes it back: the other's still stands. Then both have.
	sum := o.mustLoad(csvOf(feed.Members, member("07", "+16175550101", "true", "none")))
	o.expect(list, want...)
	if sum.ConsentsWithdrawn != 0 {
		t.Errorf("%d consents withdrawn, want 0", sum.ConsentsWithdrawn)
	}
	both := csvOf(feed.Members, member("01", "+16175550101", "true", "none"), member("07", "+16175550101", "true", "none"))
	if sum := o.mustLoad(both); sum.ConsentsWithdrawn != 1 {
		t.Errorf("%d consents withdrawn, want 1", sum.ConsentsWithdrawn)
	}
	o.mustLoad(csvOf(feed.Members, member("01", "+16175550101", "true", "application")))
	want[2] = "+16175550101|application|false"
	o.expect(list, want...)
}

func TestBadRowsLoadNothing(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household...)
	before := o.dump()
	members := csvOf(feed.Members,
		"100200300402,Luis Ortega,+14135550102,2020-01-15,true,es,,application,1975-11-30,1103,9034,,",
		anna, anna)
	accounts := csvOf(feed.Accounts,
		"723456789,100200300402,health,active,,,", // its member's row is bad: not reported as well
		"734567890,100200300499,health,active,,,", // no such member anywhere
		"745678901,100200300407,health,closed,,,",
		"723456789,100200300402,dental,active,,,")
	bills := csvOf(feed.Bills,
		"723456789,2027-03,0,16400,false,",
		"745678901,2027-03,0,15200,false,", // its account's row is bad: not reported as well
		"712345678,2027-03,0,19900,false,", // another amount for a revision that is there
		"712345678,2027-03,1,19900,false,",
		"756789012,2027-03,0,100,false,",
		"712345678,2027-03,1,19900,false,",
		"712345686,2027-03,0,3150,false,2027-05-31") // a bare date
	paid := csvOf(feed.Payments,
		"WEB-1,712345678,5001,2027-02-09T21:15:00-05:00,web,",
		"WEB-9,799999999,5000,2027-02-09T21:15:00-05:00,web,")

	var reported []string
	_, err := o.store.Import(context.Background(), []feed.Source{members, accounts, bills, paid}, store.ImportOptions{
		AsOf: feedAt, At: feedAt, Rules: feedRules, Report: func(p feed.Problem) { reported = append(reported, p.String()) },
	})
	var bad *feed.BadRows
	if !errors.As(err, &bad) {
		t.Fatalf("error %v, want the bad rows", err)
	}
	var got []string
	for _, p := range bad.Problems {
		got = append(got, p.String())
	}
	want := []string{
		"members.csv:2: zip: want 5 digits, leading zeros kept",
		"members.csv:4: member_id: the same key stands in members.csv:3",
		"accounts.csv:3: member_id: no such member, neither in these files nor in the database",
		"accounts.csv:4: status: want one of: active, terminated, blocked",
		"accounts.csv:5: account: the same key stands in accounts.csv:2",
		"bills.csv:4: revision: this revision is already there with other content: a change is a new revision",
		"bills.csv:6: account: no such account, neither in these files nor in the database",
		"bills.csv:7: revision: the same key stands in bills.csv:5",
		"bills.csv:8: grace_ends_at: want an instant with its offset, as 2027-01-31T23:59:59-05:00",
		"payments.csv:2: external_id: this payment is already booked with other content: a correction is a payment of its own",
		"payments.csv:3: account: no such account, neither in these files nor in the database",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(reported) != len(want) || bad.Count != len(want) {
		t.Errorf("%d reported, %d counted, want %d", len(reported), bad.Count, len(want))
	}
	if diff := cmp.Diff(before, o.dump()); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
	o.expect("SELECT count(*) FROM import_runs", "1")
}

// Two imports at once: one after the other, each as if alone.
func TestImportsWaitForOneAnother(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := o.load(household...)
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	o.expect("SELECT count(*), sum(cents)::bigint FROM ledger", "1|5000")
	o.expect("SELECT count(*) FROM import_runs", "4")
}

// An import that is cut off, while it reads or while it merges, has done nothing.
func TestImportCutOff(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"reading", "merging"} {
		t.Run(when, func(t *testing.T) {
			o := newBillingFixture(t)
			o.mustLoad(household[1:3]...)
			before := o.dump()
			ctx, cut := context.WithCancel(context.Background())
			_, err := o.store.Import(ctx, household, store.ImportOptions{
				AsOf: feedAt, At: feedAt, Rules: feedRules,
				Progress: func(p store.ImportProgress) {
					if (p.File == "") == (when == "merging") {
						cut()
					}
				},
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(before, o.dump()); diff != "" {
				t.Errorf("changed:\n%s", diff)
			}
		})
	}
}

func TestImportGivesItsConnectionBack(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	for range 12 { // more than the pool holds
		o.mustLoad(household...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := o.pool.Ping(ctx); err != nil {
		t.Error(err)
	}
	if n := o.pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are still taken", n)
	}
}
