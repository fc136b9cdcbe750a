package app

import (
	"context"
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing"
	"duebell/internal/seal"
	"duebell/internal/telemetry"
	"duebell/lab/testenv"
	"duebell/store"
)

// stopped is a clock that is set by hand.
type stopped struct{ at time.Time }

func (c *stopped) Now() time.Time { return c.at }

// openEraser is an eraser with the default policy over a database of its own.
func openEraser(t *testing.T) (*eraser, *pgxpool.Pool, *stopped) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	policy := billing.DefaultPolicy()
	calendar, err := billing.NewCalendar(policy)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.ParseKeys("k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	clock := &stopped{}
	e := &eraser{
		store: store.New(pool, nil, keys, keys, SystemClock{}), policy: policy, calendar: calendar, clock: clock,
		machine: SystemClock{}, metrics: telemetry.NewMetrics(), log: slog.New(slog.DiscardHandler),
	}
	return e, pool, clock
}

// TestD4Retention: of every key of D4, what is kept on the day before its time is over is gone on the day
// after, and what must stay stays.
func TestD4Retention(t *testing.T) {
	noon := time.Date(2027, time.February, 10, 17, 0, 0, 0, time.UTC)
	account := `INSERT INTO members (member_id, name, language, time_zone) VALUES ('100200300401', 'Ana Sample', 'en', '');
		INSERT INTO accounts (account, member_id, kind, status) VALUES ('712345678', '100200300401', 'health', 'active');`
	payment := account + `INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, state, reference, intent_id, offered_at, authorized_at, settled_at)
		VALUES ('k1', 'CA1', 3, '712345678', 19800, 'card', 'taken', '123456782', 'pi_1', $1, $1, $1);
		INSERT INTO payment_evidence (key, terms, version, language, given, terms_at, given_at, written_copy, hash)
		VALUES ('k1', 'terms', 'en/x', 'en', 'key 1', $1, $1, 'none', '\x00');`
	tests := []struct {
		key        string
		year       int
		month      int
		days       int
		plant      string // $1 is noon
		gone, kept string // count(*) of each
	}{
		{
			key: "message_text_days", days: 90,
			plant: `INSERT INTO notices (reference, number, kind, language, local_day, state, body, created_at, not_before, sent_at)
				VALUES ('r1', '+16175550101', 'due_soon', 'en', '2027-02-10', 'delivered', 'Health Connector: …', $1, $1, $1)`,
			gone: `SELECT count(*) FROM notices WHERE body IS NOT NULL`,
			kept: `SELECT count(*) FROM contract.texts WHERE state = 'delivered' AND sent_at IS NOT NULL`,
		},
		{
			key: "message_text_days, of what came in", days: 90,
			plant: `INSERT INTO inbound_texts (message_sid, number, class, words, at) VALUES ('SM1', '+16175550101', 'none', 'what is this', $1)`,
			gone:  `SELECT count(*) FROM inbound_texts WHERE words IS NOT NULL`,
			kept:  `SELECT count(*) FROM inbound_texts WHERE class = 'none'`,
		},
		{
			key: "call_event_days", days: 400,
			plant: `INSERT INTO calls (call_sid, language, step, turn, started_at) VALUES ('CA1', 'en', 'goodbye', 9, $1);
				INSERT INTO handoffs (call_sid, turn, reason, verified, language, step, at) VALUES ('CA1', 4, 'asked', true, 'en', 'menu', $1);
				INSERT INTO handoff_refs (ref, handoff_id) SELECT 'REF1', id FROM handoffs;
				INSERT INTO callbacks (call_sid, turn, number, slot_from, slot_until, reason, language, at) VALUES ('CA1', 5, '+16175550101', $1, $1, 'asked', 'en', $1);
				INSERT INTO inbound_texts (message_sid, number, class, at) VALUES ('SM1', '+16175550101', 'help', $1);
				INSERT INTO tasks (kind, at, done_at) VALUES ('agent-reads', $1, $1), ('nobody-did-it', $1, NULL)`,
			gone: `SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM handoffs) + (SELECT count(*) FROM callbacks) + (SELECT count(*) FROM inbound_texts) +
				(SELECT count(*) FROM tasks WHERE done_at IS NOT NULL)`,
			kept: `SELECT count(*) FROM tasks WHERE done_at IS NULL`,
		},
		{
			key: "failed_id_days", days: 30,
			plant: `INSERT INTO verifications (call_sid, turn, subject, passed, at) VALUES ('CA1', 4, '100200300401', false, $1);
				INSERT INTO soft_locks (subject, from_at, until) VALUES ('100200300401', $1::timestamptz - interval '1 hour', $1)`,
			gone: `SELECT (SELECT count(*) FROM verifications) + (SELECT count(*) FROM soft_locks)`,
		},
		{
			key: "raw_webhook_days", days: 7,
			plant: `INSERT INTO processor_events (id, kind, received_at) VALUES ('evt_1', 'settled', $1)`,
			gone:  `SELECT count(*) FROM processor_events`,
		},
		{
			key: "evidence_years", year: 2, plant: payment,
			gone: `SELECT count(*) FROM payment_evidence`, kept: `SELECT count(*) FROM payment_attempts`,
		},
		{
			key: "consent_years", year: 5,
			plant: `INSERT INTO consents (number, channel, purpose, source, at, ended_at)
				VALUES ('+16175550101', 'sms', 'payments', 'application', $1, $1), ('+16175550102', 'sms', 'payments', 'application', $1, NULL);
				INSERT INTO suppressions (number, channel, purpose, source, at, lifted_at)
				VALUES ('+16175550101', 'sms', 'all', 'text', $1, $1), ('+16175550103', 'sms', 'all', 'text', $1, NULL)`,
			gone: `SELECT (SELECT count(*) FROM consents WHERE ended_at IS NOT NULL) + (SELECT count(*) FROM suppressions WHERE lifted_at IS NOT NULL)`,
			kept: `SELECT (SELECT count(*) FROM consents) + (SELECT count(*) FROM suppressions) - 1`,
		},
		{
			key: "ledger_years", year: 7,
			plant: payment + `INSERT INTO ledger (account, kind, cents, reference, attempt_key, received_at, recorded_at)
				VALUES ('712345678', 'payment', 19800, '123456782', 'k1', $1, $1);
				DELETE FROM unposted_entries;
				INSERT INTO bills (account, coverage_month, revision, billed_cents) VALUES ('712345678', '2027-02-01', 0, 20000), ('712345678', '2027-02-01', 1, 19800)`,
			gone: `SELECT (SELECT count(*) FROM ledger) + (SELECT count(*) FROM bills) + (SELECT count(*) FROM payment_attempts)`,
			kept: `SELECT count(*) FROM accounts`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			t.Parallel()
			e, pool, clock := openEraser(t)
			plant(t, pool, tt.plant, noon)
			over := noon.AddDate(tt.year, tt.month, tt.days)
			for _, at := range []struct {
				day  string
				at   time.Time
				gone bool
			}{{"before", over.AddDate(0, 0, -1), false}, {"after", over.AddDate(0, 0, 1), true}} {
				clock.at = at.at
				if err := e.tick(t.Context()); err != nil {
					t.Fatalf("the day %s: %v", at.day, err)
				}
				if n := number(t, pool, tt.gone); (n == 0) != at.gone {
					t.Errorf("the day %s: %d rows", at.day, n)
				}
				if tt.kept != "" && number(t, pool, tt.kept) == 0 {
					t.Errorf("the day %s: what must stay is gone", at.day)
				}
			}
			if erased := testenv.Metric(t, e.metrics.Registry, "duebell_erased_total", nil); erased == 0 {
				t.Error("nothing is counted as erased")
			}
		})
	}
}

