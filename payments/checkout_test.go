package payments_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/lab/faults"
	"duebell/lab/testenv"
	"duebell/payments"
)

// TestOfferTwice: a second delivery of the turn gets the first row; one that asks for something
// else is ErrKeyReused.
func TestOfferTwice(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	ctx := context.Background()
	ask := p.newAttempt(p.newAccount(), payments.Bank)
	first, err := p.checkout.Offer(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	p.clock.add(time.Second)
	again, err := p.checkout.Offer(ctx, ask)
	if err != nil || again != first {
		t.Errorf("again: %+v, %v; want %+v", again, err, first)
	}
	other := p.newAccount()
	for what, change := range map[string]func(*payments.Attempt){
		"amount":       func(a *payments.Attempt) { a.Cents++ },
		"account":      func(a *payments.Attempt) { a.Account = other },
		"fee":          func(a *payments.Attempt) { a.Fee = 100 },
		"method":       func(a *payments.Attempt) { a.Method, a.BankType = payments.Card, "" },
		"bank account": func(a *payments.Attempt) { a.BankType = payments.Savings },
	} {
		changed := ask
		change(&changed)
		if _, err := p.checkout.Offer(ctx, changed); !errors.Is(err, payments.ErrKeyReused) {
			t.Errorf("another %s: %v, want ErrKeyReused", what, err)
		}
	}
	p.wantRows("offers", `SELECT key, state FROM payment_attempts`, nil, first.Key+"|offered")
}

// TestOfferTwiceAtTheLimit: the limits do not count the offer of this very turn (rule P3: captures a
// call are limited).
func TestOfferTwiceAtTheLimit(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	ask := p.newAttempt(p.newAccount(), payments.Card)
	for turn := range p.policy.PayTriesCall {
		ask.Turn = turn
		for delivery := range 3 {
			if _, err := p.checkout.Offer(context.Background(), ask); err != nil {
				t.Errorf("turn %d, delivery %d: %v", turn, delivery, err)
			}
		}
	}
	ask.Turn++
	if _, err := p.checkout.Offer(context.Background(), ask); !errors.Is(err, payments.ErrLimit) {
		t.Errorf("one capture too many: %v", err)
	}
}

// TestTokenize: only an offered row takes a token, once; a close erases it.
func TestTokenize(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	ctx := context.Background()
	a := p.mustOffer(p.newAccount(), goodBank)
	again, err := p.checkout.Tokenize(ctx, a.Key, payments.Token{Value: goodBank, Last4: "6789"})
	if err != nil || again != a {
		t.Errorf("again: %+v, %v; want %+v", again, err, a)
	}
	if err := p.checkout.CloseOffer(ctx, a.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := p.checkout.Tokenize(ctx, a.Key, payments.Token{Value: goodBank}); !errors.Is(err, payments.ErrClosed) {
		t.Errorf("on a closed one: %v, want ErrClosed", err)
	}
	p.wantRows("token", `SELECT token_sealed IS NULL FROM payment_attempts`, nil, "true")
	if _, err := p.checkout.Tokenize(ctx, "nosuch", payments.Token{}); !errors.Is(err, payments.ErrNoSuchAttempt) {
		t.Errorf("on none: %v", err)
	}
}

// TestAuthorize: one transaction writes the consent, its evidence, the written notice and the
// charge job; again, it returns the row.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		a := p.mustOffer(p.newAccount(), token)
		p.clock.add(1500 * time.Nanosecond)
		consent := p.authorization(a, token)
		consent.Consent.GivenAt = p.clock.Now()
		first, err := p.checkout.Authorize(context.Background(), consent)
		if err != nil {
			t.Fatal(err)
		}
		if first.State != payments.Authorized || !billing.LuhnValid(first.Reference) || len(first.Reference) != 9 ||
			first.Confirmation() != "" || !first.AuthorizedAt.Equal(p.clock.Now().Truncate(time.Microsecond)) {
			t.Errorf("authorized: %+v", first)
		}
		p.clock.add(time.Hour)
		again, err := p.checkout.Authorize(context.Background(), consent)
		if err != nil || again != first {
			t.Errorf("again: %+v, %v; want %+v", again, err, first)
		}
		if jobs := p.jobs.take(); len(jobs) != 1 || jobs[0] != a.Key {
			t.Errorf("jobs: %v", jobs)
		}
		notices := []string{}
		if a.Method == payments.Bank {
			notices = []string{"tel_written_notice|" + anaPhone}
		}
		p.wantRows("written notice", `SELECT kind, number FROM notices`, nil, notices...)
		p.wantRows("evidence", `SELECT count(*) FROM payment_evidence`, nil, "1")
		p.wantHash(a.Key)
		p.run(p.charger, a.Key)
		late, err := p.checkout.Authorize(context.Background(), consent)
		if err != nil || late.State != payments.Taken || late.Reference != first.Reference {
			t.Errorf("after the charge: %+v, %v", late, err)
		}
		p.wantState(a.Key, payments.Taken)
	})
}

