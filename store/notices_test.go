package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/notify"
	"duebell/payments"
)

// TestP3ReceiptGoesOnce: planned with the money, sent at once, whatever is repeated or out of order.
func TestP3ReceiptGoesOnce(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	a := p.taken(anas, payments.Card, ana, false)
	p.work()
	p.tick()
	p.wantSent(1)
	want := "+16175550101|payment_received|accepted|Health Connector: payment received 02/10/27. Confirmation " + a.Reference +
		". Questions: 1-877-623-6765. STOP to opt out, HELP for help.|2027-02-10T15:00:00Z|2027-02-10T15:00:00Z"
	if diff := cmp.Diff(want, p.one(`SELECT to_number, kind, state, body, created_at, sent_at FROM contract.texts`)); diff != "" {
		t.Errorf("contract.texts (-want +got):\n%s", diff)
	}
	for _, step := range []struct {
		says string
		want notify.State
	}{
		{"queued", notify.Accepted}, {"sent", notify.Sent}, {"sending", notify.Sent}, {"delivered", notify.Delivered},
		{"sent", notify.Delivered}, {"undelivered", notify.Delivered}, {"delivered", notify.Delivered}, {"on-its-way", notify.Delivered},
	} {
		p.callback(1, step.says, "")
		p.wantState(notify.PaymentReceived, step.want)
	}
	p.pass(time.Hour)
	p.wantSent(1)
}

