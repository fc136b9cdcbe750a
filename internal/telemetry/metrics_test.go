package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"duebell/lab/faults"
	"duebell/lab/testenv"
	"duebell/payments"
	"duebell/store/sessions"
)

func TestStatementKind(t *testing.T) {
	tests := []struct{ sql, want string }{
		{"-- name: OldestDue :one\n-- The age that alarms.\nSELECT min(not_before) FROM payment_attempts", "read"},
		{"SELECT 1 FROM a FOR UPDATE SKIP LOCKED", "read"},
		{"select\n1", "read"},
		{"  (VALUES (1))", "read"},
		{"INSERT INTO a VALUES (1)", "write"},
		{"-- name: X :exec\nUPDATE a SET update_count = 1", "write"},
		{"/* billing */ COPY staging FROM STDIN", "write"},
		{"DELETE FROM a", "write"},
		{"WITH due AS (SELECT 1) SELECT * FROM due", "read"},
		{"WITH gone AS (DELETE FROM a RETURNING 1) SELECT count(*) FROM gone", "write"},
		{"WITH x AS (\n  INSERT\n  INTO a VALUES (1) RETURNING 1) SELECT 1 FROM x", "write"},
		{"commit", "commit"},
		{"COMMIT;", "commit"},
		{"begin", "other"},
		{"begin isolation level serializable", "other"},
		{"rollback", "other"},
		{"savepoint sp_1", "other"},
		{";", "other"},
		{"", "other"},
		{"LISTEN river", "other"},
	}
	for _, tt := range tests {
		if got := statementKind(tt.sql); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.sql, got, tt.want)
		}
	}
}

// openPool opens a pool that counts its statements.
func openPool(t *testing.T, dsn string, most int32, m *Metrics) (*pgxpool.Pool, error) {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns, cfg.ConnConfig.Tracer = most, SQLTracer(m)
	return pgxpool.NewWithConfig(t.Context(), cfg)
}

// openRedis opens a client that counts its commands.
func openRedis(t *testing.T, address string, m *Metrics) (redis.UniversalClient, error) {
	t.Helper()
	client, err := sessions.Connect(address)
	if err != nil {
		return nil, err
	}
	return client, InstrumentRedis(client, m)
}

func statements(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	for _, kind := range []string{"read", "write", "commit", "other"} {
		got[kind] = testenv.Metric(t, m.Registry, "duebell_db_statements_total", map[string]string{"kind": kind})
	}
	return got
}

// What the load test makes its baseline of: every round trip is counted, once.
func TestStatementsAreCounted(t *testing.T) {
	ctx, m := t.Context(), NewMetrics()
	pool, err := openPool(t, testenv.Postgres(t), 2, m)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	tx, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "CREATE TEMP TABLE counted (id int) ON COMMIT DROP"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO counted VALUES ($1)", 1); err != nil {
		t.Fatal(err)
	}
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO counted VALUES (2)")
	batch.Queue("SELECT id FROM counted")
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"counted"}, []string{"id"}, pgx.CopyFromRows([][]any{{3}, {4}})); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	// other: begin and create table.
	want := map[string]float64{"read": 1, "write": 3, "commit": 1, "other": 2}
	if diff := cmp.Diff(want, statements(t, m)); diff != "" {
		t.Error(diff)
	}
	if n := testenv.Metric(t, m.Registry, "duebell_db_commits_unsure_total", nil); n != 0 {
		t.Errorf("%v commits unsure, none was", n)
	}
}

