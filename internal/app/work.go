package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/internal/telemetry"
	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/notify"
	notifyhook "duebell/notify/webhook"
	"duebell/payments"
	"duebell/payments/stripe"
	"duebell/store"
	"duebell/store/sessions"
	"duebell/voiceprompts"
)

// Sizes of the worker's pools. A charge that the processor keeps waiting holds one of chargeWorkers
// for up to a minute and no database connection, so that the others are not slowed.
const (
	chargeWorkers = 200
	noticeWorkers = 25

	// A worker of reminders has a batch of them in hand, and makes textsAtOnce creates side by side.
	reminderWorkers = 8
	textsAtOnce     = 8
)

// TextsInHand is how many reminders one process has at the carrier at most.
const TextsInHand = reminderWorkers * textsAtOnce

// Work is the role that charges, looks up, texts and sweeps. Run as many as you like.
type Work struct {
	cfg     Config
	log     *slog.Logger
	pool    *pgxpool.Pool
	redis   redis.UniversalClient
	jobs    *river.Client[pgx.Tx]
	sweeper *payments.Sweeper
	courier *notify.Sender
	planner *notify.Planner
	Store   *store.Store
	stop    context.CancelFunc
	done    sync.WaitGroup
	clock   billing.Clock // domain
	metrics *telemetry.Metrics
	forget  func() // stops the metrics of the pools
}

// Deps are what a role is handed from outside: clocks, log, metrics.
type Deps struct {
	Clock   billing.Clock // domain
	Machine billing.Clock
	Log     *slog.Logger
	Metrics *telemetry.Metrics
	Rand    func(n int) int // a number in [0, n); nil = the machine's

	Hooks Hooks
}

// Hooks let scripts see what is said and where the call goes, and let a process die before it answers.
// Production sets none.
type Hooks struct {
	Observe      func(call string, turn int, path string, reply ivr.Reply)
	BeforeFinish func(call string, turn int) error
	Jumped       func(lang string, from, to ivr.StepName)
}

