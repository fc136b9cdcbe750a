package testenv

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"duebell/lab/servers"
)

// Services is one PostgreSQL with the template database and one Redis, shared by every test process
// that gets its Env.
type Services struct {
	scratch  *scratch
	server   *servers.Server // nil when it was given
	redis    *servers.Redis  // nil when it was given
	postgres *postgres
	env      []string
}

// Up starts what the environment does not name already, and prepares a cluster for tests that start servers of their
// own. Down must follow, also after an error.
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
	s.env = []string{PostgresVar + "=" + admin, templateVar + "=" + s.postgres.template, RedisVar + "=" + address,
		servers.ReadyClusterVar + "=" + os.Getenv(servers.ReadyClusterVar)}
	return s, nil
}

// Env is what a test process needs in its environment to use these services.
func (s *Services) Env() []string { return s.env }

// Down drops the template, stops what Up started and clears it away.
func (s *Services) Down() error {
	var problems []error
	if s.postgres != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		problems = append(problems, s.postgres.end(ctx))
	}
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
