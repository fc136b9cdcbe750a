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

// Config says which stores a harness uses and what it plays. Its zero value, with a DatabaseURL, serves a test.
// Nobody else may use its stores while the harness is open: a reset empties them. Settings hold what dev reads
// from the environment; the harness fills in the rest, and overrides the addresses of stores and stand-ins.
type Config struct {
	DatabaseURL string             // a migrated database of its own
	RedisURL    string             // a Redis database of its own; empty: one within this process
	Replicas    int                // of serve, and of work; 1 if zero
	Timing      app.Timing         // DefaultTiming if zero
	Policy      string             // TOML; DefaultPolicy if empty
	Clock       *DomainClock       // one that stands at DefaultStart if nil
	Log         slog.Handler       // gets the product's log lines too; may be nil
	Metrics     *telemetry.Metrics // may be nil

	HTTPAddr      string       // of the line; a free loopback port if empty
	PublicURL     string       // http:// and the address if empty
	ConnectorAddr string       // a free loopback port if empty
	Pages         http.Handler // answers what is no webhook and no console: the browser phone; may be nil
	TwilioURL     string       // an external stand-in, or Twilio itself; our own stand-in if empty
	StripeURL     string       // likewise
	Settings      app.Settings // what dev reads from the environment; the rest is filled in

	Seed         uint64                     // of Twilio's SIDs: stores that outlive the harness must not meet one twice
	Cards        []processor.Card           // that the processor takes besides Stripe's test cards
	Banks        []processor.Bank           // likewise
	StartUnready bool                       // /readyz answers 503 until Ready
	Reminders    bool                       // are planned whenever the clock moves; else only from PlanReminders on
	OnCharge     func(*processor.Processor) // called after each request that changes our own processor; may be nil
}

// DefaultTiming is short where a script waits in vain and long where a machine with every core busy needs it.
// Tick is an hour because the harness ticks at every move of the clock itself. FailureDelay stands for the
// line's 400 ms (I1: every failure answered alike).
var DefaultTiming = app.Timing{
	Lease: 3 * time.Second, Wait: 2 * time.Second, Budget: 2400 * time.Millisecond, FailureDelay: 40 * time.Millisecond,
	HoldWait: 150 * time.Millisecond, Tick: time.Hour, Gateway: 10 * time.Second, Text: time.Minute, FetchCooldown: 10 * time.Millisecond,
}

// DefaultPolicy is the policy of scripts: the defaults, and a number at which people can be reached (H5:
// without one no caller is transferred).
const DefaultPolicy = `agent_dial = "+16175550190"`

// The line's own numbers and names in every harness.
const (
	// These are the stand-ins' own. None of them opens anything outside this process.
	LineNumber    = "+18776236765"
	ServiceSID    = "MGdev00000000000000000000000000000"
	cardConnector = "stripe_card"
	bankConnector = "duebell_bank"
	connectorUser = "twilio"
	stripeKey     = "sk_test_dev"
	webhookSecret = "whsec_dev"
)

// Harness is the whole product in one process with stand-ins for everything outside. Its methods may be called
// from many goroutines; one script at a time is played on it. Fields above moving are set by Open and stay;
// those below mu are guarded by it. Lock order: moving before mu.
type Harness struct {
	cfg      Config
	clock    *DomainClock
	machine  *machineClock
	data     seal.Keys
	hash     seal.Keys
	password string // of the connector

	database *faults.Postgres // the switch between serve and the database
	redis    *redisStore
	pool     *pgxpool.Pool // to the database, past every switch
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
	progress      atomic.Int64

	mu              sync.Mutex
	policy          billing.Policy
	calendar        *billing.Calendar
	stories         []samples.Story // what billing knows
	stale           bool            // billing's import has stopped
	serve           []*replica
	work            []*app.Work
	connector       http.Handler
	dbDown          bool
	redisDown       bool
	modes           map[string]bool // Twilio's faults in force, by the words of scripts
	procFault       string          // the processor's, in the same words; empty: none
	killNext        bool            // the next replica of serve that has worked on a turn dies
	workers         *workerHost     // where work runs
	deadHosts       []*workerHost   // closed with the harness
	limits          notify.SendLimits
	killWorker      string // how every worker dies at its next text; empty: it does not
	payHangupSilent bool   // a hang-up inside <Pay> posts nothing
	violations      []string
}

