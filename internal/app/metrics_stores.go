package app

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Kinds of statements. Other is what carries no data: begin, rollback, savepoints, settings.
const (
	readStatement   = "read"
	writeStatement  = "write"
	commitStatement = "commit"
	otherStatement  = "other"
)

var (
	sqlComments = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/`)
	sqlChanges  = regexp.MustCompile(`(?i)\b(insert\s+into|update|delete\s+from|merge\s+into)\b`)
)

// statementKind sorts a statement by its first word. A SELECT that locks rows is a read; a WITH is what
// its parts do.
func statementKind(sql string) string {
	sql = strings.TrimLeft(sqlComments.ReplaceAllString(sql, " "), " \t\r\n(;")
	word, _, _ := strings.Cut(sql, " ")
	switch strings.ToLower(strings.TrimRight(firstLine(word), ";")) {
	case "commit", "end":
		return commitStatement
	case "select", "table", "values", "show":
		return readStatement
	case "insert", "update", "delete", "merge", "copy", "truncate":
		return writeStatement
	case "with":
		if sqlChanges.MatchString(sql) {
			return writeStatement
		}
		return readStatement
	}
	return otherStatement
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// statementCounter counts what is sent to PostgreSQL. It sees statements, and never looks at arguments.
type statementCounter struct {
	counts map[string]prometheus.Counter
	unsure prometheus.Counter
	kinds  sync.Map // of statements seen; they are constants of the program, so it stays small
}

func (m *Metrics) statementCounter() *statementCounter {
	c := &statementCounter{counts: map[string]prometheus.Counter{}, unsure: m.commitsUnsure}
	for _, kind := range []string{readStatement, writeStatement, commitStatement, otherStatement} {
		c.counts[kind] = m.statements.WithLabelValues(kind)
	}
	return c
}

func (c *statementCounter) count(sql string) string {
	kind, known := c.kinds.Load(sql)
	if !known {
		kind = statementKind(sql)
		c.kinds.Store(sql, kind)
	}
	c.counts[kind.(string)].Inc()
	return kind.(string)
}

type committing struct{}

// TraceQueryStart counts the statement and remembers a COMMIT that is about to leave.
func (c *statementCounter) TraceQueryStart(ctx context.Context, conn *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if c.count(d.SQL) == commitStatement && ctx.Err() == nil && !conn.IsClosed() {
		return context.WithValue(ctx, committing{}, true)
	}
	return ctx
}

// TraceQueryEnd counts a COMMIT that left and was not answered. An answer of the server's, even a
// refusal, is an answer. (pgx v5.12 says of a connection that broke under a simple query that the
// query is safe to retry; it is not, so it is not asked.)
func (c *statementCounter) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	if d.Err == nil || ctx.Value(committing{}) == nil {
		return
	}
	if refusal := (*pgconn.PgError)(nil); !errors.As(d.Err, &refusal) {
		c.unsure.Inc()
	}
}

// TraceBatchStart has nothing to count yet.
func (c *statementCounter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery counts one statement of a batch.
func (c *statementCounter) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	c.count(d.SQL)
}

// TraceBatchEnd has nothing left to count.
func (c *statementCounter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceCopyFromStart counts a COPY as one write.
func (c *statementCounter) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	c.counts[writeStatement].Inc()
	return ctx
}

// TraceCopyFromEnd has nothing left to count.
func (c *statementCounter) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {}

// commandCounter counts what is sent to Redis.
type commandCounter struct{ commands prometheus.Counter }

// DialHook is not counted.
func (c commandCounter) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook counts one command.
func (c commandCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.commands.Inc()
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook counts every command of a pipeline.
func (c commandCounter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.commands.Add(float64(len(cmds)))
		return next(ctx, cmds)
	}
}

// pools reads the connection pools of this process when it is asked. One process may be several
// replicas of a role (dev, scripts): their pools are added up.
type pools struct {
	mu   sync.Mutex
	open map[poolOwner]bool

	dbConns, dbMax, dbWaits, dbWaited    *prometheus.Desc
	redisConns, redisWaits, redisTimeout *prometheus.Desc
}

type poolOwner struct {
	role string
	db   *pgxpool.Pool
	rdb  redis.UniversalClient
}

func newPools() *pools {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &pools{
		open:         map[poolOwner]bool{},
		dbConns:      desc("duebell_db_connections", "Connections to PostgreSQL, by role and state: in_use, idle, opening.", "role", "state"),
		dbMax:        desc("duebell_db_connections_max", "The most connections to PostgreSQL that the role may open.", "role"),
		dbWaits:      desc("duebell_db_waits_total", "Times that a connection to PostgreSQL had to be waited for.", "role"),
		dbWaited:     desc("duebell_db_wait_seconds_total", "Time spent waiting for connections to PostgreSQL.", "role"),
		redisConns:   desc("duebell_redis_connections", "Connections to Redis, by role and state: in_use, idle.", "role", "state"),
		redisWaits:   desc("duebell_redis_waits_total", "Times that a connection to Redis had to be waited for.", "role"),
		redisTimeout: desc("duebell_redis_pool_timeouts_total", "Times that no connection to Redis came free in time.", "role"),
	}
}

// watch reads the pools of one role until the function it returns is called.
func (p *pools) watch(role string, db *pgxpool.Pool, rdb redis.UniversalClient) (forget func()) {
	owner := poolOwner{role, db, rdb}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[owner] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, owner)
	}
}

// Describe names what Collect gives.
func (p *pools) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.dbConns, p.dbMax, p.dbWaits, p.dbWaited, p.redisConns, p.redisWaits, p.redisTimeout} {
		to <- d
	}
}

// Collect reads the pools.
func (p *pools) Collect(to chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sums := map[string]*poolSums{}
	for o := range p.open {
		if sums[o.role] == nil {
			sums[o.role] = &poolSums{}
		}
		sums[o.role].add(o)
	}
	for role, s := range sums {
		give := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(d, t, v, append([]string{role}, labels...)...)
		}
		give(p.dbConns, prometheus.GaugeValue, s.dbUsed, "in_use")
		give(p.dbConns, prometheus.GaugeValue, s.dbIdle, "idle")
		give(p.dbConns, prometheus.GaugeValue, s.dbOpening, "opening")
		give(p.dbMax, prometheus.GaugeValue, s.dbMax)
		give(p.dbWaits, prometheus.CounterValue, s.dbWaits)
		give(p.dbWaited, prometheus.CounterValue, s.dbWaited)
		give(p.redisConns, prometheus.GaugeValue, s.redisUsed, "in_use")
		give(p.redisConns, prometheus.GaugeValue, s.redisIdle, "idle")
		give(p.redisWaits, prometheus.CounterValue, s.redisWaits)
		give(p.redisTimeout, prometheus.CounterValue, s.redisTimeout)
	}
}

type poolSums struct {
	dbUsed, dbIdle, dbOpening, dbMax, dbWaits, dbWaited float64
	redisUsed, redisIdle, redisWaits, redisTimeout      float64
}

func (s *poolSums) add(o poolOwner) {
	db := o.db.Stat()
	s.dbUsed += float64(db.AcquiredConns())
	s.dbIdle += float64(db.IdleConns())
	s.dbOpening += float64(db.ConstructingConns())
	s.dbMax += float64(db.MaxConns())
	s.dbWaits += float64(db.EmptyAcquireCount())
	s.dbWaited += db.EmptyAcquireWaitTime().Seconds()
	r := o.rdb.PoolStats()
	s.redisUsed += max(float64(r.TotalConns)-float64(r.IdleConns), 0)
	s.redisIdle += float64(r.IdleConns)
	s.redisWaits += float64(r.WaitCount)
	s.redisTimeout += float64(r.Timeouts)
}
