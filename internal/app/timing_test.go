package app

import (
	"testing"
	"time"

	"duebell/billing"
)

// TestV7TurnBudget: a turn answers within turn_budget_seconds, way to the caller included, and a second delivery of it
// gives up before that (V7: a turn's own work). What a test sets stands.
func TestV7TurnBudget(t *testing.T) {
	for _, tt := range []struct {
		seconds      billing.Seconds
		set          Timing
		budget, wait time.Duration
	}{
		{5, Timing{}, 4800 * time.Millisecond, 4500 * time.Millisecond},
		{1, Timing{}, 800 * time.Millisecond, 500 * time.Millisecond},
		{6, Timing{}, 5800 * time.Millisecond, 5500 * time.Millisecond},
		{6, Timing{Budget: time.Second}, time.Second, 5500 * time.Millisecond},
	} {
		policy := billing.DefaultPolicy()
		policy.TurnBudgetSeconds = tt.seconds
		if got := tt.set.withDefaults(policy); got.Budget != tt.budget || got.Wait != tt.wait {
			t.Errorf("%d s: budget %s and wait %s, want %s and %s", tt.seconds, got.Budget, got.Wait, tt.budget, tt.wait)
		}
	}
}
