package testenv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// redisServer is a server whose numbered databases we hand out, from 1 on. Database 0 records which are
// taken, because several processes share the server. Its methods may be called by many goroutines.
type redisServer struct {
	// redis://, with the password.
	address string
	options *redis.Options
	// How many the server has, database 0 included.
	databases int
}

// Keys of that record.
const (
	// A counter of the numbers tried, so that each look begins where the last one ended.
	nextKey = "duebell:test:next"
	// The set of numbers in use. A test that is killed leaves its number in it.
	takenKey = "duebell:test:taken"
)

// connectRedis returns the server at an address, and reads how many databases it has. The error does not
// repeat the address.
func connectRedis(ctx context.Context, address string) (*redisServer, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, errors.New("test environment: " + RedisVar + " is not a redis:// address")
	}
	r := &redisServer{address: address, options: options}
	err = r.with(0, func(c *redis.Client) error {
		got, err := c.ConfigGet(ctx, "databases").Result()
		if err != nil {
			return fmt.Errorf("count its databases: %w", err)
		}
		r.databases, err = strconv.Atoi(got["databases"])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("test environment: Redis: %w", err)
	}
	return r, nil
}

// take finds a database that no test uses, empties it, and returns its number and address. SADD decides: of
// two processes that try the same number at once, one adds it and the other goes on to the next.
func (r *redisServer) take(ctx context.Context) (int, string, error) {
	number := 0
	err := r.with(0, func(c *redis.Client) error {
		for range r.databases {
			n, err := c.Incr(ctx, nextKey).Result()
			if err != nil {
				return fmt.Errorf("next number: %w", err)
			}
			candidate := int(n%int64(r.databases-1)) + 1
			added, err := c.SAdd(ctx, takenKey, candidate).Result()
			if err != nil {
				return fmt.Errorf("take a number: %w", err)
			}
			if added == 1 {
				number = candidate
				return nil
			}
		}
		return fmt.Errorf("all %d are taken (if by tests that were killed: DEL %s in database 0)", r.databases-1, takenKey)
	})
	if err == nil {
		err = r.with(number, func(c *redis.Client) error { return c.FlushDB(ctx).Err() })
	}
	if err != nil {
		return 0, "", fmt.Errorf("test environment: a Redis database: %w", err)
	}
	// The address with its path replaced by the number: the password is kept, options behind a ? are not.
	base, _, _ := strings.Cut(r.address, "?")
	scheme, rest, _ := strings.Cut(base, "://")
	host, _, _ := strings.Cut(rest, "/")
	return number, scheme + "://" + host + "/" + strconv.Itoa(number), nil
}

// giveBack empties a database and lets others take it, in this order: it must be empty before anybody may
// have it. A test killed between the two leaves its number taken.
func (r *redisServer) giveBack(ctx context.Context, number int) error {
	err := r.with(number, func(c *redis.Client) error { return c.FlushDB(ctx).Err() })
	if err == nil {
		err = r.with(0, func(c *redis.Client) error { return c.SRem(ctx, takenKey, number).Err() })
	}
	if err != nil {
		return fmt.Errorf("test environment: give a Redis database back: %w", err)
	}
	return nil
}

// with runs do on a connection to one database that does not outlive it, so that no test finds a connection
// of ours among its leaks.
func (r *redisServer) with(database int, do func(*redis.Client) error) error {
	options := *r.options
	options.DB, options.PoolSize = database, 1
	c := redis.NewClient(&options)
	return errors.Join(do(c), c.Close())
}
