package store_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/lab/testenv"
	"duebell/notify"
	"duebell/payments"
	"duebell/store/limits"
	"duebell/store/sessions"
)

// paced gives a post's sender what it needs to keep a pace, asking a Redis of the test's own.
func (p *textFixture) paced(l notify.SendLimits) notify.SenderOptions {
	p.t.Helper()
	client, err := sessions.Connect(testenv.Redis(p.t))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = client.Close() })
	policy := billing.DefaultPolicy()
	cal, err := billing.NewCalendar(policy)
	if err != nil {
		p.t.Fatal(err)
	}
	pace := notify.PaceFromPolicy(l, "+18776236765", func(string) int { return 1 }, policy, cal)
	o := p.options()
	o.Pace = notify.NewPacer(limits.New(client), p.store, p.machine, pace)
	return o
}

func (p *textFixture) options() notify.SenderOptions {
	return notify.SenderOptions{StatusCallback: "https://pay.example.org/twilio/sms/status"}
}

func (p *textFixture) senderWith(o notify.SenderOptions) *notify.Sender {
	return notify.NewSender(p.store, p.carrier, p.rules, p.clock, p.machine, func(int) int { return 0 }, discard, o)
}

// returned plans so many texts about returned payments, each to a number of its own, ready to go.
func (p *textFixture) returned(n int) {
	p.t.Helper()
	p.exec(`INSERT INTO members (member_id, name, phone, mobile, language, time_zone)
		SELECT lpad((900000000000 + i)::text, 12, '0'), 'N', '+1617556' || lpad(i::text, 4, '0'), true, 'en', 'America/New_York' FROM generate_series(1, $1::int) i`, n)
	p.exec(`INSERT INTO accounts (account, member_id, kind, status)
		SELECT '79' || lpad(i::text, 7, '0'), lpad((900000000000 + i)::text, 12, '0'), 'health', 'active' FROM generate_series(1, $1::int) i`, n)
	p.exec(`INSERT INTO bills (account, coverage_month, revision, billed_cents)
		SELECT '79' || lpad(i::text, 7, '0'), '2027-03-01', 0, 19800 FROM generate_series(1, $1::int) i`, n)
	p.exec(`INSERT INTO consents (number, channel, purpose, source, at) SELECT '+1617556' || lpad(i::text, 4, '0'), 'sms', 'payments', 'application', $2 FROM generate_series(1, $1::int) i`, n, textsAt)
	p.exec(`INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, state, reference, offered_at, authorized_at, settled_at, returned_at, intent_id)
		SELECT 'returned' || i, 'CA9', i, '79' || lpad(i::text, 7, '0'), 100, 'card', 'returned', lpad((500000000 + i)::text, 9, '0'), $2, $2, $2, $2, 'pi_r' || i FROM generate_series(1, $1::int) i`, n, textsAt)
	p.exec(`WITH planned AS (
			INSERT INTO notices (reference, number, kind, language, local_day, attempt_key, state, created_at, not_before, not_after)
			SELECT 'r' || i, '+1617556' || lpad(i::text, 4, '0'), 'payment_returned', 'en', '2027-02-10', 'returned' || i, 'planned', $2::timestamptz, $2::timestamptz, $2::timestamptz + interval '7 days' FROM generate_series(1, $1::int) i
			RETURNING id, number, attempt_key)
		INSERT INTO notice_reasons (notice_id, kind, days_before, number, account, attempt_key)
		SELECT p.id, 'payment_returned', 0, p.number, a.account, p.attempt_key FROM planned p JOIN payment_attempts a ON a.key = p.attempt_key`, n, textsAt)
}

// drain ticks and works for a while, a step at a time, with several workers at once.
func (p *textFixture) drain(d, step time.Duration, senders ...*notify.Sender) {
	p.t.Helper()
	ctx := context.Background()
	for passed := time.Duration(0); passed < d; passed += step {
		for _, c := range senders {
			if _, err := c.Tick(ctx); err != nil {
				p.t.Fatal(err)
			}
		}
		done := make(chan error)
		ids := p.jobs.take()
		for i, c := range senders {
			go func() {
				var errs []error
				var mine []int64
				for at := i; at < len(ids); at += len(senders) {
					mine = append(mine, ids[at])
				}
				for batch := range slices.Chunk(mine, 7) {
					errs = append(errs, c.Send(ctx, batch...))
				}
				done <- errors.Join(errs...)
			}()
		}
		for range senders {
			if err := <-done; err != nil {
				p.t.Fatal(err)
			}
		}
		p.clock.add(step)
		p.machine.add(step)
	}
}

