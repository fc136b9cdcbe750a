// Package servers runs a private PostgreSQL and a private Redis, for dev, tests and load.
//
// It owns finding the servers' programs (installing them where the machine lets us), a cluster in a folder,
// and server processes on free loopback ports that end with us. It refuses to know the schema, and is never
// part of production: serve and work are given addresses.
//
// A killed dev or test must leave nothing that keeps the next one from starting. Three things see to it: the
// kernel ends the servers with us (child), a lock that dies with its process tells a folder in use from one
// left behind (folder.go), and a server that outlived its owner is stopped by the next start (orphan.go).
package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/lab/servers/child"
)

// Options say what kind of server is wanted. Dir is required.
type Options struct {
	// The cluster's folder; made when missing, its data kept from start to start.
	Dir string
	// True: a commit survives a power cut. False: it survives the end of the server's process alone; for
	// tests, several times faster.
	Durable bool
	// Sentences for the person who started us, as when PostgreSQL is installed; may be nil.
	Log io.Writer
	// Made when missing; empty makes none.
	Database string
}

// Server is a running PostgreSQL, or one that has ended. Its methods may be called by several goroutines.
type Server struct {
	cluster *cluster
	child   *child.Child
	// The loopback port, new at each start.
	port int
	// The superuser's, kept in the cluster's folder.
	password string
	// FreePort; a test gives one that is taken.
	findPort func(context.Context) (int, error)
	stop     sync.Once
}

// superuser is the role that owns the cluster, and the only one there is. dev's database has the same name
// (design §2).
const superuser = "duebell"

// startPatience is how long a start may last, all its tries together. It covers the recovery of a cluster
// that was killed in the middle of heavy writing.
const startPatience = 2 * time.Minute

// Start starts a server on the cluster in o.Dir and returns it when it takes connections. A second start on
// the same folder finds the data of the first, however that one ended. ErrInUse when another duebell holds
// the folder. Once ctx is over a start gives up; a server that runs is ended by Stop or by the end of our
// process. On an error nothing is left running.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	c, err := openCluster(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{cluster: c, findPort: FreePort}
	if err := s.start(ctx, o); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// start makes the cluster if there is none, and launches the server. On an error the caller stops what was
// started. The folder's lock is held from before this until Stop.
func (s *Server) start(ctx context.Context, o Options) error {
	// Before anything of the folder is read: the data may lie elsewhere.
	bin, as, err := s.cluster.prepare(ctx, o.Log)
	if err != nil {
		return err
	}
	if err := stopOrphan(s.cluster.data()); err != nil {
		return err
	}
	// No data yet: copied from a cluster prepared beforehand where one is named, else made by initdb.
	if s.cluster.major() == 0 && !copyReady(ctx, s.cluster, bin, as) {
		if err := initialise(ctx, s.cluster, bin, as, o.Durable); err != nil {
			return err
		}
	}
	// Read each time: a cluster that was copied has the password of the one it was copied from.
	password, err := os.ReadFile(s.cluster.password())
	if err != nil {
		return fmt.Errorf("private PostgreSQL: %w", err)
	}
	s.password = strings.TrimSpace(string(password))
	if err := s.launch(ctx, bin, as, o); err != nil {
		return err
	}
	if o.Database == "" {
		return nil
	}
	_, err = s.CreateDatabase(ctx, o.Database)
	return err
}

// initialise makes the cluster aside and moves it into place, so that a half-made one is never taken for a
// whole one: a process killed in here leaves data.new, which the next call removes.
func initialise(ctx context.Context, c *cluster, bin install, as *child.Account, durable bool) error {
	aside := c.data() + ".new"
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("private PostgreSQL: %w", err)
	}
	// Other users of the machine can reach a loopback port, and a superuser of PostgreSQL can run
	// programs: hence a password, also for a database that holds only samples.
	if err := os.WriteFile(c.password(), []byte(rand.Text()+"\n"), 0o600); err != nil {
		return fmt.Errorf("private PostgreSQL: %w", err)
	}
	if as != nil {
		if err := os.Chown(c.password(), int(as.UID), int(as.GID)); err != nil {
			return fmt.Errorf("private PostgreSQL: %w", err)
		}
	}
	args := []string{
		"-D", aside, "-U", superuser, "-A", "scram-sha-256", "--pwfile", c.password(),
		"--no-locale", "-E", "UTF8", "--no-instructions",
	}
	if !durable {
		args = append(args, "--no-sync")
	}
	err := child.Run(ctx, child.Spec{Path: bin.initdb(), Args: args, Env: environment(c.path), Dir: c.path, As: as})
	if err != nil {
		return fmt.Errorf("private PostgreSQL: make a cluster: %w", err)
	}
	if err := os.Rename(aside, c.data()); err != nil {
		return fmt.Errorf("private PostgreSQL: %w", err)
	}
	return nil
}

// environment returns all that the server's programs see of ours: nothing that names another cluster, such as
// PGDATA or PGPORT.
func environment(dir string) []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=" + dir}
}

