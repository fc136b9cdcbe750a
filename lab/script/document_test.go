package script_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"duebell/lab/script"
)

var update = flag.Bool("update", false, "write docs/scripts.md and the README's transcript anew")

const (
	scriptsPage = "../../docs/scripts.md"
	readme      = "../../README.md"
	refresh     = "is stale: run duebell-lab prompts refresh (or go test ./lab/script -run Page -update)"
)

// holdPage compares a generated page with its file, or writes it with -update.
func holdPage(t *testing.T, file string, fresh []byte) {
	t.Helper()
	old, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	if bytes.Equal(old, fresh) {
		return
	}
	if !*update {
		t.Fatalf("%s %s\n%s", file, refresh, cmp.Diff(string(old), string(fresh)))
	}
	if err := os.WriteFile(file, fresh, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestScriptsPageIsFresh(t *testing.T) { holdPage(t, scriptsPage, script.Page()) }

// Each example in the page is a line that a supervisor can copy.
func TestEveryExampleOnThePageParses(t *testing.T) {
	rows := 0
	for line := range strings.SplitSeq(string(script.Page()), "\n") {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "/"), " | ")
		if !strings.HasPrefix(line, "| `") || len(cells) != 3 {
			continue
		}
		rows++
		written, example := strings.Trim(cells[0], "| `"), strings.Trim(cells[2], "| `")
		name, _, _ := strings.Cut(written, " ")
		if !strings.HasPrefix(example, name) {
			t.Errorf("the example of %s is %q", name, example)
		}
		if _, err := script.Parse("example.call", example); err != nil {
			t.Error(err)
		}
	}
	if rows < 60 {
		t.Errorf("only %d words stand on the page", rows)
	}
}

// The first script that the page shows is one that works.
func TestTheScriptOnThePagePlays(t *testing.T) {
	t.Parallel()
	_, after, _ := strings.Cut(string(script.Page()), "```\n")
	text, _, _ := strings.Cut(after, "```")
	s, err := script.Parse("mine.call", text)
	if err != nil {
		t.Fatal(err)
	}
	playStory(t, s, 1, "")
}

// The README shows a real call: it is played here, and what is shown must be what is said.
func TestREADMEPageShowsARealCall(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	name, err := script.TranscriptOf(page)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(callsDir + "/" + name + ".call")
	if err != nil {
		t.Fatal(err)
	}
	s, err := script.Parse(name+".call", string(text))
	if err != nil {
		t.Fatal(err)
	}
	got := runScript(t, s, 2, "")
	if got.Err != nil {
		t.Fatalf("%v\n\n%s", got.Err, got.Transcript)
	}
	holdPage(t, readme, script.WithTranscript(page, got.Transcript))
}
