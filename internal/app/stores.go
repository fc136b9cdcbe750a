package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"duebell/internal/telemetry"
	"duebell/store/sessions"
)

// How many connections to PostgreSQL a process opens at most, unless DATABASE_URL says pool_max_conns.
const (
	serveConns = 40
	workConns  = 30
	toolConns  = 4 // an operator's command
)

// openPool returns a pool of connections to the database, at most as many as most. Nothing is sent yet.
//
// The first connection is made at the first query, so a process starts while the database is down.
// connectTimeout bounds how long a turn waits for a host that does not answer.
func openPool(ctx context.Context, dsn string, most int32, m *telemetry.Metrics) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") { // the operator may say how many
		cfg.MaxConns = most
	}
	cfg.ConnConfig.Tracer = telemetry.SQLTracer(m)
	if !strings.Contains(dsn, "connect_timeout") { // as above: tests on a machine with every core busy wait longer
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return pool, nil
}

// openRedis returns a client of one node, or of a cluster if several addresses are given. Nothing is sent yet.
func openRedis(urls string, m *telemetry.Metrics) (redis.UniversalClient, error) {
	client, err := sessions.Connect(urls)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return client, telemetry.InstrumentRedis(client, m)
}

// closeStores closes the pools of a role, those that are open: nil stands for what was not opened. forget ends their
// metrics first.
func closeStores(forget func(), pool *pgxpool.Pool, client redis.UniversalClient) error {
	if forget != nil {
		forget()
	}
	if pool != nil {
		pool.Close()
	}
	if client == nil {
		return nil
	}
	return client.Close()
}

// clientID returns 20 random letters: no run of digits in it can look like a secret (D1: four characters of one).
// Two processes with one id would be taken for one by River's election; 26^20 ids make that impossible in
// practice.
func clientID() string {
	id := make([]byte, 20)
	for i := range id {
		id[i] = byte('a' + rand.IntN(26)) //nolint:gosec // a name, not a secret
	}
	return string(id)
}

// openJobs returns a client of River: one that queues jobs, or also works on them if the configuration has queues.
func openJobs(pool *pgxpool.Pool, cfg *river.Config) (*river.Client[pgx.Tx], error) {
	cfg.Logger = jobLog(cfg.Logger)
	// River's own name for a client would hold the machine's name and the time, in its tables.
	cfg.ID = clientID()
	client, err := river.NewClient(riverpgxv5.New(pool), cfg)
	if err != nil {
		return nil, fmt.Errorf("open job queue: %w", err)
	}
	return client, nil
}
