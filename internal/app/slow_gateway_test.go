package app_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing"
	"duebell/internal/app"
	"duebell/internal/seal"
	"duebell/internal/telemetry"
	"duebell/lab/processor"
	"duebell/lab/testenv"
	"duebell/payments"
)

// standing is the processor's clock: an answer that it holds for 20 s is held until the test moves it.
type standing struct {
	mu sync.Mutex
	at time.Time
}

func (s *standing) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// shop is a worker on real stores, a processor before it, and accounts that owe.
type shop struct {
	t        *testing.T
	pool     *pgxpool.Pool
	far      *processor.Processor
	clock    *standing
	work     *app.Work
	checkout *payments.Checkout
}

func openShop(t *testing.T, accounts int, timing app.Timing, m *telemetry.Metrics) *shop {
	t.Helper()
	ctx := context.Background()
	s := &shop{t: t, clock: &standing{at: time.Now().Add(24 * time.Hour)}}
	s.far = processor.New(processor.Config{Now: s.clock.Now})
	srv := httptest.NewServer(s.far)
	t.Cleanup(srv.Close)
	t.Cleanup(s.far.Close)
	keys, err := seal.ParseKeys("k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	policy := billing.DefaultPolicy()
	cfg := app.Config{
		Settings: app.Settings{
			DatabaseURL: testenv.Postgres(t), RedisURL: testenv.Redis(t), StripeAPIKey: "sk_test_shop", StripeAPIURL: srv.URL,
			TwilioAccountSID: "AC00000000000000000000000000000001", TwilioAuthToken: "token", TwilioPhoneNumber: "+18776236765",
			TwilioAPIURL: srv.URL, PublicURL: "https://pay.example.org",
		},
		Policy: policy, Data: keys, Hash: keys, Timing: timing,
	}
	if s.pool, err = pgxpool.New(ctx, cfg.DatabaseURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	if _, err := s.pool.Exec(ctx, `INSERT INTO members (member_id, name, language, time_zone) VALUES ('100200300401', 'Ana', 'en', 'America/New_York')`); err != nil {
		t.Fatal(err)
	}
	_, err = s.pool.Exec(ctx, `INSERT INTO accounts (account, member_id, kind, status)
		SELECT '7' || lpad(n::text, 8, '0'), '100200300401', 'health', 'active' FROM generate_series(0, $1) AS n`, accounts)
	if err != nil {
		t.Fatal(err)
	}
	if s.work, err = app.NewWork(ctx, cfg, app.Deps{Log: slog.New(slog.DiscardHandler), Metrics: m}); err != nil {
		t.Fatal(err)
	}
	if err := s.work.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.work.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	s.checkout = payments.NewCheckout(s.work.Store, app.SystemClock{}, rand.IntN, policy)
	return s
}

// pays authorizes a card payment on the account of that number.
func (s *shop) pays(n int) payments.Attempt {
	ctx := context.Background()
	a, err := s.checkout.Offer(ctx, payments.Attempt{
		Call: fmt.Sprintf("CA%d", n), Turn: 1, Account: fmt.Sprintf("7%08d", n), Cents: 19800, Method: payments.Card, Caller: fmt.Sprintf("+1617555%04d", n), Language: "en",
	})
	if err != nil {
		s.t.Error(err)
		return a
	}
	now := time.Now()
	a, err = s.checkout.Authorize(ctx, payments.Authorization{
		Key: a.Key, Token: &payments.Token{Value: "pm_card_visa", Last4: "4242"}, Copy: payments.NoCopy,
		Consent: payments.Consent{Terms: "198 dollars", Version: "1", Language: "en", Given: "key 1", TermsAt: now, GivenAt: now},
	})
	if err != nil {
		s.t.Error(err)
	}
	return a
}

// until waits until something is so, at most a minute.
func (s *shop) until(what string, so func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); !so(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("a minute has passed, and not yet: %s", what)
		}
	}
}

func (s *shop) taken() int {
	var n int
	if err := s.pool.QueryRow(context.Background(), `SELECT count(*) FROM payment_attempts WHERE state = 'taken'`).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// TestSlowAnswerSlowsNobody: 200 charges beside one whose answer the processor holds for 20 s.
func TestSlowAnswerSlowsNobody(t *testing.T) {
	const others = 200
	s := openShop(t, others, app.Timing{Gateway: 40 * time.Second}, nil)
	if err := s.far.SetFault("slow 20s once"); err != nil {
		t.Fatal(err)
	}
	slow := s.pays(0)
	s.until("the slow answer is held", func() bool { return s.far.Held() == 1 })

	began := time.Now()
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for n := 1 + i; n <= others; n += 8 {
				s.pays(n)
			}
		})
	}
	callers.Wait()
	authorized := time.Since(began)
	s.until("all others are taken", func() bool { return s.taken() == others })
	if s.far.Held() != 1 {
		t.Error("the slow answer is not held any more: they have settled after it, not beside it")
	}
	if a, err := s.work.Store.Attempt(context.Background(), slow.Key); err != nil || a.State != payments.Confirming {
		t.Errorf("the slow one is %s, %v; want it confirming", a.State, err)
	}
	var p50, p99, most float64
	err := s.pool.QueryRow(context.Background(), `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY took), percentile_disc(0.99) WITHIN GROUP (ORDER BY took), max(took)
		FROM (SELECT extract(epoch FROM settled_at - authorized_at)::float8 AS took FROM payment_attempts WHERE state = 'taken') AS t`).Scan(&p50, &p99, &most)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d charges authorized within %.1f s beside a held answer: authorized to settled p50 %.3f s, p99 %.3f s, longest %.3f s", others, authorized.Seconds(), p50, p99, most)

	s.clock.mu.Lock()
	s.clock.at = s.clock.at.Add(20 * time.Second)
	s.clock.mu.Unlock()
	if err := s.far.Advance(context.Background(), s.clock.Now()); err != nil {
		t.Fatal(err)
	}
	s.until("the slow one is taken", func() bool { return s.taken() == others+1 })
	if n := len(s.far.Charges()); n != others+1 {
		t.Errorf("%d charges at the processor, want %d", n, others+1)
	}
}

// TestATickIsFollowedByTheMeasures: a running process shows what is due in its metrics; a lock of a member is enough to
// see that it looks.
func TestATickIsFollowedByTheMeasures(t *testing.T) {
	m := telemetry.NewMetrics()
	s := openShop(t, 1, app.Timing{Tick: 10 * time.Millisecond}, m)
	if _, err := s.pool.Exec(t.Context(), `INSERT INTO soft_locks (subject, from_at, until) VALUES ('somebody', now() - interval '1 minute', now() + interval '1 hour')`); err != nil {
		t.Fatal(err)
	}
	s.until("the lock is measured", func() bool { return testenv.Metric(t, m.Registry, "duebell_soft_locks", nil) == 1 })
}
