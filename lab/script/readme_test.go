package script_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"duebell/lab/script"
)

var update = flag.Bool("update", false, "write the README's transcript anew")

const readme = "../../README.md"

var (
	excerpt = regexp.MustCompile(`(?s)(<!-- transcript: ([a-z0-9-]+) -->\n).*?(<!-- /transcript -->)`)
	spoken  = regexp.MustCompile(`^(line|caller): `)
	number  = regexp.MustCompile(`\b\d{3} \d{3} \d{3}\b`) // a confirmation number is another one in each run
)

// The README shows a real call. It is played here, and what is shown must be what is said.
func TestTheREADMEShowsARealCall(t *testing.T) {
	page, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	place := excerpt.FindSubmatch(page)
	if place == nil {
		t.Fatal("the README has no place for a transcript")
	}
	name := string(place[2]) + ".call"
	text, err := os.ReadFile(callsDir + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := script.Parse(name, string(text))
	if err != nil {
		t.Fatal(err)
	}
	got := runScript(t, s, 2, "")
	if got.Err != nil {
		t.Fatalf("%v\n\n%s", got.Err, got.Transcript)
	}
	var shown strings.Builder
	shown.WriteString("```\n")
	for line := range strings.SplitSeq(got.Transcript, "\n") {
		if spoken.MatchString(line) && !strings.Contains(line, "still working") { // how long a hold is depends on the machine
			shown.WriteString(number.ReplaceAllString(line, "960 593 762") + "\n")
		}
	}
	shown.WriteString("```\n")
	fresh := excerpt.ReplaceAllString(string(page), "${1}"+strings.ReplaceAll(shown.String(), "$", "$$")+"${3}")
	if fresh == string(page) {
		return
	}
	if !*update {
		t.Fatal("the README's transcript is stale: duebell-lab prompts refresh")
	}
	if err := os.WriteFile(readme, []byte(fresh), 0o600); err != nil {
		t.Fatal(err)
	}
}
