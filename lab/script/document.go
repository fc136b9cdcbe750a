package script

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// guide.txt is the part of docs/scripts.md that is written by hand: how a supervisor works with scripts.
//
//go:embed guide.txt
var guide string

// Page returns docs/scripts.md: the guide, and a table of all words of the language. Equal words give equal
// bytes; a test holds the file in docs against it.
func Page() []byte {
	var b strings.Builder
	b.WriteString(guide)
	for _, c := range chapters {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| word | what it does | for example |\n| --- | --- | --- |\n", c.title, c.about)
		for _, w := range c.words {
			fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", cell(w.written()), cell(w.does), cell(w.example))
		}
	}
	return []byte(b.String())
}

// cell makes a text fit for a cell of a Markdown table: a bar would end the cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

var (
	// The place between two HTML comments, which readers of the page do not see; who speaks; a number that
	// differs.
	transcriptPlace = regexp.MustCompile(`(?s)(<!-- transcript: ([a-z0-9-]+) -->\n).*?(<!-- /transcript -->)`)
	spokenLine      = regexp.MustCompile(`^(line|caller): `)
	confirmation    = regexp.MustCompile(`\b\d{3} \d{3} \d{3}\b`)
)

// TranscriptOf returns the name of the script whose conversation a page shows (README.md), without ".call". A
// page without a place is an error.
func TranscriptOf(page []byte) (string, error) {
	place := transcriptPlace.FindSubmatch(page)
	if place == nil {
		return "", errors.New("the page has no place for a transcript: <!-- transcript: NAME --> … <!-- /transcript -->")
	}
	return string(place[2]), nil
}

// WithTranscript returns the page with the conversation in its place. What differs from run to run is left out
// or made equal: "still working" (how long a hold is depends on the machine) and the confirmation number. Only
// what the line and the caller say is shown, not what was posted. A page without a place comes back unchanged.
func WithTranscript(page []byte, transcript string) []byte {
	lines := slices.DeleteFunc(strings.Split(transcript, "\n"), func(line string) bool {
		return !spokenLine.MatchString(line) || strings.Contains(line, "still working")
	})
	shown := "```\n" + confirmation.ReplaceAllString(strings.Join(lines, "\n"), "960 593 762") + "\n```\n"
	// A dollar sign would be read as the name of a group.
	return transcriptPlace.ReplaceAll(page, []byte("${1}"+strings.ReplaceAll(shown, "$", "$$")+"${3}"))
}
