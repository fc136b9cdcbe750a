// Package callbook writes the conversation down for people: the picture of the call and the whole
// script as a reviewer reads it (docs/call.md), and the prompts as a table for translators and counsel.
// It reads the steps and the messages and decides nothing.
package callbook

import (
	"bytes"
	"encoding/csv"
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
	return &Book{steps: steps, prompts: prompts, langs: prompts.InForce(policyLanguages)}
}

// Markdown is docs/call.md: generated, never edited.
func (b *Book) Markdown() []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, "# The call\n\nMade from `ivr/conversation.go` and the message files by `go test ./internal/callbook -update`; not to be edited.\n\n")
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
		if s.Name == ivr.Person || s.Name == ivr.OfferCallback || s.Name == ivr.CallbackReadBack {
			continue // back to every question
		}
		for _, to := range s.LeadsTo {
			fmt.Fprintf(w, "  %s --> %s\n", id(s.Name), id(to))
		}
	}
	fmt.Fprintf(w, "```\n\nRounded: the caller is asked. Square: the line decides by itself.\n\n")
}

func id(n ivr.StepName) string { return strings.ReplaceAll(string(n), "-", "_") }

// script writes every prompt in the order of the message files, in all languages beside each other.
func (b *Book) script(w io.Writer) {
	fmt.Fprintf(w, "## Every word\n\nPlaceholders stand in braces. What states a fact is compared with the database whenever it is spoken.\n\n| prompt | states |")
	for _, l := range b.langs {
		fmt.Fprintf(w, " %s |", l.Name)
	}
	fmt.Fprintf(w, "\n| --- | --- |%s\n", strings.Repeat(" --- |", len(b.langs)))
	for _, row := range b.rows() {
		fmt.Fprintf(w, "| `%s` | %s |", row.key, strings.Join(row.facts, ", "))
		for _, text := range row.texts {
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

func (b *Book) rows() []row {
	where := map[string][]string{}
	for _, s := range b.steps {
		for _, key := range says(s) {
			where[key] = append(where[key], string(s.Name))
		}
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

// says are the prompts that a step brings by itself.
func says(s ivr.Step) []string {
	keys := []string{s.Says, s.Again}
	if m, ok := s.Accepts.(ivr.Menu); ok {
		keys = append(keys, m.Warns, m.Closes)
	}
	return slices.DeleteFunc(keys, func(k string) bool { return k == "" })
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
