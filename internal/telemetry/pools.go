package telemetry

import (
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// pools is a collector that reads the connection pools of this process at each scrape. In the lab one process
// runs several replicas of a role: their pools are added up.
// It is safe for concurrent use: roles may come and go while Prometheus scrapes.
type pools struct {
	mu   sync.Mutex
	open map[poolOwner]bool

	dbConns, dbMax, dbWaits, dbWaited    *prometheus.Desc
	redisConns, redisWaits, redisTimeout *prometheus.Desc
}

// poolOwner is one role with its two pools. It is compared by identity: each WatchPools has one.
type poolOwner struct {
	role string
	db   *pgxpool.Pool
	rdb  redis.UniversalClient
}

// newPools returns the collector without any pool.
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

// WatchPools exports the state of a role's connection pools until the returned function is called.
// Call the returned function before the pools are closed; calling it twice does no harm.
func (m *Metrics) WatchPools(role string, db *pgxpool.Pool, rdb redis.UniversalClient) (forget func()) {
	p, owner := m.pools, poolOwner{role, db, rdb}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[owner] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, owner)
	}
}

// Describe sends the metrics that Collect fills.
func (p *pools) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.dbConns, p.dbMax, p.dbWaits, p.dbWaited, p.redisConns, p.redisWaits, p.redisTimeout} {
		to <- d
	}
}

// Collect reads the pools and sends one set of values a role.
// A role's counters fall when a replica of it ends, which Prometheus takes for a reset.
func (p *pools) Collect(to chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sums := map[string]*poolSums{}
	// Stat copies the counters under the pool's own lock, so a scrape holds nobody up for long.
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

// poolSums adds up the pools of one role; times are in seconds.
type poolSums struct {
	dbUsed, dbIdle, dbOpening, dbMax, dbWaits, dbWaited float64
	redisUsed, redisIdle, redisWaits, redisTimeout      float64
}

// add adds the state of one owner's pools at this instant.
func (s *poolSums) add(o poolOwner) {
	db := o.db.Stat()
	s.dbUsed += float64(db.AcquiredConns())
	s.dbIdle += float64(db.IdleConns())
	s.dbOpening += float64(db.ConstructingConns())
	s.dbMax += float64(db.MaxConns())
	s.dbWaits += float64(db.EmptyAcquireCount())
	s.dbWaited += db.EmptyAcquireWaitTime().Seconds()
	r := o.rdb.PoolStats()
	// The two numbers are read one after the other, so the difference may fall below zero for a moment.
	s.redisUsed += max(float64(r.TotalConns)-float64(r.IdleConns), 0)
	s.redisIdle += float64(r.IdleConns)
	s.redisWaits += float64(r.WaitCount)
	s.redisTimeout += float64(r.Timeouts)
}
