// Package document writes the conversation for people to read: the picture of the call and every word
// of it (docs/call.md), and the prompts as a table for translators and counsel. It reads the steps and
// the messages and decides nothing. Package generate, below it, keeps the page fresh.
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

// Document is the conversation with its prompts, ready to be written. It is immutable once made. rows and
// pages follow the order of steps and of the message files, so the same input gives the same bytes and a test
// can compare them.
type Document struct {
	steps   []ivr.Step
	prompts *voiceprompts.Catalog
	langs   []voiceprompts.Language
	spoken  Spoken
}

// Spoken maps each prompt to the steps that may say it, in reading order, or to Anywhere alone. A prompt that
// no step says (texts, the capture's words, what only agents hear) is not in it.
type Spoken map[string][]string

// Anywhere stands for more steps than help a reader to find a prompt.
const Anywhere = "anywhere"

// New returns a Document of the steps, in the languages that the policy offers. Which step says which prompt
// it takes from the embedded spoken.json. A language that is not complete or not approved is left out (K4).
func New(steps []ivr.Step, prompts *voiceprompts.Catalog, policyLanguages []string) *Document {
	return &Document{steps: steps, prompts: prompts, spoken: embeddedSpoken(), langs: prompts.Offered(policyLanguages)}
}

// WithSpoken returns the Document with another answer to which step says which prompt, newer than the
// embedded one. The first Document stays as it is.
func (b *Document) WithSpoken(spoken Spoken) *Document {
	newer := *b
	newer.spoken = spoken
	return &newer
}

// Markdown returns the page docs/call.md: the picture of the call, then every prompt in every language, under
// the first step that may say it. It is generated and never edited by hand: package generate holds it fresh.
func (b *Document) Markdown() []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, "# The call\n\nMade from the steps in package ivr and the message files by `duebell-lab prompts refresh`; not to be edited.\n\n")
	fmt.Fprintf(&w, "From every question `0` leads to a person and `9` says it again; silence and wrong keys ask again, and then lead to a person. The picture leaves those ways out.\n\n")
	b.picture(&w)
	b.script(&w)
	return w.Bytes()
}

// picture draws the steps and their declared jumps as a Mermaid diagram. Only declared jumps are drawn: those
// to a person, and back from one, are everywhere and would hide the rest.
func (b *Document) picture(w io.Writer) {
	fmt.Fprintf(w, "```mermaid\nflowchart TD\n")
	for _, s := range b.steps {
		shape := `  %s["%s"]` + "\n"
		// Rounded where the caller is asked, square where the line decides.
		if s.Accepts != nil {
			shape = `  %s(["%s"])` + "\n"
		}
		fmt.Fprintf(w, shape, id(s.Name), s.Name)
	}
	for _, s := range b.steps {
		if s.Name == ivr.GoOn {
			continue // it leads back to every question, and would cover the picture with arrows
		}
		for _, to := range s.LeadsTo {
			fmt.Fprintf(w, "  %s --> %s\n", id(s.Name), id(to))
		}
	}
	fmt.Fprintf(w, "```\n\nRounded: the caller is asked. Square: the line decides by itself.\n\n")
}

// id returns a step's name as Mermaid takes it. A hyphen could be read as part of an arrow.
func id(n ivr.StepName) string { return strings.ReplaceAll(string(n), "-", "_") }

