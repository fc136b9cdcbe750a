package payments_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"duebell/payments"
)

func (p *fixture) resolver(g payments.Gateway) *payments.Resolver {
	return payments.NewResolver(p.worker(p.store, g), p.store, g, p.clock, p.machine)
}

func (p *fixture) resolve(a payments.Attempt, v payments.Verdict) (payments.Attempt, error) {
	return p.resolver(p.gateway).Resolve(context.Background(), payments.Resolution{
		Reference: a.Reference, Verdict: v, Evidence: "seen in the processor's list", By: "Pat",
	})
}

// unknownForADay returns a payment that has been unknown for so long that a person has it as a
// task. status is the processor's state of its object.
func (p *fixture) unknownForADay(token, status string) payments.Attempt {
	p.t.Helper()
	a := p.mustAuthorize(token)
	if status == "succeeded" {
		p.setFault("charges-then-drops-the-reply once")
		p.run(p.charger, a.Key)
	} else {
		p.run(p.worker(p.store, confirmlessGateway{p.gateway}), a.Key)
		p.force(a, status)
	}
	p.setFault("down")
	p.advance(24 * time.Hour)
	p.sweep()
	p.setFault("up")
	p.wantRows("task", `SELECT kind, done_at IS NULL FROM tasks`, nil, "payment-unknown|true")
	return p.load(a.Key)
}

// TestResolve: the processor is asked first. A verdict that it contradicts is refused, and nothing
// of it is stored.
func TestResolve(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says    string
		verdict payments.Verdict
		want    payments.State
		refused bool
	}{
		{"succeeded", payments.VerdictTaken, payments.Taken, false},
		{"succeeded", payments.VerdictNotCharged, payments.Unknown, true},
		{"requires_confirmation", payments.VerdictTaken, payments.Unknown, true},
		{"requires_confirmation", payments.VerdictNotCharged, payments.Declined, false},
		{"requires_action", payments.VerdictTaken, payments.Unknown, true},
		{"requires_action", payments.VerdictNotCharged, payments.Declined, false},
		{"requires_payment_method", payments.VerdictTaken, payments.Unknown, true},
		{"requires_payment_method", payments.VerdictNotCharged, payments.Declined, false},
		{"canceled", payments.VerdictTaken, payments.Unknown, true},
		{"canceled", payments.VerdictNotCharged, payments.Declined, false},
		{"processing", payments.VerdictTaken, payments.Taken, false},
		{"processing", payments.VerdictNotCharged, payments.Unknown, true}, // it cannot be cancelled: it may still charge
	} {
		t.Run(c.says+" "+string(c.verdict), func(t *testing.T) {
			p := newFixture(t)
			a := p.unknownForADay(visa, c.says)
			got, err := p.resolve(a, c.verdict)
			if (err != nil) != c.refused || c.refused && !errors.Is(err, payments.ErrContradicted) {
				t.Fatalf("%v", err)
			}
			if got.State != c.want || p.load(a.Key).State != c.want {
				t.Errorf("it is %s, want %s", got.State, c.want)
			}
			settled := c.want != payments.Unknown
			evidence := []string{}
			if settled {
				evidence = []string{string(c.verdict) + "|seen in the processor's list|Pat"}
			}
			p.wantRows("evidence", `SELECT verdict, evidence, by_whom FROM payment_resolutions`, nil, evidence...)
			p.wantRows("task", `SELECT done_at IS NOT NULL FROM tasks WHERE kind = 'payment-unknown'`, nil, map[bool]string{true: "true", false: "false"}[settled])
			in, err := p.gateway.Retrieve(context.Background(), a.IntentID)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == payments.Declined && in.State != payments.IntentCanceled && in.State != payments.IntentNoMethod {
				t.Errorf("declined, and the processor's object is %s", in.State)
			}
			if settled {
				if _, err := p.resolve(a, c.verdict); err == nil || !strings.Contains(err.Error(), "settled already") {
					t.Errorf("a second time: %v", err)
				}
				p.wantRows("evidence", `SELECT count(*) FROM payment_resolutions`, nil, "1")
				return
			}
			p.sweep() // workers go on looking, and find out by themselves what can be found out
			if state := p.load(a.Key).State; state == payments.Unknown && c.says != "processing" {
				t.Errorf("nobody looks at it any more: %s", state)
			}
		})
	}
}

