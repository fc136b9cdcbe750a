package voiceprompts

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed messages
var embedded embed.FS

// Catalog holds every message of every language. It does not change after Load and may be used by any number
// of goroutines. A fault in a message file keeps the program from starting, so no call meets it.
type Catalog struct {
	keys      []string // of the reference language, in the order of its files
	agent     []string // the same of what agents hear
	messages  map[string]*messageSet
	languages []Language // all of them, each with whether it is complete
}

// agentFile holds what agents hear and callers never do. It exists in the agents' language, and no
// language of callers waits for it to be translated.
const agentFile = "agent.toml"

// messageSet holds the messages of one language. Each language has a localizer of its own, which knows no
// other language.
type messageSet struct {
	localizer *i18n.Localizer
	keys      []string
	agent     []string
	byKey     map[string]message
}

// Load returns the catalog of the messages that are built into the program. It fails on anything that a
// caller would otherwise be the first to notice: a sentence that Twilio cannot speak, a key that English does
// not have, a translation with other placeholders. Every caller gets the same catalog: it is read once a
// process.
func Load() (*Catalog, error) { return loadEmbedded() }

// loadEmbedded reads them once: a catalog never changes, and a process may hold many roles.
var loadEmbedded = sync.OnceValues(func() (*Catalog, error) {
	// Tags are the names of the folders directly below this one.
	root, err := fs.Sub(embedded, "messages")
	if err != nil {
		return nil, fmt.Errorf("load messages: %w", err)
	}
	return load(root)
})

// load reads <language>/*.toml below root and checks the languages against English. It stops at the first
// fault, which names the language, the file and the key. A language may lack messages: then it is not
// complete, and nobody is offered it.
func load(root fs.FS) (*Catalog, error) {
	c := &Catalog{messages: map[string]*messageSet{}}
	folders, err := fs.ReadDir(root, ".")
	if err != nil {
		return nil, fmt.Errorf("load messages: %w", err)
	}
	for _, folder := range folders {
		set, err := loadLanguage(root, folder.Name())
		if err != nil {
			return nil, fmt.Errorf("load messages of %q: %w", folder.Name(), err)
		}
		c.messages[folder.Name()] = set
	}
	reference, ok := c.messages[Reference]
	if !ok || len(reference.keys) == 0 {
		return nil, fmt.Errorf("load messages: there are none of %q", Reference)
	}
	c.keys, c.agent = reference.keys, reference.agent
	for _, tag := range slices.Sorted(maps.Keys(c.messages)) {
		if err := c.messages[tag].checkAgainst(reference); err != nil {
			return nil, fmt.Errorf("load messages of %q: %w", tag, err)
		}
	}
	// A copy, because whether a language is complete belongs to this catalog and not to the list of
	// languages.
	c.languages = slices.Clone(languages)
	for i := range c.languages {
		c.languages[i].Complete = c.complete(c.languages[i].Tag)
	}
	return c, nil
}

// loadLanguage reads all message files of one language. A key that stands in two files is an error. The
// folder's name is the language's tag; files are read in the order of their names, which is the order of
// Keys.
func loadLanguage(root fs.FS, tag string) (*messageSet, error) {
	at := slices.IndexFunc(languages, func(l Language) bool { return l.Tag == tag })
	if at < 0 {
		return nil, fmt.Errorf("there is no %s of it", languageFile)
	}
	files, err := fs.Glob(root, path.Join(tag, "*.toml"))
	if err != nil {
		return nil, err
	}
	// Plural forms are go-i18n's; a language that it does not know borrows those of another (plurals_like).
	parsed, err := language.Parse(cmp.Or(languages[at].PluralsLike, tag))
	if err != nil {
		return nil, err
	}
	// One bundle a language: a bundle of several would answer in English where a message is missing.
	bundle := i18n.NewBundle(parsed)
	set := &messageSet{localizer: i18n.NewLocalizer(bundle, parsed.String()), byKey: map[string]message{}}
	for _, file := range files {
		// Both are read elsewhere; they hold no messages.
		if name := path.Base(file); name == languageFile || name == readingFile {
			continue
		}
		messages, err := readFile(root, file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(file), err)
		}
		for _, m := range messages {
			if other, taken := set.byKey[m.key]; taken {
				return nil, fmt.Errorf("%s: %q is already in %s", path.Base(file), m.key, other.file)
			}
			if err := bundle.AddMessages(parsed, m.forms); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", path.Base(file), m.key, err)
			}
			set.byKey[m.key] = m
			// Kept apart: no language of callers waits for these words to be translated.
			if m.file == agentFile {
				set.agent = append(set.agent, m.key)
			} else {
				set.keys = append(set.keys, m.key)
			}
		}
	}
	return set, nil
}

