package payments_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"duebell/lab/processor"
	"duebell/payments"
)

// model is one account, and whatever callers, workers, the processor and time may do to it.
type model struct {
	*fixture
	account string
	known   []payments.Attempt // as they were offered
	tokens  map[string]string
}

// TestAnyOrder (promise P1: money moves once): in any order of calls, charges, crashes, faults,
// events and delays no money moves twice, none is lost, and the ledger says what the processor
// says.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	fewer(t, "rapid.checks", "25")
	fewer(t, "rapid.steps", "60")
	p := newFixture(t)
	rapid.Check(t, func(r *rapid.T) {
		p.t = r
		s := &model{fixture: p, account: p.newAccount(), tokens: map[string]string{}}
		r.Repeat(map[string]func(*rapid.T){
			"offer":     s.offer,
			"pay":       s.pay,
			"authorize": s.authorize,
			"work":      s.work,
			"overtake":  s.overtake,
			"sweep":     func(*rapid.T) { s.sweep() },
			"pass":      s.later,
			"void":      s.void,
			"close":     s.close,
			"dispute":   s.dispute,
			"events":    s.events,
			"":          s.check,
		})
		s.end()
	})
	p.t = t
	t.Logf("attempts: %v", p.query(`SELECT method, state, count(*) FROM payment_attempts GROUP BY 1, 2 ORDER BY 1, 2`))
}

// fewer lowers a flag of rapid's for one test, unless somebody has asked for another number.
func fewer(t *testing.T, name, value string) {
	f := flag.Lookup(name)
	if f == nil || f.Value.String() != f.DefValue {
		return
	}
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
}

// some picks an attempt: mostly the open one, where there is one.
func (s *model) some(r *rapid.T) (payments.Attempt, bool) {
	if len(s.known) == 0 {
		return payments.Attempt{}, false
	}
	if rapid.IntRange(0, 3).Draw(r, "any") > 0 {
		for _, known := range s.known {
			if a := s.load(known.Key); a.State.Open() {
				return a, true
			}
		}
	}
	return s.load(rapid.SampledFrom(s.known).Draw(r, "attempt").Key), true
}

// pay offers and authorizes, as most callers do.
func (s *model) pay(r *rapid.T) {
	s.offer(r)
	s.consentTo(r, s.known[len(s.known)-1])
}

func (s *model) offer(r *rapid.T) {
	token := rapid.SampledFrom([]string{visa, goodBank, badCard, emptyBank, askCard}).Draw(r, "token")
	a := s.mustOffer(s.account, token)
	s.exec(`UPDATE payment_attempts SET offered_at = $2 WHERE key = $1`, a.Key, startsAt.AddDate(-1, 0, 0)) // the limits are not what is tested here
	s.known, s.tokens[a.Key] = append(s.known, a), token
}

func (s *model) authorize(r *rapid.T) {
	if a, ok := s.some(r); ok {
		s.consentTo(r, a)
	}
}

// consentTo authorizes an attempt, which is refused exactly when another one of the account is open.
func (s *model) consentTo(r *rapid.T, a payments.Attempt) {
	open := slices.ContainsFunc(s.known, func(o payments.Attempt) bool { return o.Key != a.Key && s.load(o.Key).State.Open() })
	got, err := s.checkout.Authorize(context.Background(), s.authorization(a, s.tokens[a.Key]))
	switch {
	case a.State == payments.Closed:
		if !errors.Is(err, payments.ErrClosed) {
			r.Fatalf("authorize closed: %v", err)
		}
	case !a.AuthorizedAt.IsZero():
		if err != nil || got.Key != a.Key {
			r.Fatalf("authorize again: %v", err)
		}
	case open:
		if !errors.Is(err, payments.ErrAccountOpen) {
			r.Fatalf("authorize beside an open one: %v", err)
		}
	case err != nil:
		r.Fatalf("authorize: %v", err)
	}
}

var processorFaults = []string{
	"up", "up", "declines", "charges-then-drops-the-reply", "drops-create-reply", "500s", "charges-then-500s", "down", "too-many", "wants-verification",
}

// work runs one worker, which may die or lose a reply at any line, with a processor that may be
// broken.
func (s *model) work(r *rapid.T) {
	a, ok := s.some(r)
	if !ok {
		return
	}
	s.setFault(rapid.SampledFrom(processorFaults).Draw(r, "fault"))
	m := &crashPoints{crashAt: rapid.IntRange(0, 16).Draw(r, "crash point"), lose: rapid.Bool().Draw(r, "lose")}
	runUntilCrash(s.worker(crashingStore{s.store, m}, crashingGateway{s.gateway, m}), a.Key)
	s.setFault("up")
}

