package voiceprompts

import "testing"

func TestNoMessageToAgentsIsUnused(t *testing.T) {
	used := stringLiterals(t, "..")
	for _, key := range mustLoad(t).AgentKeys() {
		if !used[key] {
			t.Errorf("no Go file mentions the message %q", key)
		}
	}
}

// TestAgentsWordsAreNotTranslated: a language is offered when callers can be served in it (K4: every prompt exists); what agents
// hear does not count.
func TestAgentsWordsAreNotTranslated(t *testing.T) {
	c := mustLoad(t)
	if len(c.AgentKeys()) == 0 {
		t.Fatal("agents hear nothing")
	}
	callers := map[string]bool{}
	for _, key := range c.Keys() {
		callers[key] = true
	}
	for _, key := range c.AgentKeys() {
		if callers[key] {
			t.Errorf("%q is counted among what callers hear", key)
		}
	}
}
