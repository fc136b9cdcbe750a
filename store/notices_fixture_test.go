package store_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/internal/seal"
	"duebell/lab/testenv"
	"duebell/notify"
	"duebell/payments"
	"duebell/store"
	"duebell/voiceprompts"
)

// textsAt is when the tests of texts begin: a Wednesday morning in Boston.
var textsAt = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

const (
	ana  = "+16175550101" // owes 198.00 and 31.50, has consented to texts
	ben  = "+16175550102" // has not
	anas = "712345678"
	anaB = "712345686"
	bens = "723456789"
)

var discard = slog.New(slog.DiscardHandler)

// testClock is a clock that moves when it is told to.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func (m *testClock) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (m *testClock) add(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = m.at.Add(d)
}

// jobQueue collects the jobs that the store enqueues.
type jobQueue struct {
	mu      sync.Mutex
	ids     []int64
	batches map[string][]int // how long they are, by queue
}

func (l *jobQueue) InsertManyFastTx(_ context.Context, _ pgx.Tx, params []river.InsertManyParams) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range params {
		if job, ok := p.Args.(store.NoticeJob); ok {
			l.ids = append(l.ids, job.IDs...)
			l.batches[p.InsertOpts.Queue] = append(l.batches[p.InsertOpts.Queue], len(job.IDs))
		}
	}
	return len(params), nil
}

func (l *jobQueue) take() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := l.ids
	l.ids = nil
	return ids
}

// carrier is a Twilio that takes texts, loses replies and refuses when told to. before and after run
// around the creation of a text; an error of before keeps it from being created, one of after loses
// the reply.
type carrier struct {
	mu            sync.Mutex
	clock         *testClock
	texts         []carried
	before, after func(to string) error
	found         int // look-ups so far
	lookErr       error
}

type carried struct {
	notify.CarrierText
	to, callback string
}

func (c *carrier) SendSMS(_ context.Context, to, body, callback string) (string, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.before != nil {
		if err := c.before(to); err != nil {
			return "", "", err
		}
	}
	sid := fmt.Sprintf("SM%032d", len(c.texts)+1)
	c.texts = append(c.texts, carried{
		CarrierText: notify.CarrierText{SID: sid, Body: body, Status: "queued", Ours: true, CreatedAt: c.clock.Now().Truncate(time.Second)},
		to:          to, callback: callback,
	})
	if c.after != nil {
		if err := c.after(to); err != nil {
			return "", "", err
		}
	}
	return sid, "queued", nil
}

func (c *carrier) FindSMS(_ context.Context, to string, from, until time.Time) ([]notify.CarrierText, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found++
	if c.lookErr != nil {
		return nil, c.lookErr
	}
	var found []notify.CarrierText
	for _, t := range c.texts {
		if t.to == to && !t.CreatedAt.Before(from) && !t.CreatedAt.After(until) {
			found = append(found, t.CarrierText)
		}
	}
	return found, nil
}

func (c *carrier) sent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.texts)
}

var (
	errLost    = &notify.SendError{Kind: notify.SendUnknown}
	errLater   = &notify.SendError{Kind: notify.SendRateLimited, Code: 20429, Trouble: notify.TryLater}
	errStopped = &notify.SendError{Kind: notify.SendRefused, Code: 21610, Trouble: notify.OptedOut}
	errFixed   = &notify.SendError{Kind: notify.SendRefused, Code: 21614, Trouble: notify.Landline}
)

// always gives a hook that fails every time.
func always(err error) func(string) error { return func(string) error { return err } }

// times gives a hook that fails the first n times.
func times(n int, err error) func(string) error {
	return func(string) error {
		if n--; n >= 0 {
			return err
		}
		return nil
	}
}

// textFixture is the store with a sender, a carrier that the test controls, and two members: everything
// between a payment that causes a text and its delivery report.
type textFixture struct {
	t              testing.TB
	pool           *pgxpool.Pool
	store          *store.Store
	jobs           *jobQueue
	carrier        *carrier
	clock, machine *testClock
	rules          *notify.Rules
	sender         *notify.Sender
	deliveries     *notify.DeliveryTracker
	inbox          *notify.Inbox
	turn           int
}

