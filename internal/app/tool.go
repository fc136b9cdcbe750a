package app

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"duebell/internal/telemetry"
	"duebell/payments"
	"duebell/payments/stripe"
	"duebell/store"
)

// Tool is what a command of an operator needs: the store, and the processor where it is asked.
type Tool struct {
	Config Config
	Store  *store.Store
	Clock  payments.Clock
	pool   *pgxpool.Pool
	log    *slog.Logger
}

// NewTool reads the settings and opens the store.
func NewTool(ctx context.Context, s Settings, log *slog.Logger, needs ...Need) (*Tool, error) {
	cfg, err := s.Read(needs...)
	if err != nil {
		return nil, err
	}
	cfg.Timing = cfg.Timing.withDefaults()
	pool, err := openPool(ctx, cfg.DatabaseURL, 4, telemetry.NewMetrics())
	if err != nil {
		return nil, err
	}
	jobs, err := openJobs(pool, &river.Config{})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Tool{
		Config: cfg, pool: pool, log: log, Clock: cfg.Clock(),
		Store: store.New(pool, jobs, cfg.Data, cfg.Hash, SystemClock{}),
	}, nil
}

// Resolver settles unknown payments with evidence.
func (t *Tool) Resolver() *payments.Resolver {
	gateway := stripe.New(stripe.Config{Key: t.Config.StripeAPIKey, URL: t.Config.StripeAPIURL, Timeout: t.Config.Timing.Gateway})
	charger := payments.NewCharger(t.Store, gateway, t.Clock, SystemClock{}, t.log, payments.ChargerOptions{})
	return payments.NewResolver(charger, t.Store, gateway, t.Clock, SystemClock{})
}

// Close closes the store.
func (t *Tool) Close() { t.pool.Close() }
