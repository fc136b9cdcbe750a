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

	"duebell/internal/app"
	"duebell/internal/seal"
	"duebell/lab/faults"
	"duebell/store"
)

// makeKeys draws keys for a world that was given none.
func (w *World) makeKeys(context.Context) error {
	s := &w.cfg.Settings
	for _, k := range []*string{&s.DataKeys, &s.HashKeys} {
		if *k == "" {
			*k = newKey()
		}
	}
	var err error
	if w.data, err = seal.ParseKeys(s.DataKeys); err != nil {
		return fmt.Errorf("data keys: %w", err)
	}
	if w.hash, err = seal.ParseKeys(s.HashKeys); err != nil {
		return fmt.Errorf("hash keys: %w", err)
	}
	if s.ConnectorPassword == "" {
		s.ConnectorPassword = rand.Text()
	}
	w.password = s.ConnectorPassword
	return nil
}

func newKey() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails
	return "dev:" + base64.StdEncoding.EncodeToString(raw)
}

// openStores puts a switch before each store, and opens a way past it for the checks.
func (w *World) openStores(ctx context.Context) error {
	u, err := url.Parse(w.cfg.DatabaseURL)
	if err != nil || u.Host == "" {
		return fmt.Errorf("the database's address is no postgres:// URL")
	}
	if w.database, err = faults.NewPostgres(u.Host); err != nil {
		return err
	}
	if w.workshop, err = newWorkshop(w.cfg.DatabaseURL); err != nil {
		return err
	}
	cfg, err := pgxpool.ParseConfig(w.cfg.DatabaseURL)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	cfg.MaxConns = 4
	if w.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	w.store = store.New(w.pool, nil, w.data, w.hash, app.SystemClock{})
	w.cache, err = openCache(w.cfg.RedisURL)
	return err
}

// through is the address of a store with the proxy's in place of its own.
func through(address, proxy string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // openStores has refused it
	}
	u.Host = proxy
	return u.String()
}

// cache is the Redis of a world and the switch before it.
type cache struct {
	straight string
	proxy    *faults.Proxy
	client   *redis.Client // straight
	own      *miniredis.Miniredis
}

func openCache(address string) (*cache, error) {
	c := &cache{straight: address}
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
	if c.proxy, err = faults.NewTCP(options.Addr); err != nil {
		return nil, err
	}
	c.client = redis.NewClient(options)
	return c, nil
}

func (c *cache) address() string { return through(c.straight, c.proxy.Addr()) }

func (c *cache) close() {
	_ = c.client.Close() // nothing can be done about it, and nothing is lost
	c.proxy.Close()
	if c.own != nil {
		c.own.Close()
	}
}
