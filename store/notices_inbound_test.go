package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/notify"
	"duebell/payments"
)

// TestO2OptOutIsConfirmedOnce: in words that Twilio does not answer, twice, and repeated by Twilio.
func TestO2OptOutIsConfirmedOnce(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ana, "alto")
	p.receive("SM1", ana, "alto")
	p.work()
	p.receive("SM2", ana, "basta")
	p.work()
	p.wantSent(1)
	p.wantState(notify.OptOutConfirm, notify.Accepted)
	if p.textable(ana) {
		t.Error("still textable")
	}
	if got := p.one(`SELECT source, words, lifted_at IS NULL FROM suppressions WHERE channel = 'sms' AND purpose = 'payments'`); got != "text|alto|true" {
		t.Errorf("suppression %s", got)
	}
	if got := p.one(`SELECT count(*) FROM consents WHERE ended_at IS NULL`); got != "0" {
		t.Error("consent is in force after an opt-out")
	}
	want := []string{"SM1|opt_out|alto", "SM2|opt_out|basta"}
	if diff := cmp.Diff(want, p.lines(`SELECT message_sid, class, words FROM inbound_texts ORDER BY message_sid`)); diff != "" {
		t.Errorf("inbound texts (-want +got):\n%s", diff)
	}
}

// TestO2TwilioAnswersItsOwnWords: recorded, and no word of ours.
func TestO2TwilioAnswersItsOwnWords(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	for _, step := range []struct {
		word     string
		textable bool
	}{{"STOP", false}, {"help", false}, {"START", true}, {"info", true}, {"Unsubscribe", false}} {
		p.receive("SM"+step.word, ana, step.word)
		p.work()
		if got := p.textable(ana); got != step.textable {
			t.Errorf("after %s textable: %v", step.word, got)
		}
	}
	p.wantSent(0)
	if got := p.one(`SELECT count(*) FROM notices`); got != "0" {
		t.Errorf("%s notices", got)
	}
}

// TestO4StartAgain: START is new consent and lifts what stood in the way; an opt-out after it is
// confirmed again, on the same day.
func TestO4StartAgain(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ana, "alto")
	p.receive("SM2", ana, "subscribe")
	p.work()
	if !p.textable(ana) {
		t.Error("not textable after the new consent")
	}
	p.receive("SM3", ana, "alto")
	p.work()
	want := []string{"optout_confirm|dropped", "optin_confirm|accepted", "optout_confirm|accepted"} // the first was overtaken
	if diff := cmp.Diff(want, p.lines(`SELECT kind, state FROM notices ORDER BY id`)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	want = []string{"application|false", "text|false"}
	if diff := cmp.Diff(want, p.lines(`SELECT source, ended_at IS NULL FROM consents ORDER BY id`)); diff != "" {
		t.Errorf("consents (-want +got):\n%s", diff)
	}
}

// TestO4OnlyStartLiftsTwiliosBlock: our own word changes nothing then.
func TestO4OnlyStartLiftsTwiliosBlock(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ana, "STOP")
	p.receive("SM2", ana, "subscribe")
	if p.textable(ana) {
		t.Error("lifted by a word that Twilio does not know")
	}
	p.receive("SM3", ana, "UNSTOP")
	if !p.textable(ana) {
		t.Error("not lifted by UNSTOP")
	}
	p.work()
	p.wantSent(0)
}

