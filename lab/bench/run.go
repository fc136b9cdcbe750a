package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// CallOptions say how much load. Rate, Concurrent and Duration must be above zero. Log gets a line as each part
// begins.
type CallOptions struct {
	Rate       float64       // new calls a second
	Concurrent int           // calls at once, at the most; callers think as long as it takes to reach it
	Duration   time.Duration // in which calls begin
	Saturate   time.Duration // how long callers who never think push, for the ratio; 0 = 10 s
	Log        io.Writer
}

// CallReport is the result of Calls, one line of JSON. Turn times are milliseconds of paced callers, holds
// apart; memory is MiB at its peak. Saturated is turns a second when callers never think, and Ratio that as a
// share of the bare handler's: the number to compare between machines. Confirmations, Charges and LedgerEntries
// must be equal (promise P1: money moves once).
type CallReport struct {
	Rate            float64 `json:"rate_calls_per_s"`
	Concurrent      int     `json:"most_calls_at_once"`
	Calls           int     `json:"calls"`
	CallsPerSecond  float64 `json:"calls_per_s"`
	TurnsPerSecond  float64 `json:"turns_per_s"`
	P50             float64 `json:"turn_p50_ms"`
	P95             float64 `json:"turn_p95_ms"`
	P99             float64 `json:"turn_p99_ms"`
	HoldP50         float64 `json:"hold_p50_ms"`
	HoldP99         float64 `json:"hold_p99_ms"`
	ServeMB         int     `json:"serve_peak_mb"`
	WorkMB          int     `json:"work_peak_mb"`
	Confirmations   int     `json:"confirmations"`
	Charges         int     `json:"charges"`
	LedgerEntries   int     `json:"ledger_entries"`
	Errors          int     `json:"errors"`
	FirstError      string  `json:"first_error,omitempty"`
	Saturated       float64 `json:"saturated_turns_per_s"`
	BareSaturated   float64 `json:"bare_saturated_turns_per_s"`
	Ratio           float64 `json:"ratio_to_bare"`
	BareP99         float64 `json:"bare_turn_p99_ms"`
	RedisPerTurn    float64 `json:"redis_trips_per_turn"`
	DatabasePerTurn float64 `json:"database_trips_per_turn"`
}

// String is the report as one line.
func (r CallReport) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// turnsPerCall is about how many questions a paying call answers: so often its caller thinks. Thinking time and
// the number of members to load are computed from it; the turns that are reported are counted.
const turnsPerCall = 10

// Calls has callers pay bills at a rate, then as fast as the line answers, then puts the same load on the bare
// handler with the same round trips a turn: all in one run. It returns an error when a call failed, or when
// confirmations, charges and ledger entries are not equal (promise P1: money moves once); the report says so as well.
// Everything that it started has ended when it returns.
func Calls(ctx context.Context, o CallOptions) (CallReport, error) {
	if o.Saturate == 0 {
		o.Saturate = 10 * time.Second
	}
	s, err := openStores(ctx, io.Discard)
	if err != nil {
		return CallReport{}, err
	}
	defer s.close()
	// One member a call: a member with a payment in flight would go another way.
	paced := int(o.Rate * o.Duration.Seconds())
	// Enough members for 2,000 turns a second: each pays once, for a second payment would be asked about (M8:
	// the same amount within a day).
	pushed := int(2000 * o.Saturate.Seconds() / turnsPerCall)
	fmt.Fprintf(o.Log, "loading %d members\n", paced+pushed)
	people, err := s.load(ctx, paced+pushed)
	if err != nil {
		return CallReport{}, err
	}
	// stop comes before the error is looked at: what was started must end in any case.
	r, err := startRoles(ctx, s, o.Log)
	defer r.stop()
	if err != nil {
		return CallReport{}, err
	}
	load := newLoad(r, o)
	fmt.Fprintf(o.Log, "%d calls at %.0f a second, up to %d at once\n", paced, o.Rate, o.Concurrent)
	report := load.paced(ctx, people[:paced])
	// Counted between the two loads: the round trips of paced turns are those of real calls.
	before, err := r.countTrips(ctx)
	if err != nil {
		return report, err
	}
	fmt.Fprintln(o.Log, "callers who never think")
	report.Saturated = load.push(ctx, people[paced:], o.Saturate)
	report.RedisPerTurn = before.redis / float64(load.turns())
	report.DatabasePerTurn = (before.reads + before.writes + before.commits) / float64(load.turns())
	// After both loads, so that the peak is of the heavier one.
	report.ServeMB, report.WorkMB = peakMB(r.serve.Pid()), peakMB(r.work.Pid())
	// Before the baseline, which writes to the same database.
	if err := load.settle(ctx, s, &report); err != nil {
		return report, err
	}
	fmt.Fprintln(o.Log, "the same on a bare handler")
	if err := bare(ctx, s, o, before, load.pacedTurns, &report); err != nil {
		return report, err
	}
	report.Ratio = report.Saturated / report.BareSaturated
	return report, nil
}

// load drives callers and gathers what they measured and heard. Callers are many; what they gather is guarded
// by mu.
type load struct {
	roles  *roles
	opts   CallOptions
	client *http.Client
	think  time.Duration

	mu         sync.Mutex
	took, held []time.Duration
	heard      []string
	errs       []error
	calls      atomic.Int64
	pacedTurns int
}

