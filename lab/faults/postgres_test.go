package faults_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"duebell/lab/faults"
	"duebell/lab/testenv"
)

// through returns a proxy before a fresh database with two tables, and addresses with and without it.
func through(t *testing.T) (p *faults.Postgres, proxied, direct string) {
	t.Helper()
	direct = testenv.Postgres(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	p, err = faults.NewPostgres(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	u.Host = p.Addr()
	conn := connect(t, direct)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE money (n int UNIQUE DEFERRABLE INITIALLY DEFERRED); CREATE TABLE jobs (n int)"); err != nil {
		t.Fatal(err)
	}
	return p, u.String(), direct
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func rows(t *testing.T, dsn, table string) []int {
	t.Helper()
	got, err := pgx.CollectRows(query(t, dsn, "SELECT n FROM "+table+" ORDER BY n"), pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func query(t *testing.T, dsn, sql string) pgx.Rows {
	t.Helper()
	r, err := connect(t, dsn).Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// insert writes one row in a transaction of its own and gives what COMMIT said.
func insert(ctx context.Context, conn *pgx.Conn, table string, n int) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO "+table+" VALUES ($1)", n); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return tx.Commit(ctx)
}

func lost(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("no reply was lost")
	}
}

func TestCommitHappensAndItsReplyIsLost(t *testing.T) {
	p, proxied, direct := through(t)
	conn := connect(t, proxied)
	if err := insert(t.Context(), conn, "money", 1); err != nil {
		t.Fatal(err)
	}
	done := p.DropNextCommitReply()
	err := insert(t.Context(), conn, "money", 2)
	if err == nil {
		t.Fatal("the client was told that its COMMIT happened")
	}
	if pgErr := (*pgconn.PgError)(nil); strings.Contains(err.Error(), "insert") || pgconn.Timeout(err) || errors.As(err, &pgErr) {
		t.Errorf("the client got %v, want a lost connection at COMMIT", err)
	}
	lost(t, done)
	if diff := cmp.Diff([]int{1, 2}, rows(t, direct, "money")); diff != "" {
		t.Errorf("both are in the table; difference:\n%s", diff)
	}
	// The order is used up: the next client is served as ever.
	if err := insert(t.Context(), connect(t, proxied), "money", 3); err != nil {
		t.Error(err)
	}
}

func TestOnlyATransactionThatTouches(t *testing.T) {
	p, proxied, direct := through(t)
	done := p.DropNextCommitReply("INTO money")
	queue, teller := connect(t, proxied), connect(t, proxied)
	if err := insert(t.Context(), queue, "jobs", 1); err != nil {
		t.Errorf("the queue's commit: %v", err)
	}
	if err := insert(t.Context(), teller, "money", 2); err == nil {
		t.Error("the teller was told that its COMMIT happened")
	}
	lost(t, done)
	if diff := cmp.Diff([]int{2}, rows(t, direct, "money")); diff != "" {
		t.Error(diff)
	}
}

// A statement that was prepared long ago is known by its name only.
func TestPreparedStatementsAndPipelines(t *testing.T) {
	p, proxied, direct := through(t)
	conn := connect(t, proxied)
	for n := range 2 { // the second time from pgx's cache
		if err := insert(t.Context(), conn, "money", n); err != nil {
			t.Fatal(err)
		}
	}
	done := p.DropNextCommitReply("money")
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue("INSERT INTO money VALUES ($1)", 2)
	batch.Queue("COMMIT")
	if err := conn.SendBatch(t.Context(), batch).Close(); err == nil {
		t.Error("the client was told that its COMMIT happened")
	}
	lost(t, done)
	if diff := cmp.Diff([]int{0, 1, 2}, rows(t, direct, "money")); diff != "" {
		t.Error(diff)
	}
}

// Whether the COMMIT succeeded or not, its answer is lost.
func TestCommitFailsAndItsReplyIsLost(t *testing.T) {
	p, proxied, direct := through(t)
	conn := connect(t, proxied)
	if err := insert(t.Context(), conn, "money", 1); err != nil {
		t.Fatal(err)
	}
	done := p.DropNextCommitReply()
	err := insert(t.Context(), conn, "money", 1) // the constraint is checked at COMMIT
	if pgErr := (*pgconn.PgError)(nil); err == nil || errors.As(err, &pgErr) {
		t.Errorf("got %v, want a lost connection", err)
	}
	lost(t, done)
	if diff := cmp.Diff([]int{1}, rows(t, direct, "money")); diff != "" {
		t.Error(diff)
	}
}

func TestEverythingElsePassesUnchanged(t *testing.T) {
	p, proxied, direct := through(t)
	p.DropNextCommitReply("never touched")
	conn := connect(t, strings.Replace(proxied, "sslmode=disable", "sslmode=prefer", 1))
	const many = 200_000
	n, err := conn.CopyFrom(t.Context(), pgx.Identifier{"jobs"}, []string{"n"}, pgx.CopyFromSlice(many, func(i int) ([]any, error) {
		return []any{i}, nil
	}))
	if err != nil || n != many {
		t.Fatalf("COPY of %d rows: %d, %v", many, n, err)
	}
	big := strings.Repeat("x", 3<<20)
	var back string
	if err := conn.QueryRow(t.Context(), "SELECT $1::text", big).Scan(&back); err != nil || back != big {
		t.Errorf("3 MB there and back: %d bytes, %v", len(back), err)
	}
	if got := len(rows(t, proxied, "jobs")); got != many {
		t.Errorf("%d rows back", got)
	}
	if err := insert(t.Context(), conn, "money", 7); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]int{7}, rows(t, direct, "money")); diff != "" {
		t.Error(diff)
	}
}

// pgx cancels a query over a second connection.
func TestCancelRequestsPass(t *testing.T) {
	_, proxied, direct := through(t)
	conn := connect(t, proxied)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "/* to be cancelled */ SELECT pg_sleep(60)")
		failed <- err
	}()
	running := "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE '/* to be%' AND state = 'active'"
	watch := connect(t, direct)
	wait := func(want int) {
		for got := -1; got != want && t.Context().Err() == nil; {
			if err := watch.QueryRow(t.Context(), running).Scan(&got); err != nil {
				t.Fatal(err)
			}
		}
	}
	wait(1)
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "canceling statement") {
		t.Errorf("got %v", err)
	}
	wait(0)
	cancel()
}

func TestDatabaseDown(t *testing.T) {
	p, proxied, _ := through(t)
	conn := connect(t, proxied)
	p.Down()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("an answer from a database that is down")
	}
	if _, err := pgx.Connect(t.Context(), proxied); err == nil {
		t.Error("connected to a database that is down")
	}
	p.Up()
	if err := connect(t, proxied).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