// TestRateIsSharedByWorkers: two of them send no more than one may, nothing is lost, and waiting is no attempt.
func TestRateIsSharedByWorkers(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.returned(60)
	o := p.paced(notify.SendLimits{SegmentsPerSecond: 10})
	a, b := p.senderWith(o), p.senderWith(o)
	p.drain(time.Second, time.Second, a, b)
	if got := p.carrier.sent(); got != 10 {
		t.Errorf("%d texts in the first second", got)
	}
	if got := p.one(`SELECT count(*), sum(creates), max(waits) FROM notices WHERE state = 'planned'`); got != "50|0|0" {
		t.Errorf("waiting: %s", got)
	}
	p.drain(9*time.Second, 500*time.Millisecond, a, b)
	p.wantSent(60)
	if got := p.one(`SELECT count(*), count(DISTINCT number) FROM notices WHERE state = 'accepted' AND creates = 1`); got != "60|60" {
		t.Errorf("sent: %s", got)
	}
}

// TestDayIsFullUntilMidnight: what does not fit waits for the sender's next day.
func TestDayIsFullUntilMidnight(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.returned(8)
	c := p.senderWith(p.paced(notify.SendLimits{SegmentsPerDay: 5}))
	p.drain(3*time.Second, time.Second, c)
	p.wantSent(5)
	if got := p.one(`SELECT DISTINCT not_before FROM notices WHERE state = 'planned'`); got != "2027-02-11T05:00:00Z" {
		t.Errorf("they wait until %s", got)
	}
	p.clock.add(24 * time.Hour)
	p.machine.add(24 * time.Hour)
	p.drain(3*time.Second, time.Second, c)
	p.wantSent(8)
}

