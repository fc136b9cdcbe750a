package payments_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"duebell/payments"
)

// crashed is the panic of a process that dies at a crash point: nothing after that line has run.
type crashed struct{}

// crashPoints counts the places between two lines of a worker and breaks the one whose number is
// crashAt: the process dies there, or, with lose, the reply of what is done there is lost.
type crashPoints struct {
	passed, crashAt int
	lose            bool
}

func (s *crashPoints) pass(err error) error {
	s.passed++
	switch {
	case s.passed != s.crashAt:
		return nil
	case s.lose:
		return err
	}
	panic(crashed{})
}

var (
	errStore = errors.New("the database did not answer")
	errLost  = &payments.GatewayError{Op: "any", Kind: payments.GatewayLost, Code: "no_answer"}
)

// crashAround runs f between two crash points.
func crashAround[T any](s *crashPoints, broken error, f func() (T, error)) (T, error) {
	var none T
	if err := s.pass(broken); err != nil {
		return none, err // it was never done
	}
	got, err := f()
	if lost := s.pass(broken); lost != nil {
		return none, lost // it was done, and nobody knows
	}
	return got, err
}

// crashingStore is the store of a worker that may die around each of its writes.
type crashingStore struct {
	payments.ChargeStore
	*crashPoints
}

func (m crashingStore) LeaseAttempt(ctx context.Context, key string, now, machineNow, until time.Time) (payments.ChargeLease, error) {
	return crashAround(m.crashPoints, errStore, func() (payments.ChargeLease, error) {
		return m.ChargeStore.LeaseAttempt(ctx, key, now, machineNow, until)
	})
}

func (m crashingStore) NewCreateKey(ctx context.Context, c payments.ChargeLease, now time.Time) (payments.ChargeLease, error) {
	return crashAround(m.crashPoints, errStore, func() (payments.ChargeLease, error) { return m.ChargeStore.NewCreateKey(ctx, c, now) })
}

func (m crashingStore) RecordIntent(ctx context.Context, c payments.ChargeLease, id string) (payments.ChargeLease, error) {
	return crashAround(m.crashPoints, errStore, func() (payments.ChargeLease, error) { return m.ChargeStore.RecordIntent(ctx, c, id) })
}

func (m crashingStore) RecordConfirm(ctx context.Context, c payments.ChargeLease) (payments.ChargeLease, error) {
	return crashAround(m.crashPoints, errStore, func() (payments.ChargeLease, error) { return m.ChargeStore.RecordConfirm(ctx, c) })
}

func (m crashingStore) Release(ctx context.Context, c payments.ChargeLease, next time.Time) error {
	_, err := crashAround(m.crashPoints, errStore, func() (struct{}, error) { return struct{}{}, m.ChargeStore.Release(ctx, c, next) })
	return err
}

func (m crashingStore) Take(ctx context.Context, c payments.ChargeLease, at time.Time) (payments.Attempt, error) {
	return crashAround(m.crashPoints, errStore, func() (payments.Attempt, error) { return m.ChargeStore.Take(ctx, c, at) })
}

func (m crashingStore) Decline(ctx context.Context, c payments.ChargeLease, code string, at time.Time) (payments.Attempt, error) {
	return crashAround(m.crashPoints, errStore, func() (payments.Attempt, error) { return m.ChargeStore.Decline(ctx, c, code, at) })
}

// crashingGateway may die around each request, or lose the request or its reply.
type crashingGateway struct {
	payments.Gateway
	*crashPoints
}

func (m crashingGateway) Create(ctx context.Context, key string, c payments.Charge) (payments.Intent, error) {
	return crashAround(m.crashPoints, errLost, func() (payments.Intent, error) { return m.Gateway.Create(ctx, key, c) })
}

func (m crashingGateway) Confirm(ctx context.Context, key, id string, c payments.Charge) (payments.Intent, error) {
	return crashAround(m.crashPoints, errLost, func() (payments.Intent, error) { return m.Gateway.Confirm(ctx, key, id, c) })
}

func (m crashingGateway) Retrieve(ctx context.Context, id string) (payments.Intent, error) {
	return crashAround(m.crashPoints, errLost, func() (payments.Intent, error) { return m.Gateway.Retrieve(ctx, id) })
}

func (m crashingGateway) Cancel(ctx context.Context, id string) (payments.Intent, error) {
	return crashAround(m.crashPoints, errLost, func() (payments.Intent, error) { return m.Gateway.Cancel(ctx, id) })
}

// scenario is one payment's course, by what the processor does to it.
type scenario struct {
	name, token string
	before      func(p *fixture, a payments.Attempt) // what happened before the worker that dies
	fault       string                               // of the processor, while that worker is at it
	want        payments.State
	points      int // it has at least so many crash points
}

