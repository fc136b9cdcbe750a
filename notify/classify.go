package notify

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Classifier tells what a text asks for (O7, O8). It may be used from any number of goroutines.
type Classifier struct {
	entries map[string]Class
	filler  words
	phrases [][]string
	inside  []string
	wrong   [][]string // the phrases that say that the number is somebody else's

	negation, command, ending, help, object, payment, action words
}

// words is a set of single words.
type words map[string]bool

// NewClassifier builds the tables. extra are the operator's opt-out words: added, never instead (O6).
func NewClassifier(extra []string) *Classifier {
	c := &Classifier{
		entries: map[string]Class{}, filler: wordSet(filler), inside: optOutInside,
		negation: wordSet(negations), command: wordSet(commands), ending: wordSet(endings), help: wordSet(appeals),
		object: wordSet(objects), payment: wordSet(aboutMoney), action: wordSet(actions),
	}
	for _, class := range Classes() {
		listed := entries[class]
		if class == ClassOptOut {
			listed = append(slices.Clone(listed), extra...)
		}
		for _, entry := range listed {
			for _, form := range forms(entry) {
				if _, taken := c.entries[form]; !taken {
					c.entries[form] = class
				}
			}
		}
	}
	c.phrases, c.wrong = split(optOutPhrases), split(wrongPhrases)
	return c
}

// split turns phrases into the words to look for.
func split(phrases []string) [][]string {
	var list [][]string
	for _, phrase := range phrases {
		for _, form := range forms(phrase) {
			list = append(list, strings.Fields(form))
		}
	}
	return list
}

// forms are an entry as it is normalised, and the same without accents.
func forms(entry string) []string {
	with := strings.Join(normalise(entry), " ")
	if without := unaccented(with); without != with {
		return []string{with, without}
	}
	return []string{with}
}

func wordSet(list string) words {
	set := words{}
	for _, w := range strings.Fields(list) {
		for _, form := range forms(w) {
			set[form] = true
		}
	}
	return set
}

func (w words) anyOf(tokens []string) bool {
	return slices.ContainsFunc(tokens, func(t string) bool { return w[t] })
}

// Reading is what a text was taken for.
type Reading struct {
	Class Class
	// Certain: the text is the request and nothing else (steps 1 to 3), so that it may be answered
	// at any time; otherwise an answering machine may have written it.
	Certain bool
	// Person: somebody must read it, because it may be about money (O9).
	Person bool
	// WrongPerson: an opt-out of somebody who is not our member (O5).
	WrongPerson bool
}

// Classify reads a text; the first step that hits wins (O8).
func (c *Classifier) Classify(text string) Reading {
	all := normalise(text)
	rest := c.without(all)
	if class, ok := c.whole(all, rest); ok {
		return Reading{Class: class, Certain: true}
	}
	switch {
	case phrase(all, c.phrases, c.inside, c.negation), c.commandFirst(rest), c.commandLast(rest):
		return Reading{Class: ClassOptOut, WrongPerson: phrase(all, c.wrong, wrongInside, c.negation)}
	case c.help.anyOf(all):
		return Reading{Class: ClassHelp}
	}
	return Reading{Class: ClassNone, Person: c.action.anyOf(all) && c.payment.anyOf(all)}
}

// whole is steps 1 to 3: the text is an entry, spelt out letter by letter or wrapped in filler words.
func (c *Classifier) whole(all, rest []string) (Class, bool) {
	if class, ok := c.entries[strings.Join(all, " ")]; ok {
		return class, true
	}
	if len(all) >= 3 && !slices.ContainsFunc(all, func(t string) bool { return !singleLetter(t) }) {
		if class, ok := c.entries[strings.Join(all, "")]; ok {
			return class, true
		}
	}
	if class, ok := c.entries[strings.Join(rest, " ")]; ok {
		return class, true
	}
	wordsOnly := slices.DeleteFunc(slices.Clone(rest), allDigits) // N8: digits in the text are ignored
	if class := c.entries[strings.Join(collapse(wordsOnly), " ")]; class == ClassPay {
		return class, true
	}
	return "", false
}

// phrase is step 4, for any list of phrases.
func phrase(all []string, phrases [][]string, inside []string, negation words) bool {
	for at := range all {
		for _, p := range phrases {
			if at+len(p) <= len(all) && slices.Equal(all[at:at+len(p)], p) && !negation.anyOf(all[max(0, at-4):at]) {
				return true
			}
		}
	}
	run := strings.Join(all, "")
	return slices.ContainsFunc(inside, func(p string) bool { return strings.Contains(run, p) })
}

// commandFirst is step 5: "stop bothering people" is about texts, "stop payment" is not.
func (c *Classifier) commandFirst(rest []string) bool {
	return len(rest) > 1 && c.command[rest[0]] && !c.object[rest[1]]
}

// commandLast is step 6.
func (c *Classifier) commandLast(rest []string) bool {
	return (len(rest) == 2 || len(rest) == 3) && c.ending[rest[len(rest)-1]] && !c.negation.anyOf(rest)
}

// without drops filler words and repeats.
func (c *Classifier) without(all []string) []string {
	return collapse(slices.DeleteFunc(slices.Clone(all), func(t string) bool { return c.filler[t] }))
}

func collapse(tokens []string) []string { return slices.Compact(tokens) }

// apostrophes are deleted, so that don't and dont are one word.
const apostrophes = "'’ʼ`´"

// signatures are what phones add by themselves.
var signatures = []string{"sent from my", "enviado desde mi"}

// normalise turns a text into words (O7). Accents stay.
func normalise(text string) []string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) || strings.ContainsRune(apostrophes, r) {
			return -1
		}
		return r
	}, text)
	text = strings.ToLower(norm.NFKC.String(text))
	text = blankQuotes(text)
	text = strings.ReplaceAll(text, "\U0001F6D1", " stop ")
	text = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.L, unicode.M, unicode.N) {
			return r
		}
		return ' '
	}, text)
	joined := " " + strings.Join(strings.Fields(text), " ") + " "
	for _, s := range signatures {
		if at := strings.Index(joined, " "+s+" "); at >= 0 {
			joined = joined[:at]
		}
	}
	return strings.Fields(joined)
}

// quotes are the pairs around a quoted passage.
var quotes = []struct{ open, close rune }{{'“', '”'}, {'"', '"'}, {'«', '»'}}

// blankQuotes takes out what is quoted at length: our own words, sent back, command nothing.
func blankQuotes(text string) string {
	runes := []rune(text)
	for _, q := range quotes {
		for i := 0; i < len(runes); i++ {
			if runes[i] != q.open {
				continue
			}
			length := slices.Index(runes[i+1:], q.close)
			if length < 0 {
				break
			}
			if length > 20 {
				for j := i; j <= i+1+length; j++ {
					runes[j] = ' '
				}
			}
			i += length + 1
		}
	}
	return string(runes)
}

// unaccented strips combining marks; đ counts as d.
func unaccented(s string) string {
	stripped := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == 'đ':
			return 'd'
		}
		return r
	}, norm.NFD.String(s))
	return norm.NFC.String(stripped)
}

func singleLetter(t string) bool {
	r := []rune(t)
	return len(r) == 1 && unicode.IsLetter(r[0])
}

func allDigits(t string) bool {
	return !strings.ContainsFunc(t, func(r rune) bool { return !unicode.IsDigit(r) })
}
