package voiceprompts

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// What the person hears before taking a call, as it is heard.
func TestGoldenOfAgents(t *testing.T) {
	c := mustLoad(t)
	sample := map[string]any{"Last": LastFour(Reference, "712345678"), "Language": "Spanish"}
	var page strings.Builder
	for _, key := range c.AgentKeys() {
		counts := countsFor(c.messages[Reference].byKey[key])
		for _, count := range counts {
			args := map[string]any{}
			for _, name := range c.Placeholders(key) {
				if args[name] = sample[name]; name == countPlaceholder {
					args[name] = count
				}
			}
			said, err := c.Say(Reference, key, args)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&page, "%s\n\t%s\n", key, said)
		}
		page.WriteByte('\n')
	}
	compareGolden(t, filepath.Join("testdata", "agents.golden"), page.String())
}

func TestNoMessageToAgentsIsUnused(t *testing.T) {
	used := stringLiterals(t, "..")
	for _, key := range mustLoad(t).AgentKeys() {
		if !used[key] {
			t.Errorf("no Go file mentions the message %q", key)
		}
	}
}

// K4: a language is offered when callers can be served in it; what agents hear does not hold it up.
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
