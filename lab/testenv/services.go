package testenv

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"duebell/lab/servers"
)

// Services is one PostgreSQL with the template database and one Redis, shared by every test process that gets
// its Env.
type Services struct {
	scratch *scratch
	// The servers that Up started; nil where one was named by the environment.
	server   *servers.Server
	redis    *servers.Redis
	postgres *postgres
	env      []string
}

// Up starts what the environment does not name already, and prepares a cluster for tests that start servers
// of their own. Sentences for people go to log. Down must follow, also after an error: what is given back
// then is what had been started.
func Up(ctx context.Context, log io.Writer) (*Services, error) {
	s := &Services{}
	var err error
	if s.scratch, err = newScratch(); err != nil {
		return s, err
	}
	if err = servers.SetReadyCluster(ctx, s.scratch.dir, log); err != nil {
		return s, err
	}
	admin := os.Getenv(PostgresVar)
	if admin == "" {
		if s.server, err = startPostgres(ctx, s.scratch, log); err != nil {
			return s, err
		}
		admin = s.server.DSN("postgres")
	}
	if s.postgres, err = join(ctx, admin, ""); err != nil {
		return s, err
	}
	address := os.Getenv(RedisVar)
	if address == "" {
		if s.redis, err = servers.StartRedis(ctx, s.scratch.dir, log); err != nil {
			return s, err
		}
		address = s.redis.URL()
	}
	// The template too: a test process that knows it neither migrates nor sweeps.
	s.env = []string{PostgresVar + "=" + admin, templateVar + "=" + s.postgres.template, RedisVar + "=" + address,
		servers.ReadyClusterVar + "=" + os.Getenv(servers.ReadyClusterVar)}
	return s, nil
}

// Env returns what a test process needs in its environment to use these services, as name=value.
func (s *Services) Env() []string { return s.env }

// Down drops the template, stops what Up started and clears it away. It does all of it, whatever fails, and
// returns everything that did. A process killed before it leaves this to the cleaner and to the next sweep.
func (s *Services) Down() error {
	var problems []error
	if s.postgres != nil {
		// Not the run's own context: after a Ctrl-C that one is over, and there is still this to do.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		problems = append(problems, s.postgres.end(ctx))
	}
	// The servers in any order, and before the cleaner, which would else have to end them.
	if s.redis != nil {
		s.redis.Stop()
	}
	if s.server != nil {
		s.server.Stop()
	}
	if s.scratch != nil {
		problems = append(problems, s.scratch.clear())
	}
	return errors.Join(problems...)
}
