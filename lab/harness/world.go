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

// Config says which stores a world stands on, and how much of it there is. Zero values serve a test.
type Config struct {
	DatabaseURL string // a migrated database of its own
	RedisURL    string // a Redis database of its own; empty: one within this process
	Replicas    int    // of serve, and of work; 1 if zero
	Timing      app.Timing
	Policy      string // TOML; what scripts find where they say nothing themselves
	Clock       *app.DomainClock
	Log         slog.Handler       // gets the product's log lines too; may be nil
	Metrics     *telemetry.Metrics // may be nil

	HTTPAddr      string // of the line; a free loopback port if empty
	PublicURL     string // http:// and the address if empty
	ConnectorAddr string
	Pages         http.Handler // answers what is no webhook and no console: the browser phone; may be nil
	TwilioURL     string       // somebody else's stand-in, or Twilio itself
	StripeURL     string       // likewise
	Settings      app.Settings // what dev reads from the environment; the rest is filled in

	Seed      uint64                     // for Twilio's SIDs: stores that outlive the world must not see one twice
	Cards     []processor.Card           // that the processor takes besides the published ones
	Banks     []processor.Bank           // likewise
	NotYet    bool                       // /readyz says so until Ready
	Reminders bool                       // are planned whenever the clock moves; else only from PlanReminders on
	Charged   func(*processor.Processor) // told after each request to our own processor; may be nil
}

// DefaultTiming is short enough for scripts and long enough for a machine with every core busy.
var DefaultTiming = app.Timing{
	Lease: 3 * time.Second, Wait: 2 * time.Second, Budget: 2400 * time.Millisecond, FailureDelay: 40 * time.Millisecond,
	HoldWait: 50 * time.Millisecond, Tick: time.Hour, Gateway: 10 * time.Second, FetchCooldown: 5 * time.Millisecond,
}

// HastyTiming is for worlds in which processes are killed and Redis is gone: their leases run out soon.
var HastyTiming = app.Timing{
	Lease: 600 * time.Millisecond, Wait: 450 * time.Millisecond, Budget: 500 * time.Millisecond, FailureDelay: 40 * time.Millisecond,
	HoldWait: 50 * time.Millisecond, Tick: time.Hour, Gateway: 10 * time.Second, FetchCooldown: 5 * time.Millisecond,
}

// DefaultPolicy is the policy of scripts: people can be reached.
const DefaultPolicy = `agent_dial = "+16175550190"`

// The line's own numbers and names in every world.
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

// World is the line and everything around it. Its methods may be used by many goroutines, but a
// story is told by one.
type World struct {
	cfg      Config
	clock    *app.DomainClock
	data     seal.Keys
	hash     seal.Keys
	password string // of the connector

	database *faults.Postgres // before serve
	cache    *cache
	pool     *pgxpool.Pool // straight to the database, past every fault
	store    *store.Store

	front   *front
	outside *outside
	logs    *logs
	truth   *truth
	passed  *record
	metrics *telemetry.Metrics

	moving   sync.Mutex // held while the clock moves
	ticked   time.Time  // the last Tick, guarded by moving
	ready    atomic.Bool
	standing atomic.Bool
	plans    atomic.Bool   // reminders are planned
	refused  atomic.Int64  // events that were tried and not taken
	over     chan struct{} // closed with the world
	closing  sync.Once

	mu         sync.Mutex
	policy     billing.Policy
	calendar   *billing.Calendar
	stories    []samples.Story
	stale      bool // billing's import has stopped
	serve      []*replica
	work       []*app.Work
	connector  http.Handler
	dbDown     bool
	redisDown  bool
	modes      map[string]bool // Twilio's modes in force, by word
	procFault  string
	kill       bool
	workshop   *workshop // where work runs
	ruins      []*workshop
	limits     notify.SendLimits // of sender and lines
	killWork   string            // how every worker dies at its next text; empty: not
	silent     bool              // a hang-up inside Pay posts nothing
	complaints []string
}

