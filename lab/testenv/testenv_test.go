package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// The test binary is also a test process that dies in the middle: see TestNothingIsLeftOfAKilledProcess.
func TestMain(m *testing.M) {
	if os.Getenv("TESTENV_TEST_VICTIM") != "" {
		victim()
	}
	os.Exit(m.Run())
}

// victim starts servers of its own, says where, and waits to be killed.
func victim() {
	_, err1 := sharedPostgres()
	_, err2 := sharedRedis()
	s, err3 := sharedScratch()
	if err := errors.Join(err1, err2, err3); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println(s.dir)
	_, _ = io.ReadAll(os.Stdin)
	os.Exit(0)
}

func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var got string
	if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			dsn := Postgres(t)
			if got := query(t, dsn, "SELECT coalesce(to_regclass('payment_attempts')::text, 'no schema')"); got != "payment_attempts" {
				t.Error(got)
			}
			if got := query(t, dsn, "SELECT coalesce(to_regclass('mine')::text, 'none')"); got != "none" {
				t.Error("another test's table is here")
			}
			query(t, dsn, "CREATE TABLE mine (n int)")
		})
	}
}

func TestDatabaseIsDroppedAlthoughInUse(t *testing.T) {
	var dsn string
	t.Run("leaves a connection open", func(t *testing.T) {
		dsn = Postgres(t)
		if _, err := pgx.Connect(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
	})
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		conn.Close(t.Context())
		t.Error("the database outlived its test")
	}
}

func TestEachTestHasARedisOfItsOwn(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			options, err := redis.ParseURL(Redis(t))
			if err != nil {
				t.Fatal(err)
			}
			c := redis.NewClient(options)
			defer c.Close()
			if n, err := c.DBSize(t.Context()).Result(); err != nil || n != 0 {
				t.Errorf("%d keys at the start, error %v", n, err)
			}
			if err := c.Set(t.Context(), "mine", 1, 0).Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRedisDatabasesComeBack(t *testing.T) {
	r, err := sharedRedis()
	if err != nil {
		t.Fatal(err)
	}
	small := *r
	small.databases = 3 // 0 holds the record: two are left
	var taken []int
	for range 2 {
		n, _, err := small.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, n)
	}
	if _, _, err := small.take(t.Context()); err == nil || !strings.Contains(err.Error(), "all 2 are taken") {
		t.Errorf("a third of two: %v", err)
	}
	for _, n := range taken {
		if err := small.giveBack(t.Context(), n); err != nil {
			t.Error(err)
		}
	}
	n, _, err := small.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := small.giveBack(t.Context(), n); err != nil {
		t.Error(err)
	}
}

func TestLeftoversOfDeadRunsAreSwept(t *testing.T) {
	p, err := sharedPostgres()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	dead, err := join(ctx, p.admin.String(), p.template)
	if err != nil {
		t.Fatal(err)
	}
	left, _, err := dead.create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	kept, _, err := p.create(ctx) // its run is ours, and alive
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.holder.Close(ctx); err != nil {
		t.Fatal(err)
	}

	next, err := join(ctx, p.admin.String(), p.template)
	if err != nil {
		t.Fatal(err)
	}
	defer next.holder.Close(ctx)
	exists := "SELECT EXISTS (SELECT FROM pg_database WHERE datname = '%s')::text"
	// The server frees a lock a moment after its connection is closed.
	for query(t, p.admin.String(), fmt.Sprintf(exists, left)) == "true" && ctx.Err() == nil {
		if err := next.sweep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if query(t, p.admin.String(), fmt.Sprintf(exists, kept)) != "true" {
		t.Error("the database of a run that goes on was swept")
	}
	if err := p.drop(ctx, kept); err != nil {
		t.Error(err)
	}
}

// TestARunThatFailsToBegin: it leaves no connection behind, whose lock would keep its databases for ever.
func TestARunThatFailsToBegin(t *testing.T) {
	p, err := sharedPostgres()
	if err != nil {
		t.Fatal(err)
	}
	ctx, role := t.Context(), fmt.Sprintf("duebell_test_%d_nobody", p.run)
	if err := p.command(ctx, "CREATE ROLE "+role+" LOGIN PASSWORD 'none'"); err != nil { // it may make no database
		t.Fatal(err)
	}
	defer func() {
		if err := p.command(context.WithoutCancel(ctx), "DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	}()
	admin := *p.admin
	admin.User = url.UserPassword(role, "none")
	if next, err := join(ctx, admin.String(), ""); err == nil || next != nil {
		t.Errorf("a role that may make no database began a run: %v", err)
	}
	open := fmt.Sprintf("SELECT count(*)::text FROM pg_stat_activity WHERE usename = '%s'", role)
	for end := time.Now().Add(5 * time.Second); query(t, p.admin.String(), open) != "0"; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Error("its connection is still open")
			break
		}
	}
}

func TestUpAndDown(t *testing.T) {
	t.Setenv(PostgresVar, "")
	t.Setenv(RedisVar, "")
	s, err := Up(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err, s.Down())
	}
	dsn, _ := strings.CutPrefix(s.Env()[0], PostgresVar+"=")
	query(t, dsn, "SELECT 'there'")
	if err := s.Down(); err != nil {
		t.Error(err)
	}
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		conn.Close(t.Context())
		t.Error("PostgreSQL is still there after Down")
	}
	if _, err := os.Stat(s.scratch.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the scratch folder after Down: %v", err)
	}
}

func TestNothingIsLeftOfAKilledProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TESTENV_TEST_VICTIM=1", PostgresVar+"=", RedisVar+"=", templateVar+"=")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	dir := strings.TrimSpace(line)
	if err != nil || !strings.HasPrefix(dir, "/") {
		t.Fatalf("the victim said %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as asked
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("%s is still there", dir)
		}
	}
}

// Tests share the machine's servers, so what a test does to one must be cheap: this is the number to watch.
func BenchmarkPostgres(b *testing.B) {
	for b.Loop() {
		p, err := sharedPostgres()
		if err != nil {
			b.Fatal(err)
		}
		name, _, err := p.create(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := p.drop(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}