// plant runs statements, noon in the place of $1.
func plant(t *testing.T, pool *pgxpool.Pool, statements string, noon time.Time) {
	t.Helper()
	// Several statements in one cannot have arguments.
	if _, err := pool.Exec(t.Context(), strings.ReplaceAll(statements, "$1", "'"+noon.Format(time.RFC3339)+"'")); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, pool *pgxpool.Pool, query string) int {
	t.Helper()
	n := 0
	if err := pool.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestErasingIsDoneOnceADay: in the small hours, once, and after a failure again.
func TestErasingIsDoneOnceADay(t *testing.T) {
	e, pool, clock := openEraser(t)
	old := `INSERT INTO processor_events (id, kind, received_at) VALUES ('evt_' || gen_random_uuid(), 'settled', '2020-01-01')`
	left := func(want int, when string) {
		t.Helper()
		if n := number(t, pool, `SELECT count(*) FROM processor_events`); n != want {
			t.Errorf("%s: %d rows, want %d", when, n, want)
		}
	}
	plant(t, pool, old, time.Time{})
	clock.at = time.Date(2027, time.February, 10, 7, 59, 0, 0, time.UTC) // 2:59 in Boston
	broken, stop := context.WithCancel(t.Context())
	if err := e.tick(broken); err != nil {
		t.Fatal(err)
	}
	left(1, "before three")
	clock.at = clock.at.Add(time.Minute)
	stop()
	if err := e.tick(broken); err == nil {
		t.Error("a run that was cut off says that all is done")
	}
	left(1, "cut off")
	if err := e.tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	left(0, "at three")
	plant(t, pool, old, time.Time{})
	clock.at = clock.at.Add(10 * time.Hour)
	if err := e.tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	left(1, "the same day")
	clock.at = clock.at.Add(14 * time.Hour)
	if err := e.tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	left(0, "the next day")
}
