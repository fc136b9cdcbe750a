package app

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/handoff"
	"duebell/internal/telemetry"
	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/ivr/webhook"
	"duebell/notify"
	notifyhook "duebell/notify/webhook"
	"duebell/payments"
	"duebell/payments/stripe"
	"duebell/store"
	"duebell/store/sessions"
	"duebell/voiceprompts"
)

// Serve is the role that answers webhooks. It keeps no state of its own: any number may run side by side. It
// is safe for concurrent use.
type Serve struct {
	cfg      Config
	log      *slog.Logger
	pool     *pgxpool.Pool
	redis    redis.UniversalClient
	store    *store.Store
	sessions *sessions.Sessions
	voice    *webhook.Handler
	Engine   *ivr.Engine
	handler  http.Handler
	forget   func() // ends the metrics of the pools
}

// NewServe builds the role. Nothing is sent to a store yet, so that the line answers while one is down (promise P6: the
// line answers).
//
// Policy, prompts and tokens are read, and an error names what is wrong with them and leaves nothing open. cfg must come from
// Settings.Load with LineNeeds.
func NewServe(ctx context.Context, cfg Config, d Deps) (_ *Serve, err error) {
	d = d.withDefaults()
	cfg.Timing = cfg.Timing.withDefaults(cfg.Policy)
	s := &Serve{cfg: cfg, log: d.Log}
	if p := cfg.Policy; p.CardFeeCents > 0 { // rule P2: the law bans it, so the log names who answers for it
		d.Log.Warn("card payments carry a fee", "fee", p.CardFeeCents.String(), "approved_by", p.CardFeeApprovedBy)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeStores(s.forget, s.pool, s.redis))
		}
	}()
	if s.pool, err = openPool(ctx, cfg.DatabaseURL, serveConns, d.Metrics); err != nil {
		return nil, err
	}
	if s.redis, err = openRedis(cfg.RedisURL, d.Metrics); err != nil {
		return nil, err
	}
	s.forget = d.Metrics.WatchPools("serve", s.pool, s.redis)
	// Without queues it only enqueues: charges and texts are the work role's.
	jobs, err := openJobs(s.pool, &river.Config{Logger: d.Log})
	if err != nil {
		return nil, err
	}
	s.store = store.New(s.pool, jobs, cfg.Data, cfg.Hash, d.Machine)
	// The same keys seal sessions in Redis and tokens in PostgreSQL; what is sealed is bound to its place.
	s.sessions = sessions.New(s.redis, cfg.Data, d.Machine, cfg.Timing.Lease)
	// Both tokens are tried, so a rotation needs no moment at which all webhooks fail.
	validator, err := twilio.NewValidator(cfg.PublicURL, cfg.TwilioAuthToken, cfg.TwilioAuthTokenNext)
	if err != nil {
		return nil, err
	}
	if err := s.build(validator, d); err != nil {
		return nil, err
	}
	return s, nil
}

// build makes the conversation, the webhooks and the routes.
//
// Where a telemetry wrapper stands around a store or engine it counts and times, and changes nothing.
func (s *Serve) build(validator *twilio.Validator, d Deps) error {
	calendar, err := billing.NewCalendar(s.cfg.Policy)
	if err != nil {
		return fmt.Errorf("calendar: %w", err)
	}
	prompts, err := voiceprompts.Load()
	if err != nil {
		return fmt.Errorf("prompts: %w", err)
	}
	hours := handoff.NewHours(s.cfg.Policy, calendar)
	// Limits that are reached raise a metric, which alarms (I5: alarm past limit).
	people := s.store.Members(s.cfg.Policy, calendar).TellLimits(d.Metrics.LimitReached)
	inbox := notify.NewInbox(telemetry.InboundStore(s.store, d.Metrics), s.cfg.Policy, calendar, d.Clock, d.Log)
	if s.cfg.calls() {
		inbox.WithCallBacks()
	}
	texts := callTexts{s.store, inbox, s.cfg.Policy.SMSBasis}
	s.Engine, err = ivr.NewEngine(ivr.Services{
		Members:    telemetry.Members(people, d.Metrics),
		Checkout:   payments.NewCheckout(telemetry.CheckoutStore(s.store, d.Metrics), d.Clock, d.Rand, s.cfg.Policy).OnLimitReached(d.Metrics.LimitReached).WithReplacementWindow(calendar),
		Milestones: s.store, HandOffs: telemetry.HandOffs(s.store, d.Metrics), Texts: texts, CallRefusals: inbox, CallConsents: s.callable(inbox), Hours: hours, Prompts: prompts, Calendar: calendar, Policy: s.cfg.Policy,
		Clock: d.Clock, Wait: s.awaitOutcome, NewRef: cryptorand.Text, Log: d.Log, Jumped: d.Hooks.Jumped,
	})
	if err != nil {
		return err
	}
	// Only the spans that tests shorten are overridden; the others keep the webhook's own.
	timing := webhook.DefaultTiming
	timing.Lease, timing.Wait, timing.Budget, timing.FailureDelay = s.cfg.Timing.Lease, s.cfg.Timing.Wait, s.cfg.Timing.Budget, s.cfg.Timing.FailureDelay
	s.voice, err = webhook.New(webhook.Config{
		Engine: telemetry.Turner(s.Engine, d.Metrics), Sessions: s.sessions, Calls: s.store, Outbound: s.outbound(), Validator: validator, Prompts: prompts, Policy: s.cfg.Policy,
		PublicURL: s.cfg.PublicURL, CardConnector: s.cfg.TwilioPayConnectorCard, BankConnector: s.cfg.TwilioPayConnectorBank,
		Clock: d.Clock, Machine: d.Machine, Timing: timing, Log: d.Log, Open: hours.Open, HandOffs: people,
		Measure: d.Metrics.TurnAnswered,
		Observe: d.Hooks.Observe, BeforeFinish: d.Hooks.BeforeFinish,
	})
	if err != nil {
		return err
	}
	s.routes(validator, inbox, d)
	return nil
}

