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

// How many jobs of a kind one process works on at once. docs/operating.md shows the same numbers.
const (
	// A charge that the processor keeps waiting holds one of these for up to a minute, and no database
	// connection: the other charges are not slowed.
	chargeWorkers   = 200
	noticeWorkers   = 25
	reminderWorkers = 8 // each with a batch of reminders
	textsAtOnce     = 8 // requests to Twilio that one batch makes side by side
)

// MaxTextsInProgress is how many reminders one process has at Twilio at most.
const MaxTextsInProgress = reminderWorkers * textsAtOnce

// Work is the role that charges, looks up unknown payments, sends texts and sweeps. Any number may run side
// by side: leases on rows decide which of them does what. Stop must be called once after NewWork succeeded,
// started or not.
type Work struct {
	cfg     Config
	log     *slog.Logger
	pool    *pgxpool.Pool
	redis   redis.UniversalClient
	jobs    *river.Client[pgx.Tx]
	sweeper *payments.Sweeper
	sender  *notify.Sender
	planner *notify.Planner
	Store   *store.Store
	stop    context.CancelFunc
	done    sync.WaitGroup
	clock   billing.Clock // the domain's
	metrics *telemetry.Metrics
	forget  func() // ends the metrics of the pools
}

// Deps are what a role gets from outside. Zero fields get the machine's own, a discarded log and metrics that
// nobody reads.
// One Deps may be given to several roles of one process, as dev does.
type Deps struct {
	Clock   billing.Clock // the domain's
	Machine billing.Clock // for leases and time-outs
	Log     *slog.Logger
	Metrics *telemetry.Metrics
	Rand    func(n int) int // returns a number in [0, n)

	Hooks Hooks
}

// Hooks let scripts see each reply and step, and make a process die before it answers. Production sets none.
type Hooks struct {
	Observe      func(call string, turn int, path string, reply ivr.Reply)
	BeforeFinish func(call string, turn int) error
	Jumped       func(lang string, from, to ivr.StepName)
}

// withDefaults fills in zero fields. Without a domain clock the machine's is the domain's, as in production.
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
	// Every line at error level raises a metric, so an alarm needs no log search.
	d.Log = telemetry.CountErrors(d.Log, d.Metrics)
	return d
}

// NewWork builds the role; Start runs it. No store is asked for anything yet.
//
// cfg must come from Settings.Load with LineNeeds. As with NewServe an error names what is wrong with policy,
// keys or prompts, and leaves nothing open.
func NewWork(ctx context.Context, cfg Config, d Deps) (_ *Work, err error) {
	d = d.withDefaults()
	cfg.Timing = cfg.Timing.withDefaults(cfg.Policy)
	w := &Work{cfg: cfg, log: d.Log, clock: d.Clock, metrics: d.Metrics}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeStores(w.forget, w.pool, w.redis))
		}
	}()
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
		// Were a slow job rescued while it still runs, two would run side by side: hence the rescue comes long
		// after the time-out. Even then the lease on the row lets one of them work, and the sweeper queues
		// again what was lost.
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: rescueStuckAfter,
	}
	if cfg.Reminders {
		planning(jobs)
	}
	daily(jobs, eraseJob{})
	// Look-ups cost money, so they are off unless the operator turns them on (O5: reassignment checks).
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

// queue returns how the jobs of one queue are fetched. River's sender drops notifications that follow each other
// closely, so that of two jobs queued together the second may only be found by polling: polls are frequent,
// because a caller waits on the line.
func queue(workers int, t Timing) river.QueueConfig {
	return river.QueueConfig{MaxWorkers: workers, FetchCooldown: t.FetchCooldown, FetchPollInterval: 10 * t.FetchCooldown}
}

// build makes what the jobs and the ticks call.
//
// Workers are registered with River before Start, and each gets only what it uses. Wrappers of package
// telemetry count and time.
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
	w.sender = notify.NewSender(telemetry.NoticeStore(w.Store), twilioAPI, rules, d.Clock, d.Machine, d.Rand, d.Log, options)
	// The sweeper asks Redis for turns in progress before it closes an offer (design §5: not while leased).
	w.sweeper = payments.NewSweeper(telemetry.SweepStore(w.Store, d.Metrics), sessions.New(w.redis, w.cfg.Data, d.Machine, w.cfg.Timing.Lease), d.Clock, d.Machine, w.cfg.Policy, d.Log)
	river.AddWorker(workers, &chargeWorker{charger: charger, log: d.Log})
	river.AddWorker(workers, &noticeWorker{sender: w.sender, log: d.Log})
	river.AddWorker(workers, &planWorker{work: w, log: d.Log})
	inbox := notify.NewInbox(telemetry.InboundStore(w.Store, d.Metrics), w.cfg.Policy, calendar, d.Clock, d.Log)
	river.AddWorker(workers, &numberChecker{
		store: w.Store, calendar: calendar, clock: d.Clock, metrics: d.Metrics, log: d.Log,
		check: notify.NewNumberChecker(w.Store, inbox, reassignments{client}, w.cfg.Policy, d.Clock, d.Log),
	})
	river.AddWorker(workers, &eraser{
		store: w.Store, policy: w.cfg.Policy, calendar: calendar, clock: d.Clock, machine: d.Machine, metrics: d.Metrics, log: d.Log,
	})
	return nil
}

