package payments_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/internal/seal"
	"duebell/lab/processor"
	"duebell/lab/testenv"
	"duebell/payments"
	"duebell/payments/stripe"
	"duebell/store"
)

const (
	apiKey    = "sk_test_fixture"
	secret    = "whsec_fixture"
	visa      = "pm_card_visa"
	badCard   = "pm_card_visa_chargeDeclined"
	askCard   = "pm_card_authenticationRequired"
	goodBank  = "pm_usBankAccount_success"
	emptyBank = "pm_usBankAccount_insufficientFunds"
	anaPhone  = "+16175550101"
)

// startsAt is when the tests begin: a Wednesday morning in Boston.
var startsAt = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

// manualClock stands until it is moved.
type manualClock struct {
	mu sync.Mutex
	at time.Time
}

func (h *manualClock) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *manualClock) add(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// queuedJobs takes the place of River's client and keeps the attempt keys of the charge jobs that
// the store enqueues.
type queuedJobs struct {
	mu   sync.Mutex
	keys []string
}

func (n *queuedJobs) InsertManyFastTx(_ context.Context, _ pgx.Tx, params []river.InsertManyParams) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range params {
		if job, ok := p.Args.(store.ChargeJob); ok {
			n.keys = append(n.keys, job.Key)
		}
	}
	return len(params), nil
}

func (n *queuedJobs) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	keys := n.keys
	n.keys = nil
	return keys
}

// errorLog is a slog.Handler that keeps the messages logged at error level.
type errorLog struct {
	mu    sync.Mutex
	lines []string
}

func (a *errorLog) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (a *errorLog) WithAttrs([]slog.Attr) slog.Handler           { return a }
func (a *errorLog) WithGroup(string) slog.Handler                { return a }
func (a *errorLog) Handle(_ context.Context, r slog.Record) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, r.Message)
	return nil
}

func (a *errorLog) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := a.lines
	a.lines = nil
	return lines
}

// testReporter is what testing.TB and rapid.T have in common.
type testReporter interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// fixture is this package on a real database and the processor's stand-in over HTTP, with clocks
// that tests move.
type fixture struct {
	t              testReporter
	pool           *pgxpool.Pool
	store          *store.Store
	processor      *processor.Processor
	gateway        *stripe.Gateway
	url            string
	jobs           *queuedJobs
	clock, machine *manualClock
	errors         *errorLog
	log            *slog.Logger
	policy         billing.Policy
	cal            *billing.Calendar
	checkout       *payments.Checkout
	charger        *payments.Charger
	events         *payments.EventReceiver
	sweeper        *payments.Sweeper
	turnLeases     *fakeTurnLeases
	calls          int
	accounts       int
}

// fakeTurnLeases says which calls have a turn that is being answered, or fails.
type fakeTurnLeases struct {
	leased map[string]bool
	err    error
}

func (l *fakeTurnLeases) Leased(_ context.Context, call string) (bool, error) {
	return l.leased[call], l.err
}

// newFixture opens a fixture on a database of its own.
func newFixture(t testing.TB) *fixture { return newFixtureAt(t, testenv.Postgres(t)) }

func newFixtureAt(t testing.TB, dsn string) *fixture {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	keys, err := seal.ParseKeys("k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	p := &fixture{
		t: t, pool: pool, jobs: &queuedJobs{}, clock: &manualClock{at: startsAt}, machine: &manualClock{at: startsAt}, errors: &errorLog{},
		policy: billing.DefaultPolicy(), turnLeases: &fakeTurnLeases{leased: map[string]bool{}},
	}
	p.log = slog.New(p.errors)
	if p.cal, err = billing.NewCalendar(p.policy); err != nil {
		t.Fatal(err)
	}
	p.store = store.New(pool, p.jobs, keys, keys, p.machine)
	p.openProcessor()
	p.checkout = payments.NewCheckout(p.store, p.clock, (&seededRand{Rand: rand.New(rand.NewPCG(1, 2))}).intN, p.policy).WithReplacementWindow(p.cal)
	p.charger = p.worker(p.store, p.gateway)
	p.events = payments.NewEventReceiver(p.store, p.gateway, p.clock, p.log)
	p.sweeper = payments.NewSweeper(p.store, p.turnLeases, p.clock, p.machine, p.policy, p.log)
	p.exec(`INSERT INTO members (member_id, name, phone, mobile, language, time_zone)
		VALUES ('100200300401', 'Ana Sample', $1, true, 'en', 'America/New_York')`, anaPhone)
	return p
}