// TestRedisGoneTextsWait: without the count nothing leaves, and nothing is lost.
func TestRedisGoneTextsWait(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	client, err := sessions.Connect("redis://127.0.0.1:1/0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	policy := billing.DefaultPolicy()
	cal, err := billing.NewCalendar(policy)
	if err != nil {
		t.Fatal(err)
	}
	o := p.options()
	o.Pace = notify.NewPacer(limits.New(client), p.store, p.machine, notify.PaceFromPolicy(notify.SendLimits{SegmentsPerSecond: 1}, "+1", func(string) int { return 1 }, policy, cal))
	c := p.senderWith(o)
	p.taken(anas, payments.Card, ana, false)
	for _, id := range p.jobs.take() {
		if c.Send(context.Background(), id) == nil {
			t.Error("sent without asking")
		}
	}
	p.wantState(notify.PaymentReceived, notify.Planned)
	p.pass(11 * time.Second) // a sender without limits
	p.wantSent(1)
}

// TestKindsTakeTurns: a queue of a hundred thousand of one kind does not hold another one up, and
// payment texts come before reminders.
func TestKindsTakeTurns(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	add := func(kind string, n int, ago time.Duration) {
		p.exec(`INSERT INTO notices (reference, number, kind, language, local_day, state, created_at, not_before)
			SELECT $1 || i, '+1617557' || lpad(i::text, 4, '0'), $1, 'en', '2027-02-10', 'planned', $3, $3 FROM generate_series(1, $2::int) i`, kind, n, textsAt.Add(-ago))
	}
	add("due_soon", 200, time.Hour)
	add("past_due", 20, time.Minute)
	add("grace_ending", 2, 0)
	add("payment_received", 3, 0)
	n := notify.EnqueueRequest{Now: textsAt, MachineNow: textsAt, RequeueAfter: textsAt.Add(10 * time.Second), First: 100, Reminders: 30}
	kinds := func() map[string]int {
		t.Helper()
		got, err := p.store.EnqueueDue(context.Background(), n)
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		ids := p.jobs.take()
		if len(ids) != got.Due {
			t.Errorf("%d queued, %d reported", len(ids), got.Due)
		}
		for _, id := range ids {
			count[p.one(`SELECT kind FROM notices WHERE id = $1`, id)]++
		}
		return count
	}
	if diff := cmp.Diff(map[string]int{"payment_received": 3, "due_soon": 14, "past_due": 14, "grace_ending": 2}, kinds()); diff != "" {
		t.Errorf("the first tick (-want +got):\n%s", diff)
	}
	if got := kinds(); len(got) != 0 { // no more are queued than may be, and what is queued is not queued again
		t.Errorf("the second tick: %v", got)
	}
	p.exec(`UPDATE notices SET state = 'accepted' WHERE queued_until IS NOT NULL AND kind <> 'payment_received'`)
	if diff := cmp.Diff(map[string]int{"due_soon": 24, "past_due": 6}, kinds()); diff != "" {
		t.Errorf("the third tick (-want +got):\n%s", diff)
	}
	n.MachineNow = n.RequeueAfter
	if got := kinds(); got["payment_received"] != 3 { // their jobs were lost
		t.Errorf("after the time of a job: %v", got)
	}
	p.exec(`INSERT INTO paused_kinds (kind, paused_at, why, by_whom) VALUES ('due_soon', $1, 'by hand', 'operator')`, textsAt)
	n.MachineNow = n.MachineNow.Add(time.Minute)
	n.RequeueAfter = n.MachineNow.Add(10 * time.Second)
	if got := kinds(); got["due_soon"] != 0 || got["past_due"] != 6 {
		t.Errorf("while one is stopped: %v", got)
	}
}

// TestFilteredStopsItsKind: no more of these words, an alarm's task once, and the others go on.
func TestFilteredStopsItsKind(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	p.reportCode(1, "undelivered", notify.CarrierFiltered, 30007)
	p.reportCode(1, "undelivered", notify.CarrierFiltered, 30007)
	if got := p.one(`SELECT kind, by_whom, probe_at IS NULL FROM paused_kinds`); got != "payment_received|carrier|true" {
		t.Errorf("stopped: %s", got)
	}
	if got := p.one(`SELECT kind, detail FROM tasks`); got != "texts-stopped|payment_received: filtered by a carrier, code 30007" {
		t.Errorf("task: %s", got)
	}
	p.taken(anaB, payments.Card, ana, false)
	p.work()
	p.pass(time.Minute)
	p.wantSent(1)
	if got := p.one(`SELECT state, creates FROM notices ORDER BY id DESC LIMIT 1`); got != "planned|0" {
		t.Errorf("the next receipt: %s", got)
	}
	p.receive("SM1", ana, "ayuda")
	p.work()
	p.wantSent(2)
	p.exec(`DELETE FROM paused_kinds`) // by hand
	p.pass(10 * time.Minute)
	p.wantSent(3)
}

// reportCode is a status callback with an error code.
func (p *textFixture) reportCode(n int, status string, t notify.Trouble, code int) {
	p.t.Helper()
	text := p.carrier.texts[n-1]
	_, reference, _ := strings.Cut(text.callback, "?n=")
	err := p.deliveries.Delivered(context.Background(), notify.StatusCallback{Reference: reference, SID: text.SID, Status: status, Code: code, Trouble: t})
	if err != nil {
		p.t.Errorf("callback %s: %v", status, err)
	}
}

// TestAccountTroubleStopsEverything, until a text that tries shows that it is over.
func TestAccountTroubleStopsEverything(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	broken := &notify.SendError{Kind: notify.SendAccountFault, Code: 20003, Trouble: notify.AccountTrouble}
	p.carrier.before = always(broken)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	if got := p.one(`SELECT kind, why, probe_at FROM paused_kinds`); got != "*|account or sender refused, code 20003|2027-02-10T15:05:00Z" {
		t.Errorf("stopped: %s", got)
	}
	if got := p.one(`SELECT kind FROM tasks`); got != "texts-stopped" {
		t.Errorf("task: %s", got)
	}
	p.receive("SM1", ana, "ayuda")
	p.receive("SM2", ben, "alto")
	asked := 0
	p.carrier.before = func(string) error { asked++; return broken }
	p.work()
	for range 9 {
		p.pass(time.Minute)
	}
	if asked != 1 { // at 15:05; the next one is due at 15:10
		t.Errorf("tried %d times in nine minutes", asked)
	}
	p.carrier.before = nil
	p.pass(2 * time.Minute)
	if got := p.one(`SELECT count(*) FROM paused_kinds`); got != "0" {
		t.Error("still stopped after a text went through")
	}
	p.pass(time.Minute)
	p.pass(10 * time.Minute)
	want := []string{"help_reply|accepted", "optout_confirm|dropped", "payment_received|accepted"}
	if diff := cmp.Diff(want, p.lines(`SELECT kind, state FROM notices ORDER BY kind`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.wantSent(2)
}

// TestAbroadIsNoAccountTrouble: whoever writes from a country that we do not text to stops nothing.
func TestAbroadIsNoAccountTrouble(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.carrier.before = always(&notify.SendError{Kind: notify.SendAccountFault, Code: 21408, Trouble: notify.AccountTrouble})
	p.receive("SM1", "+442071838750", "ayuda")
	p.work()
	p.wantState(notify.HelpReply, notify.Failed)
	if got := p.one(`SELECT count(*) FROM paused_kinds`); got != "0" {
		t.Error("everything is stopped")
	}
}

// TestTryLaterTwice: a phone that is off gets its text in the end, as notices of their own; none of them twice.
func TestTryLaterTwice(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	p.reportCode(1, "sent", "", 0)
	p.reportCode(1, "undelivered", notify.TryLater, 30003)
	p.reportCode(1, "undelivered", notify.TryLater, 30003)
	p.pass(14 * time.Minute)
	p.wantSent(1)
	p.pass(time.Minute)
	p.wantSent(2)
	p.reportCode(2, "undelivered", notify.TryLater, 30008)
	p.pass(2 * time.Hour)
	p.wantSent(3)
	p.reportCode(3, "undelivered", notify.TryLater, 30003)
	p.reportCode(1, "delivered", "", 0) // a word on the first one reaches the first one
	p.pass(24 * time.Hour)
	p.wantSent(3)
	want := []string{"undelivered|0|1|30003", "undelivered|1|1|30008", "undelivered|2|1|30003"}
	if diff := cmp.Diff(want, p.lines(`SELECT state, retries, creates, error_code FROM notices ORDER BY id`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.one(`SELECT count(*), count(DISTINCT notice_id), max(notice_id) = (SELECT max(id) FROM notices) FROM notice_reasons`); got != "1|1|true" {
		t.Errorf("the reason: %s", got)
	}
}

// TestRetryLooksAgain: what is not true any more is not sent again.
func TestRetryLooksAgain(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	a := p.taken(anas, payments.Bank, ana, false)
	p.work()
	p.reportCode(len(p.carrier.texts), "undelivered", notify.TryLater, 30003)
	if err := p.store.Return(context.Background(), a.Key, "R01", p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	sent := p.carrier.sent()
	p.pass(time.Hour)
	if got := p.one(`SELECT state, why FROM notices WHERE retries = 1`); got != "dropped|"+notify.WhyNotTaken {
		t.Errorf("the retry: %s", got)
	}
	if p.carrier.sent() != sent+1 { // the return
		t.Errorf("%d texts, want %d", p.carrier.sent(), sent+1)
	}
}

// poller is a carrier that answers for single texts.
func (c *carrier) FetchSMS(_ context.Context, sid string) (notify.CarrierText, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found++
	for _, t := range c.texts {
		if t.SID == sid {
			return t.CarrierText, c.lookErr
		}
	}
	return notify.CarrierText{}, errLost
}

// TestStuckTextsAreAskedFor: after one, six and twenty-four hours, and then no more.
func TestStuckTextsAreAskedFor(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	o := p.options()
	o.Poller = p.carrier
	p.sender = p.senderWith(o)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	p.pass(59 * time.Minute)
	if p.carrier.found != 0 {
		t.Error("asked too early")
	}
	p.pass(time.Minute)
	p.pass(time.Minute)
	p.wantState(notify.PaymentReceived, notify.Accepted)
	p.carrier.texts[0].Status = "sent" // its callback was lost
	p.pass(6 * time.Hour)
	p.wantState(notify.PaymentReceived, notify.Sent)
	p.carrier.lookErr = errLost
	p.pass(24 * time.Hour)
	p.carrier.lookErr = nil
	p.pass(48 * time.Hour)
	p.pass(48 * time.Hour)
	if p.carrier.found != 3 {
		t.Errorf("asked %d times", p.carrier.found)
	}
	if got := p.one(`SELECT state, polls, poll_at IS NULL FROM notices`); got != "sent|3|true" {
		t.Errorf("%s", got)
	}
	p.taken(anaB, payments.Card, ana, false)
	p.work()
	p.carrier.texts[1].Status = "delivered"
	p.pass(time.Hour)
	if got := p.one(`SELECT state, poll_at IS NULL FROM notices ORDER BY id DESC LIMIT 1`); got != "delivered|true" {
		t.Errorf("found delivered: %s", got)
	}
	p.wantSent(2)
}

// TestAMemberInNoKnownZone: billing may leave it out, and a payment must be taken all the same.
func TestAMemberInNoKnownZone(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.exec(`UPDATE members SET time_zone = ''`)
	p.taken(anas, payments.Card, ana, false)
	p.work()
	p.wantSent(1)
	if got := p.one(`SELECT local_day FROM notices`); !strings.HasPrefix(got, "2027-02-10") {
		t.Errorf("its day is %s", got)
	}
}

// TestO5Detached: the number is nobody's any more, and the import does not bring it back.
func TestO5Detached(t *testing.T) {
	t.Parallel()
	p := newTextFixture(t)
	p.receive("SM1", ana, "wrong number, stop texting me")
	p.work()
	p.wantSent(1)
	if got := p.one(`SELECT count(*) FROM members WHERE phone IS NULL`); got != "1" {
		t.Errorf("%s members without a phone", got)
	}
	if got := p.one(`SELECT kind, detail FROM tasks`); got != "wrong-number|text SM1" {
		t.Errorf("task: %s", got)
	}
	again := `INSERT INTO members (member_id, name, phone, mobile, language, time_zone) VALUES
		('100200300401', 'Ana', $1, true, 'en', 'America/New_York'), ('100200300402', 'Ben', $2, true, 'en', 'America/New_York')
		ON CONFLICT (member_id) DO UPDATE SET phone = excluded.phone`
	p.exec(again, ana, ben)
	if diff := cmp.Diff([]string{"", ben}, p.lines(`SELECT coalesce(phone, '') FROM members ORDER BY member_id`)); diff != "" {
		t.Errorf("after an import (-want +got):\n%s", diff)
	}
	p.exec(again, "+16175550177", ana) // another number of hers; hers is now Ben's
	if diff := cmp.Diff([]string{"+16175550177", ana}, p.lines(`SELECT phone FROM members ORDER BY member_id`)); diff != "" {
		t.Errorf("with other numbers (-want +got):\n%s", diff)
	}
}

// TestO3NoMoreCalls: what a key in a call ends, on which channel.
func TestO3NoMoreCalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at   time.Time
		want []string
	}{
		{time.Date(2027, time.January, 30, 15, 0, 0, 0, time.UTC), []string{"voice|payments"}},
		{textsAt, []string{"sms|all", "sms|payments", "voice|all"}},
	} {
		p := newTextFixture(t)
		p.clock.at = c.at
		p.exec(`INSERT INTO consents (number, channel, purpose, source, at) VALUES ($1, 'voice', 'payments', 'call', $2)`, ana, textsAt)
		for range 2 {
			if err := p.inbox.NoMoreCalls(context.Background(), ana, "CA1/1"); err != nil {
				t.Fatal(err)
			}
		}
		p.work()
		if diff := cmp.Diff(c.want, p.lines(`SELECT channel, purpose FROM suppressions ORDER BY 1, 2`)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		all := len(c.want) > 1
		if got := p.one(`SELECT count(*) FROM consents WHERE channel = 'voice' AND ended_at IS NULL`); got != "0" {
			t.Error("consent to calls is in force")
		}
		if got := p.textable(ana); got == all {
			t.Errorf("textable: %v", got)
		}
		p.wantSent(map[bool]int{true: 1, false: 0}[all])
	}
}