// newRules returns the rules of texts, with their words in the languages that are in force.
// MeasureWith gives the rules the real segment count, by which they refuse a text that would be too long (N7:
// segments).
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

// Start works on jobs and ticks until Stop. Jobs do not end with ctx: Stop lets running ones finish.
//
// It returns as soon as the work has begun; call it once. Jobs start before the first tick. An error, such as
// a database that does not answer, leaves nothing running, and Stop still closes what is open.
func (w *Work) Start(ctx context.Context) error {
	ctx, w.stop = context.WithCancel(ctx)
	// River's workers get a context that outlives the signal: a charge in progress is not cut off by it.
	if err := w.jobs.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	w.done.Add(1)
	go func() {
		defer w.done.Done()
		// A tick that takes longer than the interval delays the next; they never overlap in one process.
		ticker := time.NewTicker(w.cfg.Timing.Tick)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				// The next tick finds the same rows: nothing is remembered between two.
				if err := errors.Join(w.Tick(ctx), w.Measure(ctx)); err != nil && ctx.Err() == nil {
					w.log.Warn("a run of the sweepers and senders did not finish; the next one goes on", "error", err)
				}
			}
		}
	}()
	return nil
}

// Tick runs the sweepers and the sender of texts once. Any number of processes may do so at once. With an error
// some of the work is left to the next tick.
// Sweeper and sender run although the other failed.
func (w *Work) Tick(ctx context.Context) error {
	_, sweep := w.sweeper.Tick(ctx)
	_, texts := w.sender.Tick(ctx)
	err := errors.Join(sweep, texts)
	w.metrics.TickDone(err)
	return err
}

// Measure sets the metrics of the backlog: how long the oldest work has been due, and how many members are locked out.
// Values are of the moment and the same whichever process reads them, so an alarm looks at the highest.
func (w *Work) Measure(ctx context.Context) error {
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

// Stop lets running jobs end until ctx does, then closes what Start and NewWork opened. An error means that jobs
// were cut off: their leases run out, and the sweeper queues them again.
//
// First the ticks end, then jobs, then connections: nothing is queued by a process that takes no more. When
// ctx ends, jobs that still run are cancelled, and their end is awaited.
func (w *Work) Stop(ctx context.Context) error {
	if w.stop != nil {
		w.stop()
	}
	w.done.Wait()
	err := w.jobs.Stop(ctx)
	if err != nil { // ctx has ended
		err = w.jobs.StopAndCancel(context.WithoutCancel(ctx))
	}
	return errors.Join(err, closeStores(w.forget, w.pool, w.redis))
}

// River's workers return no errors: the row is the truth, a job only wakes a worker, and the sweeper queues the
// next one. Retries of River's own would be a second schedule beside that.

// chargeWorker runs one attempt under its lease.
type chargeWorker struct {
	river.WorkerDefaults[store.ChargeJob]
	charger *payments.Charger
	log     *slog.Logger
}

// Work charges one attempt or looks it up.
// A job whose attempt is settled or leased finds nothing to do. A crash in it leaves the lease to run out.
func (w *chargeWorker) Work(ctx context.Context, job *river.Job[store.ChargeJob]) error {
	err := telemetry.ChargeJob(ctx, job.Args.Key, func(ctx context.Context) error { return w.charger.Run(ctx, job.Args.Key) })
	if err != nil {
		w.log.Warn("a charge did not finish; the sweeper queues it again", "attempt", job.Args.Key, "error", err)
	}
	return nil
}

// noticeWorker serves both queues of texts: the job's queue decides how many run at once.
type noticeWorker struct {
	river.WorkerDefaults[store.NoticeJob]
	sender *notify.Sender
	log    *slog.Logger
}

// Work sends notices, or looks up what became of them.
func (w *noticeWorker) Work(ctx context.Context, job *river.Job[store.NoticeJob]) error {
	ids := job.Args.IDs
	if len(ids) == 0 {
		return nil
	}
	err := telemetry.NoticeJob(ctx, ids, func(ctx context.Context) error { return w.sender.Send(ctx, ids...) })
	if err != nil {
		w.log.Warn("texts were not all sent; the next tick queues them again", "first", ids[0], "count", len(ids), "error", err)
	}
	return nil
}