// Open builds a world and starts it. The database must be migrated; nobody is in it yet.
func Open(ctx context.Context, cfg Config) (*World, error) {
	w := &World{cfg: cfg, clock: cfg.Clock, logs: newLogs(cfg.Log), passed: newRecord(), metrics: cfg.Metrics, modes: map[string]bool{}, over: make(chan struct{})}
	if w.cfg.Replicas == 0 {
		w.cfg.Replicas = 1
	}
	if w.cfg.Policy == "" {
		w.cfg.Policy = DefaultPolicy
	}
	if w.cfg.Timing == (app.Timing{}) {
		w.cfg.Timing = DefaultTiming
	}
	if w.clock == nil {
		w.clock = app.NewDomainClock(DefaultStart, true)
		w.standing.Store(true)
	}
	if w.metrics == nil {
		w.metrics = telemetry.NewMetrics()
	}
	w.plans.Store(w.cfg.Reminders)
	w.limits = w.cfg.Settings.SendLimits
	w.truth = newTruth(w)
	steps := []func(context.Context) error{w.makeKeys, w.openStores, w.listenFront, w.readPolicy, w.openOutside, w.openFront, w.openRoles}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("open world: %w", err), w.Close(ctx))
		}
	}
	return w, nil
}

// DefaultStart is where a script's clock stands that says nothing: a Wednesday morning, the current
// bill neither new nor due.
var DefaultStart = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

func (w *World) readPolicy(context.Context) error { return w.setPolicy(w.cfg.Policy) }

func (w *World) setPolicy(text string) error {
	p, err := policyfile.Parse(text)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	calendar, err := billing.NewCalendar(p)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.policy, w.calendar = p, calendar
	return nil
}

// SetPolicy puts a policy in force, given as TOML over the world's own, and starts every role anew.
func (w *World) SetPolicy(ctx context.Context, text string) error {
	if err := w.setPolicy(merge(w.cfg.Policy, text)); err != nil {
		return err
	}
	return w.Restart(ctx)
}

// Policy is what is in force, and its calendar.
func (w *World) Policy() (billing.Policy, *billing.Calendar) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.policy, w.calendar
}

// Now is the domain's time.
func (w *World) Now() time.Time { return w.clock.Now() }

// Clock is the domain's clock.
func (w *World) Clock() *app.DomainClock { return w.clock }

// Zone is the line's own.
func (w *World) Zone() *time.Location {
	_, cal := w.Policy()
	return cal.Zone()
}

// Twilio is the telephone company, or nil where somebody else's is used.
func (w *World) Twilio() *twilio.Twilio { return w.outside.twilio.Load() }

// Processor is the card and bank processor, or nil where somebody else's is used.
func (w *World) Processor() *processor.Processor { return w.outside.processor.Load() }

// Store is the product's own view of the database, past every fault.
func (w *World) Store() *store.Store { return w.store }

// Settings are what the roles were given, for whoever must write them down.
func (w *World) Settings() app.Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settings(w.cfg.DatabaseURL, w.cache.straight)
}

// Close takes everything down in the reverse order.
func (w *World) Close(ctx context.Context) error {
	w.closing.Do(func() { close(w.over) })
	var errs []error
	if w.outside != nil {
		w.outside.release() // nobody waits for an answer that is held
	}
	if w.front != nil {
		errs = append(errs, w.front.close(ctx))
	}
	errs = append(errs, w.closeRoles(ctx))
	if w.outside != nil {
		errs = append(errs, w.outside.close(ctx))
	}
	if w.pool != nil {
		w.pool.Close()
	}
	if w.cache != nil {
		w.cache.close()
	}
	if w.database != nil {
		w.database.Close()
	}
	for _, s := range append(w.ruins, w.workshop) {
		if s != nil {
			s.base.Close()
		}
	}
	return errors.Join(errs...)
}