func newTextFixture(t testing.TB) *textFixture {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	keys, err := seal.ParseKeys("k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	p := &textFixture{t: t, pool: pool, jobs: &jobQueue{batches: map[string][]int{}}, clock: &testClock{at: textsAt}, machine: &testClock{at: textsAt}}
	p.carrier = &carrier{clock: p.clock}
	p.store = store.New(pool, p.jobs, keys, keys, p.machine)
	policy := billing.DefaultPolicy()
	cal, err := billing.NewCalendar(policy)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	p.rules = notify.NewRules(policy, cal, notify.NewWords(catalog, []string{"en"}))
	p.sender = p.newSender(p.store)
	p.deliveries = notify.NewDeliveryTracker(p.store, p.clock, discard, nil)
	p.inbox = notify.NewInbox(p.store, policy, cal, p.clock, discard)
	p.exec(`INSERT INTO members (member_id, name, phone, mobile, language, time_zone) VALUES
		('100200300401', 'Ana Sample', $1, true, 'en', 'America/New_York'), ('100200300402', 'Ben Sample', $2, true, 'en', 'America/New_York')`, ana, ben)
	p.exec(`INSERT INTO accounts (account, member_id, kind, status) VALUES
		($1, '100200300401', 'health', 'active'), ($2, '100200300401', 'dental', 'active'), ($3, '100200300402', 'health', 'active')`, anas, anaB, bens)
	p.exec(`INSERT INTO bills (account, coverage_month, revision, billed_cents) VALUES
		($1, '2027-03-01', 0, 19800), ($2, '2027-03-01', 0, 3150), ($3, '2027-03-01', 0, 19800)`, anas, anaB, bens)
	if err := p.store.GrantConsent(context.Background(), notify.Consent{Number: ana, Source: notify.FromApplication}, textsAt); err != nil {
		t.Fatal(err)
	}
	return p
}

// newSender is one worker's sender over a store that may fail.
func (p *textFixture) newSender(notices notify.NoticeStore) *notify.Sender {
	return notify.NewSender(notices, p.carrier, p.rules, p.clock, p.machine, func(int) int { return 0 }, discard,
		notify.SenderOptions{StatusCallback: "https://pay.example.org/twilio/sms/status"})
}

func (p *textFixture) exec(query string, args ...any) {
	p.t.Helper()
	if _, err := p.pool.Exec(context.Background(), query, args...); err != nil {
		p.t.Fatal(err)
	}
}

// lines gives the rows of a query, columns joined by bars.
func (p *textFixture) lines(query string, args ...any) []string {
	p.t.Helper()
	return (&billingFixture{t: p.t, pool: p.pool}).rows(query, args...)
}

// one is the only row of a query.
func (p *textFixture) one(query string, args ...any) string {
	p.t.Helper()
	rows := p.lines(query, args...)
	if len(rows) != 1 {
		p.t.Fatalf("%d rows, want 1: %v", len(rows), rows)
	}
	return rows[0]
}

// state is the state of the only notice of a kind.
func (p *textFixture) state(k notify.Kind) string {
	p.t.Helper()
	return p.one(`SELECT state FROM notices WHERE kind = $1`, string(k))
}

func (p *textFixture) wantState(k notify.Kind, want notify.State) {
	p.t.Helper()
	if got := p.state(k); got != string(want) {
		p.t.Errorf("%s is %s, want %s", k, got, want)
	}
}

func (p *textFixture) wantSent(n int) {
	p.t.Helper()
	if got := p.carrier.sent(); got != n {
		p.t.Errorf("%d texts at the carrier, want %d", got, n)
	}
}

// authorized is a payment whose consent is on record, its texts to number.
func (p *textFixture) authorized(account string, m payments.Method, number string, asked bool) payments.Attempt {
	p.t.Helper()
	ctx := context.Background()
	p.turn++
	a := payments.Attempt{
		Key: fmt.Sprintf("attempt%018d", p.turn), Call: "CA1", Turn: p.turn, Account: account, Cents: 5000,
		Method: m, Language: "en", OfferedAt: p.clock.Now(),
	}
	copied := payments.NoCopy
	if m == payments.Bank {
		a.BankType, copied = payments.Checking, payments.TextCopy
	}
	if _, err := p.store.Offer(ctx, a); err != nil {
		p.t.Fatal(err)
	}
	got, err := p.store.Authorize(ctx, payments.Authorization{
		Key: a.Key, Token: &payments.Token{Value: "pm_1", Last4: "6789"}, Copy: copied, TextTo: number, TextAsked: asked,
		Consent:   payments.Consent{Terms: "terms", Version: "1", Language: "en", Given: "1", TermsAt: p.clock.Now(), GivenAt: p.clock.Now()},
		Reference: fmt.Sprintf("%09d", p.turn),
	}, func(payments.LimitCounts, payments.Attempt) error { return nil }, p.clock.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

func (p *textFixture) claim(a payments.Attempt) payments.ChargeLease {
	p.t.Helper()
	c, err := p.store.LeaseAttempt(context.Background(), a.Key, p.clock.Now(), p.machine.Now(), p.machine.Now().Add(time.Minute))
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// taken is a payment whose money came.
func (p *textFixture) taken(account string, m payments.Method, number string, asked bool) payments.Attempt {
	p.t.Helper()
	c, err := p.store.RecordIntent(context.Background(), p.claim(p.authorized(account, m, number, asked)), fmt.Sprintf("pi_%d", p.turn))
	if err != nil {
		p.t.Fatal(err)
	}
	got, err := p.store.Take(context.Background(), c, p.clock.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

// declined is a payment that failed, after the grace in which the caller may hear it.
func (p *textFixture) declined(account, number string) payments.Attempt {
	p.t.Helper()
	got, err := p.store.Decline(context.Background(), p.claim(p.authorized(account, payments.Card, number, false)), "card_declined", p.clock.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

// work sends what is queued until nothing is.
func (p *textFixture) work() {
	p.t.Helper()
	for ids := p.jobs.take(); len(ids) > 0; ids = p.jobs.take() {
		if err := p.sender.Send(context.Background(), ids...); err != nil { // one batch
			p.t.Errorf("send: %v", err)
		}
	}
}

// pass moves both clocks, ticks and works.
func (p *textFixture) pass(d time.Duration) {
	p.t.Helper()
	p.clock.add(d)
	p.machine.add(d)
	p.tick()
}

func (p *textFixture) tick() {
	p.t.Helper()
	if _, err := p.sender.Tick(context.Background()); err != nil {
		p.t.Errorf("tick: %v", err)
	}
	p.work()
}

// callback is what the carrier posts about its nth text.
func (p *textFixture) callback(n int, status string, t notify.Trouble) {
	p.t.Helper()
	text := p.carrier.texts[n-1]
	_, reference, ok := strings.Cut(text.callback, "https://pay.example.org/twilio/sms/status?n=")
	if !ok {
		p.t.Fatalf("callback address %q", text.callback)
	}
	if err := p.deliveries.Delivered(context.Background(), notify.StatusCallback{Reference: reference, SID: text.SID, Status: status, Trouble: t}); err != nil {
		p.t.Errorf("callback %s: %v", status, err)
	}
}

func (p *textFixture) receive(sid, from, body string) {
	p.t.Helper()
	if err := p.inbox.Receive(context.Background(), notify.Incoming{SID: sid, From: from, Body: body}); err != nil {
		p.t.Errorf("receive: %v", err)
	}
}

func (p *textFixture) textable(number string) bool {
	p.t.Helper()
	ok, err := p.store.Textable(context.Background(), number, billing.DefaultPolicy().SMSBasis)
	if err != nil {
		p.t.Fatal(err)
	}
	return ok
}
