// Package document writes the conversation down for people: the picture of the call and the whole
// script as a reviewer reads it (docs/call.md), and the prompts as a table for translators and counsel.
// It reads the steps and the messages and decides nothing.
package document

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"duebell/ivr"
	"duebell/voiceprompts"
)

// Book is the conversation with its words.
type Book struct {
	steps   []ivr.Step
	prompts *voiceprompts.Catalog
	langs   []voiceprompts.Language
}

// New gathers steps and words in the languages that are in force.
func New(steps []ivr.Step, prompts *voiceprompts.Catalog, policyLanguages []string) *Book {
	return &Book{steps: steps, prompts: prompts, langs: prompts.Offered(policyLanguages)}
}

// Markdown is docs/call.md: generated, never edited.
func (b *Book) Markdown() []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, "# The call\n\nMade from the steps in package ivr and the message files by `go test ./ivr/document -update`; not to be edited.\n\n")
	fmt.Fprintf(&w, "From every question `0` leads to a person and `9` says it again; silence and wrong keys ask again, and then lead to a person. Those ways are left out of the picture.\n\n")
	b.picture(&w)
	b.script(&w)
	return w.Bytes()
}

// picture draws the jumps.
func (b *Book) picture(w io.Writer) {
	fmt.Fprintf(w, "```mermaid\nflowchart TD\n")
	for _, s := range b.steps {
		shape := `  %s["%s"]` + "\n"
		if s.Accepts != nil {
			shape = `  %s(["%s"])` + "\n"
		}
		fmt.Fprintf(w, shape, id(s.Name), s.Name)
	}
	for _, s := range b.steps {
		if s.Name == ivr.GoOn {
			continue // back to every question
		}
		for _, to := range s.LeadsTo {
			fmt.Fprintf(w, "  %s --> %s\n", id(s.Name), id(to))
		}
	}
	fmt.Fprintf(w, "```\n\nRounded: the caller is asked. Square: the line decides by itself.\n\n")
}

func id(n ivr.StepName) string { return strings.ReplaceAll(string(n), "-", "_") }

// script writes every prompt in all languages beside each other, at the first step that may speak it.
func (b *Book) script(w io.Writer) {
	fmt.Fprintf(w, "## Every word\n\nEach prompt stands under the first step that may speak it. Placeholders stand in braces. What states a fact is compared with the database whenever it is spoken.\n")
	rows := b.rows()
	for _, s := range b.steps {
		fmt.Fprintf(w, "\n### %s\n\n%s", s.Name, takes(s.Accepts))
		if to := b.exits(s); to != "" {
			fmt.Fprintf(w, " Goes on to %s.", to)
		}
		fmt.Fprintln(w)
		var here []row
		for _, r := range rows {
			if len(r.where) > 0 && r.where[0] == string(s.Name) {
				here = append(here, r)
			}
		}
		slices.SortStableFunc(here, func(a, b row) int { return cmp.Compare(rank(a, s), rank(b, s)) })
		b.table(w, here)
	}
	for _, rest := range []struct {
		title string
		holds func(r row) bool
	}{
		{"Said anywhere", func(r row) bool { return len(r.where) > 0 && r.where[0] == anywhere }},
		{"Inside the capture of a card or bank account", func(r row) bool { return strings.HasPrefix(r.key, "pay-") }},
		{"To the person who takes over", func(r row) bool { return strings.HasPrefix(r.key, "agent-") }},
		{"Texts", func(r row) bool { return strings.HasPrefix(r.key, "text-") }},
		{"When the line itself stumbles, and what helps to hear", func(row) bool { return true }},
	} {
		fmt.Fprintf(w, "\n## %s\n", rest.title)
		var these, others []row
		for _, r := range rows {
			switch step := len(r.where) > 0 && r.where[0] != anywhere; {
			case step:
			case rest.holds(r):
				these = append(these, r)
			default:
				others = append(others, r)
			}
		}
		b.table(w, these)
		rows = others
	}
}

