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

// bareHandler is the baseline of calls: it makes the round trips of an average turn and nothing else. It reads
// the form, runs as many Redis commands, reads, writes and commits, and answers a document of a turn's size.
// What it costs is what the stores, HTTP and this machine cost; what serve costs beyond it is ours. It runs in
// this process, as serve does in its own.
type bareHandler struct {
	pool  *pgxpool.Pool
	redis *redis.Client
	turn  trips // a turn's average
	count atomic.Int64
}

// bareScript reads and replaces a session under one key, as a turn of a call does, and gives it a time to live
// of ten minutes.
const (
	bareScript = `local old = redis.call('HGET', KEYS[1], 's'); redis.call('HSET', KEYS[1], 's', ARGV[1]); redis.call('PEXPIRE', KEYS[1], 600000); return old`
	bareSize   = 1500 // bytes of a session and of a document
)

// bareBody is both: the session that is stored and the document that is answered. What is in it costs nothing.
var bareBody = strings.Repeat("x", bareSize)

// ServeHTTP makes one turn's round trips and answers. Any failure is a 500, which ends the measurement with an
// error.
func (b *bareHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Parsed because serve parses it too, for the signature and the input.
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

// trip makes this turn's share of round trips. Averages that are no whole numbers come out right over many
// turns: of 2.5 reads a turn, every second turn makes three. n counts turns from 1. A write outside a
// transaction is one statement; a commit is a transaction with one write in it, so commits are taken off the
// writes.
func (b *bareHandler) trip(ctx context.Context, n int64, call string) error {
	// The whole part of the running total, less what earlier turns have made of it.
	share := func(perTurn float64) int { return int(perTurn*float64(n)) - int(perTurn*float64(n-1)) }
	// Redis before the database, one after another, as a turn makes them: side by side they would take less
	// time.
	for range share(b.turn.redis) {
		// The hash tag keeps a call on one node of a cluster, as the product's keys do (design §4: one hash tag
		// a call).
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
			// The statement's error says more than the rollback's.
			_ = tx.Rollback(ctx)
			return err
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// bare puts the paced load and then the saturating one on the bare handler, on the same stores, and fills in
// the report's baseline. total is what serve's counters said for so many turns. It creates tables of its own in
// the bench database and runs once in a run. The product's processes are idle by then but still up.
func bare(ctx context.Context, s *stores, o CallOptions, total trips, turns int, report *CallReport) error {
	pool, err := openPool(ctx, s.dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	// Small on purpose: the rows that turns read are in memory as well.
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
	// As many turns a second as serve has just answered, so that the two latencies are of the same load.
	took, _, err := knock(ctx, address, 200, report.TurnsPerSecond, min(o.Duration, 20*time.Second))
	if err != nil {
		return err
	}
	report.BareP99 = quantile(took, .99)
	// As many clients as saturated serve.
	_, report.BareSaturated, err = knock(ctx, address, crowd, 0, o.Saturate)
	return err
}

// knock has so many clients post a form of a turn's size for d, at a rate of requests a second or (0) as fast
// as it goes. It returns how long each took and the requests a second; the error is the first one met, and the
// others go on.
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
					// Fixed instants, dealt out over the clients: one that is late catches up and does not
					// lower the rate.
					due := time.Duration((float64(n*crowd+i) / rate) * float64(time.Second))
					if pause(ctx, due-time.Since(began)) != nil {
						return
					}
				}
				one := time.Now()
				body := form.Encode() + fmt.Sprintf("&CallSid=CA%d", i)
				resp, err := client.Post(address, "application/x-www-form-urlencoded", strings.NewReader(body))
				if err == nil {
					// Read to the end, so that the connection is used again.
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						err = fmt.Errorf("the bare handler answered %d", resp.StatusCode)
					}
				}
				// Failures are timed as well; their number does not matter, since the first makes the run an
				// error.
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
