package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"duebell/notify"
	"duebell/payments"
)

// Metrics are what an operator watches. The names are a promise; docs/operating.md explains them.
type Metrics struct {
	Registry *prometheus.Registry

	turns     *prometheus.CounterVec
	turnTime  *prometheus.HistogramVec
	settled   *prometheus.CounterVec
	notices   *prometheus.CounterVec
	OldestDue prometheus.Gauge
}

// NewMetrics makes a registry of its own, so that two roles in one process do not meet.
func NewMetrics() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		turns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "duebell_turns_total", Help: "Turns answered, by awaited step and outcome.",
		}, []string{"step", "outcome"}),
		turnTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "duebell_turn_seconds", Help: "From a voice webhook to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"outcome"}),
		settled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "duebell_payments_settled_total", Help: "Payment attempts that reached a final state, by method and state.",
		}, []string{"method", "state"}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "duebell_texts_total", Help: "Texts by kind, state and reason.",
		}, []string{"kind", "state", "why"}),
		OldestDue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "duebell_payments_oldest_open_seconds", Help: "Age of the oldest open payment, from when it was due to be charged. Alarm at 300.",
		}),
	}
	m.Registry.MustRegister(m.turns, m.turnTime, m.settled, m.notices, m.OldestDue,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Settled counts an attempt that reached a final state.
func (m *Metrics) Settled(a payments.Attempt) {
	m.settled.WithLabelValues(string(a.Method), string(a.State)).Inc()
}

// NoticeEnded counts a text that reached a state it stays in.
func (m *Metrics) NoticeEnded(k notify.Kind, s notify.State, why string) {
	m.notices.WithLabelValues(string(k), string(s), why).Inc()
}

// Turn counts one answered turn.
func (m *Metrics) Turn(step, outcome string, seconds float64) {
	m.turns.WithLabelValues(step, outcome).Inc()
	m.turnTime.WithLabelValues(outcome).Observe(seconds)
}
