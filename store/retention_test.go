package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/store"
)

// yearsOn are the horizons of a day on which everything that was there at feedAt is past its time: the
// ledger is kept from the middle of March on.
var yearsOn = func() store.Horizons {
	at := time.Date(2027, time.March, 15, 15, 0, 0, 0, time.UTC)
	return store.Horizons{
		TextWords: at, CallEvents: at, FailedIDs: at, Webhooks: at, Evidence: at, Consents: at, Ledger: at,
		FirstMonth: billing.Month{Year: 2027, Month: time.May},
	}
}()

func noRest(context.Context) error { return nil }

func (o *billingFixture) erase(h store.Horizons) store.Erased {
	o.t.Helper()
	done, err := o.store.Erase(context.Background(), h, noRest)
	if err != nil {
		o.t.Fatal(err)
	}
	return done
}

const owed = `SELECT a.account, (coalesce((SELECT sum(b.billed_cents) FROM (SELECT DISTINCT ON (coverage_month) billed_cents FROM bills
		WHERE bills.account = a.account ORDER BY coverage_month, revision DESC) b), 0) -
	coalesce((SELECT sum(l.cents) FROM ledger l WHERE l.account = a.account), 0))::bigint FROM accounts a ORDER BY 1`

// TestClosedPeriods: money is erased only where what was billed was paid, so that what is owed stays the same to
// the cent, also when billing delivers the old files once more.
func TestClosedPeriods(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	old := []feed.Source{
		csvOf(feed.Bills,
			"712345678,2027-03,0,20000,false,", "712345678,2027-03,1,19800,false,", // paid
			"712345686,2027-03,0,3150,false,", // not paid to the cent
			"778901234,2027-03,0,8820,true,"), // paid by us, and never echoed
		household[1], household[2],
		csvOf(feed.Payments, "WEB-1,712345678,19800,2027-02-09T21:15:00-05:00,web,", "WEB-2,712345686,3149,2027-02-09T21:15:00-05:00,web,"),
	}
	o.mustLoad(old...)
	o.taken("100000009", "778901234", 8820)
	o.mustLoad(csvOf(feed.Bills, "712345678,2027-05,0,19800,false,", "712345686,2027-05,0,3150,false,", "778901234,2027-05,0,8820,false,"))
	want := []string{"712345678|19800", "712345686|3151", "778901234|8820"}
	stands := func(when string) {
		t.Helper()
		o.expect(`SELECT account, min(coverage_month)::text FROM bills GROUP BY 1 ORDER BY 1`,
			"712345678|2027-05-01", "712345686|2027-03-01", "778901234|2027-03-01")
		o.expect(`SELECT account, count(*) FROM ledger GROUP BY 1 ORDER BY 1`, "712345686|1", "778901234|1")
		o.expect(`SELECT external_id FROM booked_payments`, "WEB-2")
		if t.Failed() {
			t.Fatal("when it was " + when)
		}
	}
	if _, err := o.pool.Exec(context.Background(), `DELETE FROM ledger WHERE account = '712345678'`); err == nil {
		t.Fatal("the ledger gave an entry up whose books are open")
	}
	o.expect(owed, want...)
	o.erase(yearsOn)
	stands("erased")
	o.expect(owed, want...)
	o.mustLoad(old...)
	stands("delivered again")
	o.erase(yearsOn)
	stands("erased again")
	o.expect(`SELECT state FROM payment_attempts`, "taken")

	o.mustLoad(csvOf(feed.Payments, "ECHO-1,778901234,8820,2027-02-10T10:00:00-05:00,phone,100000009"))
	o.erase(yearsOn)
	o.expect(`SELECT account, count(*) FROM ledger GROUP BY 1 ORDER BY 1`, "712345686|1")
	o.expect(`SELECT count(*) FROM payment_attempts`, "0")
	o.expect(owed, want...)
}

