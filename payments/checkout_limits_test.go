package payments_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"duebell/billing"
	"duebell/payments"
)

// pastAttempts are n attempts on the account that were made before the one that is asked for.
type pastAttempts struct {
	n      int
	ago    time.Duration
	set    string // columns beyond those of a declined card on the account, by another caller, in another call
	caller string
	other  bool // on another account
}

// seed inserts past attempts.
func (p *fixture) seed(account string, s pastAttempts) {
	p.t.Helper()
	for range s.n {
		on := account
		if s.other {
			on = p.newAccount()
		}
		p.calls++
		key := fmt.Sprintf("seeded%d", p.calls)
		at := p.clock.Now().Add(-s.ago)
		var caller *string
		if s.caller != "" {
			caller = &s.caller
		}
		p.exec(`INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, caller, state, reference, offered_at, tokenized_at, authorized_at, settled_at)
			VALUES ($1, $1, 7, $2, 100, 'card', $3, 'declined', $4, $5, $5, $5, $5)`, key, on, caller, fmt.Sprintf("%09d", p.calls), at)
		if s.set != "" {
			p.exec(`UPDATE payment_attempts SET `+s.set+` WHERE key = $1`, key)
		}
	}
}

const (
	closed = `state = 'closed', authorized_at = NULL, reference = NULL`
	guests = `guest = true`
	banks  = `method = 'bank', bank_type = 'savings', state = 'taken', intent_id = key`
	taken  = `state = 'taken', intent_id = key`
	mine   = "+16175550199"
)

// TestLimits: one below each limit of I5 (card testing) and rule P3 (captures a call) there is a
// capture, at the limit there is none; what lies outside the window, or belongs to somebody else,
// does not count.
func TestLimits(t *testing.T) {
	t.Parallel()
	day, hour := 24*time.Hour, time.Hour
	for _, c := range []struct {
		name  string
		limit int
		past  pastAttempts
		ask   func(*payments.Attempt)
		free  bool // it does not count
	}{
		{name: "captures of the call", limit: 3, past: pastAttempts{set: closed + `, call_sid = 'CAnow', turn = right(key, -6)::int`}},
		{name: "captures of the call, another account", limit: 3, past: pastAttempts{set: closed + `, call_sid = 'CAnow', turn = right(key, -6)::int`, other: true}, free: true},
		{name: "captures of another call", limit: 3, past: pastAttempts{set: closed}, free: true},
		{name: "declines of the account", limit: 5, past: pastAttempts{ago: day - time.Second}},
		{name: "declines of the account, a day ago", limit: 5, past: pastAttempts{ago: day}, free: true},
		{name: "declines of guests do not shut a member out", limit: 5, past: pastAttempts{set: guests}, free: true},
		{name: "declines of guests shut guests out", limit: 5, past: pastAttempts{set: guests}, ask: func(a *payments.Attempt) { a.Guest = true }},
		{name: "declines of the caller", limit: 10, past: pastAttempts{caller: mine, other: true, ago: day - time.Second}},
		{name: "declines of the caller, a day ago", limit: 10, past: pastAttempts{caller: mine, other: true, ago: day}, free: true},
		{name: "declines of another caller", limit: 10, past: pastAttempts{caller: "+16175550198", other: true}, free: true},
		{name: "payments of the caller that were taken", limit: 10, past: pastAttempts{caller: mine, other: true, set: taken}, free: true},
		{name: "declines of all withheld numbers", limit: 50, past: pastAttempts{other: true, ago: hour - time.Second}, ask: withheld},
		{name: "declines of all withheld numbers, an hour ago", limit: 50, past: pastAttempts{other: true, ago: hour}, ask: withheld, free: true},
		{name: "withheld numbers do not shut others out", limit: 50, past: pastAttempts{other: true}, free: true},
		{name: "guest payments of the caller", limit: 10, past: pastAttempts{caller: mine, other: true, set: taken + `, guest = true`, ago: day - time.Second},
			ask: func(a *payments.Attempt) { a.Guest = true }},
		{name: "guest payments do not shut a member out", limit: 10, past: pastAttempts{caller: mine, other: true, set: taken + `, guest = true`}, free: true},
		{name: "bank accounts of the account", limit: 3, past: pastAttempts{set: banks, ago: day - time.Second}, ask: bank},
		{name: "bank accounts of the account, a day ago", limit: 3, past: pastAttempts{set: banks, ago: day}, ask: bank, free: true},
		{name: "bank accounts that were never keyed", limit: 3, past: pastAttempts{set: banks + `, tokenized_at = NULL`}, ask: bank, free: true},
		{name: "bank accounts of the caller", limit: 3, past: pastAttempts{set: banks, caller: mine, other: true}, ask: bank},
		{name: "bank accounts do not shut cards out", limit: 3, past: pastAttempts{set: banks}, free: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newFixture(t)
			account := p.newAccount()
			c.past.n = c.limit - 1
			p.seed(account, c.past)
			for below := 1; below >= 0; below-- {
				ask := payments.Attempt{Call: "CAnow", Turn: 900 + below, Account: account, Cents: 19800, Method: payments.Card, Caller: mine, Language: "en"}
				if c.ask != nil {
					c.ask(&ask)
				}
				_, err := p.checkout.Offer(context.Background(), ask)
				if want := below == 1 || c.free; (err == nil) != want || err != nil && !errors.Is(err, payments.ErrLimit) {
					t.Errorf("%d below the limit: %v", below, err)
				}
				p.exec(`DELETE FROM payment_attempts WHERE turn >= 900`)
				c.past.n = 1
				p.seed(account, c.past)
			}
		})
	}
}

