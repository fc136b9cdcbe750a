package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/notify"
	"duebell/payments"
)

// TestBatches: reminders have a queue of their own, many with one job, so that what somebody waits for
// is never behind them.
func TestBatches(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	for kind, n := range map[string]int{"due_soon": 250, "payment_received": 12} {
		p.exec(`INSERT INTO notices (reference, number, kind, language, local_day, state, created_at, not_before)
			SELECT $1 || i, '+1617557' || lpad(i::text, 4, '0'), $1, 'en', '2027-02-10', 'planned', $3, $3 FROM generate_series(1, $2::int) i`, kind, n, textsAt)
	}
	if _, err := p.sender.Tick(context.Background()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]int{"reminder": {100, 100, 50}, "notice": {10, 2}}, p.jobs.batches); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}

// TestABatchAndOneItCannotTell: of which the rules cannot tell whether it may go holds nothing up.
func TestABatchAndOneItCannotTell(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.returned(3)
	p.exec(`UPDATE members SET time_zone = 'Mars/Olympus', phone = '+16175560002' WHERE member_id = '100200300402'`)
	p.tick()
	p.wantSent(2)
	if got := p.one(`SELECT number, state, creates FROM notices WHERE state <> 'accepted'`); got != "+16175560002|planned|0" {
		t.Errorf("the third: %s", got)
	}
	p.exec(`UPDATE members SET time_zone = 'America/New_York'`)
	p.pass(time.Minute)
	p.wantSent(2)
	p.pass(5 * time.Minute)
	p.wantSent(3)
}

// failingStore is a store that cannot claim one notice, alone or with others.
type failingStore struct {
	notify.NoticeStore
	id int64
}

func (c failingStore) ClaimNotices(ctx context.Context, ids []int64, at notify.ClaimTime, decide func([]notify.Facts) ([]notify.Decision, error)) ([]notify.ClaimedNotice, error) {
	for _, id := range ids {
		if id == c.id {
			return nil, fmt.Errorf("row %d is broken", id)
		}
	}
	return c.NoticeStore.ClaimNotices(ctx, ids, at, decide)
}

// TestABatchAndOneThatCannotBeClaimed: the others go each for itself.
func TestABatchAndOneThatCannotBeClaimed(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.returned(6)
	ids := p.ids()
	c := p.newSender(failingStore{p.store, ids[0]})
	if err := c.Send(context.Background(), ids...); err == nil {
		t.Error("nobody hears of it")
	}
	p.wantSent(5)
}

// ids are those of all notices.
func (p *textFixture) ids() (ids []int64) {
	p.t.Helper()
	for _, row := range p.lines(`SELECT id FROM notices ORDER BY id`) {
		var id int64
		if _, err := fmt.Sscan(row, &id); err != nil {
			p.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// TestASlowBatchIsGivenBack: what has not begun while the claim is fresh did not leave, and goes later.
func TestASlowBatchIsGivenBack(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.returned(3)
	o := p.options()
	o.AtOnce = 1
	c := p.senderWith(o)
	p.carrier.before = func(string) error { p.machine.add(21 * time.Second); return nil }
	if err := c.Send(context.Background(), p.ids()...); err != nil {
		t.Fatal(err)
	}
	p.wantSent(1)
	if diff := cmp.Diff([]string{"accepted|1", "planned|0", "planned|0"}, p.lines(`SELECT state, creates FROM notices ORDER BY state`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.carrier.before = nil
	p.tick()
	p.wantSent(3)
}

// TestABatchAndTheDeath of its context: what has begun is written, what has not is given back.
func TestABatchAndTheDeath(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.returned(3)
	o := p.options()
	o.AtOnce = 1
	ctx, cancel := context.WithCancel(context.Background())
	p.carrier.before = func(string) error { cancel(); return nil }
	if err := p.senderWith(o).Send(ctx, p.ids()...); err != nil {
		t.Fatal(err)
	}
	p.wantSent(1)
	if diff := cmp.Diff([]string{"accepted|1", "planned|0", "planned|0"}, p.lines(`SELECT state, creates FROM notices ORDER BY state`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestABatchToOneNumber: each of its notices sees what became of the one before it.
func TestABatchToOneNumber(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.taken(anas, payments.Card, ana, false)
	p.taken(anaB, payments.Card, ana, false)
	seen := 0
	rules := p.rules
	_, err := p.store.ClaimNotices(context.Background(), p.ids(), notify.ClaimTime{Now: textsAt, MachineNow: textsAt, LeaseUntil: textsAt.Add(time.Minute)},
		func(facts []notify.Facts) ([]notify.Decision, error) {
			seen++
			if len(facts) != 1 {
				t.Errorf("%d at a time", len(facts))
			}
			v, err := rules.Decide(facts[0], textsAt)
			return []notify.Decision{v}, err
		})
	if err != nil || seen != 2 {
		t.Errorf("decided %d times, %v", seen, err)
	}
}