// TestO3AfterTheSwitchDate: STOP ends our automated calls and every other purpose as well.
func TestO3AfterTheSwitchDate(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ana, "alto")
	want := []string{"sms|all", "sms|payments", "voice|all"}
	if diff := cmp.Diff(want, p.lines(`SELECT channel, purpose FROM suppressions ORDER BY channel, purpose`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	q := newTextFixture(t)
	q.clock.at = time.Date(2027, time.January, 30, 15, 0, 0, 0, time.UTC)
	q.receive("SM1", ana, "alto")
	if diff := cmp.Diff([]string{"sms|payments"}, q.lines(`SELECT channel, purpose FROM suppressions`)); diff != "" {
		t.Errorf("before the switch date (-want +got):\n%s", diff)
	}
}

// TestOwnersWishBesideADeadNumber: an opt-out counts also where nothing arrives, and START brings both back.
func TestOwnersWishBesideADeadNumber(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	dead := notify.Suppression{Number: ana, Source: notify.FromUnreachable}
	if err := p.store.SuppressNumber(context.Background(), dead, p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if p.textable(ana) {
		t.Error("textable though nothing arrives")
	}
	p.receive("SM1", ana, "STOP")
	if got := p.one(`SELECT source FROM suppressions WHERE purpose = 'payments' AND lifted_at IS NULL`); got != "twilio" {
		t.Errorf("suppressed by %s", got)
	}
	if err := p.store.SuppressNumber(context.Background(), dead, p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if got := p.one(`SELECT source FROM suppressions WHERE purpose = 'payments' AND lifted_at IS NULL`); got != "twilio" {
		t.Errorf("the owner's wish gave way to %s", got)
	}
	p.receive("SM2", ana, "START")
	if !p.textable(ana) {
		t.Error("not textable after START")
	}
}

// TestO1ByPhone: off by key for anyone, confirmed once though the turn is delivered twice.
func TestO1ByPhone(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	for range 2 {
		if err := p.inbox.OptOut(context.Background(), ben, notify.FromKey, "key", "CA1/7"); err != nil {
			t.Fatal(err)
		}
	}
	p.work()
	p.wantSent(1)
	for range 2 {
		if err := p.inbox.OptIn(context.Background(), ben, notify.FromCall, "key", "CA1/9"); err != nil {
			t.Fatal(err)
		}
	}
	p.work()
	p.wantSent(2)
	if !p.textable(ben) {
		t.Error("not textable")
	}
}

// TestO9TextToRead: a person's task, and no answer.
func TestO9TextToRead(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ana, "cancel my payment of 198 dollars")
	p.work()
	p.wantSent(0)
	if got := p.one(`SELECT kind, detail, due_at FROM tasks`); got != "text-to-read|text SM1|2027-02-11T23:00:00Z" {
		t.Errorf("task %s", got)
	}
	if got := p.one(`SELECT words FROM inbound_texts`); got != "cancel my payment of ### dollars" {
		t.Errorf("kept %q", got)
	}
}

// TestO9HelpOnceADay: two answering machines must not talk to each other.
func TestO9HelpOnceADay(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ana, "I am driving")
	p.receive("SM2", ana, "I am driving")
	p.work()
	p.wantSent(1)
	p.pass(24 * time.Hour)
	p.receive("SM3", ana, "I am driving")
	p.work()
	p.wantSent(2)
}

// TestO10Real: what really went to the number, and nothing to another's.
func TestO10Real(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ben, "is this real?")
	p.work()
	p.taken(anas, payments.Card, ana, false)
	p.work()
	p.clock.add(24 * time.Hour)
	p.receive("SM2", ana, "is this real?")
	p.work()
	want := []string{
		"Health Connector: we sent you no text in the last 7 days. If you got one, do not answer it. Help: 1-877-623-6765. STOP to opt out, HELP for help.",
		"Health Connector, last 7 days: receipt 2/10. We never ask for bank details by text. Help: 1-877-623-6765.",
	}
	if diff := cmp.Diff(want, p.lines(`SELECT body FROM notices WHERE kind = 'real_reply' ORDER BY id`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestO2ConfirmedInTime: after five minutes the confirmation is not sent any more.
func TestO2ConfirmedInTime(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = times(1, errLater)
	p.receive("SM1", ana, "alto")
	p.work()
	p.pass(6 * time.Minute)
	p.wantSent(0)
	p.wantState(notify.OptOutConfirm, notify.Dropped)
}
