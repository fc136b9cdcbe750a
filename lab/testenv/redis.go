package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"duebell/lab/servers/apt"
	"duebell/lab/servers/child"
)

// redisServer is a server whose numbered databases we hand out. Database 0 keeps the book of which are
// taken, because several processes share the server.
type redisServer struct {
	address   string
	options   *redis.Options
	databases int
}

// Keys of the book.
const (
	nextKey  = "duebell:test:next"
	takenKey = "duebell:test:taken"
)

// meet looks at a server for the first time.
func meet(ctx context.Context, address string) (*redisServer, error) {
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

// take finds a database that no test uses, and empties it.
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
	base, _, _ := strings.Cut(r.address, "?")
	scheme, rest, _ := strings.Cut(base, "://")
	host, _, _ := strings.Cut(rest, "/")
	return number, scheme + "://" + host + "/" + strconv.Itoa(number), nil
}

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

// with does something on a connection that does not outlive it.
func (r *redisServer) with(database int, do func(*redis.Client) error) error {
	options := *r.options
	options.DB, options.PoolSize = database, 1
	c := redis.NewClient(&options)
	return errors.Join(do(c), c.Close())
}

// runningRedis is a redis-server of ours.
type runningRedis struct {
	child   *child.Child
	address string
}

func (r *runningRedis) stop() {
	r.child.Stop(child.Ask{Signal: syscall.SIGTERM, Patience: 5 * time.Second})
}

// startRedis starts a redis-server on a free port, with a password, that keeps nothing on disk.
func startRedis(ctx context.Context, s *scratch, log io.Writer) (*runningRedis, error) {
	program, err := findRedis(ctx, log)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		r, err := tryRedis(ctx, program, s)
		if err == nil || try == 10 || !errors.Is(err, errPortTaken) {
			return r, err
		}
	}
}

var errPortTaken = errors.New("another program took the port first")

func tryRedis(ctx context.Context, program string, s *scratch) (*runningRedis, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	// In a file and not on the command line, which every user of the machine can read.
	config := fmt.Sprintf("port %d\nbind 127.0.0.1\nrequirepass %s\ndatabases 1024\nsave \"\"\nappendonly no\ndir %q\npidfile %q\n",
		port, password, s.dir, filepath.Join(s.dir, redisPid))
	file := filepath.Join(s.dir, "redis.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("test environment: Redis: %w", err)
	}
	c, err := child.Start(child.Spec{Path: program, Args: []string{file}, Dir: s.dir, OnOurDeath: syscall.SIGTERM})
	if err != nil {
		return nil, fmt.Errorf("test environment: %w", err)
	}
	r := &runningRedis{child: c, address: fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", password, port)}
	if err := r.awaitReady(ctx); err != nil {
		r.stop()
		if strings.Contains(c.LastWords(), "Address already in use") {
			return nil, errPortTaken
		}
		return nil, fmt.Errorf("test environment: redis-server does not start: %w\n%s", err, c.LastWords())
	}
	return r, nil
}

// awaitReady returns when the server answers to its password.
func (r *runningRedis) awaitReady(ctx context.Context) error {
	options, err := redis.ParseURL(r.address)
	if err != nil {
		return fmt.Errorf("its address: %w", err)
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		// A bare connection first: go-redis logs every refusal.
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", options.Addr)
		if err == nil {
			_ = conn.Close() // it has told us what it could
			c := redis.NewClient(options)
			return errors.Join(c.Ping(ctx).Err(), c.Close())
		}
		select {
		case <-look.C:
		case <-r.child.Done():
			return fmt.Errorf("it ended: %w", r.child.Err())
		case <-ctx.Done():
			return fmt.Errorf("waited too long: %w", ctx.Err())
		}
	}
}

func findRedis(ctx context.Context, log io.Writer) (string, error) {
	program, err := exec.LookPath("redis-server")
	if err == nil {
		return program, nil
	}
	if err := apt.Install(ctx, log, "redis-server"); err != nil {
		return "", fmt.Errorf("redis-server is needed for the tests; install it with your package manager "+
			"(Debian, Ubuntu: apt-get install redis-server; Homebrew: brew install redis), or name a server in %s: %w", RedisVar, err)
	}
	program, err = exec.LookPath("redis-server")
	if err != nil {
		return "", fmt.Errorf("test environment: installed, and yet: %w", err)
	}
	return program, nil
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("test environment: find a free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("test environment: find a free port: not a TCP address")
	}
	return addr.Port, nil
}
