package payments_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"duebell/payments"
)

// interceptedGateway lets a test do something before, after or instead of a create or confirm.
type interceptedGateway struct {
	payments.Gateway
	create  func(send func() (payments.Intent, error)) (payments.Intent, error)
	confirm func(send func() (payments.Intent, error)) (payments.Intent, error)
}

func (s *interceptedGateway) Create(ctx context.Context, key string, c payments.Charge) (payments.Intent, error) {
	send := func() (payments.Intent, error) { return s.Gateway.Create(context.WithoutCancel(ctx), key, c) }
	if s.create == nil {
		return send()
	}
	return s.create(send)
}

func (s *interceptedGateway) Confirm(ctx context.Context, key, id string, c payments.Charge) (payments.Intent, error) {
	send := func() (payments.Intent, error) { return s.Gateway.Confirm(context.WithoutCancel(ctx), key, id, c) }
	if s.confirm == nil {
		return send()
	}
	return s.confirm(send)
}

// forEachMethod runs a test for a card and for a bank account.
func forEachMethod(t *testing.T, f func(t *testing.T, p *fixture, token string)) {
	for _, token := range []string{visa, goodBank} {
		t.Run(token, func(t *testing.T) { f(t, newFixture(t), token) })
	}
}

// wantKeys holds how many create keys and confirm keys an attempt has used.
func (p *fixture) wantKeys(a payments.Attempt, creates, confirms int) {
	p.t.Helper()
	p.wantRows("creates and confirms", `SELECT creates = $2 AND confirms = $3 FROM payment_attempts WHERE key = $1`, []any{a.Key, creates, confirms}, "true")
}

// TestLostCreateReply: the same key again gives the same object.
func TestLostCreateReply(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		a := p.mustAuthorize(token)
		p.setFault("drops-create-reply")
		p.run(p.charger, a.Key)
		p.wantState(a.Key, payments.Authorized) // there is nothing to be confirmed: it is not unknown
		p.advance(10 * time.Second)
		p.sweep()
		p.wantState(a.Key, payments.Taken)
		p.wantKeys(a, 1, 1)
		p.wantObjects(1)
	})
}

// wantObjects counts the processor's objects, charged or not.
func (p *fixture) wantObjects(want int) {
	p.t.Helper()
	if got := p.objects(); got != want {
		p.t.Errorf("the processor has %d objects, want %d", got, want)
	}
}

// TestStored500UnderTheCreateKey: the stored reply would be repeated for ever, so a new key is taken.
func TestStored500UnderTheCreateKey(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		a := p.mustAuthorize(token)
		p.setFault("500s once")
		p.run(p.charger, a.Key)
		p.wantState(a.Key, payments.Authorized)
		p.wantKeys(a, 1, 0)
		p.advance(10 * time.Second)
		p.sweep()
		p.wantState(a.Key, payments.Taken)
		p.wantKeys(a, 2, 1)
	})
}

// TestCreateKeyGrowsOld: after 23 h the processor may have forgotten the key, so a new one is
// taken. The first object is never confirmed.
func TestCreateKeyGrowsOld(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		age     time.Duration
		creates int
		objects int
	}{{23*time.Hour - time.Second, 1, 1}, {23 * time.Hour, 2, 2}, {25 * time.Hour, 2, 2}} {
		forEachMethod(t, func(t *testing.T, p *fixture, token string) {
			a := p.mustAuthorize(token)
			p.setFault("drops-create-reply once")
			p.run(p.charger, a.Key)
			p.advance(c.age)
			p.sweep()
			p.wantState(a.Key, payments.Taken)
			p.wantKeys(a, c.creates, 1)
			p.wantObjects(c.objects)
		})
	}
}

// TestLostConfirm: the object itself says whether to confirm again, and then a new key is used.
func TestLostConfirm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault    string
		confirms int
	}{
		{"charges-then-drops-the-reply once", 1},
		{"charges-then-500s once", 1},
		{"500s once", 2}, // stored under the key, nothing done
		{"down", 2},
		{"too-many once", 2},
	} {
		t.Run(c.fault, func(t *testing.T) {
			forEachMethod(t, func(t *testing.T, p *fixture, token string) {
				a := p.mustAuthorize(token)
				p.run(p.worker(p.store, &interceptedGateway{Gateway: p.gateway, confirm: func(send func() (payments.Intent, error)) (payments.Intent, error) {
					p.setFault(c.fault)
					return send()
				}}), a.Key)
				p.wantState(a.Key, payments.Unknown)
				p.setFault("up")
				p.advance(10 * time.Second)
				p.sweep()
				p.wantState(a.Key, payments.Taken)
				p.wantKeys(a, 1, c.confirms)
			})
		})
	}
}