// Open starts a harness: stores behind switches, stand-ins, and Config.Replicas of serve and of work. The
// database must be migrated and may be empty. Close must follow, but not after an error: then what was open has
// been closed.
func Open(ctx context.Context, cfg Config) (*Harness, error) {
	h := &Harness{cfg: cfg, clock: cfg.Clock, machine: &machineClock{}, logs: newLogs(cfg.Log), coverage: newCoverage(), metrics: cfg.Metrics, modes: map[string]bool{}, closed: make(chan struct{})}
	// Zero values first: the steps below read the finished configuration.
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
	// A copy, because a script may set its own (SetSendLimit).
	h.limits = h.cfg.Settings.SendLimits
	h.facts = newFactChecker(h)
	// The order matters: roles are told the addresses of everything, so all listeners are open before them; the
	// processor's stand-in needs the line's address for its events, and Twilio's the connector's.
	steps := []func(context.Context) error{h.makeKeys, h.openStores, h.listenBalancer, h.readPolicy, h.openStandIns, h.openBalancer, h.openRoles}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("open harness: %w", err), h.Close(ctx))
		}
	}
	return h, nil
}

// DefaultStart is where the clock stands in a script that says nothing: a Wednesday at 10:00 in Massachusetts,
// the current bill neither new nor due, people at work (H1: agents' hours), and inside the send window (N4:
// daytime only).
var DefaultStart = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

// readPolicy puts the configured policy in force, before any role starts. It has Open's form of a step.
func (h *Harness) readPolicy(context.Context) error { return h.setPolicy(h.cfg.Policy) }

// setPolicy parses a policy and puts it in force for roles that start from now on. Running roles keep theirs,
// as processes do. A policy that cannot be read changes nothing.
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

// SetPolicy puts settings in force, given as TOML over the configured policy, and restarts every role. Each
// call begins from the configured policy: settings of an earlier call are gone unless they are given again.
func (h *Harness) SetPolicy(ctx context.Context, text string) error {
	if err := h.setPolicy(MergePolicy(h.cfg.Policy, text)); err != nil {
		return err
	}
	return h.Restart(ctx)
}

// Policy returns the policy in force and its calendar. The calendar is shared and not changed by anybody.
func (h *Harness) Policy() (billing.Policy, *billing.Calendar) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.policy, h.calendar
}

// Now returns the domain clock's time, in UTC.
func (h *Harness) Now() time.Time { return h.clock.Now() }

// Clock returns the domain clock. Whoever sets it directly does nothing that falls due on the way.
func (h *Harness) Clock() *DomainClock { return h.clock }

// Zone returns the line's time zone, from the policy in force (C1: one business zone).
func (h *Harness) Zone() *time.Location {
	_, cal := h.Policy()
	return cal.Zone()
}

// Twilio returns the stand-in for Twilio, or nil where an external one is used. A reset puts another in its
// place, so callers ask anew instead of keeping it.
func (h *Harness) Twilio() *twilio.Twilio { return h.standIns.twilio.Load() }

// Processor returns the stand-in for the card and bank processor, or nil where an external one is used. A reset
// puts another in its place.
func (h *Harness) Processor() *processor.Processor { return h.standIns.processor.Load() }

// Store returns the product's own view of the database, on a connection that no injected fault touches.
func (h *Harness) Store() *store.Store { return h.store }

// Settings returns the settings that the roles were given, with the addresses of stores and stand-ins; the
// stores' own addresses, not those of the switches: tools in other shells see the data while a fault is on.
func (h *Harness) Settings() app.Settings {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.settings(h.cfg.DatabaseURL, h.redis.straight)
}

// Close stops everything in the reverse order of Open. It is safe after an Open that failed half-way, and it
// joins the errors instead of stopping at the first: everything is closed as far as it goes.
func (h *Harness) Close(ctx context.Context) error {
	// Ends what waits for a fault that may never act (DropNextCommitReply).
	h.closing.Do(func() { close(h.closed) })
	var errs []error
	if h.standIns != nil {
		h.standIns.release() // nobody waits for an answer that is held
	}
	if h.balancer != nil {
		errs = append(errs, h.balancer.close(ctx))
	}
	// No new requests from here on; the roles may still talk to the stand-ins while they end.
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
	// nil where Open failed before the host was up.
	for _, s := range append(h.deadHosts, h.workers) {
		if s != nil {
			s.database.Close()
		}
	}
	return errors.Join(errs...)
}