// openProcessor starts the stand-in, which sends its events back to us as Stripe would.
func (p *fixture) openProcessor() {
	hook := httptest.NewServer(http.HandlerFunc(p.webhook))
	p.t.Cleanup(hook.Close)
	p.processor = processor.New(processor.Config{
		Now: p.clock.Now, APIKey: apiKey, WebhookURL: hook.URL, WebhookSecret: secret, MOTO: true,
		AddBankingDays: func(t time.Time, n int) time.Time { return t.AddDate(0, 0, n) },
	})
	srv := httptest.NewServer(p.processor)
	p.t.Cleanup(srv.Close)
	p.t.Cleanup(p.processor.Close)
	p.url = srv.URL
	p.gateway = p.gatewayFor(apiKey)
}

func (p *fixture) gatewayFor(key string) *stripe.Gateway {
	return stripe.New(stripe.Config{Key: key, URL: p.url})
}

func (p *fixture) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	ev, err := stripe.ParseEvent(body, r.Header.Get("Stripe-Signature"), secret)
	if err == nil {
		err = p.events.Receive(r.Context(), ev)
	}
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// seededRand draws the same numbers in every run.
type seededRand struct {
	mu sync.Mutex
	*rand.Rand
}

func (d *seededRand) intN(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.IntN(n)
}

func (p *fixture) worker(store payments.ChargeStore, g payments.Gateway) *payments.Charger {
	return payments.NewCharger(store, g, p.clock, p.machine, p.log, payments.ChargerOptions{})
}

func (p *fixture) exec(query string, args ...any) {
	p.t.Helper()
	if _, err := p.pool.Exec(context.Background(), query, args...); err != nil {
		p.t.Fatal(err)
	}
}

