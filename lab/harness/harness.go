package harness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing"
	"duebell/internal/app"
	"duebell/internal/policyfile"
	"duebell/internal/seal"
	"duebell/internal/telemetry"
	"duebell/lab/faults"
	"duebell/lab/processor"
	"duebell/lab/samples"
	"duebell/lab/twilio"
	"duebell/notify"
	"duebell/store"
)

// Config says which stores a harness stands on, and how much of it there is. Zero values serve a test.
type Config struct {
	DatabaseURL string // a migrated database of its own
	RedisURL    string // a Redis database of its own; empty: one within this process
	Replicas    int    // of serve, and of work; 1 if zero
	Timing      app.Timing
	Policy      string // TOML; what scripts find where they say nothing themselves
	Clock       *DomainClock
	Log         slog.Handler       // gets the product's log lines too; may be nil
	Metrics     *telemetry.Metrics // may be nil

	HTTPAddr      string // of the line; a free loopback port if empty
	PublicURL     string // http:// and the address if empty
	ConnectorAddr string
	Pages         http.Handler // answers what is no webhook and no console: the browser phone; may be nil
	TwilioURL     string       // somebody else's stand-in, or Twilio itself
	StripeURL     string       // likewise
	Settings      app.Settings // what dev reads from the environment; the rest is filled in

	Seed         uint64                     // for Twilio's SIDs: stores that outlive the harness must not see one twice
	Cards        []processor.Card           // that the processor takes besides the published ones
	Banks        []processor.Bank           // likewise
	StartUnready bool                       // /readyz says so until Ready
	Reminders    bool                       // are planned whenever the clock moves; else only from PlanReminders on
	OnCharge     func(*processor.Processor) // told after each request to our own processor; may be nil
}

// DefaultTiming is short enough for scripts and long enough for a machine with every core busy.
var DefaultTiming = app.Timing{
	Lease: 3 * time.Second, Wait: 2 * time.Second, Budget: 2400 * time.Millisecond, FailureDelay: 40 * time.Millisecond,
	HoldWait: 50 * time.Millisecond, Tick: time.Hour, Gateway: 10 * time.Second, FetchCooldown: 5 * time.Millisecond,
}

// ShortLeaseTiming is for worlds in which processes are killed and Redis is gone: their leases run out soon.
var ShortLeaseTiming = app.Timing{
	Lease: 600 * time.Millisecond, Wait: 450 * time.Millisecond, Budget: 500 * time.Millisecond, FailureDelay: 40 * time.Millisecond,
	HoldWait: 50 * time.Millisecond, Tick: time.Hour, Gateway: 10 * time.Second, FetchCooldown: 5 * time.Millisecond,
}

// DefaultPolicy is the policy of scripts: people can be reached.
const DefaultPolicy = `agent_dial = "+16175550190"`

// The line's own numbers and names in every harness.
const (
	LineNumber     = "+18776236765"
	ServiceSID     = "MGdev00000000000000000000000000000"
	cardConnector  = "stripe_card"
	bankConnector  = "duebell_bank"
	connectorUser  = "twilio"
	stripeKey      = "sk_test_dev"
	webhookSecret  = "whsec_dev"
	connectorParts = 18
)

// Harness is the line and everything around it. Its methods may be used by many goroutines, but a
// story is told by one.
type Harness struct {
	cfg      Config
	clock    *DomainClock
	data     seal.Keys
	hash     seal.Keys
	password string // of the connector

	database *faults.Postgres // before serve
	redis    *redisStore
	pool     *pgxpool.Pool // straight to the database, past every fault
	store    *store.Store

	balancer *loadBalancer
	standIns *standIns
	logs     *logs
	facts    *factChecker
	coverage *coverage
	metrics  *telemetry.Metrics

	moving        sync.Mutex // held while the clock moves
	ticked        time.Time  // the last Tick, guarded by moving
	ready         atomic.Bool
	standing      atomic.Bool
	planning      atomic.Bool   // reminders are planned
	refusedEvents atomic.Int64  // events that were tried and not taken
	closed        chan struct{} // closed with the harness
	closing       sync.Once

	mu              sync.Mutex
	policy          billing.Policy
	calendar        *billing.Calendar
	stories         []samples.Story
	stale           bool // billing's import has stopped
	serve           []*replica
	work            []*app.Work
	connector       http.Handler
	dbDown          bool
	redisDown       bool
	modes           map[string]bool // Twilio's modes in force, by word
	procFault       string
	killNext        bool
	workers         *workerHost // where work runs
	deadHosts       []*workerHost
	limits          notify.SendLimits // of sender and lines
	killWorker      string            // how every worker dies at its next text; empty: not
	payHangupSilent bool              // a hang-up inside Pay posts nothing
	violations      []string
}

