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

// replica is one process of serve, as far as a process can be played within another: it has connections, pools
// and a handler of its own and shares nothing with its siblings but stores, clocks, log and metrics.
type replica struct {
	serve   *app.Serve
	handler http.Handler
	dead    bool // killed: it gets no more requests
}

// settings returns those of a role that reaches its stores at these addresses. The caller holds h.mu. What dev
// was given from outside wins over the harness's own values, addresses of stores and stand-ins aside.
func (h *Harness) settings(database, redis string) app.Settings {
	// A copy; the configured settings stay what they were given as.
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
	// Set last and whatever was configured: the roles must never find the real Twilio or Stripe by a missing
	// address.
	s.TwilioAPIURL, s.StripeAPIURL = h.standIns.twilioURL, h.standIns.stripeURL
	return s
}

// config returns everything that a role is started with: settings, policy, keys and timing as they are in force
// now.
func (h *Harness) config(database, redis string) app.Config {
	h.mu.Lock()
	defer h.mu.Unlock()
	return app.Config{Settings: h.settings(database, redis), Policy: h.policy, Data: h.data, Hash: h.hash, Timing: h.cfg.Timing}
}

// deps returns the clocks, log and metrics of a role. All roles share them; the metrics so count all replicas
// together.
func (h *Harness) deps() app.Deps {
	return app.Deps{Clock: h.clock, Machine: h.machine, Log: slog.New(h.logs), Metrics: h.metrics}
}

// openRoles starts the replicas of serve and work, and the connector, which runs beside them as in dev (design
// §2). After an error those that were started stay in the lists, and closeRoles ends them.
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
	// Straight to the stores: the bank connector is a process of its own that no script breaks.
	connector := app.ConnectorHandler(h.config(h.cfg.DatabaseURL, h.redis.straight), h.deps())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connector = connector
	h.balancer.wakeWaiting()
	return nil
}

// newReplica starts a process of serve behind the switches, with hooks that let the harness see what is said
// and end the process. Production sets none of the hooks.
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

// newWork starts a process of work on the workers' host. It works on jobs from the moment it returns.
func (h *Harness) newWork(ctx context.Context) (*app.Work, error) {
	// Asked now: a killed host has been replaced by the time that its successor's workers start.
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

// closeRoles stops all roles at once and returns when none of them does anything any more. Requests that come
// then wait for a replica. Jobs that are cut off leave their leases behind, which run out, or a reset empties
// the tables.
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

// Restart stops every role and starts it again on the same stores, as a deployment does all at once. Sessions
// are in Redis, so calls go on. Both happen even if stopping fails.
func (h *Harness) Restart(ctx context.Context) error {
	h.recordFault(ctx, "restart")
	err := h.closeRoles(ctx)
	return errors.Join(err, h.openRoles(ctx))
}

// KillBeforeAnswering lets the next process of serve that has worked on a turn die before it stores or answers
// anything. Another comes up in its place. What the step did outside its session is done by then, and must not
// be done again when the turn is rerun (design §4: unique by call and turn).
func (h *Harness) KillBeforeAnswering() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.killNext = true
}

var errKilled = errors.New("harness: killed")

// mayDie kills a replica if that was ordered: it returns errKilled, on which the webhook drops the connection
// and stores nothing. Another replica is started beside the request, because Twilio's repeat of it must find
// one.
func (h *Harness) mayDie(ctx context.Context, r *replica) error {
	h.mu.Lock()
	// Taken back at once: of two turns that end together one kills.
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

// replaceReplica starts a process in the place of a dead one. From then on the dead one's turn may be taken
// over: its lease is counted as run out. Until then requests go to the other replicas, or wait.
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
