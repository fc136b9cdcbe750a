package telemetry

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"duebell/notify"
	"duebell/payments"
	"duebell/store"
)

// Metrics holds the metrics of one process. Their names never change, for dashboards and alerts depend on
// them; docs/operating.md explains each, and a test keeps the two equal. The values of a label come from a
// closed list of our own words: never an account, a number, a call or anything else that a caller brings
// (D3: no personal data in metrics).
// It is safe for concurrent use. Counters start at 0 with the process; Prometheus sees that as a reset.
type Metrics struct {
	Registry *prometheus.Registry

	turns         *prometheus.CounterVec
	turnTime      *prometheus.HistogramVec
	captures      *prometheus.CounterVec
	verifications *prometheus.CounterVec
	softLocks     prometheus.Gauge
	limits        *prometheus.CounterVec
	handoffs      *prometheus.CounterVec

	settled      *prometheus.CounterVec
	oldestOpen   prometheus.Gauge
	requeued     prometheus.Counter
	offersClosed *prometheus.CounterVec
	toPerson     prometheus.Counter
	events       *prometheus.CounterVec
	gateway      *prometheus.CounterVec
	gatewayTime  *prometheus.HistogramVec

	texts      *prometheus.CounterVec
	textsOld   prometheus.Gauge
	twilio     *prometheus.CounterVec
	twilioTime *prometheus.HistogramVec

	textsDue     *prometheus.GaugeVec
	remindersOld prometheus.Gauge
	textsUnknown *prometheus.GaugeVec
	textsStopped *prometheus.GaugeVec
	textsIn      *prometheus.CounterVec
	optOuts      *prometheus.CounterVec
	numberChecks *prometheus.CounterVec

	ticks         *prometheus.CounterVec
	errorsLogged  prometheus.Counter
	statements    *prometheus.CounterVec
	commitsUnsure prometheus.Counter
	redisCommands prometheus.Counter
	erased        *prometheus.CounterVec
	pools         *pools
}

// requestBuckets are the histogram bounds, in seconds, of requests to Twilio and the processor.
// The upper ones show how many requests ran into their time-outs.
var requestBuckets = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40}

// NewMetrics returns metrics with a registry of their own, so that two roles in one process do not collide.
// It panics where two metrics have one name, which the first test shows.
func NewMetrics() *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry(), pools: newPools()}
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.pools)
	m.makeCallMetrics()
	m.makePaymentMetrics()
	m.makeTextMetrics()
	m.makeStoreMetrics()
	m.initAlarmCounters()
	return m
}

