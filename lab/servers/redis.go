package servers

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
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"duebell/lab/servers/apt"
	"duebell/lab/servers/child"
)

// Redis is a running redis-server of ours, which keeps nothing on disk: what it holds is gone with it, as
// design §7 allows for Redis.
type Redis struct {
	child   *child.Child
	address string
}

// RedisPidFile is the file in the server's folder that holds its process id while it runs. testenv's cleaner
// reads it.
const RedisPidFile = "redis.pid"

// redisDatabases is how many numbered databases a server has: one for every test that may run at once.
const redisDatabases = 1024

// StartRedis starts a redis-server on a free loopback port with a password of its own, and returns it when it
// answers. dir must be there, and be no other server's. The program is installed where it is missing and the
// machine lets us; log gets a sentence then, and may be nil. On an error nothing is left running.
func StartRedis(ctx context.Context, dir string, log io.Writer) (*Redis, error) {
	program, err := findRedis(ctx, log)
	if err != nil {
		return nil, err
	}
	const tries = 10 // between finding a free port and taking it another program may come first
	for try := 1; ; try++ {
		r, err := tryRedis(ctx, program, dir)
		if err == nil || try == tries || !errors.Is(err, errPortTaken) {
			return r, err
		}
	}
}

// URL returns the redis:// address of database 0, password included.
func (r *Redis) URL() string { return r.address }

// Stop ends the server and returns when the process is gone. It may be called again.
func (r *Redis) Stop() {
	r.child.Stop(child.Ask{Signal: syscall.SIGTERM, Patience: 5 * time.Second})
}

// errPortTaken is tryRedis's where another program was quicker; another port may be free.
var errPortTaken = errors.New("another program took the port first")

// tryRedis makes one try to start a server, on a port that was free a moment ago. A server that does not come
// up is stopped.
func tryRedis(ctx context.Context, program, dir string) (*Redis, error) {
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	// Any user of the machine can reach a loopback port.
	password := rand.Text()
	// In a file and not on the command line, which every user of the machine can read.
	config := fmt.Sprintf("port %d\nbind 127.0.0.1\nrequirepass %s\ndatabases %d\nsave \"\"\nappendonly no\ndir %q\npidfile %q\n",
		port, password, redisDatabases, dir, filepath.Join(dir, RedisPidFile))
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("private Redis: %w", err)
	}
	c, err := child.Start(child.Spec{Path: program, Args: []string{file}, Dir: dir, OnOurDeath: syscall.SIGTERM})
	if err != nil {
		return nil, fmt.Errorf("private Redis: %w", err)
	}
	r := &Redis{child: c, address: fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", password, port)}
	if err := r.awaitReady(ctx); err != nil {
		r.Stop()
		if strings.Contains(c.LastWords(), "Address already in use") {
			return nil, errPortTaken
		}
		return nil, fmt.Errorf("private Redis: redis-server does not start: %w\n%s", err, c.LastWords())
	}
	return r, nil
}

// awaitReady returns when the server answers to its password, or has ended, or ctx is over. Another program
// on the port does not know the password, and is an error.
func (r *Redis) awaitReady(ctx context.Context) error {
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
			// With the password: another program's Redis would refuse it.
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

// findRedis returns the path of redis-server, installing it where it is missing and the machine lets us.
func findRedis(ctx context.Context, log io.Writer) (string, error) {
	program, err := exec.LookPath("redis-server")
	if err == nil {
		return program, nil
	}
	if err := apt.Install(ctx, log, "redis-server"); err != nil {
		return "", fmt.Errorf("redis-server is needed; install it with your package manager "+
			"(Debian, Ubuntu: apt-get install redis-server; Homebrew: brew install redis): %w", err)
	}
	program, err = exec.LookPath("redis-server")
	if err != nil {
		return "", fmt.Errorf("redis-server was installed and is not on PATH: %w", err)
	}
	return program, nil
}

// FreePort returns a loopback port that nobody listens on at this moment. Another program may take it before
// the caller does, so the caller must be ready to try again.
func FreePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("find a free port: not a TCP address")
	}
	return addr.Port, nil
}
