package notify_test

import (
	"strings"
	"testing"

	"duebell/billing"
	"duebell/notify"
	"duebell/payments"
)

// TestN7TooManySegments: a text over sms_max_segments is dropped with its reason, never cut.
func TestN7TooManySegments(t *testing.T) {
	for segments, want := range map[int]notify.Decision{
		3: {Action: notify.ActionSend},
		4: {Action: notify.ActionDrop, Why: notify.WhyTooLong},
	} {
		rules := newRules(t).MeasureWith(func(string) int { return segments })
		got, err := rules.Decide(facts(t, notify.PaymentReceived, payments.Taken), instant(t, "2026-12-23T12:00:00-05:00"))
		if err != nil || got.Action != want.Action || got.Why != want.Why {
			t.Errorf("%d segments: %s %q, %v; want %s %q", segments, got.Action, got.Why, err, want.Action, want.Why)
		}
	}
}

// TestO1Basis: a consent counts where policy names what it rests on.
func TestO1Basis(t *testing.T) {
	for _, tt := range []struct {
		basis           string // of the policy
		fromApplication bool
		want            notify.Action
	}{
		{"application opt_in", true, notify.ActionSend},
		{"application opt_in", false, notify.ActionSend},
		{"opt_in", true, notify.ActionDrop},
		{"opt_in", false, notify.ActionSend},
		{"application", true, notify.ActionSend},
		{"application", false, notify.ActionDrop},
		{"", true, notify.ActionDrop},
	} {
		rules := newRules(t, func(p *billing.Policy) { p.SMSBasis = strings.Fields(tt.basis) })
		f := facts(t, notify.PaymentReceived, payments.Taken)
		f.FromApplication = tt.fromApplication
		got, err := rules.Decide(f, instant(t, "2026-12-23T12:00:00-05:00"))
		if err != nil || got.Action != tt.want {
			t.Errorf("basis %q, from the application %t: %s %q, %v; want %s", tt.basis, tt.fromApplication, got.Action, got.Why, err, tt.want)
		}
	}
}
