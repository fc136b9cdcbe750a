package harness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"duebell/internal/app"
)

// replica is one serve process, as far as a process can be played within another.
type replica struct {
	serve   *app.Serve
	handler http.Handler
	dead    bool // killed: it gets no more requests
}

// settings are those of a role that reaches its stores at these addresses. The caller holds w.mu.
func (w *World) settings(database, redis string) app.Settings {
	s := w.cfg.Settings
	s.SendLimits = w.limits
	s.PublicURL, s.DatabaseURL, s.RedisURL = w.front.url, database, redis
	s.HTTPAddr = w.front.listener.Addr().String()
	s.TwilioAccountSID, s.TwilioAuthToken = orElse(s.TwilioAccountSID, devSID), orElse(s.TwilioAuthToken, devToken)
	s.TwilioPhoneNumber, s.TwilioMessagingServiceSID = orElse(s.TwilioPhoneNumber, LineNumber), orElse(s.TwilioMessagingServiceSID, ServiceSID)
	s.TwilioPayConnectorCard, s.TwilioPayConnectorBank = orElse(s.TwilioPayConnectorCard, cardConnector), orElse(s.TwilioPayConnectorBank, bankConnector)
	s.ConnectorAddr = w.outside.connectorAddr()
	s.ConnectorUser = orElse(s.ConnectorUser, connectorUser)
	s.StripeAPIKey, s.StripeWebhookSecret = orElse(s.StripeAPIKey, stripeKey), orElse(s.StripeWebhookSecret, webhookSecret)
	s.TwilioAPIURL, s.StripeAPIURL = w.outside.twilioURL, w.outside.stripeURL
	return s
}

func (w *World) config(database, redis string) app.Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	return app.Config{Settings: w.settings(database, redis), Policy: w.policy, Data: w.data, Hash: w.hash, Timing: w.cfg.Timing}
}

func (w *World) deps() app.Deps {
	return app.Deps{Clock: w.clock, Log: slog.New(w.logs), Metrics: w.metrics}
}

// openRoles starts the replicas of serve and work, and the connector.
func (w *World) openRoles(ctx context.Context) error {
	for range w.cfg.Replicas {
		r, err := w.newReplica(ctx)
		if err != nil {
			return err
		}
		work, err := w.newWork(ctx)
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.serve, w.work = append(w.serve, r), append(w.work, work)
		w.mu.Unlock()
	}
	connector := app.ConnectorHandler(w.config(w.cfg.DatabaseURL, w.cache.straight), w.deps())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connector = connector
	w.front.changed()
	return nil
}

func (w *World) newReplica(ctx context.Context) (*replica, error) {
	r := &replica{}
	d := w.deps()
	d.Hooks = app.Hooks{
		Observe:      w.truth.observe,
		BeforeFinish: func(string, int) error { return w.mayDie(ctx, r) },
		Jumped:       w.jumped,
	}
	var err error
	r.serve, err = app.NewServe(ctx, w.config(through(w.cfg.DatabaseURL, w.database.Addr()), w.cache.address()), d)
	if err != nil {
		return nil, fmt.Errorf("open serve: %w", err)
	}
	r.handler = r.serve.Handler()
	return r, nil
}

func (w *World) newWork(ctx context.Context) (*app.Work, error) {
	shop := w.worksIn()
	d := w.deps()
	d.Log = slog.New(w.logs.until(shop.dead))
	work, err := app.NewWork(ctx, w.config(through(w.cfg.DatabaseURL, shop.base.Addr()), w.cache.address()), d)
	if err != nil {
		return nil, fmt.Errorf("open work: %w", err)
	}
	// A world outlives the request that made it anew.
	if err := work.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("open work: %w", err)
	}
	return work, nil
}

// workersPatience is how long a restart lets a job end. A processor that is slow on command holds
// jobs for longer than any patience, so they are cut off as by a machine that goes down.
const workersPatience = 300 * time.Millisecond

func (w *World) closeRoles(ctx context.Context) error {
	w.mu.Lock()
	serve, work := w.serve, w.work
	w.serve, w.work = nil, nil
	w.mu.Unlock()
	var all sync.WaitGroup
	errs := make(chan error, len(work)+len(serve))
	for _, k := range work {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workersPatience)
			defer cancel()
			if err := k.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				errs <- fmt.Errorf("stop work: %w", err)
			}
		})
	}
	for _, r := range serve {
		all.Go(func() {
			if err := r.serve.Close(); err != nil {
				errs <- fmt.Errorf("stop serve: %w", err)
			}
		})
	}
	all.Wait()
	close(errs)
	var joined error
	for err := range errs {
		joined = errors.Join(joined, err)
	}
	return joined
}

// Restart ends every role and starts it again on the same stores.
func (w *World) Restart(ctx context.Context) error {
	w.act(ctx, "restart")
	err := w.closeRoles(ctx)
	return errors.Join(err, w.openRoles(ctx))
}

// KillBeforeAnswering has the next serve process that has worked on a turn die before it stores or
// answers anything.
func (w *World) KillBeforeAnswering() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kill = true
}

var errKilled = errors.New("world: killed")

// mayDie kills a replica if that was ordered: it drops the connection, and another process comes up
// in its place.
func (w *World) mayDie(ctx context.Context, r *replica) error {
	w.mu.Lock()
	die := w.kill
	w.kill = false
	if die {
		r.dead = true
	}
	w.mu.Unlock()
	if !die {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	w.act(ctx, "kill-before-answering")
	go w.revive(ctx, r)
	return errKilled
}

func (w *World) revive(ctx context.Context, r *replica) {
	next, err := w.newReplica(ctx)
	if err != nil {
		slog.New(w.logs).Error("a killed process did not come back", "error", err)
		return
	}
	w.mu.Lock()
	for i := range w.serve {
		if w.serve[i] == r {
			w.serve[i] = next
		}
	}
	w.mu.Unlock()
	w.front.changed()
	if err := r.serve.Close(); err != nil {
		slog.New(w.logs).Warn("a killed process did not end cleanly", "error", err)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
