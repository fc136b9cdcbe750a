package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// bareHandler is the baseline of calls: it makes the round trips of an average turn and nothing else: it reads the form, runs as
// many Redis commands, reads, writes and commits, and answers a document of a turn's size.
type bareHandler struct {
	pool  *pgxpool.Pool
	redis *redis.Client
	turn  trips // a turn's average
	count atomic.Int64
}

// bareScript reads and replaces a session under one key, as a turn of a call does.
const (
	bareScript = `local old = redis.call('HGET', KEYS[1], 's'); redis.call('HSET', KEYS[1], 's', ARGV[1]); redis.call('PEXPIRE', KEYS[1], 600000); return old`
	bareSize   = 1500 // bytes of a session and of a document
)

var bareBody = strings.Repeat("x", bareSize)

func (b *bareHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "form", http.StatusBadRequest)
		return
	}
	n := b.count.Add(1)
	if err := b.trip(r.Context(), n, r.PostForm.Get("CallSid")); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	_, _ = io.WriteString(w, bareBody)
}

// trip makes this turn's share of round trips. Averages that are no whole numbers come out right over many turns: of
// 2.5 reads a turn, every second turn makes three.
func (b *bareHandler) trip(ctx context.Context, n int64, call string) error {
	share := func(perTurn float64) int { return int(perTurn*float64(n)) - int(perTurn*float64(n-1)) }
	for range share(b.turn.redis) {
		if err := b.redis.Eval(ctx, bareScript, []string{"bare:{" + call + "}"}, bareBody).Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	for range share(b.turn.reads) {
		var account string
		if err := b.pool.QueryRow(ctx, `SELECT account FROM bench_bare WHERE id = $1`, n%1000).Scan(&account); err != nil {
			return err
		}
	}
	commits := share(b.turn.commits)
	for range max(share(b.turn.writes)-commits, 0) {
		if _, err := b.pool.Exec(ctx, `INSERT INTO bench_bare_log (account, at) VALUES ($1, $2)`, call, n); err != nil {
			return err
		}
	}
	for range commits {
		tx, err := b.pool.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO bench_bare_log (account, at) VALUES ($1, $2)`, call, n); err != nil {
			_ = tx.Rollback(ctx)
			return err
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// bare puts the paced load and then the saturating one on the bare handler, on the same stores, and fills in the
// report's baseline. total is what serve's counters said for so many turns.
func bare(ctx context.Context, s *stores, o CallOptions, total trips, turns int, report *CallReport) error {
	pool, err := openPool(ctx, s.dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `CREATE TABLE bench_bare (id bigint PRIMARY KEY, account text NOT NULL);
		CREATE TABLE bench_bare_log (account text NOT NULL, at bigint NOT NULL);
		INSERT INTO bench_bare SELECT i, 'account ' || i FROM generate_series(0, 999) i`); err != nil {
		return err
	}
	options, err := redis.ParseURL(s.redisURL)
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer client.Close()
	n := float64(turns)
	handler := &bareHandler{pool: pool, redis: client, turn: trips{total.reads / n, total.writes / n, total.commits / n, total.redis / n}}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	defer server.Close()
	go func() { _ = server.Serve(l) }()
	address := "http://" + l.Addr().String()
	took, _, err := knock(ctx, address, 200, report.TurnsPerSecond, min(o.Duration, 20*time.Second))
	if err != nil {
		return err
	}
	report.BareP99 = quantile(took, .99)
	_, report.BareSaturated, err = knock(ctx, address, crowd, 0, o.Saturate)
	return err
}

// knock has so many clients post a form of a turn's size for d, at a rate of requests a second or (0) as fast as it
// goes. It returns how long each took and the requests a second; the error is the first one met.
func knock(ctx context.Context, address string, crowd int, rate float64, d time.Duration) ([]time.Duration, float64, error) {
	client, form := loopbackClient(), url.Values{"Digits": {"1"}, "From": {"+16175550101"}, "To": {"+18776236765"}, "CallStatus": {"in-progress"}}
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var all sync.WaitGroup
	began := time.Now()
	for i := range crowd {
		all.Go(func() {
			for n := 0; time.Since(began) < d && ctx.Err() == nil; n++ {
				if rate > 0 {
					due := time.Duration((float64(n*crowd+i) / rate) * float64(time.Second))
					if pause(ctx, due-time.Since(began)) != nil {
						return
					}
				}
				one := time.Now()
				body := form.Encode() + fmt.Sprintf("&CallSid=CA%d", i)
				resp, err := client.Post(address, "application/x-www-form-urlencoded", strings.NewReader(body))
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						err = fmt.Errorf("the bare handler answered %d", resp.StatusCode)
					}
				}
				mu.Lock()
				took = append(took, time.Since(one))
				if err != nil && failed == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return took, float64(len(took)) / time.Since(began).Seconds(), failed
}
