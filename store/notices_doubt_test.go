package store_test

import (
	"testing"
	"time"

	"duebell/notify"
	"duebell/payments"
)

// TestN11LostReplyIsFound: the create is not repeated; the text is found by number, words and time.
func TestN11LostReplyIsFound(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.after = always(errLost)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	p.wantState(notify.PaymentReceived, notify.Unknown)
	p.pass(2*time.Minute - time.Second)
	if p.carrier.found != 0 {
		t.Error("looked before the callback had its two minutes")
	}
	p.pass(time.Second)
	p.wantSent(1)
	p.wantState(notify.PaymentReceived, notify.Accepted)
	if got := p.one(`SELECT message_sid, sent_at FROM notices`); got != p.carrier.texts[0].SID+"|2027-02-10T15:00:00Z" {
		t.Errorf("adopted %s", got)
	}
	p.callback(1, "delivered", "")
	p.wantState(notify.PaymentReceived, notify.Delivered)
}

// TestN11CallbackSettlesADoubt: it carries our reference, so no look-up is needed.
func TestN11CallbackSettlesADoubt(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.after = always(errLost)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	p.callback(1, "sent", "")
	p.wantState(notify.PaymentReceived, notify.Sent)
	p.pass(time.Hour)
	p.wantSent(1)
	if p.carrier.found != 0 {
		t.Errorf("%d look-ups for a text that was settled", p.carrier.found)
	}
}

// TestN11NeverThereIsSentOnceMore: looked for at 2, 5 and 10 minutes, then created again, once.
func TestN11NeverThereIsSentOnceMore(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = times(1, errLost)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	for i, d := range []time.Duration{2 * time.Minute, 3 * time.Minute} {
		p.pass(d)
		p.wantSent(0)
		if p.carrier.found != i+1 {
			t.Errorf("%d look-ups, want %d", p.carrier.found, i+1)
		}
	}
	p.pass(5 * time.Minute)
	p.tick()
	p.wantSent(1)
	p.wantState(notify.PaymentReceived, notify.Accepted)
}

// TestN11NeverThereTwice: then a person; a written notice becomes a letter (E6).
func TestN11NeverThereTwice(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = always(errLost)
	p.authorized(anas, payments.Bank, ana, false)
	p.work()
	for range 30 {
		p.pass(time.Minute)
	}
	p.wantSent(0)
	if got := p.one(`SELECT state, why, creates FROM notices`); got != "failed|not accepted twice|2" {
		t.Errorf("ended as %s", got)
	}
	p.wantLetter()
}

// TestN2StillTrueBeforeTheSecondCreate: an opt-out while it was looked for.
func TestN2StillTrueBeforeTheSecondCreate(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = times(1, errLost)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	p.receive("SM1", ana, "STOP")
	for range 15 {
		p.pass(time.Minute)
	}
	p.wantSent(0)
	p.wantState(notify.PaymentReceived, notify.Suppressed)
}

// TestLateCallbackPutsADropRight: given up as never accepted, and then the carrier speaks.
func TestLateCallbackPutsADropRight(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.after = always(errLost)
	p.authorized(anas, payments.Bank, ana, false)
	p.work()
	p.carrier.texts[0].Body = "changed on the way"
	for range 9 {
		p.pass(time.Minute)
	}
	p.clock.add(8 * time.Hour) // its window ends before it could be sent again
	p.tick()
	p.tick()
	p.wantState(notify.TelWrittenNotice, notify.Dropped)
	p.callback(1, "delivered", "")
	p.wantState(notify.TelWrittenNotice, notify.Delivered)
	p.wantSent(1)
}

// TestLookUpFails: a look that could not be made proves nothing and counts for nothing.
func TestLookUpFails(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.after = always(errLost)
	p.carrier.lookErr = errLost
	p.taken(anas, payments.Card, ana, false)
	p.work()
	for range 30 {
		p.pass(time.Minute)
	}
	p.wantSent(1)
	p.wantState(notify.PaymentReceived, notify.Unknown)
	p.carrier.lookErr = nil
	p.pass(5 * time.Minute)
	p.wantSent(1)
	p.wantState(notify.PaymentReceived, notify.Accepted)
}

// TestOneTextTwoNotices: nobody can tell whose it is, so neither goes again and a person looks.
func TestOneTextTwoNotices(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = times(1, errLost)
	p.carrier.after = always(errLost)
	p.declined(anas, ana)
	p.declined(anaB, ana)
	p.pass(time.Minute)
	for range 30 {
		p.pass(time.Minute)
	}
	p.wantSent(1)
	for _, got := range p.lines(`SELECT state, next_look_at IS NULL, creates FROM notices`) {
		if got != "unknown|true|1" {
			t.Errorf("one of the two: %s", got)
		}
	}
	if got := p.one(`SELECT count(*) FROM tasks WHERE kind = 'text-in-doubt'`); got != "2" {
		t.Errorf("%s tasks, want 2", got)
	}
}