// makeCallMetrics makes the metrics of calls. The texts are what operators read in /metrics.
func (m *Metrics) makeCallMetrics() {
	m.turns = m.counters("duebell_turns_total", "Voice webhooks answered, by the step whose answer came in and what became of it.", "step", "outcome")
	m.turnTime = m.times("duebell_turn_seconds", "From a voice webhook to its answer.",
		[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "outcome")
	m.captures = m.counters("duebell_captures_total", "Card and bank captures that came back, by Twilio's Result; none: without one.", "result")
	m.verifications = m.counters("duebell_verifications_total", "Tries to prove an identity: verified, refused, or error when the store could not say.", "outcome")
	m.softLocks = m.gauge("duebell_soft_locks", "Members, and numbers keyed in their place, whose verification is locked now.")
	m.limits = m.counters("duebell_limits_reached_total", "Limits against guessing and against testing cards that a caller met, by their key in the policy.", "limit")
	m.handoffs = m.counters("duebell_handoffs_total", "Callers handed to a person, by reason.", "reason")
}

// makePaymentMetrics makes the metrics of payments.
func (m *Metrics) makePaymentMetrics() {
	m.settled = m.counters("duebell_payments_settled_total", "Payment attempts that reached taken, declined, voided or returned, by method.", "method", "state")
	m.oldestOpen = m.gauge("duebell_payments_oldest_open_seconds", "Age of the oldest open payment, from when it was due to be charged. Alarm at 300.")
	m.requeued = m.counter("duebell_payments_nudged_total", "Due payments without a lease for which a sweeper queued a job again.")
	m.offersClosed = m.counters("duebell_offers_closed_total", "Offers that came to nothing: closed on the call, or by the sweeper after it.", "by")
	m.toPerson = m.counter("duebell_payments_handed_to_person_total", "Payments unknown for so long that a person must find the evidence.")
	m.events = m.counters("duebell_processor_events_total", "Events of the processor that were dealt with, by kind.", "kind")
	m.gateway = m.counters("duebell_gateway_requests_total", "Requests to the processor, by operation and what they proved: ok, refused, later, lost, config, key-reused.", "op", "kind")
	m.gatewayTime = m.times("duebell_gateway_seconds", "One request to the processor.", requestBuckets, "op")
}

// makeTextMetrics makes the metrics of texts and of Twilio's API.
func (m *Metrics) makeTextMetrics() {
	m.texts = m.counters("duebell_texts_total", "Texts by kind, the state they came to, and why.", "kind", "state", "why")
	m.textsOld = m.gauge("duebell_texts_oldest_due_seconds", "Age of the oldest text that may go and has not gone.")
	m.twilio = m.counters("duebell_twilio_requests_total", "Requests to Twilio's API, by operation and what they proved: ok, refused, rate_limited, unknown, account.", "op", "kind")
	m.textsDue = m.gauges("duebell_texts_due", "Texts that may go and have not gone, counted up to 100000: first (payment and AutoPay texts, answers) and reminders.", "line")
	m.remindersOld = m.gauge("duebell_reminders_oldest_due_seconds", "Age of the oldest reminder that may go and has not gone.")
	m.textsUnknown = m.gauges("duebell_texts_unknown", "Texts of which it is not known whether they went, by how long: up to 2m, 10m, 1h, and over.", "age")
	m.textsStopped = m.gauges("duebell_texts_stopped", "1 for each kind of text that is held back, and by whom: the operator or a carrier's word. * is every kind.", "kind", "by")
	m.textsIn = m.counters("duebell_texts_in_total", "Texts that came in, by what they ask for.", "class")
	m.optOuts = m.counters("duebell_opt_outs_total", "Numbers whose owner wants no more texts or calls, by how they said so.", "source")
	m.numberChecks = m.counters("duebell_number_checks_total", "Numbers looked up for having changed hands, by the answer: yes, no, no_data.", "answer")
	m.twilioTime = m.times("duebell_twilio_seconds", "One request to Twilio's API.", requestBuckets, "op")
}

// makeStoreMetrics makes the metrics of the stores and of the work role's ticks.
func (m *Metrics) makeStoreMetrics() {
	m.ticks = m.counters("duebell_ticks_total", "Runs of the sweepers and planners; error: some of the work is left to the next.", "outcome")
	m.errorsLogged = m.counter("duebell_errors_logged_total", "Lines logged at error level: each is something that only a person can mend.")
	m.statements = m.counters("duebell_db_statements_total", "SQL statements sent, by kind: read, write, commit, other.", "kind")
	m.commitsUnsure = m.counter("duebell_db_commits_unsure_total", "COMMITs sent whose reply was lost: they may have happened.")
	m.erased = m.counters("duebell_erased_total", "Rows erased because their time was over, by what they were.", "what")
	m.redisCommands = m.counter("duebell_redis_commands_total", "Redis commands sent.")
}

// counters registers a counter with labels.
func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.Registry.MustRegister(c)
	return c
}

// counter registers a counter.
func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.Registry.MustRegister(c)
	return c
}

// gauge registers a value that goes up and down.
func (m *Metrics) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	m.Registry.MustRegister(g)
	return g
}

// gauges registers such a value with labels.
func (m *Metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.Registry.MustRegister(g)
	return g
}

// times registers a histogram; its bounds are in seconds.
func (m *Metrics) times(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.Registry.MustRegister(h)
	return h
}

