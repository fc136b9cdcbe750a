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

// openPool opens the database. Nothing is sent yet: a database that is down is met when it is used.
func openPool(ctx context.Context, dsn string, most int32, m *telemetry.Metrics) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") { // the address may say how many
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

// openRedis opens one node, or a cluster when several addresses are given.
func openRedis(urls string, m *telemetry.Metrics) (redis.UniversalClient, error) {
	client, err := sessions.Connect(urls)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return client, telemetry.InstrumentRedis(client, m)
}

// clientID draws letters only, so that no run of digits in it can look like a secret.
func clientID() string {
	id := make([]byte, 20)
	for i := range id {
		id[i] = byte('a' + rand.IntN(26)) //nolint:gosec // a name, not a secret
	}
	return string(id)
}

// openJobs opens River for putting jobs in line only.
func openJobs(pool *pgxpool.Pool, cfg *river.Config) (*river.Client[pgx.Tx], error) {
	cfg.Logger = jobLog(cfg.Logger)
	// River's own name for a client holds the machine's name and the time; ours says nothing (D1).
	cfg.ID = clientID()
	client, err := river.NewClient(riverpgxv5.New(pool), cfg)
	if err != nil {
		return nil, fmt.Errorf("open job queue: %w", err)
	}
	return client, nil
}
