package voiceprompts

import "slices"

// Reference is the language in which every message is first written. What it
// defines is what every other language has to define.
const Reference = "en"

// Language is one language of the line and how Twilio speaks and hears it.
type Language struct {
	Tag            string // "en": the folder under messages, and the word in the policy file
	Name           string // in English, for agents
	Voice          string // default; the policy may name another (K1). Empty: no synthetic voice exists (K3)
	VoiceLanguage  string // what Voice speaks, for Say
	PayLanguage    string // for Pay; the nearest that Pay knows, our own prompts replace all it would say
	SpeechLanguage string // for Gather's recogniser; empty: none exists
	Complete       bool   // every message exists, and money, dates and digits can be read aloud
	Reviewed       bool   // cleared to be offered; K4 asks for a person's approval, recorded in docs/languages.md
}

// languages in the order in which they are offered (K1). Complete is computed.
// Reviewed is set here. That of Spanish is ahead of its approval: the line is built and
// tested in both languages, and docs/languages.md says what is to happen before launch.
var languages = []Language{
	{
		Tag: "en", Name: "English", Voice: "Polly.Joanna-Neural", VoiceLanguage: "en-US",
		PayLanguage: "en-US", SpeechLanguage: "en-US", Reviewed: true,
	},
	{
		// es-ES is the one Spanish that both Twilio's pages and its SDK list for Pay.
		Tag: "es", Name: "Spanish", Voice: "Polly.Lupe-Neural", VoiceLanguage: "es-US",
		PayLanguage: "es-ES", SpeechLanguage: "es-US", Reviewed: true,
	},
	{
		Tag: "pt", Name: "Portuguese", Voice: "Polly.Camila-Neural", VoiceLanguage: "pt-BR",
		PayLanguage: "en-US", SpeechLanguage: "pt-BR",
	},
	{
		Tag: "zh", Name: "Mandarin Chinese", Voice: "Polly.Zhiyu-Neural", VoiceLanguage: "cmn-CN",
		PayLanguage: "en-US", SpeechLanguage: "cmn-Hans-CN",
	},
	{
		Tag: "vi", Name: "Vietnamese", Voice: "Google.vi-VN-Neural2-A", VoiceLanguage: "vi-VN",
		PayLanguage: "en-US", SpeechLanguage: "vi-VN",
	},
	{Tag: "ht", Name: "Haitian Creole", PayLanguage: "en-US"},
}

// pluralsOf names, for a language whose plurals go-i18n does not know, one that forms
// them alike. In Haitian Creole, as in Vietnamese, a word does not change with number.
var pluralsOf = map[string]string{"ht": "vi"}

// Languages are all languages that the line knows of, offered or not.
func (c *Catalog) Languages() []Language {
	all := slices.Clone(languages)
	for i := range all {
		all[i].Complete = c.complete(all[i].Tag)
	}
	return all
}

// Language finds one of Languages by its tag.
func (c *Catalog) Language(tag string) (Language, bool) {
	for _, l := range c.Languages() {
		if l.Tag == tag {
			return l, true
		}
	}
	return Language{}, false
}

// InForce are the languages to offer, in the policy's order: those in which every
// message exists and which are marked as reviewed (K4). It is never empty: until
// theirs is in force, callers get English.
func (c *Catalog) InForce(policyLanguages []string) []Language {
	var offered []Language
	for _, tag := range policyLanguages {
		l, known := c.Language(tag)
		twice := slices.ContainsFunc(offered, func(o Language) bool { return o.Tag == tag })
		if known && l.Complete && l.Reviewed && !twice {
			offered = append(offered, l)
		}
	}
	if len(offered) == 0 {
		english, _ := c.Language(Reference)
		offered = append(offered, english)
	}
	return offered
}

// complete says whether a caller could be served in a language from the first
// word to the last.
func (c *Catalog) complete(tag string) bool {
	own, ok := c.messages[tag]
	if _, reads := readers[tag]; !ok || !reads {
		return false
	}
	for _, key := range c.keys {
		if _, ok := own.byKey[key]; !ok {
			return false
		}
	}
	return true
}
