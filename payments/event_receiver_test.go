package payments_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/lab/processor"
	"duebell/payments"
)

// delivery chooses how the processor's stand-in delivers its events.
func (p *fixture) delivery(d processor.Delivery) {
	p.t.Helper()
	if err := p.processor.SetDelivery(d); err != nil {
		p.t.Fatal(err)
	}
}

// TestEventsInAnyOrder: however the processor's events come, states and ledger are right in the end
// and every event was accepted.
func TestEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	ends := map[string]payments.State{
		visa: payments.Taken, badCard: payments.Declined, goodBank: payments.Taken, emptyBank: payments.Returned,
	}
	for _, how := range []processor.Delivery{processor.Normal, processor.Twice, processor.Reversed} {
		for _, late := range []bool{false, true} { // all of them after everything has happened
			t.Run(string(how)+map[bool]string{true: " late"}[late], func(t *testing.T) {
				p := newFixture(t)
				keys := map[string]payments.Attempt{}
				for token := range ends {
					keys[token] = p.mustAuthorize(token)
				}
				p.delivery(how)
				if late {
					p.delivery(processor.Withheld)
				}
				for _, a := range keys {
					p.run(p.charger, a.Key)
					p.advance(0)
				}
				p.advance(72 * time.Hour)
				p.delivery(how)
				p.advance(time.Second)
				p.sweep()
				for token, want := range ends {
					p.wantState(keys[token].Key, want)
				}
				if n := p.processor.Undelivered(); n != 0 {
					t.Errorf("%d events are still to be delivered", n)
				}
				p.wantErrorLines()
			})
		}
	}
}

// TestEventOfAnOpenAttempt: an event makes a worker look at once; it decides nothing itself.
func TestEventOfAnOpenAttempt(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		a := p.mustAuthorize(token)
		p.setFault("charges-then-drops-the-reply once")
		p.run(p.charger, a.Key)
		p.wantState(a.Key, payments.Unknown)
		p.jobs.take()
		p.advance(time.Second) // its next look would be due after 10 s
		if jobs := p.jobs.take(); len(jobs) != 1 || jobs[0] != a.Key {
			t.Fatalf("woken %v", jobs)
		}
		p.wantState(a.Key, payments.Unknown)
		p.run(p.charger, a.Key)
		p.wantState(a.Key, payments.Taken)
	})
}

// TestEventWhileLeased: the event of a success comes before the worker's own reply. The worker
// keeps its lease and records the outcome.
func TestEventWhileLeased(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		a := p.mustAuthorize(token)
		p.run(p.worker(p.store, &interceptedGateway{Gateway: p.gateway, confirm: func(send func() (payments.Intent, error)) (payments.Intent, error) {
			in, err := send()
			p.advance(0) // the event comes before the reply
			p.run(p.charger, a.Key)
			return in, err
		}}), a.Key)
		p.wantState(a.Key, payments.Taken)
		p.wantRows("leases", `SELECT fence FROM payment_attempts`, nil, "1")
		p.sweep()
		p.wantState(a.Key, payments.Taken)
	})
}

// TestBouncedBeforeItWasBooked: the debit comes back, with its event, while a worker holds the
// older answer "filed" and has not written it. The worker's lease is revoked, so that it cannot
// record taken.
func TestBouncedBeforeItWasBooked(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.mustAuthorize(emptyBank)
	p.run(p.worker(p.store, &interceptedGateway{Gateway: p.gateway, confirm: func(send func() (payments.Intent, error)) (payments.Intent, error) {
		in, err := send()
		p.clock.add(48 * time.Hour) // the machine's clock stands, and with it the lease
		if err := p.processor.Advance(context.Background(), p.clock.Now()); err != nil {
			t.Error(err)
		}
		return in, err
	}}), a.Key)
	p.wantState(a.Key, payments.Confirming)
	p.sweep()
	if got := p.load(a.Key); got.State != payments.Declined || got.Code != "R01" {
		t.Errorf("%s %s, want declined R01", got.State, got.Code)
	}
	p.wantRows("ledger", `SELECT kind FROM ledger`, nil)
}

// interruptedEventStore runs then just after an event has read its attempt.
type interruptedEventStore struct {
	payments.EventStore
	then func()
}

