package telemetry

import (
	"duebell/notify"
	"duebell/payments"
)

// initAlarmCounters exports at 0 every counter whose first increment must alert. Prometheus compares two
// scrapes: a series that first appears with the value 1 has not risen, and its alarm would wait for the second
// event.
// A word that is added to a counter with such an alarm belongs here too.
func (m *Metrics) initAlarmCounters() {
	for _, result := range []string{"validation-error", "other"} {
		m.captures.WithLabelValues(result)
	}
	m.verifications.WithLabelValues("error")
	for _, limit := range []string{
		"pay_tries_call", "declines_per_account_day", "declines_per_caller_day", "declines_withheld_hour", "guest_pays_per_caller_day",
		"new_bank_accounts_per_day", "id_tries_per_account_day", "id_accounts_per_caller_day", "id_fail_hard",
	} {
		m.limits.WithLabelValues(limit)
	}
	for _, reason := range []string{"trouble", "capture-trouble", "capture-charged"} {
		m.handoffs.WithLabelValues(reason)
	}
	for _, op := range []string{"create", "confirm", "retrieve", "cancel", "tokenize"} {
		for _, kind := range []payments.GatewayKind{payments.GatewayConfig, payments.GatewayKeyReused} {
			m.gateway.WithLabelValues(op, string(kind))
		}
	}
	m.events.WithLabelValues(string(payments.EventDisputed))
	for _, op := range []string{"send-text", "find-texts", "fetch-text", "place-call"} {
		m.twilio.WithLabelValues(op, string(notify.SendAccountFault))
	}
	// The why of a text that a carrier filtered is made of its state and the trouble, as package notify
	// writes it.
	for _, kind := range append(notify.FirstKinds(), notify.CappedKinds()...) {
		for _, state := range []notify.State{notify.Failed, notify.Undelivered} {
			m.texts.WithLabelValues(string(kind), string(state), string(state)+": "+string(notify.CarrierFiltered))
		}
	}
}
