package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"duebell/lab/servers"
	"duebell/store"
)

// postgres is a server on which databases for tests are made. Several processes may use it at once; each has
// a run number, in the names of its databases and in an advisory lock that it holds until it ends. So whoever
// comes later can tell databases in use from those that a killed run left behind: PostgreSQL frees the lock
// with the connection. Its methods may be called by many goroutines once join has returned.
type postgres struct {
	// The administrator's address; only the database in it changes.
	admin *url.URL
	// The database that all others are copied from, with the schema and nothing in it.
	template string
	// Drawn at random: two runs with the same number wait for each other at join.
	run int32
	// Holds the lock; its end is our end. Used by one goroutine at a time: join's, then end's.
	holder *pgx.Conn
	// Connections for making and dropping databases that nobody uses now. The process's end closes them.
	idle chan *pgx.Conn
	// Databases made so far, the last part of their names.
	made atomic.Int64
	// PostgreSQL 15 and later can be told to copy files, which is faster for a template without traffic.
	copyFast bool
}

const (
	// Databases are called duebell_test_<run>_<number> or …_template. Nothing else is ever dropped.
	namePrefix = "duebell_test_"
	lockSpace  = 0x64756265 // first key of the advisory locks, ours among other programs'
)

// startPostgres starts a server in the scratch folder that forgets everything on a power cut, which makes it
// several times faster.
func startPostgres(ctx context.Context, s *scratch, log io.Writer) (*servers.Server, error) {
	server, err := servers.Start(ctx, servers.Options{Dir: filepath.Join(s.dir, pgFolder), Log: log})
	if err != nil {
		return nil, fmt.Errorf("test environment: %w", err)
	}
	return server, nil
}

// join begins a run on the server at admin, with a template that is there already or (empty) is made now;
// whoever makes one also drops what dead runs have left. admin's password is in no error. An error ends the
// run: the next one drops what it had made.
func join(ctx context.Context, admin, template string) (_ *postgres, err error) {
	u, err := url.Parse(admin)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return nil, errors.New("test environment: " + PostgresVar + " is not a postgres:// address")
	}
	p := &postgres{admin: u, template: template, run: rand.Int32(), idle: make(chan *pgx.Conn, 4)} //nolint:gosec // G404: a name, not a secret
	p.holder, err = pgx.Connect(ctx, admin)
	if err != nil {
		return nil, fmt.Errorf("test environment: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.holder.Close(ctx)) // not end: a template that came from outside is not ours to drop
		}
	}()
	if _, err := p.holder.Exec(ctx, "SELECT pg_advisory_lock($1, $2)", lockSpace, p.run); err != nil {
		return nil, fmt.Errorf("test environment: begin a run: %w", err)
	}
	err = p.holder.QueryRow(ctx, "SELECT current_setting('server_version_num')::int >= 150000").Scan(&p.copyFast)
	if err != nil {
		return nil, fmt.Errorf("test environment: %w", err)
	}
	// The process that made the template holds the run it belongs to, and has swept.
	if template != "" {
		return p, nil
	}
	if err := p.sweep(ctx); err != nil {
		return nil, err
	}
	if err := p.makeTemplate(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// sweep drops the databases of runs that have ended without dropping them: their advisory lock is free. The
// lock is held while a database is dropped, so two sweeps at once share the work and do not collide.
func (p *postgres) sweep(ctx context.Context) error {
	rows, err := p.holder.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", namePrefix)
	if err != nil {
		return fmt.Errorf("test environment: sweep: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("test environment: sweep: %w", err)
	}
	for _, name := range names {
		var run int32
		if _, err := fmt.Sscanf(strings.TrimPrefix(name, namePrefix), "%d_", &run); err != nil || run == p.run {
			continue
		}
		var dead bool
		if err := p.holder.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", lockSpace, run).Scan(&dead); err != nil {
			return fmt.Errorf("test environment: sweep: %w", err)
		}
		if !dead {
			continue
		}
		if err := p.drop(ctx, name); err != nil {
			return err
		}
		if _, err := p.holder.Exec(ctx, "SELECT pg_advisory_unlock($1, $2)", lockSpace, run); err != nil {
			return fmt.Errorf("test environment: sweep: %w", err)
		}
	}
	return nil
}

// makeTemplate makes the database that all others are copied from. Nobody may connect to it afterwards: a
// connection would keep it from being copied. Migrating once and copying is what makes a fresh database per
// test cheap.
func (p *postgres) makeTemplate(ctx context.Context) error {
	name := fmt.Sprintf("%s%d_template", namePrefix, p.run)
	id := pgx.Identifier{name}.Sanitize()
	if _, err := p.holder.Exec(ctx, "CREATE DATABASE "+id); err != nil {
		return fmt.Errorf("test environment: template: %w", err)
	}
	if err := store.Migrate(ctx, p.dsn(name)); err != nil {
		return fmt.Errorf("test environment: template: %w", err)
	}
	if _, err := p.holder.Exec(ctx, "ALTER DATABASE "+id+" ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("test environment: template: %w", err)
	}
	p.template = name
	return nil
}

// create makes one more database and returns its name and address. Two at once need not wait for each other.
func (p *postgres) create(ctx context.Context) (name, dsn string, err error) {
	name = fmt.Sprintf("%s%d_%d", namePrefix, p.run, p.made.Add(1))
	sql := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " TEMPLATE " + pgx.Identifier{p.template}.Sanitize()
	if p.copyFast {
		sql += " STRATEGY file_copy"
	}
	if err := p.command(ctx, sql); err != nil {
		return "", "", fmt.Errorf("test environment: make a database: %w", err)
	}
	return name, p.dsn(name), nil
}

// drop drops a database, whoever is still connected; one that is gone already is no error.
func (p *postgres) drop(ctx context.Context, name string) error {
	if err := p.command(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("test environment: drop a database: %w", err)
	}
	return nil
}

// command runs a statement of the administrator's, on a connection that no other test uses meanwhile. The
// connection is kept for the next one, because a new one costs about as much as making a database. After an
// error it is closed: nobody knows its state.
func (p *postgres) command(ctx context.Context, sql string) error {
	var conn *pgx.Conn
	select {
	case conn = <-p.idle:
	default:
		var err error
		if conn, err = pgx.Connect(ctx, p.admin.String()); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
	}
	// Without arguments pgx uses the simple protocol, which prepares nothing.
	if _, err := conn.Exec(ctx, sql); err != nil {
		return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	select {
	case p.idle <- conn:
		return nil
	default: // enough are kept
		return conn.Close(ctx)
	}
}

// dsn returns the address of a database on this server, password included.
func (p *postgres) dsn(database string) string {
	u := *p.admin
	u.Path = "/" + database
	return u.String()
}

// end drops the template and gives up the run. Databases of tests are dropped by those; what is left is the
// next sweep's.
func (p *postgres) end(ctx context.Context) error {
	return errors.Join(p.drop(ctx, p.template), p.holder.Close(ctx))
}
