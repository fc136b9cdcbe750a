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

func (p *till) delivery(d processor.Delivery) {
	p.t.Helper()
	if err := p.far.SetDelivery(d); err != nil {
		p.t.Fatal(err)
	}
}

// TestEventsInAnyOrder: however the processor's events come, the books are right in the end and
// nothing is left to be delivered.
func TestEventsInAnyOrder(t *testing.T) {
	ends := map[string]payments.State{
		visa: payments.Taken, badCard: payments.Declined, goodBank: payments.Taken, emptyBank: payments.Returned,
	}
	for _, how := range []processor.Delivery{processor.Normal, processor.Twice, processor.Reversed} {
		for _, late := range []bool{false, true} { // all of them after everything has happened
			t.Run(string(how)+map[bool]string{true: " late"}[late], func(t *testing.T) {
				p := openTill(t)
				keys := map[string]payments.Attempt{}
				for token := range ends {
					keys[token] = p.authorized(token)
				}
				p.delivery(how)
				if late {
					p.delivery(processor.Withheld)
				}
				for _, a := range keys {
					p.run(p.charger, a.Key)
					p.pass(0)
				}
				p.pass(72 * time.Hour)
				p.delivery(how)
				p.pass(time.Second)
				p.sweep()
				for token, want := range ends {
					p.wantState(keys[token].Key, want)
				}
				if n := p.far.Undelivered(); n != 0 {
					t.Errorf("%d events are still to be delivered", n)
				}
				p.wantAlarms()
			})
		}
	}
}

// TestEventOfAnOpenAttempt: it makes us look at once; it decides nothing.
func TestEventOfAnOpenAttempt(t *testing.T) {
	both(t, func(t *testing.T, p *till, token string) {
		a := p.authorized(token)
		p.fault("charges-then-drops-the-reply once")
		p.run(p.charger, a.Key)
		p.wantState(a.Key, payments.Unknown)
		p.line.take()
		p.pass(time.Second) // its next look would be due after 10 s
		if jobs := p.line.take(); len(jobs) != 1 || jobs[0] != a.Key {
			t.Fatalf("nudged %v", jobs)
		}
		p.wantState(a.Key, payments.Unknown)
		p.run(p.charger, a.Key)
		p.wantState(a.Key, payments.Taken)
	})
}

// TestEventWhileAWorkerHasIt: the answer it waits for is good news already on its way; the worker stays in charge.
func TestEventWhileAWorkerHasIt(t *testing.T) {
	both(t, func(t *testing.T, p *till, token string) {
		a := p.authorized(token)
		p.run(p.worker(p.store, &staged{Gateway: p.gateway, confirm: func(send func() (payments.Intent, error)) (payments.Intent, error) {
			in, err := send()
			p.pass(0) // the event comes before the reply
			p.run(p.charger, a.Key)
			return in, err
		}}), a.Key)
		p.wantState(a.Key, payments.Taken)
		p.want("claims", `SELECT fence FROM payment_attempts`, nil, "1")
		p.sweep()
		p.wantState(a.Key, payments.Taken)
	})
}

// TestBouncedBeforeItWasBooked: the worker holds "filed" in hand while the debit comes back, and the
// event says so. It may not be booked as taken on the strength of the older answer.
func TestBouncedBeforeItWasBooked(t *testing.T) {
	p := openTill(t)
	a := p.authorized(emptyBank)
	p.run(p.worker(p.store, &staged{Gateway: p.gateway, confirm: func(send func() (payments.Intent, error)) (payments.Intent, error) {
		in, err := send()
		p.clock.add(48 * time.Hour) // the machine's clock stands, and with it the lease
		if err := p.far.Advance(context.Background(), p.clock.Now()); err != nil {
			t.Error(err)
		}
		return in, err
	}}), a.Key)
	p.wantState(a.Key, payments.Confirming)
	p.sweep()
	if got := p.now(a.Key); got.State != payments.Declined || got.Code != "R01" {
		t.Errorf("%s %s, want declined R01", got.State, got.Code)
	}
	p.want("ledger", `SELECT kind FROM ledger`, nil)
}

