package sessions

import (
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Time-outs of Redis. A turn has 5 seconds in all, and a slow Redis is met with "one moment", so
// one command gets a small part of them and no command is repeated by the client: whoever calls
// knows how much time is left.
const (
	dialTimeout    = time.Second
	commandTimeout = time.Second
)

// Connect reads REDIS_URL: redis:// or rediss:// for one node, several such addresses separated by
// commas for a cluster. It does not wait for Redis to be there. Errors never show the address,
// which may hold a password.
//
// The client pools its connections and is safe for concurrent use; the caller closes it. Whether Redis is
// there shows at the first command, or by Sessions.Ping.
func Connect(address string) (redis.UniversalClient, error) {
	var options *redis.UniversalOptions
	for part := range strings.SplitSeq(address, ",") {
		one, err := redis.ParseURL(strings.TrimSpace(part))
		if err != nil {
			return nil, errors.New("sessions: REDIS_URL wants redis:// or rediss:// addresses, separated by commas")
		}
		if options == nil {
			options = &redis.UniversalOptions{
				Username: one.Username, Password: one.Password, DB: one.DB, TLSConfig: one.TLSConfig,
			}
		} else if (one.TLSConfig == nil) != (options.TLSConfig == nil) || one.Username != options.Username || one.Password != options.Password {
			return nil, errors.New("sessions: the addresses of REDIS_URL differ in scheme or credentials")
		}
		options.Addrs = append(options.Addrs, one.Addr)
	}
	if len(options.Addrs) > 1 && options.DB != 0 {
		return nil, errors.New("sessions: a cluster has no numbered databases")
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = dialTimeout, commandTimeout, commandTimeout
	// A script that was sent twice by the client would still be safe, but would cost the turn twice its
	// time-out.
	options.MaxRetries = -1
	options.ContextTimeoutEnabled = true
	// Neither is used, and both are asked for anew on every connection.
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewUniversalClient(options), nil
}