// A COMMIT whose reply is lost is neither done nor failed, and that is counted.
func TestLostCommitIsCounted(t *testing.T) {
	ctx, m := t.Context(), NewMetrics()
	u, err := url.Parse(testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := faults.NewPostgres(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	u.Host = proxy.Addr()
	pool, err := openPool(t, u.String(), 1, m)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	proxy.DropNextCommitReply()
	tx, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err == nil {
		t.Fatal("the commit was answered")
	}
	if n := testenv.Metric(t, m.Registry, "duebell_db_commits_unsure_total", nil); n != 1 {
		t.Errorf("%v commits unsure, want 1", n)
	}
}

// A COMMIT that the server has answered, or that never left, is not in doubt.
func TestOnlyDoubtIsUnsure(t *testing.T) {
	ctx, m := t.Context(), NewMetrics()
	pool, err := openPool(t, testenv.Postgres(t), 1, m)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	begin := func(statements ...string) pgx.Tx {
		tx, err := pool.Begin(ctx)
		for _, s := range statements {
			if err == nil {
				_, err = tx.Exec(ctx, s)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	refused := begin("CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO once VALUES (1), (1)").Commit(ctx)
	if pgErr := (*pgconn.PgError)(nil); !errors.As(refused, &pgErr) {
		t.Fatalf("a COMMIT that breaks a constraint: %v", refused)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := begin().Commit(over); !errors.Is(err, context.Canceled) {
		t.Fatalf("a COMMIT after the end: %v", err)
	}
	if err := begin().Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if n := testenv.Metric(t, m.Registry, "duebell_db_commits_unsure_total", nil); n != 0 {
		t.Errorf("%v commits unsure, none was", n)
	}
}

func TestRedisCommandsAreCounted(t *testing.T) {
	ctx, m := t.Context(), NewMetrics()
	client, err := openRedis(t, testenv.Redis(t), m)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// The first command and the first pipeline also greet the server, each on a connection of its own.
	greet := client.Pipeline()
	greet.Ping(ctx)
	if _, err := greet.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	before := testenv.Metric(t, m.Registry, "duebell_redis_commands_total", nil)
	if err := client.Set(ctx, "a", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	pipe := client.Pipeline()
	pipe.Get(ctx, "a")
	pipe.Get(ctx, "a")
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	if got := testenv.Metric(t, m.Registry, "duebell_redis_commands_total", nil) - before; got != 3 {
		t.Errorf("%v commands counted, want 3", got)
	}
}

// The pools of several replicas in one process are added up, and a closed one is forgotten.
func TestPoolsAreAddedUp(t *testing.T) {
	ctx, m := t.Context(), NewMetrics()
	dsn, address := testenv.Postgres(t), testenv.Redis(t)
	var forget func()
	for range 2 {
		pool, err := openPool(t, dsn, 3, m)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		client, err := openRedis(t, address, m)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := errors.Join(pool.Ping(ctx), client.Ping(ctx).Err()); err != nil {
			t.Fatal(err)
		}
		forget = m.WatchPools("serve", pool, client)
	}
	serve := map[string]string{"role": "serve"}
	if most := testenv.Metric(t, m.Registry, "duebell_db_connections_max", serve); most != 6 {
		t.Errorf("the most connections: %v, want 6", most)
	}
	if open := testenv.Metric(t, m.Registry, "duebell_db_connections", serve); open != 2 {
		t.Errorf("connections to PostgreSQL: %v, want 2", open)
	}
	if open := testenv.Metric(t, m.Registry, "duebell_redis_connections", serve); open != 2 {
		t.Errorf("connections to Redis: %v, want 2", open)
	}
	forget()
	if most := testenv.Metric(t, m.Registry, "duebell_db_connections_max", serve); most != 3 {
		t.Errorf("after one was closed: %v, want 3", most)
	}
}

// What comes from outside never becomes a label: labels are a closed list (D3).
func TestLabelsAreOurOwnWords(t *testing.T) {
	m := NewMetrics()
	for _, result := range []string{"success", "", "4242424242424242", "caller-hung-up"} {
		m.captureEnded(result)
	}
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		if f.GetName() == "duebell_captures_total" {
			for _, one := range f.GetMetric() {
				if one.GetCounter().GetValue() == 0 {
					continue
				}
				got = append(got, one.GetLabel()[0].GetValue())
			}
		}
	}
	if diff := cmp.Diff([]string{"caller-hung-up", "none", "other", "success"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAge(t *testing.T) {
	now := time.Date(2027, 2, 10, 15, 0, 0, 0, time.UTC)
	if got := ageSeconds(now.Add(-5*time.Minute), now); got != 300 {
		t.Errorf("%v, want 300", got)
	}
	if got := ageSeconds(time.Time{}, now); got != 0 {
		t.Errorf("nothing is due: %v, want 0", got)
	}
}

func TestErrorLinesAreCounted(t *testing.T) {
	m := NewMetrics()
	log := CountErrors(CountErrors(slog.New(slog.DiscardHandler), m), m) // a second wrapping counts nothing twice
	log.Info("all is well")
	log.Error("mend this")
	log.With("a", 1).WithGroup("b").Error("and this")
	if n := testenv.Metric(t, m.Registry, "duebell_errors_logged_total", nil); n != 2 {
		t.Errorf("%v lines counted, want 2", n)
	}
}

// refusingStore stands for a store in which every write is refused.
type refusingStore struct{ payments.CheckoutStore }

func (refusingStore) Void(context.Context, string, time.Time) (payments.Attempt, error) {
	return payments.Attempt{}, payments.ErrTooLate
}

func TestOnlyWhatHappenedIsCounted(t *testing.T) {
	m := NewMetrics()
	if _, err := CheckoutStore(refusingStore{}, m).Void(t.Context(), "key", time.Time{}); !errors.Is(err, payments.ErrTooLate) {
		t.Fatal(err)
	}
	if n := testenv.Metric(t, m.Registry, "duebell_payments_settled_total", nil); n != 0 {
		t.Errorf("a refused cancellation was counted as %v", n)
	}
}

var (
	metricName  = regexp.MustCompile(`fqName: "(duebell_[a-z_]+)"`)
	documented  = regexp.MustCompile("(?m)^\\| `(duebell_[a-z_]+)")
	goodName    = regexp.MustCompile(`^duebell_[a-z]+(_[a-z]+)*$`)
	manualsPath = "../../docs/operating.md"
)

// docs/operating.md explains every metric there is, and no other. A name, once given, stays.
func TestEveryMetricIsExplained(t *testing.T) {
	have := map[string]bool{}
	described := make(chan *prometheus.Desc, 256)
	NewMetrics().Registry.Describe(described)
	close(described)
	for d := range described {
		if m := metricName.FindStringSubmatch(d.String()); m != nil {
			have[m[1]] = true
			if !goodName.MatchString(m[1]) || strings.Contains(d.String(), `help: ""`) {
				t.Errorf("%s: a name in words, and a help", m[1])
			}
		}
	}
	text, err := os.ReadFile(manualsPath)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, m := range documented.FindAllStringSubmatch(string(text), -1) {
		told[m[1]] = true
	}
	if diff := cmp.Diff(have, told); diff != "" {
		t.Errorf("metrics (-) and their explanations in docs/operating.md (+) differ:\n%s", diff)
	}
}