// wantHash computes the evidence's hash again from what is stored (E8: hash of all).
func (p *fixture) wantHash(key string) {
	p.t.Helper()
	at := `replace(regexp_replace(to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '\.?0+$', '') || 'Z', ' ', '')`
	fields := p.query(`SELECT unnest(ARRAY[a.key, a.account, a.cents::text, e.terms, e.version, e.language, e.given, coalesce(e.confidence, ''),
		coalesce(e.caller, ''), `+strings.Replace(at, "%s", "e.terms_at", 1)+`, `+strings.Replace(at, "%s", "e.given_at", 1)+`, e.written_copy])
		FROM payment_evidence e JOIN payment_attempts a USING (key) WHERE key = $1`, key)
	sum := sha256.Sum256([]byte(strings.Join(fields, "\x00")))
	p.wantRows("hash of "+strings.Join(fields, " "), `SELECT encode(hash, 'hex') FROM payment_evidence WHERE key = $1`, []any{key}, hex.EncodeToString(sum[:]))
}

// TestE6NoDebitWithoutWrittenNotice: a debit without written notice is refused, and so is a text
// without a number.
func TestE6NoDebitWithoutWrittenNotice(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.mustOffer(p.newAccount(), goodBank)
	for what, change := range map[string]func(*payments.Authorization){
		"no copy":           func(c *payments.Authorization) { c.Copy = payments.NoCopy },
		"a text to nowhere": func(c *payments.Authorization) { c.TextTo = "" },
	} {
		consent := p.authorization(a, goodBank)
		change(&consent)
		if _, err := p.checkout.Authorize(context.Background(), consent); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	p.wantState(a.Key, payments.Tokenized)
}

// TestOneOpenPaymentAnAccount (promise P1: money moves once): of two calls that authorize at once
// exactly one wins; the other's offer stays what it was, and nothing of its consent is stored.
func TestOneOpenPaymentAnAccount(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		for range 10 {
			account := p.newAccount()
			two := []payments.Attempt{p.mustOffer(account, token), p.mustOffer(account, token)}
			errs := make([]error, 2)
			var all sync.WaitGroup
			for i, a := range two {
				all.Go(func() { _, errs[i] = p.checkout.Authorize(context.Background(), p.authorization(a, token)) })
			}
			all.Wait()
			won, lost := 0, 1
			if errs[0] != nil {
				won, lost = 1, 0
			}
			if errs[won] != nil || !errors.Is(errs[lost], payments.ErrAccountOpen) {
				t.Fatalf("%v, want one nil and one ErrAccountOpen", errs)
			}
			p.wantRows("evidence", `SELECT e.key FROM payment_evidence e JOIN payment_attempts a USING (key) WHERE account = $1`, []any{account}, two[won].Key)
			p.wantRows("the loser", `SELECT state, reference IS NULL, authorized_at IS NULL FROM payment_attempts WHERE key = $1`, []any{two[lost].Key},
				map[payments.Method]string{payments.Card: "offered|true|true", payments.Bank: "tokenized|true|true"}[two[0].Method])
			open, err := p.checkout.OpenAttempt(context.Background(), account)
			if err != nil || open.Key != two[won].Key {
				t.Errorf("open: %s, %v", open.Key, err)
			}
			p.run(p.charger, two[won].Key)
			if _, err := p.checkout.Authorize(context.Background(), p.authorization(two[lost], token)); err != nil { // the way is free again
				t.Errorf("after the outcome: %v", err)
			}
		}
	})
}

