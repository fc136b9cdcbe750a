package payments_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"duebell/payments"
)

// recordCall writes the row of a call that has begun.
func (p *fixture) recordCall(call string) {
	p.t.Helper()
	p.exec(`INSERT INTO calls (call_sid, language, step, turn, started_at) VALUES ($1, 'en', 'take-money', 7, $2)`, call, p.clock.Now())
}

// sweepOnce runs the sweeper and returns the attempts that it woke a worker for.
func (p *fixture) sweepOnce() []string {
	p.t.Helper()
	p.jobs.take()
	n, err := p.sweeper.Tick(context.Background())
	if err != nil {
		p.t.Errorf("tick: %v", err)
	}
	keys := p.jobs.take()
	if n != len(keys) {
		p.t.Errorf("it says that it woke %d, and woke %v", n, keys)
	}
	return keys
}

// TestStaleOffers: an offer or a token is closed 60 s after the call, or after 30 minutes, and not
// sooner; not while a turn of its call is being answered, and never once it is authorized.
func TestStaleOffers(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		ended, going, answered := p.mustOffer(p.newAccount(), token), p.mustOffer(p.newAccount(), token), p.mustOffer(p.newAccount(), token)
		consented := p.mustAuthorize(token)
		p.exec(`UPDATE payment_attempts SET not_before = NULL WHERE key = $1`, consented.Key) // it is not charged here
		want := func(states ...payments.State) {
			t.Helper()
			for i, a := range []payments.Attempt{ended, going, answered} {
				if got := p.load(a.Key).State; got != states[i] {
					t.Errorf("%s: offer %d is %s, want %s", p.clock.Now().Sub(startsAt), i+1, got, states[i])
				}
			}
		}
		waiting := ended.State
		for _, call := range []string{ended.Call, answered.Call, consented.Call} {
			p.recordCall(call)
			if err := p.store.CallEnded(context.Background(), call, p.clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
		p.turnLeases.leased[answered.Call] = true
		p.advance(time.Minute - time.Microsecond)
		p.sweepOnce()
		want(waiting, waiting, waiting)
		p.advance(time.Microsecond)
		p.sweepOnce()
		want(payments.Closed, waiting, waiting)
		p.advance(29*time.Minute - time.Microsecond)
		p.sweepOnce()
		want(payments.Closed, waiting, waiting)
		p.advance(time.Microsecond)
		p.sweepOnce()
		want(payments.Closed, payments.Closed, waiting)

		p.turnLeases.leased[answered.Call], p.turnLeases.err = false, errors.New("redis: connection refused")
		if _, err := p.sweeper.Tick(context.Background()); err == nil { // it cannot know: it closes nothing
			t.Error("nobody is told that leases cannot be asked for")
		}
		want(payments.Closed, payments.Closed, waiting)
		p.turnLeases.err = nil
		p.sweepOnce()
		want(payments.Closed, payments.Closed, payments.Closed)
		p.wantRows("tokens", `SELECT key FROM payment_attempts WHERE token_sealed IS NOT NULL`, nil, consented.Key)
		p.wantState(consented.Key, payments.Authorized)
	})
}

// racingSweepStore runs then after the sweeper has read which offers are stale.
type racingSweepStore struct {
	payments.SweepStore
	then func()
}

func (r racingSweepStore) StaleOffers(ctx context.Context, ended, offered time.Time) ([]payments.StaleOffer, error) {
	list, err := r.SweepStore.StaleOffers(ctx, ended, offered)
	r.then()
	return list, err
}

// TestAuthorizedWhileSwept: a consent that comes between the sweeper's read and its close wins, and
// the other stale offers are closed all the same.
func TestAuthorizedWhileSwept(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	late, other := p.mustOffer(p.newAccount(), visa), p.mustOffer(p.newAccount(), visa)
	p.advance(time.Hour)
	sweepStore := racingSweepStore{p.store, func() {
		if _, err := p.checkout.Authorize(context.Background(), p.authorization(late, visa)); err != nil {
			t.Error(err)
		}
	}}
	sweeper := payments.NewSweeper(sweepStore, p.turnLeases, p.clock, p.machine, p.policy, p.log)
	if _, err := sweeper.Tick(context.Background()); err != nil {
		t.Error(err)
	}
	p.wantState(late.Key, payments.Authorized)
	p.wantState(other.Key, payments.Closed)
}

