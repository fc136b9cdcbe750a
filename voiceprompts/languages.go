package voiceprompts

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/BurntSushi/toml"
)

// Reference is the language in which every message is first written. Every other language is complete when it
// has all of its messages. It is also what agents hear, and what a language that is not offered is replaced
// by.
const Reference = "en"

// languageFile is the file of each language's folder that says how Twilio speaks and hears it: the
// fields of Language.
const languageFile = "language.toml"

// Language is one language of the line, and how Twilio speaks and hears it. Empty strings mean that Twilio
// has none (twilio.md §3: voices per language). A language without a voice needs recorded clips before it can
// be offered (K3).
type Language struct {
	Tag            string `toml:"-"` // "en": the folder under messages, and the word in the policy file
	Order          int    // in which languages are listed (K1)
	Name           string // in English, for agents
	Voice          string // default; the policy may name another (K1). Empty: no synthetic voice exists (K3)
	VoiceLanguage  string `toml:"voice_language"`  // what Voice speaks, for Say
	PayLanguage    string `toml:"pay_language"`    // for Pay; the nearest that Pay knows, our own prompts replace all it would say
	SpeechLanguage string `toml:"speech_language"` // for Gather's recogniser; empty: none exists
	PluralsLike    string `toml:"plurals_like"`    // for a language whose plurals go-i18n does not know: one that forms them alike
	Reviewed       bool   // cleared to be offered; K4 asks for a person's approval, recorded in docs/languages.md
	Complete       bool   `toml:"-"` // computed: every message exists, and money, dates and times can be read aloud
}

// languages are all that have a folder, by Order.
var languages = mustLanguages(embedded)

// mustLanguages reads every language file, and panics where one is wrong: they are embedded, so the first
// test finds it. An unknown field is an error: misspelt, a language would be offered without its voice.
func mustLanguages(files fs.FS) []Language {
	// A language exists when its folder has this file; messages alone make none.
	found, err := fs.Glob(files, path.Join("messages", "*", languageFile))
	if err != nil {
		panic(err) // the pattern is fixed
	}
	var all []Language
	for _, file := range found {
		l := Language{Tag: path.Base(path.Dir(file))}
		meta, err := toml.DecodeFS(files, file, &l)
		if unknown := meta.Undecoded(); err == nil && (len(unknown) > 0 || l.Name == "" || l.Order == 0 || l.PayLanguage == "") {
			err = fmt.Errorf("name, order and pay_language are needed, and %v means nothing here", unknown)
		}
		if err != nil {
			panic(fmt.Sprintf("%s: %v", file, err)) // embedded: found out by every test
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Language) int { return cmp.Compare(a.Order, b.Order) })
	return all
}

// Languages returns all languages that have a folder, offered or not, by Order.
func (c *Catalog) Languages() []Language { return slices.Clone(c.languages) }

// Language returns one of Languages by its tag, and whether there is one. Whether the language is offered is
// not asked here.
func (c *Catalog) Language(tag string) (Language, bool) {
	for _, l := range c.languages {
		if l.Tag == tag {
			return l, true
		}
	}
	return Language{}, false
}

// Offered returns the languages to offer, in the policy's order: those in which every message exists and
// which are marked as reviewed (K4: complete and approved). It is never empty: until theirs is offered,
// callers get English. A tag that the policy names twice counts once; one without a folder is left out.
func (c *Catalog) Offered(policyLanguages []string) []Language {
	var offered []Language
	for _, tag := range policyLanguages {
		l, known := c.Language(tag)
		twice := slices.ContainsFunc(offered, func(o Language) bool { return o.Tag == tag })
		if known && l.Complete && l.Reviewed && !twice {
			offered = append(offered, l)
		}
	}
	// Nobody is left without a language, also where the policy names only unfinished ones.
	if len(offered) == 0 {
		english, _ := c.Language(Reference)
		offered = append(offered, english)
	}
	return offered
}

// complete reports whether a caller could be served in a language from the first word to the last: every
// message exists, and money, dates and times can be read aloud. What only agents hear does not count, because
// it exists in their language alone.
func (c *Catalog) complete(tag string) bool {
	own, ok := c.messages[tag]
	if _, reads := readings[tag]; !ok || !reads {
		return false
	}
	for _, key := range c.keys {
		if _, ok := own.byKey[key]; !ok {
			return false
		}
	}
	return true
}
