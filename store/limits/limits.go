// Package limits holds in Redis, for all workers together, how much each sender of texts has sent
// lately (N9: pacing). It knows neither what a text says, nor which are allowed, nor what the limits
// are: each reservation brings them along.
package limits

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"duebell/notify"
)

//go:embed take.lua
var takeLua string

var takeScript = redis.NewScript(takeLua)

// life is how long a sender's counts are kept after its last text: longer than a day, which is counted.
const life = 48 * time.Hour

// Limits reserves capacity for texts.
// It is safe for concurrent use; all state is in Redis, under one key a sender.
type Limits struct{ redis redis.UniversalClient }

var _ notify.Throttle = (*Limits)(nil)

// New returns Limits on an open client.
func New(client redis.UniversalClient) *Limits { return &Limits{client} }

// Reserve takes capacity for as many of the texts, in order, as there is now, in one script: of two
// workers none gets what the other has. It returns how many, and how long to wait for the next. What
// was reserved by a process that died before it sent is lost until the bucket has refilled.
//
// a.Now is the domain clock; a.Segments holds the size of each text. When Redis does not answer it returns
// the error and nothing is reserved as far as the caller may assume: texts wait (design §7: redis down).
func (l *Limits) Reserve(ctx context.Context, a notify.Reservation) (notify.Grant, error) {
	first := 0
	if a.First {
		first = 1
	}
	args := []any{
		a.Now.UnixMicro(), first, micros(a.SegmentsPerSecond), burst(a.SegmentsPerSecond), a.Day, a.SegmentsPerDay,
		micros(a.TextsPerSecond), burst(a.TextsPerSecond), life.Milliseconds(),
	}
	for _, n := range a.Segments {
		args = append(args, n)
	}
	got, err := takeScript.Run(ctx, l.redis, []string{"sender:{" + a.Sender + "}"}, args...).Slice()
	if err != nil {
		return notify.Grant{}, fmt.Errorf("reserve capacity: %w", err)
	}
	return grant(got, len(a.Segments))
}

// grant converts what the script returns.
// The script comes with this program, so another shape means a fault of ours: better an error than texts at
// any rate.
func grant(got []any, asked int) (notify.Grant, error) {
	odd := errors.New("reserve capacity: the script returned something else than a count, a wait and a flag")
	if len(got) != 3 {
		return notify.Grant{}, odd
	}
	taken, ok := got[0].(int64)
	wait, isText := got[1].(string)
	full, isNumber := got[2].(int64)
	micros, err := strconv.ParseInt(wait, 10, 64)
	if !ok || !isText || !isNumber || err != nil || taken < 0 || taken > int64(asked) {
		return notify.Grant{}, odd
	}
	return notify.Grant{Granted: int(taken), Wait: time.Duration(micros) * time.Microsecond, DayFull: full == 1}, nil
}

// micros returns the time that one of so many a second takes, in microseconds; 0: no limit.
func micros(perSecond float64) string {
	if perSecond <= 0 {
		return "0"
	}
	return strconv.FormatFloat(1e6/perSecond, 'f', 3, 64)
}

// burst returns how many may leave at once: a second's worth.
func burst(perSecond float64) int { return max(1, int(math.Ceil(perSecond))) }