// query returns a query's rows, columns joined by bars.
func (p *fixture) query(query string, args ...any) []string {
	p.t.Helper()
	rows, err := p.pool.Query(context.Background(), query, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		cells := make([]string, len(values))
		for i, v := range values {
			cells[i] = fmt.Sprint(v)
			if at, ok := v.(time.Time); ok {
				cells[i] = at.UTC().Format(time.RFC3339Nano)
			}
		}
		return strings.Join(cells, "|"), err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return list
}

// queryOne returns the only row of a query.
func (p *fixture) queryOne(query string, args ...any) string {
	p.t.Helper()
	list := p.query(query, args...)
	if len(list) != 1 {
		p.t.Fatalf("%d rows, want 1: %v", len(list), list)
	}
	return list[0]
}

// wantRows compares a query's rows with the wanted ones, in order.
func (p *fixture) wantRows(what, query string, args []any, rows ...string) {
	p.t.Helper()
	if got := p.query(query, args...); !slices.Equal(got, rows) {
		p.t.Errorf("%s: %v, want %v", what, got, rows)
	}
}

// newAccount inserts an account that owes 198.00, due on the 23rd, and returns its number.
func (p *fixture) newAccount() string {
	p.t.Helper()
	p.accounts++
	number := fmt.Sprintf("7%08d", p.accounts)
	p.exec(`INSERT INTO accounts (account, member_id, kind, status) VALUES ($1, '100200300401', 'health', 'active')`, number)
	p.exec(`INSERT INTO bills (account, coverage_month, revision, billed_cents) VALUES ($1, '2027-03-01', 0, 19800)`, number)
	return number
}

// newAttempt returns what a caller who owes 198.00 is offered, in a call of its own; nothing is
// stored.
func (p *fixture) newAttempt(account string, m payments.Method) payments.Attempt {
	p.calls++
	a := payments.Attempt{
		Call: fmt.Sprintf("CA%d", p.calls), Turn: 7, Account: account, Cents: 19800, Method: m, Caller: "+1617556" + fmt.Sprintf("%04d", p.calls), Language: "en",
	}
	if m == payments.Bank {
		a.BankType = payments.Checking
	}
	return a
}

// authorization returns the consent to an offer: for cards with the token, for bank accounts with a
// written notice by text.
func (p *fixture) authorization(a payments.Attempt, token string) payments.Authorization {
	auth := payments.Authorization{
		Key: a.Key, Copy: payments.NoCopy, TextTo: anaPhone,
		Consent: payments.Consent{
			Terms: "198 dollars and 0 cents", Version: "1", Language: "en", Given: "key 1", TermsAt: p.clock.Now(), GivenAt: p.clock.Now(),
		},
	}
	if a.Method == payments.Card {
		auth.Token = &payments.Token{Value: token, Last4: "4242"}
		return auth
	}
	auth.Copy = payments.TextCopy
	return auth
}

// mustOffer stores an offer; one for a bank account is tokenized too.
func (p *fixture) mustOffer(account, token string) payments.Attempt {
	p.t.Helper()
	m := payments.Card
	if strings.HasPrefix(token, "pm_usBank") {
		m = payments.Bank
	}
	a, err := p.checkout.Offer(context.Background(), p.newAttempt(account, m))
	if err != nil {
		p.t.Fatal(err)
	}
	if m == payments.Bank {
		if a, err = p.checkout.Tokenize(context.Background(), a.Key, payments.Token{Value: token, Last4: "6789"}); err != nil {
			p.t.Fatal(err)
		}
	}
	return a
}

// mustAuthorize stores an authorized attempt on an account of its own.
func (p *fixture) mustAuthorize(token string) payments.Attempt {
	p.t.Helper()
	a := p.mustOffer(p.newAccount(), token)
	got, err := p.checkout.Authorize(context.Background(), p.authorization(a, token))
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

func (p *fixture) run(c *payments.Charger, key string) {
	p.t.Helper()
	if err := c.Run(context.Background(), key); err != nil {
		p.t.Errorf("charge: %v", err)
	}
}

// advance moves both clocks and the processor with them, which then delivers its events.
func (p *fixture) advance(d time.Duration) {
	p.t.Helper()
	p.clock.add(d)
	p.machine.add(d)
	if err := p.processor.Advance(context.Background(), p.clock.Now()); err != nil {
		p.t.Fatal(err)
	}
}

// sweep runs the sweeper, then a sound worker for each attempt that was woken, until none is.
func (p *fixture) sweep() {
	p.t.Helper()
	p.jobs.take()
	if _, err := p.sweeper.Tick(context.Background()); err != nil {
		p.t.Errorf("sweep: %v", err)
	}
	for keys := p.jobs.take(); len(keys) > 0; keys = p.jobs.take() {
		for _, key := range keys {
			p.run(p.charger, key)
		}
	}
}

// setFault breaks the processor's stand-in, or repairs it ("up").
func (p *fixture) setFault(words string) {
	p.t.Helper()
	if err := p.processor.SetFault(words); err != nil {
		p.t.Fatal(err)
	}
}

func (p *fixture) load(key string) payments.Attempt {
	p.t.Helper()
	a, err := p.store.Attempt(context.Background(), key)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// wantState compares the attempt's state, the ledger and the processor's charges with the wanted
// state.
func (p *fixture) wantState(key string, want payments.State) {
	p.t.Helper()
	a := p.load(key)
	if a.State != want {
		p.t.Errorf("the attempt is %s (%s), want %s", a.State, a.Code, want)
	}
	entries := map[payments.State][]string{payments.Taken: {"payment|19800"}, payments.Returned: {"payment|19800", "reversal|-19800"}}
	p.wantRows("ledger", `SELECT kind, cents FROM ledger WHERE attempt_key = $1 ORDER BY id`, []any{key}, entries[want]...)
	p.wantRows("received", `SELECT received_at FROM ledger WHERE attempt_key = $1 AND kind = 'payment' AND received_at <> $2`, []any{key, a.AuthorizedAt})
	charges := 0
	if want == payments.Taken || want == payments.Returned {
		charges = 1
	}
	if got := p.processor.ChargeCount(a.Reference); !want.Open() && got != charges {
		p.t.Errorf("%s: the processor has charged it %d times, want %d", want, got, charges)
	}
}

// wantErrorLines compares the lines logged at error level since the last call.
func (p *fixture) wantErrorLines(want ...string) {
	p.t.Helper()
	if got := p.errors.take(); !slices.Equal(got, want) {
		p.t.Errorf("alarms: %q, want %q", got, want)
	}
}

// newOneTimeCard makes a payment method that works once, as those of real captures do.
func (p *fixture) newOneTimeCard() string {
	p.t.Helper()
	form := strings.NewReader("type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2029&card[cvc]=123")
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url+"/v1/payment_methods", form)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+apiKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	var made struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || made.ID == "" {
		p.t.Fatalf("status %d: %v", res.StatusCode, err)
	}
	return made.ID
}

// objects returns how many objects the processor has, charged or not.
func (p *fixture) objects() int {
	p.t.Helper()
	var all bytes.Buffer
	if err := p.processor.Save(&all); err != nil {
		p.t.Fatal(err)
	}
	var saved struct{ Intents []json.RawMessage }
	if err := json.Unmarshal(all.Bytes(), &saved); err != nil {
		p.t.Fatal(err)
	}
	return len(saved.Intents)
}
