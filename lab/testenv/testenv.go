// Package testenv gives every test a real PostgreSQL database and a real Redis of its own.
//
// It owns the servers behind them: those named by DUEBELL_TEST_POSTGRES and DUEBELL_TEST_REDIS (set by
// the command with-services, which `make test` uses, so that all packages share one pair), else a pair
// started once for the test process and ended with it. It refuses to skip: a server that cannot be
// had fails the test with a sentence.
//
// It imports store, for the schema; tests of store and of what store imports are therefore in external
// test packages (package store_test).
package testenv

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"duebell/lab/servers"
)

// The variables that name servers instead of having them started.
const (
	// PostgresVar is a postgres:// address of a server's administrator. Databases named duebell_test_*
	// are made and dropped there.
	PostgresVar = "DUEBELL_TEST_POSTGRES"
	// RedisVar is a redis:// address. Its numbered databases from 1 on are emptied.
	RedisVar = "DUEBELL_TEST_REDIS"
	// templateVar names a database on PostgresVar's server that has the schema already.
	templateVar = "DUEBELL_TEST_TEMPLATE"
)

// patience is how long making or dropping one database may take. It is a matter of milliseconds; a machine
// with every core busy gets more.
const patience = time.Minute

// Postgres returns the address of a fresh database with the schema applied and nothing in it. It is dropped
// when the test ends, whoever is still connected. Tests may run in parallel; each call makes one more
// database. The first call of a process may start the server, or even install it.
func Postgres(t testing.TB) string {
	t.Helper()
	p, err := sharedPostgres()
	if err != nil {
		t.Fatalf("this test needs PostgreSQL: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	name, dsn, err := p.create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context is over by the time of its clean-up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := p.drop(ctx, name); err != nil {
			t.Error(err)
		}
	})
	return dsn
}

// Redis returns the address of an empty database on a real redis-server that no other test uses. It is
// emptied and given back when the test ends. What Redis keeps for the whole server (functions, published
// messages) is shared.
func Redis(t testing.TB) string {
	t.Helper()
	r, err := sharedRedis()
	if err != nil {
		t.Fatalf("this test needs Redis: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	number, address, err := r.take(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := r.giveBack(ctx, number); err != nil {
			t.Error(err)
		}
	})
	return address
}

// Of each server at most one a process, started when the first test wants it; a start that failed fails every
// test that needs it, with the same error. There is no hook at a test process's end: its death ends the
// servers, and the cleaner (scratch.go) clears away what they leave.
var (
	sharedScratch = sync.OnceValues(newScratch)

	sharedPostgres = sync.OnceValues(func() (*postgres, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // it may have to be installed first
		defer cancel()
		admin := os.Getenv(PostgresVar)
		if admin == "" {
			s, err := sharedScratch()
			if err != nil {
				return nil, err
			}
			server, err := startPostgres(ctx, s, os.Stderr)
			if err != nil {
				return nil, err
			}
			admin = server.DSN("postgres")
		}
		return join(ctx, admin, os.Getenv(templateVar))
	})

	sharedRedis = sync.OnceValues(func() (*redisServer, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		address := os.Getenv(RedisVar)
		if address == "" {
			s, err := sharedScratch()
			if err != nil {
				return nil, err
			}
			server, err := servers.StartRedis(ctx, s.dir, os.Stderr)
			if err != nil {
				return nil, err
			}
			address = server.URL()
		}
		return connectRedis(ctx, address)
	})
)