func (d Deps) withDefaults() Deps {
	if d.Machine == nil {
		d.Machine = SystemClock{}
	}
	if d.Clock == nil {
		d.Clock = d.Machine
	}
	if d.Metrics == nil {
		d.Metrics = telemetry.NewMetrics()
	}
	if d.Rand == nil {
		d.Rand = rand.IntN
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	d.Log = telemetry.CountErrors(d.Log, d.Metrics)
	return d
}

// NewWork builds the role; Start lets it run.
func NewWork(ctx context.Context, cfg Config, d Deps) (*Work, error) {
	d = d.withDefaults()
	cfg.Timing = cfg.Timing.withDefaults(cfg.Policy)
	w := &Work{cfg: cfg, log: d.Log, clock: d.Clock, metrics: d.Metrics}
	var err error
	if w.pool, err = openPool(ctx, cfg.DatabaseURL, workConns, d.Metrics); err != nil {
		return nil, err
	}
	if w.redis, err = openRedis(cfg.RedisURL, d.Metrics); err != nil {
		return nil, err
	}
	w.forget = d.Metrics.WatchPools("work", w.pool, w.redis)
	calendar, err := billing.NewCalendar(cfg.Policy)
	if err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	prompts, err := voiceprompts.Load()
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	workers := river.NewWorkers()
	jobs := &river.Config{
		Logger:  d.Log,
		Workers: workers,
		Queues: map[string]river.QueueConfig{
			store.ChargeJob{}.Kind(): queue(chargeWorkers, cfg.Timing),
			store.NoticeJob{}.Kind(): queue(noticeWorkers, cfg.Timing),
			store.ReminderQueue:      queue(reminderWorkers, cfg.Timing),
		},
		// A rescue of a slow but living job would run it twice side by side; the lease on the row
		// decides in any case, and the sweeper nudges whatever was lost.
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: rescueStuckAfter,
	}
	if cfg.Reminders {
		planning(jobs)
	}
	daily(jobs, eraseJob{})
	if cfg.ReassignedLookups {
		daily(jobs, checkJob{})
	}
	if w.jobs, err = openJobs(w.pool, jobs); err != nil {
		return nil, err
	}
	w.Store = store.New(w.pool, w.jobs, cfg.Data, cfg.Hash, d.Machine)
	if err := w.build(workers, calendar, prompts, d); err != nil {
		return nil, err
	}
	return w, nil
}

// queue is how jobs are fetched. River's notifications are thinned out by their sender, so that of two
// jobs put in line close together the second may only be found by polling: often, because a caller holds.
func queue(workers int, t Timing) river.QueueConfig {
	return river.QueueConfig{MaxWorkers: workers, FetchCooldown: t.FetchCooldown, FetchPollInterval: 10 * t.FetchCooldown}
}

// build readies what the jobs and the ticks do.
func (w *Work) build(workers *river.Workers, calendar *billing.Calendar, prompts *voiceprompts.Catalog, d Deps) error {
	gateway := telemetry.Gateway(stripe.New(stripe.Config{Key: w.cfg.StripeAPIKey, URL: w.cfg.StripeAPIURL, Timeout: w.cfg.Timing.Gateway}), d.Metrics)
	charger := payments.NewCharger(telemetry.ChargeStore(w.Store), gateway, d.Clock, d.Machine, d.Log, payments.ChargerOptions{
		PhoneOrder: w.cfg.Policy.StripeMOTO, Settled: d.Metrics.Settled,
	})
	client, err := twilio.NewClient(twilio.ClientConfig{AccountSID: w.cfg.TwilioAccountSID, AuthToken: w.cfg.TwilioAuthToken, BaseURL: w.cfg.TwilioAPIURL})
	if err != nil {
		return err
	}
	rules := newRules(w.cfg.Policy, calendar, prompts)
	w.planner = notify.NewPlanner(w.Store, rules, d.Log, notify.PlannerOptions{})
	twilioAPI := telemetry.Carrier(carrier{client: client, from: w.cfg.TwilioPhoneNumber, service: w.cfg.TwilioMessagingServiceSID, publicURL: w.cfg.PublicURL}, d.Metrics)
	options := notify.SenderOptions{
		StatusCallback: notifyhook.StatusURL(w.cfg.PublicURL), Lease: w.cfg.Timing.Text, Ended: d.Metrics.NoticeEnded, AtOnce: textsAtOnce,
		Pace: pacer(w.cfg, w.redis, w.Store, d.Machine, calendar), Poller: twilioAPI,
	}
	if w.cfg.calls() {
		options.Dialer = twilioAPI
	}
	w.courier = notify.NewSender(telemetry.NoticeStore(w.Store), twilioAPI, rules, d.Clock, d.Machine, d.Rand, d.Log, options)
	w.sweeper = payments.NewSweeper(telemetry.SweepStore(w.Store, d.Metrics), sessions.New(w.redis, w.cfg.Data, d.Machine, w.cfg.Timing.Lease), d.Clock, d.Machine, w.cfg.Policy, d.Log)
	river.AddWorker(workers, &chargeWorker{charger: charger, log: d.Log})
	river.AddWorker(workers, &noticeWorker{courier: w.courier, log: d.Log})
	river.AddWorker(workers, &planWorker{work: w, log: d.Log})
	inbox := notify.NewInbox(telemetry.InboundStore(w.Store, d.Metrics), w.cfg.Policy, calendar, d.Clock, d.Log)
	river.AddWorker(workers, &numberChecker{
		store: w.Store, calendar: calendar, clock: d.Clock, metrics: d.Metrics, log: d.Log,
		check: notify.NewNumberChecker(w.Store, inbox, directory{client}, w.cfg.Policy, d.Clock, d.Log),
	})
	river.AddWorker(workers, &eraser{
		store: w.Store, policy: w.cfg.Policy, calendar: calendar, clock: d.Clock, machine: d.Machine, metrics: d.Metrics, log: d.Log,
	})
	return nil
}

// newRules reads the texts in the languages that are in force.
func newRules(p billing.Policy, calendar *billing.Calendar, prompts *voiceprompts.Catalog) *notify.Rules {
	inForce := []string{}
	for _, l := range prompts.Offered(p.Languages) {
		inForce = append(inForce, l.Tag)
	}
	return notify.NewRules(p, calendar, notify.NewWords(prompts, inForce)).MeasureWith(func(text string) int {
		_, _, n := twilio.Segments(text)
		return n
	})
}

// Start works jobs and ticks until Stop.
func (w *Work) Start(ctx context.Context) error {
	ctx, w.stop = context.WithCancel(ctx)
	if err := w.jobs.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	w.done.Add(1)
	go func() {
		defer w.done.Done()
		ticker := time.NewTicker(w.cfg.Timing.Tick)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := w.Tick(ctx); err != nil && ctx.Err() == nil {
					w.log.Warn("a tick could not do all its work", "error", err)
				}
			}
		}
	}()
	return nil
}