func withheld(a *payments.Attempt) { a.Caller = "" }
func bank(a *payments.Attempt)     { a.Method, a.BankType = payments.Bank, payments.Checking }

// TestM8Duplicate: a payment of the same amount on the same account within 24 hours is found,
// unless it came to nothing.
func TestM8Duplicate(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, c := range []struct {
		name  string
		ago   time.Duration
		set   string
		other bool
		cents billing.Money
		want  bool
	}{
		{"taken just now", 0, taken, false, 100, true},
		{"taken a day ago", day, taken, false, 100, true},
		{"taken more than a day ago", day + time.Microsecond, taken, false, 100, false},
		{"another amount", 0, taken, false, 101, false},
		{"another account", 0, taken, true, 100, false},
		{"declined", 0, "", false, 100, false},
		{"voided", 0, `state = 'voided'`, false, 100, false},
		{"returned", 0, `state = 'returned', intent_id = key, returned_at = settled_at`, false, 100, false},
		{"closed", 0, closed, false, 100, false},
		{"open", 0, `state = 'unknown', intent_id = key, settled_at = NULL, token_sealed = '\x00'`, false, 100, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newFixture(t)
			account := p.newAccount()
			p.seed(account, pastAttempts{n: 1, ago: c.ago, set: c.set, other: c.other})
			p.seed(account, pastAttempts{n: 1, ago: 48 * time.Hour, set: taken}) // an older one is never the answer
			got, found, err := p.checkout.Duplicate(context.Background(), account, c.cents)
			if err != nil || found != c.want || found && !got.AuthorizedAt.Equal(startsAt.Add(-c.ago)) {
				t.Errorf("found %v (%v), want %v", found, err, c.want)
			}
		})
	}
}

// TestVoid: a payment can be cancelled until a worker has it, and asking again returns it cancelled
// (E12: until submitted).
func TestVoid(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		ctx := context.Background()
		a := p.mustAuthorize(token)
		for range 2 {
			if got, err := p.checkout.Void(ctx, a.Key); err != nil || got.State != payments.Voided || got.Confirmation() != "" {
				t.Errorf("%+v, %v", got, err)
			}
		}
		p.run(p.charger, a.Key)
		p.wantState(a.Key, payments.Voided)
		p.wantRows("token", `SELECT token_sealed IS NULL FROM payment_attempts`, nil, "true")
		if _, err := p.checkout.Void(ctx, "nosuch"); !errors.Is(err, payments.ErrNoSuchAttempt) {
			t.Errorf("none: %v", err)
		}

		b := p.mustAuthorize(token)
		if _, err := p.store.LeaseAttempt(ctx, b.Key, p.clock.Now(), p.machine.Now(), p.machine.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.checkout.Void(ctx, b.Key); !errors.Is(err, payments.ErrTooLate) {
			t.Errorf("leased by a worker: %v", err)
		}
		p.machine.add(time.Minute)
		p.run(p.charger, b.Key)
		if _, err := p.checkout.Void(ctx, b.Key); !errors.Is(err, payments.ErrTooLate) {
			t.Errorf("charged: %v", err)
		}
		p.wantState(b.Key, payments.Taken)
	})
}

// TestVoidOvertakesASlowWorker: a worker's lease ran out before it stored the object's id and the
// caller cancels, so the worker never confirms.
func TestVoidOvertakesASlowWorker(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		a := p.mustAuthorize(token)
		p.run(p.worker(p.store, &interceptedGateway{Gateway: p.gateway, create: func(send func() (payments.Intent, error)) (payments.Intent, error) {
			in, err := send()
			p.machine.add(time.Minute)
			if _, err := p.checkout.Void(context.Background(), a.Key); err != nil {
				t.Error(err)
			}
			return in, err
		}}), a.Key)
		p.wantState(a.Key, payments.Voided)
		if got := p.objects(); got != 1 || len(p.processor.Charges()) != 0 {
			t.Errorf("%d objects, charges %v", got, p.processor.Charges())
		}
	})
}