// TestWakeDue: a worker is woken for every open attempt that is due and not leased, and for no
// other one.
func TestWakeDue(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	due := []string{
		p.mustAuthorize(visa).Key, // its job is lost
		p.unconfirmed(visa).Key,
		p.mustAuthorize(goodBank).Key, // its worker died
	}
	later, leased, letter := p.unconfirmed(visa), p.mustAuthorize(visa), p.mustAuthorize(goodBank)
	done := p.mustAuthorize(visa)
	p.run(p.charger, done.Key)
	p.mustOffer(p.newAccount(), visa)
	for _, key := range []string{due[2], leased.Key} {
		if _, err := p.store.LeaseAttempt(context.Background(), key, p.clock.Now(), p.machine.Now(), p.machine.Now().Add(10*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	p.advance(10 * time.Second)
	p.exec(`UPDATE payment_attempts SET next_look_at = $2 WHERE key = $1`, later.Key, p.clock.Now().Add(time.Microsecond))
	p.exec(`UPDATE payment_attempts SET leased_until = $2 WHERE key = $1`, leased.Key, p.machine.Now().Add(time.Microsecond))
	p.exec(`UPDATE payment_attempts SET not_before = NULL, awaits_letter = true WHERE key = $1`, letter.Key)
	for range 2 { // a wake-up changes no row, so that the next tick does it again
		got := p.sweepOnce()
		slices.Sort(got)
		slices.Sort(due)
		if !slices.Equal(got, due) {
			t.Errorf("woken %v, want %v", got, due)
		}
	}
}

// TestUnknownTooLong: one task is left for a person, a day after the attempt was due, and it is
// done once there is evidence (L3: too old = a task).
func TestUnknownTooLong(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.unconfirmed(visa)
	p.force(a, "processing")
	tasks := func(want ...string) {
		t.Helper()
		p.sweep()
		p.wantRows("tasks", `SELECT kind, account, done_at IS NULL FROM tasks`, nil, want...)
	}
	p.advance(24*time.Hour - time.Microsecond)
	tasks()
	p.advance(time.Microsecond)
	tasks("payment-unknown|" + a.Account + "|true")
	p.advance(48 * time.Hour)
	tasks("payment-unknown|" + a.Account + "|true")
	p.force(a, "succeeded")
	p.advance(15 * time.Minute)
	tasks("payment-unknown|" + a.Account + "|false")
}

// TestOldTokens: a bank's token is erased after the return window (D2: one-time tokens are erased),
// a card's when it is charged.
func TestOldTokens(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	debit, card := p.mustAuthorize(goodBank), p.mustAuthorize(visa)
	p.run(p.charger, debit.Key)
	p.run(p.charger, card.Key)
	tokens := func(want ...string) {
		t.Helper()
		p.sweepOnce()
		p.wantRows("tokens", `SELECT key FROM payment_attempts WHERE token_sealed IS NOT NULL`, nil, want...)
	}
	tokens(debit.Key)
	p.advance(90*24*time.Hour - time.Second)
	tokens(debit.Key)
	p.advance(time.Second)
	tokens()
	p.wantState(debit.Key, payments.Taken)
}

// TestTickGoesOn: a part of the tick that fails keeps no other part from being done.
func TestTickGoesOn(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	offer := p.mustOffer(p.newAccount(), visa)
	p.advance(time.Hour)
	sweeper := payments.NewSweeper(failingSweepStore{p.store}, p.turnLeases, p.clock, p.machine, p.policy, p.log)
	if _, err := sweeper.Tick(context.Background()); !errors.Is(err, errStore) {
		t.Errorf("%v, want %v", err, errStore)
	}
	p.wantState(offer.Key, payments.Closed)
}

// failingSweepStore cannot wake anybody.
type failingSweepStore struct{ payments.SweepStore }

func (failingSweepStore) WakeDue(context.Context, time.Time, time.Time) (int, error) {
	return 0, errStore
}