// TestErasedPaymentsTakeAllWithThem: texts, tasks, letters, resolutions; and a payment that is open, or came back
// lately, stays with its evidence.
func TestErasedPaymentsTakeAllWithThem(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	o.mustLoad(household[1], household[2])
	hang := func(key string) {
		o.exec(`INSERT INTO payment_evidence (key, terms, version, language, given, terms_at, given_at, written_copy, hash)
			VALUES ($1, 'terms', 'en/x', 'en', 'key 1', $2, $2, 'none', '\x00')`, key, feedAt)
		o.exec(`INSERT INTO letters (attempt_key, kind, created_at) VALUES ($1, 'written-notice', $2)`, key, feedAt)
		o.exec(`INSERT INTO payment_resolutions (attempt_key, verdict, evidence, by_whom, at) VALUES ($1, 'taken', 'seen', 'D. Palmer', $2)`, key, feedAt)
		o.exec(`INSERT INTO tasks (kind, attempt_key, at) VALUES ('payment-unknown', $1, $2)`, key, feedAt)
		o.exec(`WITH n AS (INSERT INTO notices (reference, number, kind, language, local_day, attempt_key, state, created_at, not_before)
				VALUES ('r' || $1::text, '+16175550101', 'payment_received', 'en', '2027-02-10', $1, 'delivered', $2, $2) RETURNING id)
			INSERT INTO notice_reasons (notice_id, kind, days_before, number, account, attempt_key)
			SELECT id, 'payment_received', 0, '+16175550101', '712345678', $1 FROM n`, key, feedAt)
	}
	o.exec(`INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, state, reference, offered_at, authorized_at, settled_at, intent_id, token_sealed, returned_at)
		VALUES ('over', 'CA1', 1, '712345678', 100, 'card', 'declined', '100000009', $1, $1, $1, 'pi_1', NULL, NULL),
		       ('open', 'CA2', 1, '712345678', 100, 'card', 'unknown', '100000017', $1, $1, NULL, 'pi_2', '\x00', NULL),
		       ('back', 'CA3', 1, '712345678', 100, 'card', 'returned', '100000025', $1, $1, $1, 'pi_3', NULL, $2)`, feedAt, yearsOn.Ledger.Add(time.Hour))
	for _, key := range []string{"over", "open", "back"} {
		hang(key)
	}
	o.erase(yearsOn)
	for _, table := range []string{"payment_evidence", "letters", "payment_resolutions", "tasks", "notices", "notice_reasons", "payment_attempts"} {
		o.expect(`SELECT count(*) FROM `+table, "2")
	}
}

// TestErasingGoesOnWhereItWasCutOff: bite by bite, each kept, whatever comes in between.
func TestErasingGoesOnWhereItWasCutOff(t *testing.T) {
	t.Parallel()
	o := newBillingFixture(t)
	var words strings.Builder
	for i := range 2500 {
		at := feedAt
		if i >= 2300 {
			at = yearsOn.TextWords // young, to the second
		}
		fmt.Fprintf(&words, `INSERT INTO notices (reference, number, kind, language, local_day, state, body, created_at, not_before, cause)
			VALUES ('r%d', '+16175550101', 'help_reply', 'en', '2027-02-10', 'sent', 'words', '%s', '%s', 'SM%d');`, i, at.Format(time.RFC3339), at.Format(time.RFC3339), i)
	}
	o.exec(words.String())
	killed := errors.New("killed")
	bites := 0
	done, err := o.store.Erase(context.Background(), yearsOn, func(context.Context) error {
		if bites++; bites == 2 {
			return killed
		}
		return nil
	})
	if !errors.Is(err, killed) || done["text words"] != 2000 {
		t.Fatalf("cut off after %d: %v", done["text words"], err)
	}
	if done := o.erase(yearsOn); done["text words"] != 300 {
		t.Errorf("%d in the second run, want the other 300", done["text words"])
	}
	o.expect(`SELECT count(*), count(body) FROM notices`, "2500|200")
	if done := o.erase(yearsOn); done["text words"] != 0 {
		t.Errorf("%d in a third", done["text words"])
	}
}
