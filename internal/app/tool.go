package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/internal/telemetry"
	"duebell/payments"
	"duebell/payments/stripe"
	"duebell/store"
)

// Tool is what an operator's command works with.
// It enqueues jobs but works on none.
type Tool struct {
	Config   Config
	Store    *store.Store
	Calendar *billing.Calendar // of the policy in force
	Clock    billing.Clock     // the domain's
	pool     *pgxpool.Pool
	log      *slog.Logger
}

// NewTool loads the settings and opens the store; the caller closes the tool. The error is a *SettingsError if
// a setting is missing or wrong.
//
// needs must hold NeedDatabase. Keys that were not asked for are zero: the store then refuses what would need
// them. The store is not contacted yet.
func NewTool(ctx context.Context, s Settings, log *slog.Logger, needs ...Need) (*Tool, error) {
	cfg, err := s.Load(needs...)
	if err != nil {
		return nil, err
	}
	calendar, err := billing.NewCalendar(cfg.Policy)
	if err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	cfg.Timing = cfg.Timing.withDefaults(cfg.Policy)
	// The metrics are thrown away: a command lives for seconds, and nobody scrapes it.
	pool, err := openPool(ctx, cfg.DatabaseURL, toolConns, telemetry.NewMetrics())
	if err != nil {
		return nil, err
	}
	// Queues are left out, so this process never works on a job, however long its command takes.
	jobs, err := openJobs(pool, &river.Config{})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Tool{
		Config: cfg, pool: pool, log: log, Calendar: calendar, Clock: cfg.Clock(),
		// The machine's clock is never shifted: leases must be the same for the command and for the roles.
		Store: store.New(pool, jobs, cfg.Data, cfg.Hash, SystemClock{}),
	}, nil
}

// Resolver returns what settles unknown payments with evidence.
// It takes a lease on the payment like a worker, so a worker and a person never settle one at the same time.
func (t *Tool) Resolver() *payments.Resolver {
	gateway := stripe.New(stripe.Config{Key: t.Config.StripeAPIKey, URL: t.Config.StripeAPIURL, Timeout: t.Config.Timing.Gateway})
	charger := payments.NewCharger(t.Store, gateway, t.Clock, SystemClock{}, t.log, payments.ChargerOptions{})
	return payments.NewResolver(charger, t.Store, gateway, t.Clock, SystemClock{})
}

// Close closes the connections to the store.
func (t *Tool) Close() { t.pool.Close() }