// script writes every prompt, its languages beside each other, at the first step that may say it. Prompts of
// no step follow by what they are for. Each prompt appears once, so that a reviewer reads every sentence
// once.
func (b *Document) script(w io.Writer) {
	fmt.Fprintf(w, "## Every word\n\nEach prompt stands under the first step that may say it. Placeholders stand in braces. What states a fact is compared with the database whenever it is spoken.\n")
	// Rows that no step claims fall through the headings below, in order; the last heading takes what is
	// left.
	rows := b.rows()
	for _, s := range b.steps {
		fmt.Fprintf(w, "\n### %s\n\n%s", s.Name, takes(s.Accepts))
		if to := b.exits(s); to != "" {
			fmt.Fprintf(w, " Goes on to %s.", to)
		}
		fmt.Fprintln(w)
		var here []row
		for _, r := range rows {
			// Its place is the first step that may say it; other steps only name it in the table.
			if len(r.where) > 0 && r.where[0] == string(s.Name) {
				here = append(here, r)
			}
		}
		// The step's own sentence first; the rest stays in the order of the files.
		slices.SortStableFunc(here, func(a, b row) int { return cmp.Compare(rank(a, s), rank(b, s)) })
		b.table(w, here)
	}
	// Each heading takes its rows from what is left; their order is that of interest to a reviewer.
	for _, rest := range []struct {
		title string
		holds func(r row) bool
	}{
		{"Said anywhere", func(r row) bool { return len(r.where) > 0 && r.where[0] == Anywhere }},
		{"Inside the capture of a card or bank account", func(r row) bool { return strings.HasPrefix(r.key, "pay-") }},
		{"To the person who takes over", func(r row) bool { return strings.HasPrefix(r.key, "agent-") }},
		{"Texts", func(r row) bool { return strings.HasPrefix(r.key, "text-") }},
		{"When the line itself fails, and words that are listened for", func(row) bool { return true }},
	} {
		fmt.Fprintf(w, "\n## %s\n", rest.title)
		var these, others []row
		for _, r := range rows {
			switch step := len(r.where) > 0 && r.where[0] != Anywhere; {
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

// exits returns links to the steps that a step leads to. The links are to the headings of the same page.
func (b *Document) exits(s ivr.Step) string {
	if s.Name == ivr.GoOn {
		return "the question that the caller came from"
	}
	var list []string
	for _, to := range s.LeadsTo {
		list = append(list, fmt.Sprintf("[%s](#%s)", to, to))
	}
	return strings.Join(list, ", ")
}

// takes returns a sentence that says what a caller may do at a step. It says what Call.read accepts; 0, 9 and
// silence, true of every question, stand at the head of the page.
func takes(a ivr.Accepts) string {
	switch a := a.(type) {
	case ivr.Menu:
		// The one thing that silence may choose (V3), so it is worth a word.
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

// rank returns the place of a prompt among a step's: its own first, and words that it understands last.
func rank(r row, s ivr.Step) int {
	switch {
	case r.key == s.Says:
		return 0
	case strings.HasPrefix(r.key, "hears-"):
		return 2
	}
	return 1
}

// table writes prompts as a Markdown table, one column a language. Bars and line breaks in a text would end
// its cell, so they are escaped.
func (b *Document) table(w io.Writer, rows []row) {
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

// row is one prompt. texts has one entry for each language of the document, empty where the language lacks
// the message.
type row struct {
	key   string
	where []string
	facts []string
	about string
	texts []string
}

//go:embed spoken.json
var spokenJSON []byte

// embeddedSpoken returns spoken.json, which package generate reads out of the conversation's source: a built
// program has no source to read. It is as old as the program, which is right: so are the prompts.
func embeddedSpoken() Spoken {
	var spoken Spoken
	if err := json.Unmarshal(spokenJSON, &spoken); err != nil {
		panic("ivr/document: spoken.json: " + err.Error()) // embedded, and held fresh by a test
	}
	return spoken
}

// rows returns every prompt with what is known of it, in the catalog's order. Messages with plurals show
// their form "other".
func (b *Document) rows() []row {
	var list []row
	for _, key := range b.prompts.Keys() {
		r := row{key: key, where: b.spoken[key], facts: b.prompts.Facts(key), about: b.prompts.Description(key)}
		for _, l := range b.langs {
			r.texts = append(r.texts, plain(b.prompts.Template(l.Tag, key)))
		}
		list = append(list, r)
	}
	return list
}

// plain returns a template as a reader wants it: {Amount} for a placeholder.
func plain(template string) string {
	return strings.NewReplacer("{{.", "{", "}}", "}").Replace(template)
}

// Table writes all prompts as CSV: key, steps that may say it, facts that it states, description, and one
// column a language. langs may hold languages that are not offered yet: translators need those most. An error
// is the writer's.
func (b *Document) Table(w io.Writer, langs []voiceprompts.Language) error {
	c := csv.NewWriter(w)
	head := []string{"key", "step", "states", "about"}
	for _, l := range langs {
		head = append(head, l.Tag)
	}
	if err := c.Write(head); err != nil {
		return fmt.Errorf("write prompts: %w", err)
	}
	// Another Document with the given languages; b keeps those that it was made with.
	all := &Document{steps: b.steps, prompts: b.prompts, langs: langs, spoken: b.spoken}
	for _, r := range all.rows() {
		// One row a message, in the order of the files.
		line := slices.Concat([]string{r.key, strings.Join(r.where, " "), strings.Join(r.facts, " "), r.about}, r.texts)
		if err := c.Write(line); err != nil {
			return fmt.Errorf("write prompts: %w", err)
		}
	}
	// Errors of writing may show only here.
	c.Flush()
	return c.Error()
}