// TurnAnswered counts one voice webhook, by the step whose answer came in, and how long its answer took.
// took is machine time from the webhook to its answer. step and outcome are words of the conversation and of
// package webhook.
func (m *Metrics) TurnAnswered(step, outcome string, took time.Duration) {
	m.turns.WithLabelValues(step, outcome).Inc()
	m.turnTime.WithLabelValues(outcome).Observe(took.Seconds())
}

// LimitReached counts that a caller met a limit against guessing or card testing, by its key in the policy
// (I5: tries are limited; rule P3: declines are limited).
func (m *Metrics) LimitReached(limit string) { m.limits.WithLabelValues(limit).Inc() }

// TickDone counts one run of the sweepers and planners.
// Where this stops rising the work role stands still, whatever else is healthy.
func (m *Metrics) TickDone(err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.ticks.WithLabelValues(outcome).Inc()
}

// Settled counts an attempt that reached a final state.
// Call it once for each change of state; a return counts a second time, under returned.
func (m *Metrics) Settled(a payments.Attempt) {
	m.settled.WithLabelValues(string(a.Method), string(a.State)).Inc()
}

// NoticeEnded counts a text that reached a state, and why.
// why is one of notify's own words, never a carrier's free text.
func (m *Metrics) NoticeEnded(k notify.Kind, s notify.State, why string) {
	m.texts.WithLabelValues(string(k), string(s), why).Inc()
}

// NumbersChecked counts numbers looked up for having changed hands, by the answer.
func (m *Metrics) NumbersChecked(answer string, n int) {
	m.numberChecks.WithLabelValues(answer).Add(float64(n))
}

// Erased counts rows that were erased because their retention period was over, by what they held.
func (m *Metrics) Erased(what string, n int) { m.erased.WithLabelValues(what).Add(float64(n)) }

// Backlog is due work and who is locked out, as the store knows it at one instant. A zero instant means that
// nothing is due.
// SoftLocks counts members, and numbers keyed in their place.
type Backlog struct {
	OldestPayment time.Time // when the oldest open payment was due to be charged
	OldestText    time.Time // when the oldest unsent text might go
	SoftLocks     int
	Texts         store.TextBacklog
}

// SetBacklog shows the backlog, with ages as of now.
// now is the domain clock's, as the instants of the backlog are. Each process with the work role shows the
// same values.
func (m *Metrics) SetBacklog(b Backlog, now time.Time) {
	m.oldestOpen.Set(ageSeconds(b.OldestPayment, now))
	m.textsOld.Set(ageSeconds(b.OldestText, now))
	m.softLocks.Set(float64(b.SoftLocks))
	m.setTexts(b.Texts, now)
}

// captureResults are the values of Twilio's Result. Any other word comes from outside and may not become a label.
var captureResults = []string{
	"success", "too-many-failed-attempts", "max-failed-attempts", "payment-connector-error", "caller-interrupted-with-star",
	"caller-interrupted", "caller-hung-up", "transaction-cancelled", "validation-error", "internal-error",
}

// captureEnded counts a capture that came back.
func (m *Metrics) captureEnded(result string) {
	switch {
	case result == "":
		result = "none"
	case !slices.Contains(captureResults, result):
		result = "other"
	}
	m.captures.WithLabelValues(result).Inc()
}

// countRequest counts one request to Twilio or the processor and how long it took.
// since is an instant of the machine clock: requests take real time even in tests.
func countRequest(count *prometheus.CounterVec, took *prometheus.HistogramVec, op, kind string, since time.Time) {
	count.WithLabelValues(op, kind).Inc()
	took.WithLabelValues(op).Observe(time.Since(since).Seconds())
}

// ageSeconds returns how long ago an instant was; 0 for the zero instant.
// An instant after now gives a negative age, which only a clock that was moved back can cause.
func ageSeconds(since, now time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return now.Sub(since).Seconds()
}
