package ivr

import (
	"testing"

	"duebell/billing"
)

// TestV7MaxSilence: a caller on hold hears nothing for max_silence_seconds at most, and then a word (V7: no long
// silence).
func TestV7MaxSilence(t *testing.T) {
	for _, seconds := range []int{1, 3, 10} {
		policy := billing.DefaultPolicy()
		policy.MaxSilenceSeconds = billing.Seconds(seconds)
		c := &Call{Session: &Session{}, Engine: &Engine{Services: Services{Policy: policy}}}
		holds := 0
		for _, step := range Conversation() {
			if _, hold := step.Accepts.(Hold); !hold {
				continue
			}
			holds++
			step.Says, step.Again = "", "" // its words need prompts
			if wait, err := c.ask(t.Context(), step); err != nil || wait != (Continue{Seconds: seconds}) {
				t.Errorf("%s with %d s: %+v, %v", step.Name, seconds, wait, err)
			}
		}
		if holds == 0 {
			t.Fatal("no step holds")
		}
	}
}