// routes registers every address of design §2. SkipClean and exact paths: a router that answers 301 would
// lose the digits that Twilio posts (twilio.md §4.5). The signature check belongs to each handler, so no
// route can miss it by order.
func (s *Serve) routes(validator *twilio.Validator, inbox *notify.Inbox, d Deps) {
	r := mux.NewRouter().SkipClean(true)
	r.Use(telemetry.RouteNames)
	s.voice.Register(r)
	deliveries := notify.NewDeliveryTracker(s.store, d.Clock, d.Log, d.Metrics.NoticeEnded)
	// The handlers check the signature themselves; paths are theirs, so that address and handler cannot drift
	// apart.
	r.Handle(notifyhook.IncomingPath, notifyhook.Incoming(validator, inbox, d.Log)).Methods(http.MethodPost)
	r.Handle(notifyhook.StatusPath, notifyhook.Status(validator, deliveries, d.Log)).Methods(http.MethodPost)
	gateway := telemetry.Gateway(stripe.New(stripe.Config{Key: s.cfg.StripeAPIKey, URL: s.cfg.StripeAPIURL, Timeout: s.cfg.Timing.Gateway}), d.Metrics)
	events := payments.NewEventReceiver(telemetry.EventStore(s.store, d.Metrics), gateway, d.Clock, d.Log)
	r.Handle("/stripe/events", stripeEvents(events, s.cfg.StripeWebhookSecret, d.Log)).Methods(http.MethodPost)
	// Traffic is routed by this one: a line whose stores are down still answers, with a true sentence (promise P6:
	// line answers).
	r.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }).Methods(http.MethodGet)
	r.HandleFunc("/readyz", s.ready).Methods(http.MethodGet)
	s.handler = telemetry.Requests(r)
}

// Handler returns the handler of the public address.
func (s *Serve) Handler() http.Handler { return s.handler }

// ready answers 200 if this process can take calls: both stores answer.
// It is for start, roll-outs and alarms, not for routing. Both stores are asked for an answer, nothing is
// written.
func (s *Serve) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := errors.Join(s.store.Ping(ctx), s.sessions.Ping(ctx)); err != nil {
		s.log.Warn("not ready for calls: a store does not answer", "error", err)
		http.Error(w, "a store does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// awaitOutcome returns an attempt once it is settled, or as it is after HoldWait. It looks often at first, because
// most charges take less than a second.
// A store that does not answer is asked again until the time is over; then its error comes back, with
// whatever was read last.
func (s *Serve) awaitOutcome(ctx context.Context, key string) (payments.Attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timing.HoldWait)
	defer cancel()
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		// A read by key: cheap enough to repeat, and no connection is held while waiting.
		a, err := s.store.Attempt(ctx, key)
		if err == nil && !a.State.Open() {
			return a, nil
		}
		select {
		case <-ctx.Done():
			return a, err
		case <-time.After(wait):
		}
	}
}

// Close lets turns in progress end, within the budget of one, and closes the stores.
// Call it after Listen has returned: no new request may come. Turns that do not end in time lose their leases
// and are taken over by another replica at Twilio's retry.
func (s *Serve) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timing.Budget)
	defer cancel()
	err := s.voice.Drain(ctx)
	return errors.Join(err, closeStores(s.forget, s.pool, s.redis))
}

// stripeEvents returns the handler of the processor's events. On an answer of 5xx it delivers the event again.
//
// The signature is checked over the raw body, which is at most 1 MiB. Stripe repeats whatever is not answered
// 2xx, so a wrong secret shows as refusals in the log until it is put right.
func stripeEvents(events *payments.EventReceiver, secret string, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		// Nothing of the body is logged: the id and the kind are enough to find the event at the processor.
		event, err := stripe.ParseEvent(body, r.Header.Get("Stripe-Signature"), secret)
		if err != nil {
			log.Warn("an event of the processor was refused: its signature is wrong; is STRIPE_WEBHOOK_SECRET right?", "error", err)
			http.Error(w, "wrong signature", http.StatusForbidden)
			return
		}
		if err := events.Receive(r.Context(), event); err != nil {
			log.Warn("an event of the processor could not be processed; it will be delivered again", "event", event.ID, "error", err)
			http.Error(w, "later, please", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
