package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The test binary is also the parent that dies: see TestServerDiesWithUs.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SERVERS_TEST_PARENT"); dir != "" {
		parent(dir)
	}
	os.Exit(withReadyCluster(m))
}

// withReadyCluster runs the tests with a cluster to copy: making one for each of them took most of the time.
func withReadyCluster(m *testing.M) int {
	dir, err := os.MkdirTemp(memoryOrTemp(), "duebell-servers-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = os.Chmod(dir, 0o711) // PostgreSQL's user must come through
	}
	if err == nil {
		err = SetReadyCluster(context.Background(), dir, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// memoryOrTemp is a folder in memory where there is such a place.
func memoryOrTemp() string {
	if _, err := os.Stat("/dev/shm"); err == nil {
		return "/dev/shm"
	}
	return os.TempDir()
}

// parent starts a durable server, writes a row, says where and which process, and waits to be killed.
func parent(dir string) {
	ctx := context.Background()
	s, err := Start(ctx, Options{Dir: dir, Durable: true, Log: os.Stderr, Database: "kept"})
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	conn, err := pgx.Connect(ctx, s.DSN("kept"))
	if err == nil {
		_, err = conn.Exec(ctx, "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)")
	}
	fmt.Println(s.child.Pid(), err)
	_, _ = io.ReadAll(os.Stdin)
	os.Exit(0)
}

// scratch is a folder that the server's user can come into, in memory where there is such a place.
// (t.TempDir is closed to other users.)
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(memoryOrTemp(), "duebell-servers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "pg")
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	o.Log = t.Output()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func queryOne(t *testing.T, dsn, sql string) string {
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

func TestSecondStartKeepsTheData(t *testing.T) {
	o := Options{Dir: scratch(t), Database: "odd \"name"}
	first := start(t, o)
	queryOne(t, first.DSN(o.Database), "CREATE TABLE kept AS SELECT 'still here' AS word")
	first.Stop()
	first.Stop() // twice does no harm
	select {
	case <-first.Done():
	default:
		t.Fatal("stopped, and not done")
	}

	second := start(t, o)
	if got := queryOne(t, second.DSN(o.Database), "SELECT word FROM kept"); got != "still here" {
		t.Errorf("after a second start the table holds %q", got)
	}
}

// A cluster that is not copied from a ready one is made by initdb, with a password of its own.
func TestAClusterIsMadeWithoutAReadyOne(t *testing.T) {
	ready := os.Getenv(ReadyClusterVar)
	t.Setenv(ReadyClusterVar, "")
	s := start(t, Options{Dir: scratch(t), Database: "d"})
	if got := queryOne(t, s.DSN("d"), "SELECT 'there'"); got != "there" {
		t.Error(got)
	}
	first, err := os.ReadFile((&cluster{path: ready}).password())
	if err != nil || string(first) == s.password+"\n" {
		t.Errorf("two clusters have one password (%v)", err)
	}
}

func TestOnlyWithThePassword(t *testing.T) {
	s := start(t, Options{Dir: scratch(t)})
	s.password = "guess"
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres"))
	if err == nil {
		conn.Close(t.Context())
		t.Fatal("connected with a wrong password")
	}
}

func TestFolderHasOneOwner(t *testing.T) {
	dir := scratch(t)
	start(t, Options{Dir: dir})
	if _, err := Start(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second start beside the first: %v, want ErrInUse", err)
	}
	if err := Remove(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("removing a running cluster: %v, want ErrInUse", err)
	}
}

// A duebell that is killed takes its server along, and what was committed is there afterwards.
func TestServerDiesWithUs(t *testing.T) {
	dir := scratch(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVERS_TEST_PARENT="+dir)
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
	if err != nil {
		t.Fatal(err)
	}
	word, failure, _ := strings.Cut(strings.TrimSpace(line), " ")
	pid, err := strconv.Atoi(word)
	if err != nil || failure != "<nil>" {
		t.Fatalf("the parent said %q", line)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as asked

	// On Linux the kernel tells the server; elsewhere it lives until the next start finds it.
	if _, err := os.Stat("/proc/self"); err == nil && !gone(pid, filepath.Join(dir, "data"), 20*time.Second) {
		t.Errorf("server process %d outlived its parent", pid)
	}
	again := start(t, Options{Dir: dir, Durable: true, Database: "kept"})
	if got := queryOne(t, again.DSN("kept"), "SELECT count(*)::text FROM rows"); got != "1" {
		t.Errorf("%s rows after the kill, want 1", got)
	}
}

// In a container process numbers start again from 1: the number in a stale postmaster.pid is soon
// somebody else's, here ours.
func TestStalePidOfAnotherProcess(t *testing.T) {
	o := Options{Dir: scratch(t)}
	s := start(t, o)
	running, err := os.ReadFile(s.PidFile())
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	_, rest, _ := strings.Cut(string(running), "\n")
	stale := strconv.Itoa(os.Getpid()) + "\n" + rest
	if err := os.WriteFile(s.PidFile(), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, o)
}

func TestOrphanIsStopped(t *testing.T) {
	o := Options{Dir: scratch(t)}
	s := start(t, o)
	s.cluster.Close() // as if our process had died and the server had not heard of it
	start(t, o)
	select {
	case <-s.Done():
	default:
		t.Error("two servers on one folder")
	}
}

func TestPortTakenByAnother(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c, err := openCluster(scratch(t))
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	s := &Server{cluster: c, findPort: func(ctx context.Context) (int, error) {
		if asked++; asked == 1 {
			return taken.Addr().(*net.TCPAddr).Port, nil
		}
		return FreePort(ctx)
	}}
	defer s.Stop()
	if err := s.start(t.Context(), Options{Log: t.Output()}); err != nil {
		t.Fatal(err)
	}
	if asked != 2 {
		t.Errorf("asked for %d ports, want 2", asked)
	}
}

// A checkout that only root can enter: the server, which is another user, lives elsewhere; whoever is
// not root has no such trouble. Removing the folder removes the data too.
func TestFolderThatTheServerCannotEnter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "closed", "pg")
	if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	o := Options{Dir: dir, Log: &log, Database: "d"}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = Remove(dir) }()
	defer s.Stop()
	moved := s.cluster.path != dir
	if root := os.Geteuid() == 0; moved != root || strings.Contains(log.String(), s.cluster.path) != root {
		t.Fatalf("root %v, data in %s, told: %q", root, s.cluster.path, log.String())
	}
	queryOne(t, s.DSN("d"), "CREATE TABLE kept AS SELECT 'still here' AS word")
	s.Stop()

	second := start(t, o)
	if got := queryOne(t, second.DSN("d"), "SELECT word FROM kept"); got != "still here" {
		t.Errorf("after a second start the table holds %q", got)
	}
	second.Stop()
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.cluster.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data is still there after Remove: %v", err)
	}
	if err := Remove(dir); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
}

// Whoever deletes the folder by hand means the data: the next start does not find it elsewhere.
func TestForgottenDataInAnotherFolderIsNotFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pg")
	o := Options{Dir: dir, Database: "d"}
	s := start(t, o)
	queryOne(t, s.DSN("d"), "CREATE TABLE old AS SELECT 1")
	s.Stop()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s = start(t, o)
	t.Cleanup(func() { s.Stop(); _ = Remove(dir) })
	if got := queryOne(t, s.DSN("d"), "SELECT coalesce(to_regclass('old')::text, 'none')"); got != "none" {
		t.Error("data of a removed folder came back")
	}
}

func TestDataOfAnotherVersion(t *testing.T) {
	dir := scratch(t)
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "made by PostgreSQL 9") {
		t.Errorf("got %v, want a sentence about version 9", err)
	}
}
