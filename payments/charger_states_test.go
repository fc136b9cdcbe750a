package payments_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"duebell/payments"
)

// TestStateTable: whatever state the processor's object is in after a confirm whose reply was lost,
// the attempt ends as twilio.md §13.2 has it.
func TestStateTable(t *testing.T) {
	t.Parallel()
	const alarm = "the processor reports a state that we do not know: look at the payment there"
	for _, row := range []struct {
		says   string
		card   payments.State
		bank   payments.State
		code   string
		object string // its state afterwards
		alarms []string
	}{
		{says: "succeeded", card: payments.Taken, bank: payments.Taken, object: "succeeded"},
		{says: "processing", card: payments.Unknown, bank: payments.Taken, object: "processing"},
		{says: "requires_action", card: payments.Declined, bank: payments.Declined, object: "canceled"},
		{says: "requires_payment_method", card: payments.Declined, bank: payments.Declined, code: "declined", object: "canceled"},
		{says: "canceled", card: payments.Declined, bank: payments.Declined, code: "canceled", object: "canceled"},
		{says: "requires_capture", card: payments.Unknown, bank: payments.Unknown, object: "other", alarms: []string{alarm}},
	} {
		for token, want := range map[string]payments.State{visa: row.card, goodBank: row.bank} {
			t.Run(row.says+" "+token, func(t *testing.T) {
				p := newFixture(t)
				a := p.unconfirmed(token)
				p.force(a, row.says)
				p.advance(10 * time.Second)
				p.run(p.charger, a.Key)

				got := p.load(a.Key)
				code := row.code
				if row.says == "requires_action" {
					code = map[string]string{visa: "authentication_required", goodBank: payments.CodeWantsVerification}[token]
				}
				if got.State != want || got.Code != code {
					t.Errorf("%s, code %q; want %s, %q", got.State, got.Code, want, code)
				}
				entries := []string{}
				if want == payments.Taken {
					entries = []string{"payment|19800|" + startsAt.Format(time.RFC3339Nano)}
				}
				p.wantRows("ledger", `SELECT kind, cents, received_at FROM ledger`, nil, entries...)
				p.wantErrorLines(row.alarms...)
				in, err := p.gateway.Retrieve(context.Background(), got.IntentID)
				if err != nil || string(in.State) != row.object {
					t.Errorf("the processor's object is %s (%v), want %s", in.State, err, row.object)
				}
			})
		}
	}
}

// unconfirmed returns an unknown attempt: its object exists, its confirm was counted and never
// arrived.
func (p *fixture) unconfirmed(token string) payments.Attempt {
	p.t.Helper()
	a := p.mustAuthorize(token)
	p.run(p.worker(p.store, confirmlessGateway{p.gateway}), a.Key)
	p.wantState(a.Key, payments.Unknown)
	return p.load(a.Key)
}

// force puts the processor's object into a state of its own words.
func (p *fixture) force(a payments.Attempt, status string) {
	p.t.Helper()
	if err := p.processor.Force(p.load(a.Key).IntentID, status); err != nil {
		p.t.Fatal(err)
	}
}

// TestLooksOfAnUnknown: an unknown outcome is looked up after 10 s, 1 min, 5 min and then every 15
// min, and not sooner.
func TestLooksOfAnUnknown(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	a := p.unconfirmed(visa)
	p.force(a, "processing")
	asked := &countingGateway{Gateway: p.gateway}
	worker := p.worker(p.store, asked)
	for i, wait := range []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		p.advance(wait - time.Microsecond)
		p.run(worker, a.Key)
		if asked.n != i {
			t.Fatalf("look %d: asked %d times before its time", i+1, asked.n)
		}
		p.advance(time.Microsecond)
		p.run(worker, a.Key)
		if asked.n != i+1 {
			t.Fatalf("look %d: asked %d times at its time", i+1, asked.n)
		}
	}
	p.wantState(a.Key, payments.Unknown)
	p.force(a, "succeeded")
	p.advance(15 * time.Minute)
	p.sweep()
	if got := p.load(a.Key).State; got != payments.Taken {
		t.Errorf("%s, want taken", got)
	}
}

// countingGateway counts creates and look-ups.
type countingGateway struct {
	payments.Gateway
	n int
}

func (c *countingGateway) Create(ctx context.Context, key string, ch payments.Charge) (payments.Intent, error) {
	c.n++
	return c.Gateway.Create(ctx, key, ch)
}

func (c *countingGateway) Retrieve(ctx context.Context, id string) (payments.Intent, error) {
	c.n++
	return c.Gateway.Retrieve(ctx, id)
}