// TestCommitReplyLost (promise P1: money moves once): the COMMIT of the consent is done and its
// reply is lost. The same call again tells so.
func TestCommitReplyLost(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := faults.NewPostgres(dsn.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	dsn.Host = proxy.Addr()
	p := newFixtureAt(t, dsn.String())
	for _, token := range []string{visa, goodBank} {
		a := p.mustOffer(p.newAccount(), token)
		consent := p.authorization(a, token)
		p.jobs.take()
		lost := proxy.DropNextCommitReply("payment_evidence")
		if got, err := p.checkout.Authorize(context.Background(), consent); err == nil {
			t.Fatalf("answered %+v though the reply is lost", got)
		}
		<-lost
		consent.Token = nil // which the next turn no longer has
		got, err := p.checkout.Authorize(context.Background(), consent)
		if err != nil || got.State != payments.Authorized {
			t.Fatalf("asked again: %+v, %v", got, err)
		}
		p.wantRows("evidence", `SELECT count(*) FROM payment_evidence WHERE key = $1`, []any{a.Key}, "1")
		if jobs := p.jobs.take(); len(jobs) != 1 {
			t.Errorf("jobs: %v", jobs)
		}

		lost = proxy.DropNextCommitReply("insert into ledger") // and the same when it is recorded as taken
		if err := p.charger.Run(context.Background(), a.Key); err == nil {
			t.Error("the worker did not notice the lost reply")
		}
		<-lost
		p.advance(time.Hour)
		p.sweep()
		p.wantState(a.Key, payments.Taken)
	}
}

// TestClosedMeanwhile: a close is final, so a consent that comes later is ErrClosed; a close that
// comes after the consent is ErrTooLate.
func TestClosedMeanwhile(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		ctx := context.Background()
		a := p.mustOffer(p.newAccount(), token)
		for range 2 {
			if err := p.checkout.CloseOffer(ctx, a.Key); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if _, err := p.checkout.Authorize(ctx, p.authorization(a, token)); !errors.Is(err, payments.ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
		p.wantState(a.Key, payments.Closed)
		p.wantRows("token", `SELECT token_sealed IS NULL FROM payment_attempts`, nil, "true")

		b := p.mustAuthorize(token)
		if err := p.checkout.CloseOffer(ctx, b.Key); !errors.Is(err, payments.ErrTooLate) {
			t.Errorf("close of a consent: %v, want ErrTooLate", err)
		}
		p.wantState(b.Key, payments.Authorized)
		if err := p.checkout.CloseOffer(ctx, "nosuch"); !errors.Is(err, payments.ErrNoSuchAttempt) {
			t.Errorf("close of none: %v", err)
		}
	})
}

// TestConsentWithoutToken: the turn that held the token died before it was stored. The consent is
// refused.
func TestConsentWithoutToken(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.mustOffer(p.newAccount(), visa)
	consent := p.authorization(a, visa)
	consent.Token = nil
	if _, err := p.checkout.Authorize(context.Background(), consent); !errors.Is(err, payments.ErrTooLate) {
		t.Errorf("%v, want ErrTooLate", err)
	}
	p.wantState(a.Key, payments.Offered)
}

// TestL4ReferenceInUse: a drawn reference that is in use is drawn again, five times at most.
func TestL4ReferenceInUse(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	draws := []int{17, 17, 17, 18}
	checkout := payments.NewCheckout(p.store, p.clock, func(int) int { n := draws[0]; draws = draws[1:]; return n }, p.policy)
	var got []string
	for range 2 {
		a := p.mustOffer(p.newAccount(), visa)
		done, err := checkout.Authorize(context.Background(), p.authorization(a, visa))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, done.Reference)
	}
	if got[0] == got[1] || len(draws) != 0 {
		t.Errorf("references %v, %d draws left", got, len(draws))
	}
	always := payments.NewCheckout(p.store, p.clock, func(int) int { return 17 }, p.policy)
	a := p.mustOffer(p.newAccount(), visa)
	if _, err := always.Authorize(context.Background(), p.authorization(a, visa)); !errors.Is(err, payments.ErrReferenceInUse) {
		t.Errorf("%v, want ErrReferenceInUse", err)
	}
	p.wantState(a.Key, payments.Offered)
}

// TestE6Letter: until the letter is posted nothing is charged, however long it takes; then not
// before the banking day after it. Until then the payment can be cancelled.
func TestE6Letter(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	ctx := context.Background()
	authorize := func() payments.Attempt {
		a := p.mustOffer(p.newAccount(), goodBank)
		consent := p.authorization(a, goodBank)
		consent.Copy, consent.TextTo = payments.LetterCopy, ""
		got, err := p.checkout.Authorize(ctx, consent)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	sent, cancelled := authorize(), authorize()
	if !sent.AwaitsLetter || !sent.NotBefore.IsZero() {
		t.Errorf("waits: %v, not before %v", sent.AwaitsLetter, sent.NotBefore)
	}
	if jobs := p.jobs.take(); len(jobs) != 0 {
		t.Errorf("jobs: %v", jobs)
	}
	for range 5 {
		p.advance(24 * time.Hour)
		p.run(p.charger, sent.Key)
		p.sweep()
	}
	p.wantState(sent.Key, payments.Authorized)
	p.wantRows("tasks", `SELECT kind FROM tasks`, nil) // its age counts from its day, and it has none yet
	p.wantOldestDue(time.Time{})

	file := feed.Source{Name: "posted.csv", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("reference\n" + sent.Reference + "\n" + cancelled.Reference + "\n")), nil
	}}
	posted := billing.Date{Year: 2027, Month: time.February, Day: 12} // a Friday; Monday the 15th is a holiday
	if _, err := p.store.LettersPosted(ctx, file, posted, p.cal, p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2027, time.February, 16, 5, 0, 0, 0, time.UTC) // 00:00 in Boston
	p.advance(day.Sub(p.clock.Now()) - time.Second)
	p.sweep()
	p.wantState(sent.Key, payments.Authorized)
	if got, err := p.checkout.Void(ctx, cancelled.Key); err != nil || got.State != payments.Voided {
		t.Errorf("cancelled a second before: %+v, %v", got, err)
	}
	p.wantOldestDue(time.Time{})
	p.advance(time.Second)
	p.wantOldestDue(day)
	p.sweep()
	p.wantState(sent.Key, payments.Taken)
	p.wantState(cancelled.Key, payments.Voided)
}

// wantOldestDue compares since when the oldest open attempt has been due; zero: none is.
func (p *fixture) wantOldestDue(want time.Time) {
	p.t.Helper()
	if got, err := p.store.OldestDue(context.Background(), p.clock.Now()); err != nil || !got.Equal(want) {
		p.t.Errorf("oldest due: %v, %v; want %v", got, err, want)
	}
}