// checkAgainst returns an error if a language has a message that the reference lacks, or other placeholders.
// Keys may be missing: then the language is not complete. The placeholders must be the same set, because the
// conversation gives the same arguments in every language; their order in the sentence is the translator's.
func (s *messageSet) checkAgainst(reference *messageSet) error {
	for _, key := range slices.Concat(s.keys, s.agent) {
		m, r := s.byKey[key], reference.byKey[key]
		// A message that English lacks has no description and no facts, and no code asks for it.
		if r.key == "" {
			return fmt.Errorf("%q is not a message of %q", key, Reference)
		}
		if !slices.Equal(m.placeholders, r.placeholders) {
			return fmt.Errorf("%q has the placeholders %v, in %q they are %v", key, m.placeholders, Reference, r.placeholders)
		}
	}
	return nil
}

// Say returns a message with its placeholders filled. A Speech argument goes in as it is, a string or an int
// is escaped. A key that the language lacks, an argument that is missing and one that is not used are errors:
// all three are mistakes of ours, and an incomplete sentence must not be spoken. Arguments that are Speech
// must come from this package; anything else goes in as a string, so that a name with a "<" in it is read out
// and cannot become markup.
func (c *Catalog) Say(lang, key string, args map[string]any) (Speech, error) {
	set, ok := c.messages[lang]
	if !ok {
		return "", fmt.Errorf("say %q: no messages of %q", key, lang)
	}
	m, ok := set.byKey[key]
	if !ok {
		return "", fmt.Errorf("say %q: no such message of %q", key, lang)
	}
	values, err := m.fill(args)
	if err != nil {
		return "", fmt.Errorf("say %q: %w", key, err)
	}
	// The localizer knows one language, so a missing form is an error and never an English sentence.
	request := &i18n.LocalizeConfig{MessageID: key, TemplateData: values}
	// The count chooses the form and is also a value of the sentence.
	if m.plural {
		request.PluralCount = args[countPlaceholder]
	}
	said, err := set.localizer.Localize(request)
	if err != nil {
		return "", fmt.Errorf("say %q in %q: %w", key, lang, err)
	}
	return Speech(said), nil
}

// fill returns the arguments, escaped, by placeholder. Errors name arguments and never show their values,
// which may be secrets. An argument too many is an error as well: it is a fact that somebody meant to say and
// that the sentence leaves out.
func (m message) fill(args map[string]any) (map[string]string, error) {
	for name := range args {
		if !slices.Contains(m.placeholders, name) {
			return nil, fmt.Errorf("the argument %s is not used", name)
		}
	}
	values := make(map[string]string, len(args))
	for _, name := range m.placeholders {
		arg, given := args[name]
		if !given {
			return nil, fmt.Errorf("the argument %s is missing", name)
		}
		switch arg := arg.(type) {
		case Speech:
			values[name] = string(arg)
		case int:
			values[name] = strconv.Itoa(arg)
		case string:
			plain, err := Escape(arg)
			if err != nil {
				return nil, fmt.Errorf("the argument %s: %w", name, err)
			}
			values[name] = string(plain)
		default:
			return nil, fmt.Errorf("the argument %s is a %T: make it Speech, string or int", name, arg)
		}
	}
	if _, isInt := args[countPlaceholder].(int); m.plural && !isInt {
		return nil, fmt.Errorf("the argument %s must be an int, it chooses the plural", countPlaceholder)
	}
	return values, nil
}

// Facts returns the facts that a message states, from its English description: owes, due, in-flight, paid,
// not-charged, unknown. Most messages state none. Translations state the same facts, because they translate
// the same sentence. An unknown key states none.
func (c *Catalog) Facts(key string) []string {
	return slices.Clone(c.messages[Reference].byKey[key].facts)
}

// Keys returns the keys of all messages that callers hear or read, in the order of the English files. The
// slice is a copy, as is that of every list below.
func (c *Catalog) Keys() []string { return slices.Clone(c.keys) }

// AgentKeys returns the keys of what only agents hear.
func (c *Catalog) AgentKeys() []string { return slices.Clone(c.agent) }

// Placeholders returns the names of the arguments that a message needs, sorted.
func (c *Catalog) Placeholders(key string) []string {
	return slices.Clone(c.messages[Reference].byKey[key].placeholders)
}

// Version returns a name of the exact wording of a message in a language, with a hash of all its forms. It is
// stored with the evidence of an assent (E8: text version): another wording has another version. It is empty
// for a message that the language lacks. It does not depend on the order of files or keys, so it stays when
// other messages change.
func (c *Catalog) Version(lang, key string) string {
	set, ok := c.messages[lang]
	if !ok {
		return ""
	}
	m, ok := set.byKey[key]
	if !ok {
		return ""
	}
	// All forms are hashed, separated by a byte that no text holds.
	sum := sha256.Sum256([]byte(strings.Join(m.wordings(), "\x00")))
	return lang + "/" + key + "/" + hex.EncodeToString(sum[:6])
}