// TestRunWhenThereIsNothingToDo: a worker woken once too often asks nobody and writes nothing.
func TestRunWhenThereIsNothingToDo(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	ends := map[string]func() string{
		"taken":    func() string { a := p.mustAuthorize(visa); p.run(p.charger, a.Key); return a.Key },
		"declined": func() string { a := p.mustAuthorize(badCard); p.run(p.charger, a.Key); return a.Key },
		"offered":  func() string { return p.mustOffer(p.newAccount(), visa).Key },
		"tokenized": func() string {
			return p.mustOffer(p.newAccount(), goodBank).Key
		},
		"closed": func() string {
			a := p.mustOffer(p.newAccount(), visa)
			if err := p.checkout.CloseOffer(context.Background(), a.Key); err != nil {
				t.Fatal(err)
			}
			return a.Key
		},
		"voided": func() string {
			a := p.mustAuthorize(goodBank)
			if _, err := p.checkout.Void(context.Background(), a.Key); err != nil {
				t.Fatal(err)
			}
			return a.Key
		},
		"returned": func() string {
			a := p.mustAuthorize(emptyBank)
			p.run(p.charger, a.Key)
			p.advance(48 * time.Hour)
			return a.Key
		},
		"unknown to us": func() string { return "nosuchattempt" },
	}
	for state, make := range ends {
		t.Run(state, func(t *testing.T) {
			key := make()
			asked := &countingGateway{Gateway: p.gateway}
			before := p.query(`SELECT to_jsonb(a) FROM payment_attempts a WHERE key = $1`, key)
			p.run(p.worker(p.store, asked), key)
			p.wantRows("the row", `SELECT to_jsonb(a) FROM payment_attempts a WHERE key = $1`, []any{key}, before...)
			if asked.n != 0 {
				t.Errorf("the processor was asked %d times", asked.n)
			}
			if state != "unknown to us" && string(p.load(key).State) != state {
				t.Errorf("it is %s", p.load(key).State)
			}
		})
	}
}

// TestLeaseAttempt: one worker at a time, not before the debit's day, and not before the next
// look-up is due.
func TestLeaseAttempt(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	for _, c := range []struct {
		name, set string
		want      bool
	}{
		{"free", `fence = fence`, true},
		{"leased", `leased_until = '2027-02-10T15:00:00.000001Z'`, false},
		{"its lease has run out", `leased_until = '2027-02-10T15:00:00Z'`, true},
		{"its next look is not due", `next_look_at = '2027-02-10T15:00:00.000001Z'`, false},
		{"its next look is due", `next_look_at = '2027-02-10T15:00:00Z'`, true},
		{"its day has not come", `not_before = '2027-02-10T15:00:00.000001Z'`, false},
		{"its letter is not posted", `not_before = NULL, awaits_letter = true`, false},
		{"due and looked for, but leased", `next_look_at = '2027-02-10T14:00:00Z', leased_until = '2027-02-10T16:00:00Z'`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := p.mustAuthorize(visa)
			p.exec(`UPDATE payment_attempts SET `+c.set+` WHERE key = $1`, a.Key)
			got, err := p.store.LeaseAttempt(context.Background(), a.Key, startsAt, startsAt, startsAt.Add(time.Minute))
			if (err == nil) != c.want || err != nil && !errors.Is(err, payments.ErrNoSuchAttempt) {
				t.Fatalf("leased: %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			if got.Fence != 1 || got.Token.Value != visa || !got.CreateSentAt.Equal(startsAt) {
				t.Errorf("the lease: fence %d, create sent at %s", got.Fence, got.CreateSentAt)
			}
			if _, err := p.store.LeaseAttempt(context.Background(), a.Key, startsAt, startsAt, startsAt.Add(time.Minute)); !errors.Is(err, payments.ErrNoSuchAttempt) {
				t.Errorf("a second lease: %v", err)
			}
		})
	}
}

// TestFence: whatever a worker writes after another has leased the attempt is refused, and the row
// is unchanged.
func TestFence(t *testing.T) {
	t.Parallel()
	p := newFixture(t)
	ctx := context.Background()
	writes := map[string]func(payments.ChargeLease) error{
		"NewCreateKey": func(c payments.ChargeLease) error { _, err := p.store.NewCreateKey(ctx, c, startsAt); return err },
		"RecordIntent": func(c payments.ChargeLease) error { _, err := p.store.RecordIntent(ctx, c, "pi_late"); return err },
		"RecordConfirm": func(c payments.ChargeLease) error {
			_, err := p.store.RecordConfirm(ctx, c)
			return err
		},
		"Release": func(c payments.ChargeLease) error { return p.store.Release(ctx, c, startsAt) },
		"Take":    func(c payments.ChargeLease) error { _, err := p.store.Take(ctx, c, startsAt); return err },
		"Decline": func(c payments.ChargeLease) error { _, err := p.store.Decline(ctx, c, "late", startsAt); return err },
	}
	for name, write := range writes {
		for _, state := range []string{"authorized", "confirming"} {
			t.Run(name+" "+state, func(t *testing.T) {
				a := p.mustAuthorize(visa)
				lease := func() payments.ChargeLease {
					c, err := p.store.LeaseAttempt(ctx, a.Key, startsAt, p.machine.Now(), p.machine.Now().Add(time.Minute))
					if err != nil {
						t.Fatal(err)
					}
					return c
				}
				if state == "confirming" {
					if _, err := p.store.RecordIntent(ctx, lease(), "pi_"+a.Key); err != nil {
						t.Fatal(err)
					}
					p.machine.add(time.Minute)
				}
				late := lease()
				p.machine.add(time.Minute)
				lease()
				before := p.queryOne(`SELECT to_jsonb(a) FROM payment_attempts a WHERE key = $1`, a.Key)
				if err := write(late); !errors.Is(err, payments.ErrTooLate) {
					t.Errorf("%v, want ErrTooLate", err)
				}
				p.wantRows("the row", `SELECT to_jsonb(a) FROM payment_attempts a WHERE key = $1`, []any{a.Key}, before)
			})
		}
	}
}
