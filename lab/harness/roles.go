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

// replica is one process of serve, as far as a process can be played within another.
type replica struct {
	serve   *app.Serve
	handler http.Handler
	dead    bool // killed: it gets no more requests
}

// settings returns those of a role that reaches its stores at these addresses. The caller holds h.mu.
func (h *Harness) settings(database, redis string) app.Settings {
	s := h.cfg.Settings
	s.SendLimits = h.limits
	s.PublicURL, s.DatabaseURL, s.RedisURL = h.balancer.url, database, redis
	s.HTTPAddr = h.balancer.listener.Addr().String()
	s.TwilioAccountSID, s.TwilioAuthToken = orElse(s.TwilioAccountSID, devSID), orElse(s.TwilioAuthToken, devToken)
	s.TwilioPhoneNumber, s.TwilioMessagingServiceSID = orElse(s.TwilioPhoneNumber, LineNumber), orElse(s.TwilioMessagingServiceSID, ServiceSID)
	s.TwilioPayConnectorCard, s.TwilioPayConnectorBank = orElse(s.TwilioPayConnectorCard, cardConnector), orElse(s.TwilioPayConnectorBank, bankConnector)
	s.ConnectorAddr = h.standIns.connectorAddr()
	s.ConnectorUser = orElse(s.ConnectorUser, connectorUser)
	s.StripeAPIKey, s.StripeWebhookSecret = orElse(s.StripeAPIKey, stripeKey), orElse(s.StripeWebhookSecret, webhookSecret)
	s.TwilioAPIURL, s.StripeAPIURL = h.standIns.twilioURL, h.standIns.stripeURL
	return s
}

// config returns everything that a role is started with.
func (h *Harness) config(database, redis string) app.Config {
	h.mu.Lock()
	defer h.mu.Unlock()
	return app.Config{Settings: h.settings(database, redis), Policy: h.policy, Data: h.data, Hash: h.hash, Timing: h.cfg.Timing}
}

// deps returns the clocks, log and metrics of a role.
func (h *Harness) deps() app.Deps {
	return app.Deps{Clock: h.clock, Machine: h.machine, Log: slog.New(h.logs), Metrics: h.metrics}
}

// openRoles starts the replicas of serve and work, and the connector.
func (h *Harness) openRoles(ctx context.Context) error {
	for range h.cfg.Replicas {
		r, err := h.newReplica(ctx)
		if err != nil {
			return err
		}
		work, err := h.newWork(ctx)
		if err != nil {
			return err
		}
		h.mu.Lock()
		h.serve, h.work = append(h.serve, r), append(h.work, work)
		h.mu.Unlock()
	}
	connector := app.ConnectorHandler(h.config(h.cfg.DatabaseURL, h.redis.straight), h.deps())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connector = connector
	h.balancer.wakeWaiting()
	return nil
}

// newReplica starts a process of serve, with hooks that let the harness see what is said and end the process.
func (h *Harness) newReplica(ctx context.Context) (*replica, error) {
	r := &replica{}
	d := h.deps()
	d.Hooks = app.Hooks{
		Observe:      h.facts.observe,
		BeforeFinish: func(string, int) error { return h.mayDie(ctx, r) },
		Jumped:       h.recordJump,
	}
	var err error
	r.serve, err = app.NewServe(ctx, h.config(patient(through(h.cfg.DatabaseURL, h.database.Addr())), h.redis.address()), d)
	if err != nil {
		return nil, fmt.Errorf("open serve: %w", err)
	}
	r.handler = r.serve.Handler()
	return r, nil
}

// newWork starts a process of work on the workers' host.
func (h *Harness) newWork(ctx context.Context) (*app.Work, error) {
	host := h.workerHost()
	d := h.deps()
	d.Log = slog.New(h.logs.silencedBy(host.dead))
	work, err := app.NewWork(ctx, h.config(patient(through(h.cfg.DatabaseURL, host.database.Addr())), h.redis.address()), d)
	if err != nil {
		return nil, fmt.Errorf("open work: %w", err)
	}
	// Workers outlive the request in which a killed one is replaced.
	if err := work.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("open work: %w", err)
	}
	return work, nil
}

// workersPatience is how long a restart lets a running job end. A processor that is slow on command holds jobs for
// longer than any patience, so they are cut off as by a machine that goes down.
const workersPatience = 300 * time.Millisecond

// closeRoles stops all roles at once and returns when none of them does anything any more.
func (h *Harness) closeRoles(ctx context.Context) error {
	h.mu.Lock()
	serve, work := h.serve, h.work
	h.serve, h.work = nil, nil
	h.mu.Unlock()
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

// Restart stops every role and starts it again on the same stores.
func (h *Harness) Restart(ctx context.Context) error {
	h.recordFault(ctx, "restart")
	err := h.closeRoles(ctx)
	return errors.Join(err, h.openRoles(ctx))
}

// KillBeforeAnswering lets the next process of serve that has worked on a turn die before it stores or answers
// anything. Another comes up in its place.
func (h *Harness) KillBeforeAnswering() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.killNext = true
}

var errKilled = errors.New("harness: killed")

// mayDie kills a replica if that was ordered. A killed one drops its connection, and another is started.
func (h *Harness) mayDie(ctx context.Context, r *replica) error {
	h.mu.Lock()
	die := h.killNext
	h.killNext = false
	if die {
		r.dead = true
	}
	h.mu.Unlock()
	if !die {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	h.recordFault(ctx, "kill-before-answering")
	go h.replaceReplica(ctx, r)
	return errKilled
}

// replaceReplica starts a process in the place of a dead one. From then on the dead one's turn may be taken over.
func (h *Harness) replaceReplica(ctx context.Context, r *replica) {
	next, err := h.newReplica(ctx)
	if err != nil {
		slog.New(h.logs).Error("a killed process of serve could not be replaced; the script goes on without it", "error", err)
		return
	}
	h.mu.Lock()
	for i := range h.serve {
		if h.serve[i] == r {
			h.serve[i] = next
		}
	}
	h.mu.Unlock()
	h.machine.expire(h.cfg.Timing.Lease) // of the turn that died with it
	h.balancer.wakeWaiting()
	if err := r.serve.Close(); err != nil {
		slog.New(h.logs).Warn("a killed process did not end cleanly", "error", err)
	}
}

// orElse returns s, or the other when s is empty.
func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