// overtake runs a worker that is so slow that its lease runs out in the middle, and another one
// takes over.
func (s *model) overtake(r *rapid.T) {
	a, ok := s.some(r)
	if !ok {
		return
	}
	m := &crashPoints{crashAt: rapid.IntRange(0, 12).Draw(r, "crash point"), lose: true}
	other := func(send func() (payments.Intent, error)) (payments.Intent, error) {
		s.advance(time.Minute)
		runUntilCrash(s.worker(crashingStore{s.store, m}, crashingGateway{s.gateway, m}), a.Key)
		return send()
	}
	slow := &interceptedGateway{Gateway: s.gateway}
	if rapid.Bool().Draw(r, "at create") {
		slow.create = other
	} else {
		slow.confirm = other
	}
	runUntilCrash(s.worker(s.store, slow), a.Key)
}

func (s *model) later(r *rapid.T) {
	s.advance(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, 25 * time.Hour, 72 * time.Hour}).Draw(r, "time"))
}

func (s *model) void(r *rapid.T) {
	a, ok := s.some(r)
	if !ok {
		return
	}
	_, err := s.checkout.Void(context.Background(), a.Key)
	if err != nil && !errors.Is(err, payments.ErrTooLate) {
		r.Fatalf("void: %v", err)
	}
	if (err == nil) != (s.load(a.Key).State == payments.Voided) {
		r.Fatalf("void: %v, and it is %s", err, s.load(a.Key).State)
	}
}

func (s *model) close(r *rapid.T) {
	a, ok := s.some(r)
	if !ok {
		return
	}
	err := s.checkout.CloseOffer(context.Background(), a.Key)
	if (err == nil) != (s.load(a.Key).State == payments.Closed) {
		r.Fatalf("close: %v, and it is %s", err, s.load(a.Key).State)
	}
}

func (s *model) dispute(r *rapid.T) {
	if a, ok := s.some(r); ok && a.State == payments.Taken {
		_ = s.processor.Dispute(a.Reference) // it may have bounced, or have been disputed before
	}
}

func (s *model) events(r *rapid.T) {
	s.delivery(rapid.SampledFrom([]processor.Delivery{processor.Normal, processor.Twice, processor.Reversed, processor.Withheld}).Draw(r, "delivery"))
}

// check holds what must be true after every step.
func (s *model) check(r *rapid.T) {
	open, booked := 0, 0
	for _, known := range s.known {
		a := s.load(known.Key)
		moved, kept := 0, 0
		for _, c := range s.processor.Charges() {
			if a.Reference != "" && c.Reference == a.Reference {
				moved++
				if !c.Returned {
					kept++
				}
			}
		}
		switch {
		case a.State.Open():
			open++
		case a.State == payments.Taken:
			booked++
			if moved != 1 {
				r.Fatalf("taken, and charged %d times", moved)
			}
		case kept > 0:
			r.Fatalf("%s %s, and the processor keeps the money", a.State, a.Code)
		}
		if moved > 1 {
			r.Fatalf("charged %d times", moved)
		}
	}
	if open > 1 {
		r.Fatalf("%d open payments on one account", open)
	}
	s.wantRows("the account's ledger", `SELECT coalesce(sum(cents), 0)::bigint FROM ledger WHERE account = $1`, []any{s.account}, fmt.Sprint(booked*19800))
}

// end repairs everything and lets time pass: then nothing is open, and every charge that the
// processor keeps is a payment that is recorded as taken.
func (s *model) end() {
	s.setFault("up")
	s.delivery(processor.Normal)
	for range 6 {
		s.advance(20 * time.Minute)
		s.sweep()
	}
	s.advance(96 * time.Hour)
	s.sweep()
	kept := map[string]bool{}
	for _, c := range s.processor.Charges() {
		if !c.Returned {
			kept[c.Reference] = true
		}
	}
	for _, known := range s.known {
		a := s.load(known.Key)
		if a.State.Open() {
			s.t.Fatalf("still %s when everything works again", a.State)
		}
		if (a.State == payments.Taken) != kept[a.Reference] {
			s.t.Fatalf("%s, and the processor keeps the money: %v", a.State, kept[a.Reference])
		}
	}
	if n := s.processor.Undelivered(); n != 0 {
		s.t.Fatalf("%d events are not taken", n)
	}
}