// Tick runs every planner and sweeper once. Any number of replicas may do so at once.
func (w *Work) Tick(ctx context.Context) error {
	_, sweep := w.sweeper.Tick(ctx)
	_, texts := w.courier.Tick(ctx)
	err := errors.Join(sweep, texts, w.measure(ctx))
	w.metrics.TickDone(err)
	return err
}

// measure tells how long the oldest work has been due, and how many verifications are locked.
func (w *Work) measure(ctx context.Context) error {
	now := w.clock.Now()
	payment, err1 := w.Store.OldestDue(ctx, now)
	text, err2 := w.Store.OldestDueNotice(ctx, now)
	locks, err3 := w.Store.SoftLocks(ctx, now)
	texts, err4 := w.Store.TextBacklog(ctx, now)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return fmt.Errorf("measure what is due: %w", err)
	}
	w.metrics.SetBacklog(telemetry.Backlog{OldestPayment: payment, OldestText: text, SoftLocks: locks, Texts: texts}, now)
	return nil
}

// Stop lets running jobs end, then closes what Start and NewWork opened.
func (w *Work) Stop(ctx context.Context) error {
	if w.stop != nil {
		w.stop()
	}
	w.done.Wait()
	err := w.jobs.Stop(ctx)
	if err != nil { // out of patience: what is cut off is taken up again by lease and sweeper
		err = w.jobs.StopAndCancel(context.WithoutCancel(ctx))
	}
	w.forget()
	w.pool.Close()
	return errors.Join(err, w.redis.Close())
}

// The workers swallow errors after logging them: the row is the truth, and the sweeper nudges it
// again. River's own retries would only add a second schedule beside it.

type chargeWorker struct {
	river.WorkerDefaults[store.ChargeJob]
	charger *payments.Charger
	log     *slog.Logger
}

// Work brings one attempt forward.
func (w *chargeWorker) Work(ctx context.Context, job *river.Job[store.ChargeJob]) error {
	err := telemetry.ChargeJob(ctx, job.Args.Key, func(ctx context.Context) error { return w.charger.Run(ctx, job.Args.Key) })
	if err != nil {
		w.log.Warn("a charge did not get on; the sweeper nudges it again", "attempt", job.Args.Key, "error", err)
	}
	return nil
}

type noticeWorker struct {
	river.WorkerDefaults[store.NoticeJob]
	courier *notify.Sender
	log     *slog.Logger
}

// Work sends notices, or settles what became of them.
func (w *noticeWorker) Work(ctx context.Context, job *river.Job[store.NoticeJob]) error {
	ids := job.Args.IDs
	if len(ids) == 0 {
		return nil
	}
	err := telemetry.NoticeJob(ctx, ids, func(ctx context.Context) error { return w.courier.Send(ctx, ids...) })
	if err != nil {
		w.log.Warn("texts did not get on; the tick nudges them again", "first", ids[0], "count", len(ids), "error", err)
	}
	return nil
}