// TestPlanOnce: a payment has one notice of a kind, however often it is asked for.
func TestPlanOnce(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	a := p.taken(bens, payments.Card, "", false)
	for range 3 {
		if err := p.store.TextResult(context.Background(), a.Key, ben, p.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	p.work()
	p.wantSent(1) // without consent, because it was asked for on the call
	if got := p.one(`SELECT count(*), count(DISTINCT notice_id) FROM notice_reasons`); got != "1|1" {
		t.Errorf("reasons and their notices: %s", got)
	}
}

// TestN2StopBetweenPlanAndSend: the fact at the instant of sending counts.
func TestN2StopBetweenPlanAndSend(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.taken(anas, payments.Card, ana, false)
	p.receive("SM1", ana, "STOP")
	p.work()
	p.wantSent(0)
	p.wantState(notify.PaymentReceived, notify.Suppressed)
	if got := p.one(`SELECT dropped_why FROM notice_reasons`); got != notify.WhyOptedOut {
		t.Errorf("its reason was dropped because %q", got)
	}
}

// TestN2WithoutConsent: none on file and not asked for on the call.
func TestN2WithoutConsent(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.taken(bens, payments.Card, ben, false)
	p.work()
	p.wantSent(0)
	p.wantState(notify.PaymentReceived, notify.Dropped)
}

// TestO4AskedForOnThisCall: the written notice goes in spite of an opt-out.
func TestO4AskedForOnThisCall(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ana, "STOP")
	p.authorized(anas, payments.Bank, ana, true)
	p.work()
	p.wantSent(1)
	p.wantState(notify.TelWrittenNotice, notify.Accepted)
}

// TestL3FailureHeard: a failure is texted only if the caller did not hear it on the call.
func TestL3FailureHeard(t *testing.T) {
	t.Parallel()
	for _, heard := range []bool{true, false} {
		p := newTextFixture(t)
		a := p.declined(anas, ana)
		p.tick()
		p.wantSent(0) // the caller on hold gets a moment to hear it
		want := 1
		if heard {
			want = 0
			if err := p.store.MarkHeard(context.Background(), a.Key, p.clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
		p.pass(time.Minute)
		p.wantSent(want)
	}
}

// TestN4ReturnWaitsForTheWindow: nobody has just asked for it.
func TestN4ReturnWaitsForTheWindow(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	a := p.taken(anas, payments.Card, "", false)
	p.exec(`UPDATE payment_attempts SET text_number = $1`, ana)
	p.clock.at = time.Date(2027, time.February, 12, 8, 0, 0, 0, time.UTC) // 03:00 in Boston
	if err := p.store.Return(context.Background(), a.Key, "disputed", p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	p.work()
	p.wantSent(0)
	if got := p.one(`SELECT state, not_before FROM notices`); got != "planned|2027-02-12T14:00:00Z" {
		t.Errorf("waits: %s", got)
	}
	p.pass(6*time.Hour - time.Second)
	p.wantSent(0)
	p.pass(time.Second)
	p.wantSent(1)
}

// TestL5ReturnPaidMeanwhile: "your bill is still unpaid" must be true.
func TestL5ReturnPaidMeanwhile(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	a := p.taken(anaB, payments.Card, "", false)
	p.exec(`UPDATE payment_attempts SET text_number = $1`, ana)
	if err := p.store.Return(context.Background(), a.Key, "disputed", p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	p.taken(anaB, payments.Card, "", false) // 50.00 of 31.50
	p.work()
	p.wantSent(0)
	p.wantState(notify.PaymentReturned, notify.Dropped)
}

// TestRateLimited: nothing was processed, so it is made again after a while and counts as one.
func TestRateLimited(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = times(3, errLater)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	if got := p.one(`SELECT state, creates, waits, body IS NULL FROM notices`); got != "planned|0|1|true" {
		t.Errorf("put off: %s", got)
	}
	for range 10 {
		p.pass(time.Second)
	}
	p.wantSent(1)
	if got := p.one(`SELECT state, creates, waits FROM notices`); got != "accepted|1|3" {
		t.Errorf("sent: %s", got)
	}
}

// TestO2BlockedByTheCarrier: 21610 writes the suppression that a STOP would have written.
func TestO2BlockedByTheCarrier(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = always(errStopped)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	p.wantState(notify.PaymentReceived, notify.Suppressed)
	if got := p.one(`SELECT number, source FROM suppressions WHERE lifted_at IS NULL`); got != ana+"|carrier" {
		t.Errorf("suppressed: %s", got)
	}
	if p.textable(ana) {
		t.Error("still textable")
	}
}

// TestN11Landline: nothing will ever arrive: no more texts, a task, and the notice by letter (E6).
func TestN11Landline(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = always(errFixed)
	p.authorized(anas, payments.Bank, ana, true)
	p.work()
	p.wantState(notify.TelWrittenNotice, notify.Failed)
	p.wantLetter()
	if got := p.one(`SELECT source FROM suppressions WHERE lifted_at IS NULL`); got != "undeliverable" {
		t.Errorf("suppressed by %s", got)
	}
	if got := p.one(`SELECT count(*) FROM tasks WHERE kind = 'number-takes-no-texts'`); got != "1" {
		t.Errorf("%s tasks", got)
	}
}

// wantLetter: the written notice goes by letter the same day, and a person knows.
func (p *textFixture) wantLetter() {
	p.t.Helper()
	if got := p.lines(`SELECT kind, posted_on IS NULL FROM letters`); len(got) != 1 || got[0] != "written-notice|true" {
		p.t.Errorf("letters: %v", got)
	}
	if got := p.one(`SELECT count(*), min(account) FROM tasks WHERE kind = 'written-notice-by-letter'`); got != "1|"+anas {
		p.t.Errorf("tasks: %s", got)
	}
}

// TestE6UndeliveredBecomesALetter: also when only the carrier's last word says so, however often.
func TestE6UndeliveredBecomesALetter(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.authorized(anas, payments.Bank, ana, false)
	p.work()
	p.callback(1, "sent", "")
	p.callback(1, "undelivered", notify.TryLater)
	p.callback(1, "undelivered", notify.TryLater)
	p.wantState(notify.TelWrittenNotice, notify.Undelivered)
	p.wantLetter()
	if p.textable(ana) != true {
		t.Error("a passing fault switched texts off")
	}
}

// TestE6OutOfTime: a written notice that could not go in its window becomes a letter.
func TestE6OutOfTime(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = always(errLater)
	p.authorized(anas, payments.Bank, ana, false)
	p.work()
	p.clock.add(9 * time.Hour)
	p.tick()
	p.wantState(notify.TelWrittenNotice, notify.Dropped)
	p.wantLetter()
}

// TestE6CancelledNeedsNoLetter: there is no debit any more.
func TestE6CancelledNeedsNoLetter(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	a := p.authorized(anas, payments.Bank, ana, false)
	if _, err := p.store.Void(context.Background(), a.Key, p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	p.work()
	p.wantSent(0)
	p.wantState(notify.TelWrittenNotice, notify.Dropped)
	if got := p.lines(`SELECT kind FROM letters`); len(got) != 0 {
		t.Errorf("letters: %v", got)
	}
}

// TestManySendersAtOnce: one create, however many jobs wake senders.
func TestManySendersAtOnce(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.taken(anas, payments.Card, ana, false)
	ids := p.jobs.take()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := p.newSender(p.store).Send(context.Background(), ids[0]); err != nil {
				t.Errorf("send: %v", err)
			}
		})
	}
	all.Wait()
	p.wantSent(1)
	p.wantState(notify.PaymentReceived, notify.Accepted)
}

// TestCallbackOfNobody: a reference that is not ours is said to be so.
func TestCallbackOfNobody(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	err := p.deliveries.Delivered(context.Background(), notify.StatusCallback{Reference: "nobody", SID: "SM1", Status: "sent"})
	if !errors.Is(err, notify.ErrNoSuchText) {
		t.Errorf("got %v", err)
	}
}

// TestSecondTextOfOneNotice: the first text stays the notice's.
func TestSecondTextOfOneNotice(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	reference := p.one(`SELECT reference FROM notices`)
	got, err := p.store.RecordReports(context.Background(), []notify.DeliveryReport{{Reference: reference, SID: "SM9", State: notify.Delivered}}, p.clock.Now())
	if err != nil || !got[0].SentTwice || got[0].Changed {
		t.Errorf("reported %+v, %v", got, err)
	}
	if got := p.one(`SELECT message_sid, state FROM notices`); got != p.carrier.texts[0].SID+"|accepted" {
		t.Errorf("the notice is now %s", got)
	}
}
