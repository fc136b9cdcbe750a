package payments_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"duebell/payments"
)

// called writes down that a call has begun.
func (p *till) called(call string) {
	p.t.Helper()
	p.exec(`INSERT INTO calls (call_sid, language, step, turn, started_at) VALUES ($1, 'en', 'take-money', 7, $2)`, call, p.clock.Now())
}

// tick runs the sweeper and gives what it has nudged.
func (p *till) tick() []string {
	p.t.Helper()
	p.line.take()
	n, err := p.sweeper.Tick(context.Background())
	if err != nil {
		p.t.Errorf("tick: %v", err)
	}
	keys := p.line.take()
	if n != len(keys) {
		p.t.Errorf("it says that it nudged %d, and nudged %v", n, keys)
	}
	return keys
}

// TestStaleOffers: an offer or a token ends 60 s after the call, or after 30 minutes, and not a moment
// sooner; not while a turn of its call is being answered, and never once it is authorized.
func TestStaleOffers(t *testing.T) {
	both(t, func(t *testing.T, p *till, token string) {
		ended, going, answered := p.offered(p.account(), token), p.offered(p.account(), token), p.offered(p.account(), token)
		consented := p.authorized(token)
		p.exec(`UPDATE payment_attempts SET not_before = NULL WHERE key = $1`, consented.Key) // it is not charged here
		want := func(states ...payments.State) {
			t.Helper()
			for i, a := range []payments.Attempt{ended, going, answered} {
				if got := p.now(a.Key).State; got != states[i] {
					t.Errorf("%s: offer %d is %s, want %s", p.clock.Now().Sub(tillAt), i+1, got, states[i])
				}
			}
		}
		waiting := ended.State
		for _, call := range []string{ended.Call, answered.Call, consented.Call} {
			p.called(call)
			if err := p.store.CallEnded(context.Background(), call, p.clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
		p.turns.leased[answered.Call] = true
		p.pass(time.Minute - time.Microsecond)
		p.tick()
		want(waiting, waiting, waiting)
		p.pass(time.Microsecond)
		p.tick()
		want(payments.Closed, waiting, waiting)
		p.pass(29*time.Minute - time.Microsecond)
		p.tick()
		want(payments.Closed, waiting, waiting)
		p.pass(time.Microsecond)
		p.tick()
		want(payments.Closed, payments.Closed, waiting)

		p.turns.leased[answered.Call], p.turns.err = false, errors.New("redis: connection refused")
		if _, err := p.sweeper.Tick(context.Background()); err == nil { // it cannot know: it closes nothing
			t.Error("nobody is told that leases cannot be asked for")
		}
		want(payments.Closed, payments.Closed, waiting)
		p.turns.err = nil
		p.tick()
		want(payments.Closed, payments.Closed, payments.Closed)
		p.want("tokens", `SELECT key FROM payment_attempts WHERE token_sealed IS NOT NULL`, nil, consented.Key)
		p.wantState(consented.Key, payments.Authorized)
	})
}

// raced authorizes an offer after the sweeper has found it stale.
type raced struct {
	payments.SweepBook
	then func()
}

func (r raced) StaleOffers(ctx context.Context, ended, offered time.Time) ([]payments.StaleOffer, error) {
	list, err := r.SweepBook.StaleOffers(ctx, ended, offered)
	r.then()
	return list, err
}

// TestAuthorizedWhileSwept: the consent wins, and the others that are stale are closed all the same.
func TestAuthorizedWhileSwept(t *testing.T) {
	p := openTill(t)
	late, other := p.offered(p.account(), visa), p.offered(p.account(), visa)
	p.pass(time.Hour)
	book := raced{p.store, func() {
		if _, err := p.desk.Authorize(context.Background(), p.consent(late, visa)); err != nil {
			t.Error(err)
		}
	}}
	sweeper := payments.NewSweeper(book, p.turns, p.clock, p.machine, p.policy, p.log)
	if _, err := sweeper.Tick(context.Background()); err != nil {
		t.Error(err)
	}
	p.wantState(late.Key, payments.Authorized)
	p.wantState(other.Key, payments.Closed)
}

// TestNudges: every open attempt that is due and in nobody's hands, and no other one.
func TestNudges(t *testing.T) {
	p := openTill(t)
	due := []string{
		p.authorized(visa).Key, // its job is lost
		p.unconfirmed(visa).Key,
		p.authorized(goodBank).Key, // its worker died
	}
	later, leased, letter := p.unconfirmed(visa), p.authorized(visa), p.authorized(goodBank)
	done := p.authorized(visa)
	p.run(p.charger, done.Key)
	p.offered(p.account(), visa)
	for _, key := range []string{due[2], leased.Key} {
		if _, err := p.store.Claim(context.Background(), key, p.clock.Now(), p.machine.Now(), p.machine.Now().Add(10*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	p.pass(10 * time.Second)
	p.exec(`UPDATE payment_attempts SET next_look_at = $2 WHERE key = $1`, later.Key, p.clock.Now().Add(time.Microsecond))
	p.exec(`UPDATE payment_attempts SET leased_until = $2 WHERE key = $1`, leased.Key, p.machine.Now().Add(time.Microsecond))
	p.exec(`UPDATE payment_attempts SET not_before = NULL, awaits_letter = true WHERE key = $1`, letter.Key)
	for range 2 { // a nudge changes nothing, so that the next tick does it again
		got := p.tick()
		slices.Sort(got)
		slices.Sort(due)
		if !slices.Equal(got, due) {
			t.Errorf("nudged %v, want %v", got, due)
		}
	}
}

// TestUnknownTooLong: a person is told once, a day after it was due, and until evidence is there.
func TestUnknownTooLong(t *testing.T) {
	p := openTill(t)
	a := p.unconfirmed(visa)
	p.force(a, "processing")
	tasks := func(want ...string) {
		t.Helper()
		p.sweep()
		p.want("tasks", `SELECT kind, account, done_at IS NULL FROM tasks`, nil, want...)
	}
	p.pass(24*time.Hour - time.Microsecond)
	tasks()
	p.pass(time.Microsecond)
	tasks("payment-unknown|" + a.Account + "|true")
	p.pass(48 * time.Hour)
	tasks("payment-unknown|" + a.Account + "|true")
	p.force(a, "succeeded")
	p.pass(15 * time.Minute)
	tasks("payment-unknown|" + a.Account + "|false")
}

// TestOldTokens: a bank's token is erased after the window for returns (D2), a card's when it is charged.
func TestOldTokens(t *testing.T) {
	p := openTill(t)
	debit, card := p.authorized(goodBank), p.authorized(visa)
	p.run(p.charger, debit.Key)
	p.run(p.charger, card.Key)
	tokens := func(want ...string) {
		t.Helper()
		p.tick()
		p.want("tokens", `SELECT key FROM payment_attempts WHERE token_sealed IS NOT NULL`, nil, want...)
	}
	tokens(debit.Key)
	p.pass(90*24*time.Hour - time.Second)
	tokens(debit.Key)
	p.pass(time.Second)
	tokens()
	p.wantState(debit.Key, payments.Taken)
}

// TestTickGoesOn: what cannot be done keeps nothing else from being done.
func TestTickGoesOn(t *testing.T) {
	p := openTill(t)
	offer := p.offered(p.account(), visa)
	p.pass(time.Hour)
	sweeper := payments.NewSweeper(deaf{p.store}, p.turns, p.clock, p.machine, p.policy, p.log)
	if _, err := sweeper.Tick(context.Background()); !errors.Is(err, errBook) {
		t.Errorf("%v, want %v", err, errBook)
	}
	p.wantState(offer.Key, payments.Closed)
}

// deaf cannot nudge.
type deaf struct{ payments.SweepBook }

func (deaf) NudgeDue(context.Context, time.Time, time.Time) (int, error) { return 0, errBook }
