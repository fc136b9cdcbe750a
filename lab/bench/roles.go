package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/lab/processor"
	"duebell/lab/servers"
	"duebell/lab/servers/child"
	"duebell/lab/twilio"
)

// stripeKey is what the processor's stand-in of a run takes as its key.
const stripeKey = "sk_test_bench"

// roles are serve and work as processes of their own, with the outside world in ours: memory and round trips of
// serve can so be told apart from what the load costs. public is the line's address, over which signatures are
// made; serveOps is where its metrics are; processor and twilio are the stand-ins' addresses.
type roles struct {
	public    string
	token     string
	account   string
	serve     *child.Child
	work      *child.Child
	serveOps  string
	charges   *processor.Processor
	outside   []*http.Server
	processor string
	twilio    string
}

// startRoles runs `duebell serve` and `duebell work` against the stores and returns when the line is ready.
// stop must follow, also after an error: the roles are returned then with what has been started. The processes
// die with this one.
func startRoles(ctx context.Context, s *stores, log io.Writer) (*roles, error) {
	r := &roles{token: twilio.DevAuthToken, account: twilio.DevAccountSID}
	if err := r.startOutside(ctx); err != nil {
		return r, err
	}
	// Free at this moment. Another program may take one before the role does; then the role ends and awaitReady
	// says so.
	ports := make([]string, 3)
	for i := range ports {
		port, err := servers.FreePort(ctx)
		if err != nil {
			return r, err
		}
		ports[i] = strconv.Itoa(port)
	}
	r.public, r.serveOps = "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	// duebell from this program's own folder, else from PATH.
	product, err := servers.Program("duebell")
	if err != nil {
		return r, err
	}
	// Later entries win over the shell's. Warnings only in the log: writing lines is no part of what is
	// measured.
	env := append(os.Environ(), "DATABASE_URL="+s.dsn, "REDIS_URL="+s.redisURL, "DUEBELL_DATA_KEYS="+s.dataKeys, "DUEBELL_HASH_KEYS="+s.hashKeys,
		"DUEBELL_HTTP_ADDR=127.0.0.1:"+ports[0], "DUEBELL_PUBLIC_URL="+r.public, "DUEBELL_LOG_LEVEL=warn", "DUEBELL_POLICY=",
		"TWILIO_ACCOUNT_SID="+r.account, "TWILIO_AUTH_TOKEN="+r.token, "TWILIO_PHONE_NUMBER=+18776236765", "TWILIO_MESSAGING_SERVICE_SID=",
		"TWILIO_API_URL="+r.twilio, "STRIPE_API_KEY="+stripeKey, "STRIPE_API_URL="+r.processor, "STRIPE_WEBHOOK_SECRET=whsec_bench")
	// Killed with this process: an interrupted bench leaves no roles behind.
	start := func(role, ops string) (*child.Child, error) {
		return child.Start(child.Spec{
			Path: product, Args: []string{role}, Env: append(env, "DUEBELL_OPS_ADDR=127.0.0.1:"+ops), Dir: s.dir, Output: log, OnOurDeath: syscall.SIGKILL,
		})
	}
	if r.serve, err = start("serve", ports[1]); err != nil {
		return r, err
	}
	if r.work, err = start("work", ports[2]); err != nil {
		return r, err
	}
	return r, awaitReady(ctx, r.public+"/readyz")
}

// startOutside opens the processor and Twilio's REST on loopback, in this process. The processor keeps every
// charge, which the sums at the end are compared with. No events reach the line: cards are settled by the
// answer.
func (r *roles) startOutside(ctx context.Context) error {
	r.charges = processor.New(processor.Config{Now: time.Now, APIKey: stripeKey})
	// Receipts go there: a payment's text is part of the work, and a refused connection would be retried in the
	// middle of the measurement.
	texts, err := twilio.New(twilio.Config{
		Now: time.Now, PublicURL: "http://127.0.0.1", Numbers: []twilio.Number{{Phone: "+18776236765"}},
	})
	if err != nil {
		return err
	}
	for address, handler := range map[*string]http.Handler{&r.processor: r.charges, &r.twilio: texts.Handler()} {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		r.outside = append(r.outside, server)
		*address = "http://" + l.Addr().String()
		go func() { _ = server.Serve(l) }()
	}
	return nil
}

// stop ends the processes in order and then the outside world, which they may still ask while they end. It may
// be called after a start that failed half-way.
func (r *roles) stop() {
	// serve first: it takes no more calls while work may still settle charges.
	for _, c := range []*child.Child{r.serve, r.work} {
		if c != nil {
			c.Stop(child.Ask{Signal: syscall.SIGTERM, Patience: 20 * time.Second})
		}
	}
	if r.charges != nil {
		r.charges.Close()
	}
	for _, s := range r.outside {
		_ = s.Close()
	}
}

// awaitReady returns when the address answers 200, or with the last error after half a minute.
func awaitReady(ctx context.Context, address string) error {
	return retry(ctx, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %d", address, resp.StatusCode)
		}
		return nil
	})
}

// peakMB returns the most memory that a process has had, in MiB (VmHWM of /proc; 0 where there is no such file,
// as on systems other than Linux or after the process's end).
func peakMB(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	// The high-water mark of resident memory, kept by the kernel: no sampling can miss it.
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	kb, _ := strconv.Atoi(string(m[1]))
	return kb / 1024
}

// trips are the round trips that serve has made to its stores: statements that read, statements that write,
// commits, and Redis commands. Divided by turns they are averages.
type trips struct{ reads, writes, commits, redis float64 }

// countTrips reads them from serve's metrics, as counted since its start. Without any count it returns an
// error: a baseline without round trips would be far too fast, and the ratio worthless.
func (r *roles) countTrips(ctx context.Context) (trips, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.serveOps+"/metrics", nil)
	if err != nil {
		return trips{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return trips{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return trips{}, err
	}
	// All from one reading, so that they belong together.
	t := trips{
		reads: metric(body, `duebell_db_statements_total{kind="read"}`), writes: metric(body, `duebell_db_statements_total{kind="write"}`),
		commits: metric(body, `duebell_db_statements_total{kind="commit"}`), redis: metric(body, "duebell_redis_commands_total"),
	}
	if t.reads == 0 || t.redis == 0 {
		return t, errors.New("serve does not count its round trips: the baseline cannot be made")
	}
	return t, nil
}

// metric adds up the values of a metric whose line begins with name, over all its labels that are not in name;
// 0 when there is none.
func metric(body []byte, name string) float64 {
	sum := 0.0
	for line := range strings.SplitSeq(string(body), "\n") {
		if rest, ok := strings.CutPrefix(line, name); ok {
			fields := strings.Fields(rest)
			v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err == nil {
				sum += v
			}
		}
	}
	return sum
}

// openPool returns a pool for the run's own queries; the caller closes it.
func openPool(ctx context.Context, dsn string) (*pgxpool.Pool, error) { return pgxpool.New(ctx, dsn) }