// TestResolveRefuses: missing evidence, an unknown payment, one that a worker has leased, and a
// processor that is down.
func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	ctx := context.Background()
	a := p.unknownForADay(visa, "processing")
	good := payments.Resolution{Reference: a.Reference, Verdict: payments.VerdictTaken, Evidence: "seen", By: "Pat"}
	waiting := p.mustAuthorize(visa)
	for name, c := range map[string]struct {
		change func(*payments.Resolution)
		says   string
	}{
		"no evidence":         {func(r *payments.Resolution) { r.Evidence = "" }, "evidence"},
		"nobody":              {func(r *payments.Resolution) { r.By = "" }, "by"},
		"a verdict of no use": {func(r *payments.Resolution) { r.Verdict = "probably" }, "probably"},
		"no such payment":     {func(r *payments.Resolution) { r.Reference = "000000000" }, "no such"},
		"not yet sent":        {func(r *payments.Resolution) { r.Reference = waiting.Reference }, "has not reached the processor"},
	} {
		res := good
		c.change(&res)
		if _, err := p.resolver(p.gateway).Resolve(ctx, res); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}

	p.setFault("down")
	if _, err := p.resolver(p.gateway).Resolve(ctx, good); err == nil || !strings.Contains(err.Error(), "asked first") {
		t.Errorf("processor down: %v", err)
	}
	p.setFault("up")
	p.wantRows("lease", `SELECT leased_until IS NULL, state FROM payment_attempts WHERE key = $1`, []any{a.Key}, "true|unknown")

	p.advance(time.Hour)
	lease, err := p.store.LeaseAttempt(ctx, a.Key, p.clock.Now(), p.machine.Now(), p.machine.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.resolver(p.gateway).Resolve(ctx, good); err == nil || errors.Is(err, payments.ErrNoSuchAttempt) ||
		!strings.Contains(err.Error(), "a worker is looking this payment up") || !strings.Contains(err.Error(), "in a minute") {
		t.Errorf("leased by a worker: %v", err) // no such attempt: the command would tell the operator that the reference is wrong
	}
	if err := p.store.Release(ctx, lease, p.clock.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, err := p.resolver(p.gateway).Resolve(ctx, good); err != nil || got.State != payments.Taken { // whenever the next look-up is due
		t.Errorf("%s, %v", got.State, err)
	}
}

// TestResolveNeverWithoutCancel: not charged is recorded only once the processor has cancelled, or
// said so itself.
func TestResolveNeverWithoutCancel(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.unknownForADay(visa, "requires_confirmation")
	res := payments.Resolution{Reference: a.Reference, Verdict: payments.VerdictNotCharged, Evidence: "seen", By: "Pat"}
	for point := 1; ; point++ {
		s := &crashPoints{crashAt: point, lose: true}
		_, err := p.resolver(crashingGateway{p.gateway, s}).Resolve(context.Background(), res)
		if s.passed < point {
			if point < 3 || err != nil {
				t.Errorf("%d crash points, %v", point-1, err)
			}
			break
		}
		if err == nil || p.load(a.Key).State != payments.Unknown {
			t.Errorf("crash point %d: %v, %s", point, err, p.load(a.Key).State)
		}
		p.machine.add(time.Minute)
	}
	p.wantState(a.Key, payments.Declined)
	p.wantRows("evidence", `SELECT count(*) FROM payment_resolutions`, nil, "1")
}

// TestResolverCrashes: the command dies around any of its writes. Workers go on looking, and the
// same command does the rest.
func TestResolverCrashes(t *testing.T) {
	t.Parallel()
	for point := 1; ; point++ {
		p := newFixture(t)
		a := p.unknownForADay(visa, "processing")
		s := &crashPoints{crashAt: point}
		crashing := crashingResolveStore{p.store, crashingStore{p.store, s}, s}
		resolver := payments.NewResolver(p.worker(crashing, p.gateway), crashing, p.gateway, p.clock, p.machine)
		func() {
			defer func() {
				if r := recover(); r != nil && r != any(crashed{}) {
					panic(r)
				}
			}()
			_, _ = resolver.Resolve(context.Background(), payments.Resolution{Reference: a.Reference, Verdict: payments.VerdictTaken, Evidence: "seen", By: "Pat"})
		}()
		if s.passed < point {
			if point < 6 {
				t.Errorf("only %d crash points", point-1)
			}
			return
		}
		p.advance(time.Minute)
		p.wantRows("watched, or settled", `SELECT (SELECT state = 'taken' FROM payment_attempts) = (SELECT done_at IS NOT NULL FROM tasks)`, nil, "true")
		if p.load(a.Key).State != payments.Taken {
			if _, err := p.resolve(a, payments.VerdictTaken); err != nil {
				t.Errorf("crash point %d: the same command again: %v", point, err)
			}
		}
		p.wantRows("ledger", `SELECT kind, cents FROM ledger`, nil, "payment|19800")
	}
}

// crashingResolveStore is the store of a Resolver that may die around each of its writes.
type crashingResolveStore struct {
	payments.ResolveStore
	charges crashingStore
	*crashPoints
}

func (b crashingResolveStore) LeaseForPerson(ctx context.Context, key string, machineNow, until time.Time) (payments.ChargeLease, error) {
	return crashAround(b.crashPoints, errStore, func() (payments.ChargeLease, error) {
		return b.ResolveStore.LeaseForPerson(ctx, key, machineNow, until)
	})
}

func (b crashingResolveStore) RecordResolution(ctx context.Context, key string, r payments.Resolution, at time.Time) error {
	_, err := crashAround(b.crashPoints, errStore, func() (struct{}, error) { return struct{}{}, b.ResolveStore.RecordResolution(ctx, key, r, at) })
	return err
}

func (b crashingResolveStore) Take(ctx context.Context, c payments.ChargeLease, at time.Time) (payments.Attempt, error) {
	return b.charges.Take(ctx, c, at)
}