// interrupted lets something happen just after an event has read its attempt.
type interrupted struct {
	payments.EventBook
	then func()
}

func (i *interrupted) AttemptByIntent(ctx context.Context, id string) (payments.Attempt, error) {
	a, err := i.EventBook.AttemptByIntent(ctx, id)
	if then := i.then; then != nil {
		i.then = nil
		then()
	}
	return a, err
}

// TestTakenBetweenLookAndWord: the event found the attempt open and a worker writes "taken" before the
// event can have it looked at. The news is not lost.
func TestTakenBetweenLookAndWord(t *testing.T) {
	p := openTill(t)
	ctx := context.Background()
	a := p.authorized(emptyBank)
	p.delivery(processor.Withheld)
	p.fault("charges-then-drops-the-reply once")
	p.run(p.charger, a.Key)
	p.pass(48 * time.Hour)
	claim, err := p.store.Claim(ctx, a.Key, p.clock.Now(), p.machine.Now(), p.machine.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	book := &interrupted{EventBook: p.store, then: func() {
		if _, err := p.store.Take(ctx, claim, p.clock.Now()); err != nil {
			t.Error(err)
		}
	}}
	events := payments.NewEvents(book, p.gateway, p.clock, p.log)
	if err := events.Receive(ctx, payments.Event{ID: "evt_1", Kind: payments.EventReturned, IntentID: claim.IntentID, Code: "R01"}); err != nil {
		t.Fatal(err)
	}
	p.wantState(a.Key, payments.Returned)
}

// TestReturn: the bill is open again as of its original due date, as if it had never been paid; the
// member and a person are told (L5).
func TestReturn(t *testing.T) {
	for name, back := range map[string]struct {
		token, code string
		how         func(p *till, a payments.Attempt)
	}{
		"bounced": {emptyBank, "R01", func(*till, payments.Attempt) {}},
		"disputed debit": {goodBank, "R10", func(p *till, a payments.Attempt) {
			if err := p.far.Dispute(a.Reference); err != nil {
				p.t.Fatal(err)
			}
		}},
		"disputed card": {visa, "fraudulent", func(p *till, a payments.Attempt) {
			if err := p.far.Dispute(a.Reference); err != nil {
				p.t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := openTill(t)
			people := p.store.Members(p.policy, p.cal)
			never := p.account()
			a := p.authorized(back.token)
			p.run(p.charger, a.Key)
			p.wantState(a.Key, payments.Taken)
			if got, err := people.Standing(context.Background(), a.Account, p.clock.Now()); err != nil || got.TotalDue != 0 || got.OldestUnpaid != nil {
				t.Errorf("paid: owes %s, %v", got.TotalDue, err)
			}
			p.delivery(processor.Twice)
			back.how(p, a)
			p.pass(14 * 24 * time.Hour) // past the due date, into grace
			p.wantState(a.Key, payments.Returned)
			if got := p.now(a.Key); got.Code != back.code || got.Confirmation() != got.Reference || got.ReturnedAt.IsZero() {
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
			p.want("texts", `SELECT count(*) FROM notices WHERE kind = 'payment_returned'`, nil, "1")
			p.want("tasks", `SELECT kind, detail FROM tasks`, nil, "payment-returned|"+back.code)
			p.want("token", `SELECT key FROM payment_attempts WHERE token_sealed IS NOT NULL`, nil)
		})
	}
}

// TestDisputeBeforeItWasBooked: it is to come again, because nothing but the event tells of it.
func TestDisputeBeforeItWasBooked(t *testing.T) {
	both(t, func(t *testing.T, p *till, token string) {
		a := p.authorized(token)
		p.fault("charges-then-drops-the-reply once")
		p.run(p.charger, a.Key)
		if err := p.far.Dispute(a.Reference); err != nil {
			t.Fatal(err)
		}
		p.pass(10 * time.Second)
		if n := p.far.Undelivered(); n != 1 {
			t.Errorf("%d events wait, want the dispute", n)
		}
		p.sweep()
		p.wantState(a.Key, payments.Taken)
		p.pass(time.Minute)
		p.wantState(a.Key, payments.Returned)
		if n := p.far.Undelivered(); n != 0 {
			t.Errorf("%d events wait", n)
		}
	})
}

// TestEventsThatChangeNothing: replayed, old, or of an object that is nobody's.
func TestEventsThatChangeNothing(t *testing.T) {
	p := openTill(t)
	card, bad := p.authorized(visa), p.authorized(badCard)
	p.run(p.charger, card.Key)
	p.run(p.charger, bad.Key)
	p.pass(0)
	states := p.rows(`SELECT to_jsonb(a) FROM payment_attempts a ORDER BY key`)
	p.line.take()
	for _, ev := range []payments.Event{
		{ID: "evt_1", Kind: payments.EventSettled, IntentID: p.now(card.Key).IntentID},
		{ID: "evt_1", Kind: payments.EventSettled, IntentID: p.now(card.Key).IntentID},
		{ID: "evt_2", Kind: payments.EventProcessing, IntentID: p.now(card.Key).IntentID},
		{ID: "evt_3", Kind: payments.EventReturned, IntentID: p.now(card.Key).IntentID}, // the object says that it was paid
		{ID: "evt_4", Kind: payments.EventCanceled, IntentID: p.now(card.Key).IntentID},
		{ID: "evt_5", Kind: payments.EventReturned, IntentID: p.now(bad.Key).IntentID},
		{ID: "evt_6", Kind: payments.EventProcessing, IntentID: p.now(bad.Key).IntentID}, // old news
		{ID: "evt_7", Kind: payments.EventDisputed, IntentID: "pi_of_somebody_else"},
		{ID: "evt_8", Kind: payments.EventOther},
	} {
		if err := p.events.Receive(context.Background(), ev); err != nil {
			t.Errorf("%s: %v", ev.ID, err)
		}
	}
	p.want("attempts", `SELECT to_jsonb(a) FROM payment_attempts a ORDER BY key`, nil, states...)
	p.want("ledger", `SELECT kind, attempt_key FROM ledger`, nil, "payment|"+card.Key)
	if jobs := p.line.take(); len(jobs) != 0 {
		t.Errorf("jobs: %v", jobs)
	}
	p.want("noted", `SELECT count(*) FROM processor_events WHERE id LIKE 'evt\__'`, nil, "8")
	p.wantAlarms()
}

// TestReturnWhileTheProcessorIsDown: the event comes again until we could look.
func TestReturnWhileTheProcessorIsDown(t *testing.T) {
	p := openTill(t)
	a := p.authorized(emptyBank)
	p.run(p.charger, a.Key)
	p.pass(0)
	p.fault("down")
	p.pass(48 * time.Hour)
	p.wantState(a.Key, payments.Taken)
	p.fault("up")
	p.pass(time.Hour)
	p.wantState(a.Key, payments.Returned)
}

// TestChargedAfterDecline cannot happen. If it does a person knows at once, and nothing is booked.
func TestChargedAfterDecline(t *testing.T) {
	p := openTill(t)
	a := p.authorized(badCard)
	p.run(p.charger, a.Key)
	p.pass(0)
	p.force(a, "succeeded")
	for range 2 {
		if err := p.events.Receive(context.Background(), payments.Event{ID: "evt_1", Kind: payments.EventSettled, IntentID: p.now(a.Key).IntentID}); err != nil {
			t.Fatal(err)
		}
	}
	const alarm = "money has moved on a payment that is on record as declined"
	p.wantAlarms(alarm, alarm)
	p.want("tasks", `SELECT kind, account FROM tasks ORDER BY kind`, nil, "charged-after-decline|"+a.Account, "payment-failed|"+a.Account)
	p.wantState(a.Key, payments.Declined)
}