// launch starts the server on a free port and returns when it takes connections. Between finding a port and
// taking it another program may come first, or the remains of a killed server may still hold its memory: then
// it is tried again, 20 times at most. On an error the last try may still run; Stop ends it.
func (s *Server) launch(ctx context.Context, bin install, as *child.Account, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	const tries = 20
	for try := 1; ; try++ {
		port, err := s.findPort(ctx)
		if err != nil {
			return err
		}
		// Set before the server runs, because DSN and awaitReady go by it.
		s.port = port
		s.child, err = child.Start(child.Spec{
			Path: bin.postgres(), Args: settings(s.cluster.data(), port, o.Durable),
			Env: environment(s.cluster.path), Dir: s.cluster.path, As: as,
			// "Immediate": the server takes its own children along and gives its shared memory back,
			// which a SIGKILL would leave lying. The log makes the data whole at the next start.
			OnOurDeath: syscall.SIGQUIT,
		})
		if err != nil {
			return fmt.Errorf("private PostgreSQL: %w", err)
		}
		err = s.awaitReady(ctx)
		if err == nil {
			return nil
		}
		words := s.child.LastWords()
		if try == tries || !passing(words) {
			return fmt.Errorf("private PostgreSQL does not start: %w\n%s", err, words)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("private PostgreSQL: %w", err)
		}
	}
}

// passing says whether a server that would not start may start a moment later, or on another port, by its
// last words.
func passing(words string) bool {
	return strings.Contains(words, "could not create any TCP/IP sockets") || strings.Contains(words, "is still in use")
}

// settings returns the server's command line. Everything that matters is set here and not in the cluster's
// own file, so a cluster made for tests may be run durably, and the other way round.
func settings(data string, port int, durable bool) []string {
	set := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(port), "unix_socket_directories=",
		"max_connections=400", "timezone=UTC", "log_timezone=UTC", "jit=off",
		// Nothing is replicated or archived.
		"wal_level=minimal", "max_wal_senders=0",
		// A refused row's values would stand in the server's log: we report errors ourselves.
		"log_min_messages=fatal", "log_min_error_statement=panic", "log_error_verbosity=terse",
	}
	if !durable {
		// synchronous_commit stays on: a server killed by a test must remember what it acknowledged.
		// Without autovacuum nothing but the test itself touches a test's database.
		set = append(set, "fsync=off", "full_page_writes=off", "autovacuum=off", "checkpoint_timeout=1h", "max_wal_size=4GB",
			"plan_cache_mode=force_generic_plan", "max_parallel_workers_per_gather=0", "update_process_title=off", "shared_buffers=64MB")
	}
	args := []string{"-D", data}
	for _, s := range set {
		args = append(args, "-c", s)
	}
	return args
}

// awaitReady returns when the server takes connections, or has ended, or ctx is over. A server that recovers
// refuses connections at first: that is no error.
func (s *Server) awaitReady(ctx context.Context) error {
	// Another program on our port may take a connection and never speak: our own server's end ends that too.
	trying, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.child.Done():
			cancel()
		case <-trying.Done():
		}
	}()
	for {
		// A connection with the password, not a look at the port: the port may be another program's.
		conn, err := pgx.Connect(trying, s.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.child.Done():
			return fmt.Errorf("it ended: %w", s.child.Err())
		case <-ctx.Done():
			return fmt.Errorf("waited too long: %w", errors.Join(ctx.Err(), err))
		default:
		}
		if err := pause(ctx, 15*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits for d, or returns the context's error when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CreateDatabase makes a database unless it is there already, and returns its address. The name may be any;
// it is quoted. Two calls at once for the same name may both find it missing, and one fails.
func (s *Server) CreateDatabase(ctx context.Context, name string) (dsn string, err error) {
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return "", fmt.Errorf("private PostgreSQL: create database: %w", err)
	}
	defer conn.Close(ctx)
	var there bool
	// CREATE DATABASE knows no IF NOT EXISTS.
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	}
	if err != nil {
		return "", fmt.Errorf("private PostgreSQL: create database: %w", err)
	}
	return s.DSN(name), nil
}

// RecreateDatabase makes a database that is empty, in the place of the one of that name if there is one, and returns
// its address. Whoever is connected to the old one is cut off.
func (s *Server) RecreateDatabase(ctx context.Context, name string) (dsn string, err error) {
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return "", fmt.Errorf("private PostgreSQL: empty database: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return "", fmt.Errorf("private PostgreSQL: empty database: %w", err)
	}
	return s.CreateDatabase(ctx, name)
}

// DSN returns the address of one database on this server, as pgx and psql take it, password included: it must
// not be logged.
func (s *Server) DSN(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password), Host: s.Addr(),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Addr returns the host and port on which the server listens.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// PidFile returns the file that holds the running server's process id in its first line.
func (s *Server) PidFile() string { return filepath.Join(s.cluster.data(), "postmaster.pid") }

// Done is closed when the server has ended, asked or not.
func (s *Server) Done() <-chan struct{} { return s.child.Done() }

// LastWords returns the end of what the server printed, for whoever finds it Done unasked.
func (s *Server) LastWords() string { return s.child.LastWords() }

// Stop ends the server in order: connections are cut, the data is written out, the folder's lock is released.
// It returns when the process is gone, and may be called again. A server that does not end within 15 seconds
// is told to drop everything, 5 seconds later it is killed; the next start recovers.
func (s *Server) Stop() {
	s.stop.Do(func() {
		if s.child != nil {
			s.child.Stop(child.Ask{Signal: syscall.SIGINT, Patience: 15 * time.Second}, child.Ask{Signal: syscall.SIGQUIT, Patience: 5 * time.Second})
		}
		s.cluster.Close()
	})
}
