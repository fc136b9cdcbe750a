package harness

import (
	"context"
	"fmt"
	"slices"

	"duebell/billing"
	"duebell/internal/twilio"
	"duebell/notify"
)

// handedToCarrier are the states of a notice that the carrier has or had. Planned, claimed, unknown, dropped
// and suppressed notices have passed nothing. What texts have passed is read from the database when a script
// ends.
var handedToCarrier = []string{string(notify.Accepted), string(notify.Sent), string(notify.Delivered), string(notify.Undelivered)}

const (
	// A kind with offsets counts once for each. Only reasons that were still true at the send count.
	sentKindsSQL = `SELECT DISTINCT n.kind || CASE WHEN r.days_before > 0 THEN '/' || r.days_before ELSE '' END
		FROM notices n LEFT JOIN notice_reasons r ON r.notice_id = n.id AND r.dropped_why IS NULL
		WHERE n.message_sid IS NOT NULL AND n.state = ANY (@states)`
	// The regime that times a bill's reminders (G5), and the kind that went for it.
	sentRegimesSQL = `SELECT DISTINCT CASE WHEN b.first_bill THEN 'none' ELSE coalesce(a.grace_regime, @regime) END AS regime, n.kind
		FROM notices n JOIN notice_reasons r ON r.notice_id = n.id AND r.dropped_why IS NULL
		JOIN accounts a USING (account) JOIN bills b USING (account, coverage_month)
		WHERE n.message_sid IS NOT NULL AND n.state = ANY (@states)`
	carrierCodesSQL = `SELECT DISTINCT error_code::int FROM notices WHERE error_code <> 0`
	inboundSQL      = `SELECT DISTINCT class FROM inbound_texts`
)

// regimeRow is a kind of text that went under a grace regime.
type regimeRow struct{ Regime, Kind string }

// CoverTexts counts what texts and calls of ours have passed: kinds as "kind due_soon/3", grace regimes as
// "regime third-due", what the carrier said as "trouble landline", what creates came to as "send rate_limited",
// and incoming texts by class as "inbound pay". A script's end calls it once; called twice, everything counts
// double.
func (h *Harness) CoverTexts(ctx context.Context) error {
	// The policy in force at the end: a regime that an account's row leaves open is the policy's (G5: else the
	// default).
	policy, _ := h.Policy()
	kinds, err := columnOf[string](ctx, h, sentKindsSQL, named{"states": handedToCarrier}.pgx())
	if err != nil {
		return fmt.Errorf("read the kinds sent: %w", err)
	}
	sent, err := rowsOf[regimeRow](ctx, h, sentRegimesSQL, named{"states": handedToCarrier, "regime": string(policy.DefaultGraceRegime)}.pgx())
	if err != nil {
		return fmt.Errorf("read the grace regimes of texts: %w", err)
	}
	codes, err := columnOf[int](ctx, h, carrierCodesSQL)
	if err != nil {
		return fmt.Errorf("read the carrier codes: %w", err)
	}
	classes, err := columnOf[string](ctx, h, inboundSQL)
	if err != nil {
		return fmt.Errorf("read the incoming texts: %w", err)
	}
	sends, err := h.sendOutcomes()
	if err != nil {
		return err
	}
	// Counted by what the code means to the product (internal/twilio), not by its number.
	for _, code := range codes {
		h.coverage.add("trouble " + string(twilio.Explain(code)))
	}
	for prefix, list := range map[string][]string{"kind ": kinds, "inbound ": classes, "send ": sends, "regime ": regimesPassed(sent)} {
		for _, item := range list {
			h.coverage.add(prefix + item)
		}
	}
	return nil
}

// regimesPassed returns the grace regimes that some member has come to the end of (G5: which regime applies):
// warned before the grace ends or, without any grace, reminded on the last day and of nothing after it.
func regimesPassed(sent []regimeRow) []string {
	var list []string
	for _, r := range billing.Regimes() {
		went := func(kinds ...notify.Kind) bool {
			return slices.ContainsFunc(sent, func(s regimeRow) bool {
				return s.Regime == string(r) && slices.Contains(kinds, notify.Kind(s.Kind))
			})
		}
		if end := went(notify.GraceEnding); r != billing.NoGrace && end ||
			r == billing.NoGrace && went(notify.DueToday) && !end && !went(notify.PastDue) {
			list = append(list, string(r))
		}
	}
	return list
}

// sendOutcomes returns what creates of texts came to, read from the product's own metric
// duebell_twilio_requests_total, the label kind of op send-text. The database cannot say: a create that was
// limited and repeated leaves the row of one that succeeded.
func (h *Harness) sendOutcomes() ([]string, error) {
	families, err := h.metrics.Registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	var list []string
	for _, f := range families {
		if f.GetName() != "duebell_twilio_requests_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			// Other operations (calls, look-ups) have kinds of their own names; a counter that is exported at 0
			// has not happened.
			if labels["op"] == "send-text" && m.GetCounter().GetValue() > 0 {
				list = append(list, labels["kind"])
			}
		}
	}
	return list, nil
}