// TestConfirmRefused: the processor refuses the confirm and leaves the object as it was. That is no
// decline: an earlier confirm may still arrive.
func TestConfirmRefused(t *testing.T) {
	t.Parallel()
	for name, shown := range map[string]*payments.Intent{"and shows it": {State: payments.IntentUnconfirmed}, "and shows nothing": nil} {
		t.Run(name, func(t *testing.T) {
			forEachMethod(t, func(t *testing.T, p *fixture, token string) {
				a := p.mustAuthorize(token)
				p.run(p.worker(p.store, &interceptedGateway{Gateway: p.gateway, confirm: func(func() (payments.Intent, error)) (payments.Intent, error) {
					return payments.Intent{}, &payments.GatewayError{Op: "confirm", Kind: payments.GatewayRefused, Code: "lock_timeout", Intent: shown}
				}}), a.Key)
				p.wantState(a.Key, payments.Unknown)
				p.advance(10 * time.Second)
				p.sweep()
				p.wantState(a.Key, payments.Taken)
			})
		})
	}
}

// TestConfirmThatArrivesLate: after another one was declined it finds no payment method, after
// another one succeeded it finds a paid object.
func TestConfirmThatArrivesLate(t *testing.T) {
	t.Parallel()
	for _, second := range []struct {
		fault string
		want  payments.State
	}{{"declines once", payments.Declined}, {"up", payments.Taken}} {
		t.Run(string(second.want), func(t *testing.T) {
			forEachMethod(t, func(t *testing.T, p *fixture, token string) {
				a := p.mustAuthorize(token)
				var arrive func() (payments.Intent, error)
				p.run(p.worker(p.store, &interceptedGateway{Gateway: p.gateway, confirm: func(send func() (payments.Intent, error)) (payments.Intent, error) {
					arrive = send
					return payments.Intent{}, errLost
				}}), a.Key)
				p.advance(10 * time.Second)
				p.setFault(second.fault)
				p.run(p.charger, a.Key)
				p.wantState(a.Key, second.want)
				p.wantKeys(a, 1, 2)

				p.setFault("up")
				if in, err := arrive(); err == nil {
					t.Errorf("the late confirm was carried out: %s", in.State)
				}
				p.advance(time.Minute)
				p.wantState(a.Key, second.want)
			})
		})
	}
}

// TestTokenWorksOnce: payment methods that the processor takes once, as real ones are. A second
// payment with a used one is declined, by a create that is refused.
func TestTokenWorksOnce(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	token := p.newOneTimeCard()
	a := p.mustAuthorize(token)
	p.run(p.charger, a.Key)
	p.wantState(a.Key, payments.Taken)
	b := p.mustAuthorize(token)
	p.run(p.charger, b.Key)
	p.wantState(b.Key, payments.Declined)
	if got := p.load(b.Key); got.Code != "payment_method_used" || got.IntentID != "" {
		t.Errorf("code %q, object %q", got.Code, got.IntentID)
	}
	p.wantCleanup(b)
	p.wantErrorLines()
}

// TestProcessorDownForADay: the payment waits, one task is left for a person, and it counts as of
// its authorization (C6).
func TestProcessorDownForADay(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		a := p.mustAuthorize(token)
		p.setFault("down")
		for range 26 * 4 {
			p.sweep()
			p.advance(15 * time.Minute)
		}
		p.wantState(a.Key, payments.Authorized)
		p.wantRows("tasks", `SELECT kind, done_at IS NULL FROM tasks`, nil, "payment-unknown|true")
		p.setFault("up")
		p.sweep()
		p.wantState(a.Key, payments.Taken)
		p.wantRows("received", `SELECT received_at FROM ledger`, nil, startsAt.Format(time.RFC3339Nano))
		p.wantRows("tasks", `SELECT kind, done_at IS NULL FROM tasks`, nil, "payment-unknown|false")
	})
}