// TestVoidRacesTheWorker: caller and worker at once; one of them wins, and what the caller hears is
// what happens.
func TestVoidRacesTheWorker(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	wins := map[bool]int{}
	for range 30 {
		a := p.mustAuthorize(goodBank)
		var all sync.WaitGroup
		var void error
		all.Go(func() { p.run(p.charger, a.Key) })
		all.Go(func() { _, void = p.checkout.Void(context.Background(), a.Key) })
		all.Wait()
		want := payments.Voided
		if void != nil {
			want = payments.Taken
			if !errors.Is(void, payments.ErrTooLate) {
				t.Errorf("void: %v", void)
			}
		}
		wins[void == nil]++
		p.wantState(a.Key, want)
	}
	t.Logf("cancelled %d times, charged %d times", wins[true], wins[false])
}

// TestFreeze: after a capture that said it has charged there is no offer and no consent on that
// account until a person has looked; other accounts are not affected.
func TestFreeze(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		ctx := context.Background()
		account := p.newAccount()
		a, older := p.mustOffer(account, token), p.mustOffer(account, token)
		for range 2 {
			if err := p.checkout.Freeze(ctx, a.Key); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.checkout.Offer(ctx, p.newAttempt(account, payments.Card)); !errors.Is(err, payments.ErrFrozen) {
			t.Errorf("offer: %v, want ErrFrozen", err)
		}
		if _, err := p.checkout.Authorize(ctx, p.authorization(older, token)); !errors.Is(err, payments.ErrClosed) {
			t.Errorf("consent: %v, want ErrClosed", err)
		}
		p.exec(`UPDATE payment_attempts SET state = 'offered', settled_at = NULL WHERE key = $1`, a.Key) // made while it was being frozen
		if _, err := p.checkout.Authorize(ctx, p.authorization(a, token)); !errors.Is(err, payments.ErrClosed) {
			t.Errorf("consent to the latest: %v, want ErrClosed", err)
		}
		p.wantRows("tasks", `SELECT kind, account FROM tasks`, nil, "capture-charged|"+account)
		p.wantRows("evidence", `SELECT key FROM payment_evidence`, nil)
		if _, err := p.checkout.Offer(ctx, p.newAttempt(p.newAccount(), payments.Card)); err != nil {
			t.Errorf("another account: %v", err)
		}
		if err := p.checkout.Freeze(ctx, "nosuch"); !errors.Is(err, payments.ErrNoSuchAttempt) {
			t.Errorf("none: %v", err)
		}
	})
}

// TestL3Heard: a failure that the caller has heard leaves no open task.
func TestL3Heard(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	for _, heard := range []bool{true, false} {
		a := p.mustAuthorize(badCard)
		p.run(p.charger, a.Key)
		if heard {
			for range 2 {
				if err := p.checkout.MarkHeard(context.Background(), a.Key); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.wantRows("task", `SELECT kind, done_at IS NOT NULL FROM tasks WHERE attempt_key = $1`, []any{a.Key}, fmt.Sprintf("payment-failed|%v", heard))
	}
}

// TestTextResult: a receipt asked for on the call, before or after the outcome, goes once.
func TestTextResult(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			p := newFixture(t)
			ctx := context.Background()
			a := p.mustOffer(p.newAccount(), visa)
			consent := p.authorization(a, visa)
			consent.TextTo = ""
			if _, err := p.checkout.Authorize(ctx, consent); err != nil {
				t.Fatal(err)
			}
			if when == "after" {
				p.run(p.charger, a.Key)
				p.wantRows("texts", `SELECT kind FROM notices`, nil)
			}
			for range 2 {
				if err := p.checkout.TextResult(ctx, a.Key, "+16175550177"); err != nil {
					t.Fatal(err)
				}
			}
			p.run(p.charger, a.Key)
			p.wantRows("texts", `SELECT kind, number, by_request FROM notices`, nil, "payment_received|+16175550177|true")
		})
	}
}

// TestI5LimitAtTheConsent: fifty captures that one number has begun at once are no way around its
// limit. What is authorized and not settled counts as if it were declined.
func TestI5LimitAtTheConsent(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	const cards, limit = 50, 10
	var wg sync.WaitGroup
	errs := make([]error, cards)
	for i := range cards {
		a := p.newAttempt(p.newAccount(), payments.Card)
		a.Caller = mine
		a, err := p.checkout.Offer(context.Background(), a)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { _, errs[i] = p.checkout.Authorize(context.Background(), p.authorization(a, "pm_card_visa")) })
	}
	wg.Wait()
	taken := 0
	for _, err := range errs {
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, payments.ErrLimit):
			t.Error(err)
		}
	}
	if taken != limit {
		t.Errorf("%d were authorized, not %d", taken, limit)
	}
}