// newLoad returns a load whose callers think so long that about Concurrent calls are on the line at Rate new
// calls a second.
func newLoad(r *roles, o CallOptions) *load {
	think := time.Duration(float64(o.Concurrent) / o.Rate / turnsPerCall * float64(time.Second))
	return &load{roles: r, opts: o, think: think, client: loopbackClient()}
}

// loopbackClient returns a client that keeps its connections, as Twilio does, and gives up after Twilio's 15
// seconds (twilio.md §4.2). The default of two idle connections a host would measure connecting.
func loopbackClient() *http.Client {
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConns: 2000, MaxIdleConnsPerHost: 2000}}
}

// turns returns how many webhooks the paced callers have made, holds included.
func (l *load) turns() int { return l.pacedTurns }

// paced begins a call every 1/rate seconds, however slow the line is: real callers do not wait for one another
// either, and a load that waits hides what it measures. It returns when the last call has ended.
func (l *load) paced(ctx context.Context, people []member) CallReport {
	began := time.Now()
	var all sync.WaitGroup
	var now, most atomic.Int64
	// A tick that nobody has taken is dropped: a machine that cannot start calls so fast starts fewer, and
	// calls_per_s says so.
	ticker := time.NewTicker(time.Duration(float64(time.Second) / l.opts.Rate))
	defer ticker.Stop()
	for _, who := range people {
		select {
		// Nothing is waited for any more; the calls end at once by the same context.
		case <-ctx.Done():
		case <-ticker.C:
		}
		all.Go(func() {
			// Not exact when two calls begin at once; the number is for the reader's orientation.
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			l.one(ctx, who, l.think)
			now.Add(-1)
		})
	}
	all.Wait()
	seconds := time.Since(began).Seconds()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pacedTurns = len(l.took) + len(l.held)
	// Quantiles of turns only; a hold is as long as its charge.
	report := CallReport{
		Rate: l.opts.Rate, Concurrent: int(most.Load()), Calls: len(people), CallsPerSecond: float64(len(people)) / seconds,
		TurnsPerSecond: float64(l.pacedTurns) / seconds, P50: quantile(l.took, .5), P95: quantile(l.took, .95), P99: quantile(l.took, .99),
		HoldP50: quantile(l.held, .5), HoldP99: quantile(l.held, .99),
	}
	return report
}

// crowd is how many callers saturate the line: so many that waiting for charges leaves no core idle.
const crowd = 128

// push has crowd callers call again and again without thinking, and returns turns a second. It ends after d, or
// when every member has paid. Calls that have begun are finished, and their turns counted.
func (l *load) push(ctx context.Context, people []member, d time.Duration) float64 {
	l.mu.Lock()
	before := len(l.took) + len(l.held)
	l.mu.Unlock()
	began := time.Now()
	var next atomic.Int64
	var all sync.WaitGroup
	for range crowd {
		all.Go(func() {
			for time.Since(began) < d && ctx.Err() == nil {
				// Each member once, whoever of the crowd comes to it first.
				i := int(next.Add(1)) - 1
				if i >= len(people) {
					return
				}
				l.one(ctx, people[i], 0)
			}
		})
	}
	all.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return float64(len(l.took)+len(l.held)-before) / time.Since(began).Seconds()
}

// one makes one call and keeps what it heard, or why it failed. Call ids are made from a counter and never
// repeat.
func (l *load) one(ctx context.Context, who member, think time.Duration) {
	c := caller{
		client: l.client, target: l.roles.public, public: l.roles.public, account: l.roles.account, token: l.roles.token,
		member: who, think: think, record: l.record,
	}
	number, err := c.call(ctx, fmt.Sprintf("CA%032x", l.calls.Add(1)))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	l.heard = append(l.heard, number)
}

// record keeps the time of one webhook, holds apart from turns.
func (l *load) record(s sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.Hold {
		l.held = append(l.held, s.Took)
	} else {
		l.took = append(l.took, s.Took)
	}
}

// settle compares what callers heard with what was charged and with the ledger, and fills in the report. All
// callers have hung up: each heard its confirmation number, so nothing is still on its way.
func (l *load) settle(ctx context.Context, s *stores, report *CallReport) error {
	pool, err := openPool(ctx, s.dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM contract.ledger WHERE kind = 'payment'`).Scan(&report.LedgerEntries); err != nil {
		return err
	}
	report.Confirmations, report.Charges, report.Errors = len(l.heard), len(l.roles.charges.Charges()), len(l.errs)
	if len(l.errs) > 0 {
		report.FirstError = l.errs[0].Error()
		return fmt.Errorf("%d calls failed, the first: %w", len(l.errs), l.errs[0])
	}
	// Equal counts are not enough: one payment confirmed to two callers would have equal counts with a charge
	// of nobody's.
	slices.Sort(l.heard)
	if unique := len(slices.Compact(slices.Clone(l.heard))); unique != len(l.heard) {
		return errors.New("two callers heard the same confirmation number")
	}
	if report.Charges != report.Confirmations || report.LedgerEntries != report.Confirmations {
		return fmt.Errorf("%d confirmations, %d charges, %d ledger entries: they must be equal", report.Confirmations, report.Charges, report.LedgerEntries)
	}
	return nil
}

// quantile returns the q-quantile of durations in milliseconds, 0 of none. It takes a measured value and does
// not interpolate.
func quantile(d []time.Duration, q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Clone(d)
	slices.Sort(sorted)
	at := sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
	return float64(at.Microseconds()) / 1000
}