// exits are where a step leads to; from a person and back it is every question.
func (b *Book) exits(s ivr.Step) string {
	if s.Name == ivr.GoOn {
		return "the question that the caller came from"
	}
	var list []string
	for _, to := range s.LeadsTo {
		list = append(list, fmt.Sprintf("[%s](#%s)", to, to))
	}
	return strings.Join(list, ", ")
}

// takes says what a caller may do.
func takes(a ivr.Accepts) string {
	switch a := a.(type) {
	case ivr.Menu:
		if a.OnSilence != "" {
			return "A menu; silence, after a warning, means " + a.OnSilence + "."
		}
		return "A menu."
	case ivr.Digits:
		var counts []string
		for _, n := range a.Lengths {
			counts = append(counts, fmt.Sprint(n))
		}
		return "Takes " + strings.Join(counts, " or ") + " digits."
	case ivr.Amount:
		return "Takes an amount in cents; 0 is zero here."
	case ivr.Words:
		return "Takes words."
	case ivr.Assent:
		return "Takes spoken assent; nothing here can be interrupted."
	case ivr.Pay:
		return "Hands over to the provider's capture."
	case ivr.Hold:
		return "Waits for the outcome."
	case ivr.Dial:
		return "Dials a person."
	}
	return "Asks nothing."
}

// rank puts what the step itself says first, and the words that it understands last.
func rank(r row, s ivr.Step) int {
	switch {
	case r.key == s.Says:
		return 0
	case strings.HasPrefix(r.key, "hears-"):
		return 2
	}
	return 1
}

func (b *Book) table(w io.Writer, rows []row) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n| prompt | states |")
	for _, l := range b.langs {
		fmt.Fprintf(w, " %s |", l.Name)
	}
	fmt.Fprintf(w, "\n| --- | --- |%s\n", strings.Repeat(" --- |", len(b.langs)))
	for _, r := range rows {
		fmt.Fprintf(w, "| `%s` | %s |", r.key, strings.Join(r.facts, ", "))
		for _, text := range r.texts {
			fmt.Fprintf(w, " %s |", strings.ReplaceAll(strings.ReplaceAll(text, "|", "\\|"), "\n", " "))
		}
		fmt.Fprintln(w)
	}
}

type row struct {
	key   string
	where []string
	facts []string
	about string
	texts []string
}

// anywhere stands for more steps than help to find a prompt.
const anywhere = "anywhere"

// spokenAt is which steps may speak a prompt, in reading order: read out of the conversation's source by the test.
//
//go:embed spoken.json
var spokenAt []byte

func (b *Book) rows() []row {
	where := map[string][]string{}
	if err := json.Unmarshal(spokenAt, &where); err != nil {
		panic("ivr/document: spoken.json: " + err.Error()) // embedded, and held fresh by a test
	}
	var list []row
	for _, key := range b.prompts.Keys() {
		r := row{key: key, where: where[key], facts: b.prompts.Facts(key), about: b.prompts.Description(key)}
		for _, l := range b.langs {
			r.texts = append(r.texts, plain(b.prompts.Template(l.Tag, key)))
		}
		list = append(list, r)
	}
	return list
}

// plain shows a template as a reader does: {Amount} for a placeholder.
func plain(template string) string {
	return strings.NewReplacer("{{.", "{", "}}", "}").Replace(template)
}

// Table is the prompts as CSV: key, where it is spoken, facts, about, and one column a language.
func (b *Book) Table(w io.Writer, langs []voiceprompts.Language) error {
	c := csv.NewWriter(w)
	head := []string{"key", "step", "states", "about"}
	for _, l := range langs {
		head = append(head, l.Tag)
	}
	if err := c.Write(head); err != nil {
		return fmt.Errorf("write prompts: %w", err)
	}
	all := &Book{steps: b.steps, prompts: b.prompts, langs: langs}
	for _, r := range all.rows() {
		line := slices.Concat([]string{r.key, strings.Join(r.where, " "), strings.Join(r.facts, " "), r.about}, r.texts)
		if err := c.Write(line); err != nil {
			return fmt.Errorf("write prompts: %w", err)
		}
	}
	c.Flush()
	return c.Error()
}
