package voiceprompts

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// message is one checked entry of a message file. It is checked when it is made and never changed after it.
type message struct {
	key          string
	file         string
	forms        *i18n.Message
	placeholders []string // of all its forms, sorted
	plural       bool     // has more forms than "other", chosen by the argument Count
	facts        []string
}

// countPlaceholder chooses the form of a message that has plurals. The argument must be an int.
const countPlaceholder = "Count"

// knownFacts are the facts that a prompt may state (promise P2: nothing said is untrue). Scripts
// and load runs have a query for each.
var knownFacts = []string{"owes", "due", "in-flight", "paid", "not-charged", "unknown"}

var (
	keyPattern         = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	placeholderPattern = regexp.MustCompile(`\{\{\.([A-Z][A-Za-z0-9]*)\}\}`)
)

// readFile returns the messages of one file, in the order in which they are written. An unknown field is an
// error: misspelt, it would be a sentence that is never spoken. An English message must say in its
// description where it is spoken, because translators see nothing else.
func readFile(root fs.FS, file string) ([]message, error) {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return nil, err
	}
	entries := map[string]*i18n.Message{}
	meta, err := toml.Decode(string(text), &entries)
	if err != nil {
		return nil, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("%q is not a field of a message", unknown[0].String())
	}
	var messages []message
	// In the order of the file; a table's own fields come as longer keys.
	for _, key := range meta.Keys() {
		if len(key) != 1 {
			continue // a field of the message before it
		}
		m, err := newMessage(key[0], entries[key[0]])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", key[0], err)
		}
		m.file = path.Base(file)
		if path.Base(path.Dir(file)) == Reference && m.forms.Description == "" {
			return nil, fmt.Errorf("%q: its description must say where it is spoken", key[0])
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// newMessage checks one entry and joins its lines. Errors say what is wrong with the entry; the callers add
// key and file.
func newMessage(key string, forms *i18n.Message) (message, error) {
	if !keyPattern.MatchString(key) {
		return message{}, errors.New("a key is lower-case words joined by hyphens")
	}
	if forms.Other == "" {
		return message{}, errors.New(`the form "other" is missing`)
	}
	if forms.LeftDelim != "" || forms.RightDelim != "" {
		return message{}, errors.New("placeholders are written {{.Name}} in every message")
	}
	forms.ID = key
	m := message{key: key, forms: forms}
	for _, form := range m.formFields() {
		*form = strings.Join(strings.Fields(*form), " ") // files break lines to be read, not heard
		names, err := placeholdersOf(*form)
		if err != nil {
			return message{}, err
		}
		m.placeholders = append(m.placeholders, names...)
		// A form that is left empty does not exist.
		if form != &forms.Other && *form != "" {
			m.plural = true
		}
	}
	if m.plural {
		// Also where no form names the count: it still chooses between them.
		m.placeholders = append(m.placeholders, countPlaceholder)
	}
	slices.Sort(m.placeholders)
	m.placeholders = slices.Compact(m.placeholders)
	var err error
	m.facts, err = factsOf(forms.Description)
	return m, err
}

// formFields returns the plural forms of a message, in CLDR's order. They point into the message, so that
// newMessage can join the lines of each in place.
func (m message) formFields() []*string {
	f := m.forms
	return []*string{&f.Zero, &f.One, &f.Two, &f.Few, &f.Many, &f.Other}
}

// wordings returns the texts of all forms, empty ones included. It is what Version hashes: a change of any
// form is another version.
func (m message) wordings() []string {
	var texts []string
	for _, form := range m.formFields() {
		texts = append(texts, *form)
	}
	return texts
}

// placeholdersOf returns the placeholders of a template, and an error unless Twilio can speak it once they
// are filled. A template holds {{.Name}} and no other template syntax: a translator must be able to move
// every part of a sentence. A template that is correct with its placeholders replaced by an element is
// correct with any Speech in their place.
func placeholdersOf(template string) ([]string, error) {
	var names []string
	for _, match := range placeholderPattern.FindAllStringSubmatch(template, -1) {
		names = append(names, match[1])
	}
	// An element stands in for the argument: inside a tag it would be malformed, and
	// there no argument may stand, because Speech is not escaped for attributes.
	filled := placeholderPattern.ReplaceAllString(template, "<break/>")
	if strings.Contains(filled, "{{") || strings.Contains(filled, "}}") {
		return nil, errors.New("a placeholder is {{.Name}}, with a capital letter and no spaces")
	}
	if _, err := spokenText(filled); err != nil {
		return nil, err
	}
	return names, nil
}

// factsOf returns the facts of a description that begins "says: owes, due." A description without "says:"
// states nothing.
func factsOf(description string) ([]string, error) {
	rest, says := strings.CutPrefix(description, "says:")
	if !says {
		return nil, nil
	}
	list, _, ended := strings.Cut(rest, ".")
	if !ended {
		return nil, errors.New(`the facts of a description end with a full stop: "says: owes, due."`)
	}
	var facts []string
	for _, fact := range strings.Split(list, ",") {
		fact = strings.TrimSpace(fact)
		if !slices.Contains(knownFacts, fact) {
			return nil, fmt.Errorf("%q is not one of the facts %v", fact, knownFacts)
		}
		facts = append(facts, fact)
	}
	return facts, nil
}