// Open builds a harness and starts it. The database must be migrated; nobody is in it yet.
func Open(ctx context.Context, cfg Config) (*Harness, error) {
	h := &Harness{cfg: cfg, clock: cfg.Clock, logs: newLogs(cfg.Log), coverage: newCoverage(), metrics: cfg.Metrics, modes: map[string]bool{}, closed: make(chan struct{})}
	if h.cfg.Replicas == 0 {
		h.cfg.Replicas = 1
	}
	if h.cfg.Policy == "" {
		h.cfg.Policy = DefaultPolicy
	}
	if h.cfg.Timing == (app.Timing{}) {
		h.cfg.Timing = DefaultTiming
	}
	if h.clock == nil {
		h.clock = NewDomainClock(DefaultStart, true)
		h.standing.Store(true)
	}
	h.ticked = h.clock.Now() // a 02:00 that passes while the harness starts is not missed
	if h.metrics == nil {
		h.metrics = telemetry.NewMetrics()
	}
	h.planning.Store(h.cfg.Reminders)
	h.limits = h.cfg.Settings.SendLimits
	h.facts = newFactChecker(h)
	steps := []func(context.Context) error{h.makeKeys, h.openStores, h.listenBalancer, h.readPolicy, h.openStandIns, h.openBalancer, h.openRoles}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("open harness: %h", err), h.Close(ctx))
		}
	}
	return h, nil
}

// DefaultStart is where a script's clock stands that says nothing: a Wednesday morning, the current
// bill neither new nor due.
var DefaultStart = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

func (h *Harness) readPolicy(context.Context) error { return h.setPolicy(h.cfg.Policy) }

func (h *Harness) setPolicy(text string) error {
	p, err := policyfile.Parse(text)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	calendar, err := billing.NewCalendar(p)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.policy, h.calendar = p, calendar
	return nil
}

// SetPolicy puts a policy in force, given as TOML over the harness's own, and starts every role anew.
func (h *Harness) SetPolicy(ctx context.Context, text string) error {
	if err := h.setPolicy(merge(h.cfg.Policy, text)); err != nil {
		return err
	}
	return h.Restart(ctx)
}

// Policy is what is in force, and its calendar.
func (h *Harness) Policy() (billing.Policy, *billing.Calendar) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.policy, h.calendar
}

// Now is the domain's time.
func (h *Harness) Now() time.Time { return h.clock.Now() }

// Clock is the domain's clock.
func (h *Harness) Clock() *DomainClock { return h.clock }

// Zone is the line's own.
func (h *Harness) Zone() *time.Location {
	_, cal := h.Policy()
	return cal.Zone()
}

// Twilio is the telephone company, or nil where somebody else's is used.
func (h *Harness) Twilio() *twilio.Twilio { return h.standIns.twilio.Load() }

// Processor is the card and bank processor, or nil where somebody else's is used.
func (h *Harness) Processor() *processor.Processor { return h.standIns.processor.Load() }

// Store is the product's own view of the database, past every fault.
func (h *Harness) Store() *store.Store { return h.store }

// Settings are what the roles were given, for whoever must write them down.
func (h *Harness) Settings() app.Settings {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.settings(h.cfg.DatabaseURL, h.redis.straight)
}

// Close takes everything down in the reverse order.
func (h *Harness) Close(ctx context.Context) error {
	h.closing.Do(func() { close(h.closed) })
	var errs []error
	if h.standIns != nil {
		h.standIns.release() // nobody waits for an answer that is held
	}
	if h.balancer != nil {
		errs = append(errs, h.balancer.close(ctx))
	}
	errs = append(errs, h.closeRoles(ctx))
	if h.standIns != nil {
		errs = append(errs, h.standIns.close(ctx))
	}
	if h.pool != nil {
		h.pool.Close()
	}
	if h.redis != nil {
		h.redis.close()
	}
	if h.database != nil {
		h.database.Close()
	}
	for _, s := range append(h.deadHosts, h.workers) {
		if s != nil {
			s.database.Close()
		}
	}
	return errors.Join(errs...)
}
