package harness

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"duebell/internal/seal"
	"duebell/lab/faults"
	"duebell/store"
)

// makeKeys reads the keys of the settings, and draws those that are not given. Drawn keys live as long as the
// harness: rows that were sealed by an earlier one on the same database cannot be opened.
func (h *Harness) makeKeys(context.Context) error {
	s := &h.cfg.Settings
	for _, k := range []*string{&s.DataKeys, &s.HashKeys} {
		if *k == "" {
			*k = newKey()
		}
	}
	var err error
	if h.data, err = seal.ParseKeys(s.DataKeys); err != nil {
		return fmt.Errorf("data keys: %w", err)
	}
	if h.hash, err = seal.ParseKeys(s.HashKeys); err != nil {
		return fmt.Errorf("hash keys: %w", err)
	}
	// Drawn anew for each harness: nothing of an earlier one may be taken for a request of Twilio's.
	if s.ConnectorPassword == "" {
		s.ConnectorPassword = rand.Text()
	}
	h.password = s.ConnectorPassword
	return nil
}

// newKey returns a key as DUEBELL_DATA_KEYS has it: an id, a colon, and 32 random bytes in base64.
func newKey() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails
	return "dev:" + base64.StdEncoding.EncodeToString(raw)
}

// openStores puts a switch before each store, and opens connections past the switches for the checks of
// scripts. Serve and the workers have a switch each before the same database, so that a fault can hit one of
// them.
func (h *Harness) openStores(ctx context.Context) error {
	// The address is not put into the error: it holds a password.
	u, err := url.Parse(h.cfg.DatabaseURL)
	if err != nil || u.Host == "" {
		return fmt.Errorf("the database's address is no postgres:// URL")
	}
	if h.database, err = faults.NewPostgres(u.Host); err != nil {
		return err
	}
	if h.workers, err = newWorkerHost(h.cfg.DatabaseURL); err != nil {
		return err
	}
	cfg, err := pgxpool.ParseConfig(h.cfg.DatabaseURL)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	// The checks are few and one after another; the database's connections are for the roles.
	cfg.MaxConns = 4
	if h.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	h.store = store.New(h.pool, nil, h.data, h.hash, h.machine)
	h.redis, err = openRedis(h.cfg.RedisURL)
	return err
}

// through returns the address of a store with the proxy's in place of its own; user, password and options stay.
func through(address, proxy string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // openStores has refused it
	}
	u.Host = proxy
	return u.String()
}

// patient returns a database's address with a time-out for connections that a machine with every core busy keeps,
// unless it says one itself. A database that a script takes away refuses at once, whatever stands here.
func patient(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Query().Has("connect_timeout") {
		return address
	}
	q := u.Query()
	q.Set("connect_timeout", "60")
	u.RawQuery = q.Encode()
	return u.String()
}

// redisStore is the Redis of a harness and the switch before it. straight is its own address; own is nil where
// it is an external one.
type redisStore struct {
	straight string
	proxy    *faults.Proxy
	client   *redis.Client // straight
	own      *miniredis.Miniredis
}

// openRedis uses the Redis at an address, or starts one in this process (miniredis, a single node). Nothing is
// asked of it yet.
func openRedis(address string) (*redisStore, error) {
	c := &redisStore{straight: address}
	if address == "" {
		own, err := miniredis.Run()
		if err != nil {
			return nil, fmt.Errorf("redis within this process: %w", err)
		}
		c.own, c.straight = own, "redis://"+own.Addr()
	}
	options, err := redis.ParseURL(c.straight)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	// A plain switch: unlike PostgreSQL's it need not understand what it passes on.
	if c.proxy, err = faults.NewTCP(options.Addr); err != nil {
		return nil, err
	}
	c.client = redis.NewClient(options)
	return c, nil
}

// address returns the URL by which the roles reach it, through the switch.
func (r *redisStore) address() string { return through(r.straight, r.proxy.Addr()) }

// close ends the switch, and the Redis if it is ours. It is called after the roles have ended.
func (r *redisStore) close() {
	_ = r.client.Close() // nothing can be done about it, and nothing is lost
	r.proxy.Close()
	if r.own != nil {
		r.own.Close()
	}
}