var scenarios = []scenario{
	{name: "card taken", token: visa, want: payments.Taken, points: 10},
	{name: "card declined", token: badCard, want: payments.Declined, points: 12},
	{name: "card wants its holder", token: askCard, want: payments.Declined, points: 12},
	{name: "bank taken", token: goodBank, want: payments.Taken, points: 10},
	{name: "bank declines", token: goodBank, fault: "declines", want: payments.Declined, points: 12},
	{name: "bank wants verification", token: goodBank, fault: "wants-verification", want: payments.Declined, points: 12},
	{name: "token unknown to the processor", token: "pm_never_made", want: payments.Declined, points: 6},
	{name: "confirm charges and breaks off", token: visa, fault: "charges-then-drops-the-reply once", want: payments.Taken, points: 10},
	{name: "confirm charges and says 500", token: goodBank, fault: "charges-then-500s once", want: payments.Taken, points: 10},
	{name: "create says 500", token: visa, fault: "500s once", want: payments.Taken, points: 6},
	{name: "create breaks off", token: visa, fault: "drops-create-reply", want: payments.Taken, points: 6},
	{name: "second worker after a 500 to the create", token: visa, want: payments.Taken, points: 12,
		before: func(p *fixture, a payments.Attempt) {
			p.setFault("500s once")
			p.run(p.charger, a.Key)
			p.advance(10 * time.Second)
		}},
	{name: "second worker after a confirm that never arrived", token: goodBank, want: payments.Taken, points: 8,
		before: func(p *fixture, a payments.Attempt) {
			p.run(p.worker(p.store, confirmlessGateway{p.gateway}), a.Key)
			p.advance(10 * time.Second)
		}},
	{name: "second worker after an action was asked for", token: goodBank, want: payments.Declined, points: 8,
		before: func(p *fixture, a payments.Attempt) {
			p.run(p.worker(p.store, confirmlessGateway{p.gateway}), a.Key)
			if err := p.processor.Force(p.load(a.Key).IntentID, "requires_action"); err != nil {
				p.t.Fatal(err)
			}
			p.advance(10 * time.Second)
		}},
}

// confirmlessGateway is a gateway whose confirms never arrive.
type confirmlessGateway struct{ payments.Gateway }

func (confirmlessGateway) Confirm(context.Context, string, string, payments.Charge) (payments.Intent, error) {
	return payments.Intent{}, errLost
}

// TestCrashAtAnyLine (promise P1: money moves once): a worker dies, or loses a reply, at every line
// in turn. Another one comes when the lease has run out. Each payment is charged once or not at
// all, is booked once or not at all, and reaches the right final state.
func TestCrashAtAnyLine(t *testing.T) {
	t.Parallel()
	for _, l := range scenarios {
		t.Run(l.name, func(t *testing.T) {
			p := newFixture(t)
			for _, lose := range []bool{false, true} {
				for point := 1; ; point++ {
					s := &crashPoints{crashAt: point, lose: lose}
					p.crashedAt(l, s)
					if t.Failed() {
						t.Fatalf("crash point %d, reply lost instead: %v", point, lose)
					}
					if s.passed < point {
						if point <= l.points {
							t.Errorf("only %d crash points, want %d", point-1, l.points)
						}
						break
					}
				}
			}
		})
	}
}

// crashedAt runs one worker that breaks at the crash point, then sound ones until the attempt is
// final, and holds its end.
func (p *fixture) crashedAt(l scenario, s *crashPoints) {
	p.t.Helper()
	a := p.mustAuthorize(l.token)
	if l.before != nil {
		l.before(p, a)
	}
	if l.fault != "" {
		p.setFault(l.fault)
	}
	runUntilCrash(p.worker(crashingStore{p.store, s}, crashingGateway{p.gateway, s}), a.Key)
	for range 3 { // the lease runs out, then the look-ups of an unknown
		p.advance(6 * time.Minute)
		p.sweep()
	}
	p.setFault("up")
	p.wantState(a.Key, l.want)
	p.wantCleanup(a)
}

// runUntilCrash runs a worker that may die on the way.
func runUntilCrash(c *payments.Charger, key string) {
	defer func() {
		if r := recover(); r != nil && r != any(crashed{}) {
			panic(r)
		}
	}()
	_ = c.Run(context.Background(), key) // what it could not do is in the log; the row tells
}

// wantCleanup holds what follows from a final state: token, texts, tasks and lease.
func (p *fixture) wantCleanup(a payments.Attempt) {
	p.t.Helper()
	end := p.load(a.Key)
	kind, failed := "payment_received", []string{}
	if end.State == payments.Declined {
		kind, failed = "payment_failed", []string{"payment-failed|false"}
	}
	p.wantRows("tasks", `SELECT kind, done_at IS NOT NULL FROM tasks WHERE attempt_key = $1`, []any{a.Key}, failed...)
	p.wantRows("texts of the end", `SELECT kind FROM notices WHERE attempt_key = $1 AND kind <> 'tel_written_notice'`, []any{a.Key}, kind)
	if end.State == payments.Declined || end.Method == payments.Card {
		p.wantRows("token", `SELECT key FROM payment_attempts WHERE key = $1 AND token_sealed IS NOT NULL`, []any{a.Key})
	}
	p.wantRows("lease", `SELECT key FROM payment_attempts WHERE key = $1 AND (leased_until IS NOT NULL OR next_look_at IS NOT NULL)`, []any{a.Key})
	p.wantRows("evidence", `SELECT count(*) FROM payment_evidence WHERE key = $1`, []any{a.Key}, "1")
	if end.IntentID == "" {
		return
	}
	in, err := p.gateway.Retrieve(context.Background(), end.IntentID)
	if err != nil {
		p.t.Fatal(err)
	}
	if in.State == payments.IntentUnconfirmed || in.State == payments.IntentNeedsAction {
		p.t.Errorf("the processor's object of a settled payment is still %s", in.State)
	}
}

// TestCrashTwice (promise P1: money moves once): two workers, one after another, die at any two
// lines.
func TestCrashTwice(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	for _, token := range []string{visa, badCard} {
		for first := 1; first <= 10; first++ {
			for second := 1; second <= 8; second++ {
				a := p.mustAuthorize(token)
				for i, point := range []int{first, second} {
					s := &crashPoints{crashAt: point, lose: (first+second)%2 == i}
					runUntilCrash(p.worker(crashingStore{p.store, s}, crashingGateway{p.gateway, s}), a.Key)
					p.advance(6 * time.Minute)
				}
				p.sweep()
				want := payments.Taken
				if token == badCard {
					want = payments.Declined
				}
				p.wantState(a.Key, want)
				if t.Failed() {
					t.Fatalf("%s: died at crash points %d and %d", token, first, second)
				}
			}
		}
	}
}