// TestCancelledWhileTheProcessorIsDown: nothing was submitted, so the caller may cancel, and the
// person's task is done.
func TestCancelledWhileTheProcessorIsDown(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.mustAuthorize(goodBank)
	p.setFault("down")
	p.advance(24 * time.Hour)
	p.sweep()
	p.wantRows("tasks", `SELECT kind, done_at IS NULL FROM tasks`, nil, "payment-unknown|true")
	if _, err := p.checkout.Void(context.Background(), a.Key); err != nil {
		t.Fatal(err)
	}
	p.wantRows("tasks", `SELECT kind, done_at IS NULL FROM tasks`, nil, "payment-unknown|false")
	p.setFault("up")
	p.advance(time.Hour)
	p.sweep()
	p.wantState(a.Key, payments.Voided)
}

// TestWrongKey: with a wrong API key an alarm is logged, and the payment is taken once the key is
// right.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		const alarm = "the processor refuses our request: check the API key and the account there; the payment waits"
		wrong := p.worker(p.store, p.gatewayFor("sk_of_somebody_else"))
		a := p.mustAuthorize(token)
		p.run(wrong, a.Key)
		p.wantState(a.Key, payments.Authorized)
		p.wantErrorLines(alarm)

		p.advance(10 * time.Second)
		p.run(p.worker(p.store, confirmlessGateway{p.gateway}), a.Key)
		p.advance(time.Minute)
		p.run(wrong, a.Key) // and now at the look-up
		p.wantState(a.Key, payments.Unknown)
		p.wantErrorLines(alarm)

		p.advance(5 * time.Minute)
		p.sweep()
		p.wantState(a.Key, payments.Taken)
	})
}

// TestKeyReused: a create key that was used with other content alarms, and is not taken for a
// refusal.
func TestKeyReused(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.mustAuthorize(visa)
	if _, err := p.gateway.Create(context.Background(), a.Key+"/create", payments.Charge{Cents: 100, Method: payments.Card, Token: visa, Reference: "another"}); err != nil {
		t.Fatal(err)
	}
	p.run(p.charger, a.Key)
	p.wantState(a.Key, payments.Authorized)
	p.wantErrorLines("the processor refuses our request: check the API key and the account there; the payment waits")
	p.advance(23 * time.Hour)
	p.sweep()
	p.wantState(a.Key, payments.Taken)
}

// TestManyWorkersAtOnce: of many workers woken for one attempt one gets the lease, and it is
// charged once.
func TestManyWorkersAtOnce(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		for range 10 {
			a := p.mustAuthorize(token)
			var all sync.WaitGroup
			for range 6 {
				all.Go(func() { p.run(p.charger, a.Key) })
			}
			all.Wait()
			p.wantState(a.Key, payments.Taken)
			p.wantKeys(a, 1, 1)
			p.wantRows("leases", `SELECT fence FROM payment_attempts WHERE key = $1`, []any{a.Key}, "1")
		}
		p.wantObjects(10)
	})
}

// TestSlowWorker: a worker's lease ran out while the processor kept it waiting, and another one has
// finished. What it comes back with is refused, and nothing is charged or booked twice.
func TestSlowWorker(t *testing.T) {
	t.Parallel()
	type send = func() (payments.Intent, error)
	overtaken := func(p *fixture, key string, when string) *interceptedGateway {
		other := func() {
			p.advance(6 * time.Minute)
			p.run(p.charger, key)
		}
		before := func(s send) (payments.Intent, error) { other(); return s() }
		after := func(s send) (payments.Intent, error) { in, err := s(); other(); return in, err }
		return map[string]*interceptedGateway{
			"before its create":  {Gateway: p.gateway, create: before},
			"after its create":   {Gateway: p.gateway, create: after},
			"before its confirm": {Gateway: p.gateway, confirm: before},
			"after its confirm":  {Gateway: p.gateway, confirm: after},
		}[when]
	}
	for when, objects := range map[string]int{"before its create": 1, "after its create": 1, "before its confirm": 1, "after its confirm": 1} {
		for token, want := range map[string]payments.State{visa: payments.Taken, goodBank: payments.Taken, badCard: payments.Declined} {
			t.Run(when+" "+token, func(t *testing.T) {
				p := newFixture(t)
				a := p.mustAuthorize(token)
				p.run(p.worker(p.store, overtaken(p, a.Key, when)), a.Key)
				p.wantState(a.Key, want)
				p.wantCleanup(a)
				p.wantObjects(objects)
				p.wantErrorLines()
			})
		}
	}
}