func (i *interruptedEventStore) AttemptByIntent(ctx context.Context, id string) (payments.Attempt, error) {
	a, err := i.EventStore.AttemptByIntent(ctx, id)
	if then := i.then; then != nil {
		i.then = nil
		then()
	}
	return a, err
}

// TestTakenWhileTheEventIsApplied: the event read the attempt as open and a worker writes "taken"
// before the event can have it looked at. The event is then applied to the taken attempt.
func TestTakenWhileTheEventIsApplied(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	ctx := context.Background()
	a := p.mustAuthorize(emptyBank)
	p.delivery(processor.Withheld)
	p.setFault("charges-then-drops-the-reply once")
	p.run(p.charger, a.Key)
	p.advance(48 * time.Hour)
	lease, err := p.store.LeaseAttempt(ctx, a.Key, p.clock.Now(), p.machine.Now(), p.machine.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	interrupted := &interruptedEventStore{EventStore: p.store, then: func() {
		if _, err := p.store.Take(ctx, lease, p.clock.Now()); err != nil {
			t.Error(err)
		}
	}}
	events := payments.NewEventReceiver(interrupted, p.gateway, p.clock, p.log)
	if err := events.Receive(ctx, payments.Event{ID: "evt_1", Kind: payments.EventReturned, IntentID: lease.IntentID, Code: "R01"}); err != nil {
		t.Fatal(err)
	}
	p.wantState(a.Key, payments.Returned)
}

// TestReturn: after a return the bill is open as of its original due date, as if it had never been
// paid; a text and a task go out (L5: return = reversal).
func TestReturn(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]struct {
		token, code string
		how         func(p *fixture, a payments.Attempt)
	}{
		"bounced": {emptyBank, "R01", func(*fixture, payments.Attempt) {}},
		"disputed debit": {goodBank, "R10", func(p *fixture, a payments.Attempt) {
			if err := p.processor.Dispute(a.Reference); err != nil {
				p.t.Fatal(err)
			}
		}},
		"disputed card": {visa, "fraudulent", func(p *fixture, a payments.Attempt) {
			if err := p.processor.Dispute(a.Reference); err != nil {
				p.t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newFixture(t)
			people := p.store.Members(p.policy, p.cal)
			never := p.newAccount()
			a := p.mustAuthorize(back.token)
			p.run(p.charger, a.Key)
			p.wantState(a.Key, payments.Taken)
			if got, err := people.Standing(context.Background(), a.Account, p.clock.Now()); err != nil || got.TotalDue != 0 || got.OldestUnpaid != nil {
				t.Errorf("paid: owes %s, %v", got.TotalDue, err)
			}
			p.delivery(processor.Twice)
			back.how(p, a)
			p.advance(14 * 24 * time.Hour) // past the due date, into grace
			p.wantState(a.Key, payments.Returned)
			if got := p.load(a.Key); got.Code != back.code || got.Confirmation() != got.Reference || got.ReturnedAt.IsZero() {
				t.Errorf("returned: %+v", got)
			}
			got, err := people.Standing(context.Background(), a.Account, p.clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			want, err := people.Standing(context.Background(), never, p.clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			want.Account, want.LastPayment = got.Account, got.LastPayment
			for _, bill := range []*billing.Bill{want.OldestUnpaid, want.Newest} {
				bill.Account = a.Account
			}
			if diff := cmp.Diff(want, got); diff != "" || !got.InGrace || got.TotalDue != 19800 {
				t.Errorf("a returned payment differs from none:\n%s", diff)
			}
			p.wantRows("texts", `SELECT count(*) FROM notices WHERE kind = 'payment_returned'`, nil, "1")
			p.wantRows("tasks", `SELECT kind, detail FROM tasks`, nil, "payment-returned|"+back.code)
			p.wantRows("token", `SELECT key FROM payment_attempts WHERE token_sealed IS NOT NULL`, nil)
		})
	}
}

// TestDisputeBeforeItWasBooked: a dispute of an attempt that is not recorded as taken yet is asked
// for again, because only the event tells of it.
func TestDisputeBeforeItWasBooked(t *testing.T) {
	t.Parallel()
	forEachMethod(t, func(t *testing.T, p *fixture, token string) {
		a := p.mustAuthorize(token)
		p.setFault("charges-then-drops-the-reply once")
		p.run(p.charger, a.Key)
		if err := p.processor.Dispute(a.Reference); err != nil {
			t.Fatal(err)
		}
		p.advance(10 * time.Second)
		if n := p.processor.Undelivered(); n != 1 {
			t.Errorf("%d events wait, want the dispute", n)
		}
		p.sweep()
		p.wantState(a.Key, payments.Taken)
		p.advance(time.Minute)
		p.wantState(a.Key, payments.Returned)
		if n := p.processor.Undelivered(); n != 0 {
			t.Errorf("%d events wait", n)
		}
	})
}

// TestEventsThatChangeNothing: events replayed, out of date, or of an object that is not ours.
func TestEventsThatChangeNothing(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	card, bad := p.mustAuthorize(visa), p.mustAuthorize(badCard)
	p.run(p.charger, card.Key)
	p.run(p.charger, bad.Key)
	p.advance(0)
	states := p.query(`SELECT to_jsonb(a) FROM payment_attempts a ORDER BY key`)
	p.jobs.take()
	for _, ev := range []payments.Event{
		{ID: "evt_1", Kind: payments.EventSettled, IntentID: p.load(card.Key).IntentID},
		{ID: "evt_1", Kind: payments.EventSettled, IntentID: p.load(card.Key).IntentID},
		{ID: "evt_2", Kind: payments.EventProcessing, IntentID: p.load(card.Key).IntentID},
		{ID: "evt_3", Kind: payments.EventReturned, IntentID: p.load(card.Key).IntentID}, // the object says that it was paid
		{ID: "evt_4", Kind: payments.EventCanceled, IntentID: p.load(card.Key).IntentID},
		{ID: "evt_5", Kind: payments.EventReturned, IntentID: p.load(bad.Key).IntentID},
		{ID: "evt_6", Kind: payments.EventProcessing, IntentID: p.load(bad.Key).IntentID}, // out of date
		{ID: "evt_7", Kind: payments.EventDisputed, IntentID: "pi_of_somebody_else"},
		{ID: "evt_8", Kind: payments.EventOther},
	} {
		if err := p.events.Receive(context.Background(), ev); err != nil {
			t.Errorf("%s: %v", ev.ID, err)
		}
	}
	p.wantRows("attempts", `SELECT to_jsonb(a) FROM payment_attempts a ORDER BY key`, nil, states...)
	p.wantRows("ledger", `SELECT kind, attempt_key FROM ledger`, nil, "payment|"+card.Key)
	if jobs := p.jobs.take(); len(jobs) != 0 {
		t.Errorf("jobs: %v", jobs)
	}
	p.wantRows("recorded", `SELECT count(*) FROM processor_events WHERE id LIKE 'evt\__'`, nil, "8")
	p.wantErrorLines()
}

// TestReturnWhileTheProcessorIsDown: the event is refused, and so comes again, until the object
// could be looked up.
func TestReturnWhileTheProcessorIsDown(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.mustAuthorize(emptyBank)
	p.run(p.charger, a.Key)
	p.advance(0)
	p.setFault("down")
	p.advance(48 * time.Hour)
	p.wantState(a.Key, payments.Taken)
	p.setFault("up")
	p.advance(time.Hour)
	p.wantState(a.Key, payments.Returned)
}

// TestChargedAfterDecline: should the processor ever charge a declined payment, an alarm and a task
// tell a person, and nothing is booked.
func TestChargedAfterDecline(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.mustAuthorize(badCard)
	p.run(p.charger, a.Key)
	p.advance(0)
	p.force(a, "succeeded")
	for range 2 {
		if err := p.events.Receive(context.Background(), payments.Event{ID: "evt_1", Kind: payments.EventSettled, IntentID: p.load(a.Key).IntentID}); err != nil {
			t.Fatal(err)
		}
	}
	const alarm = "money has moved on a payment that is on record as declined"
	p.wantErrorLines(alarm, alarm)
	p.wantRows("tasks", `SELECT kind, account FROM tasks ORDER BY kind`, nil, "charged-after-decline|"+a.Account, "payment-failed|"+a.Account)
	p.wantState(a.Key, payments.Declined)
}
