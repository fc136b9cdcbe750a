package notify

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Classifier returns what a text asks for (O7: normalise, O8: understand). It may be used from any number of
// goroutines. It is made once and never changed after it.
type Classifier struct {
	entries map[string]Class
	filler  words
	phrases [][]string
	inside  []string
	wrong   [][]string // phrases that say that the number is somebody else's (O5)

	negation, command, ending, help, object, payment, action words
}

// words is a set of single words.
type words map[string]bool

// NewClassifier returns a classifier with the words of this package and the operator's own opt-out words (O6:
// operators add words and remove none). An operator's word that is also an entry of another class counts as
// opt-out.
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
				if _, taken := c.entries[form]; !taken { // Classes() begins with opt-out: in doubt, stop (O8)
					c.entries[form] = class
				}
			}
		}
	}
	c.phrases, c.wrong = split(optOutPhrases), split(wrongPhrases)
	return c
}

// split returns phrases as lists of normalised words, with and without accents.
func split(phrases []string) [][]string {
	var list [][]string
	for _, phrase := range phrases {
		for _, form := range forms(phrase) {
			list = append(list, strings.Fields(form))
		}
	}
	return list
}

// forms returns an entry as it is normalised, and the same without accents (O7: both count).
func forms(entry string) []string {
	with := strings.Join(normalise(entry), " ")
	if without := unaccented(with); without != with {
		return []string{with, without}
	}
	return []string{with}
}

// wordSet returns the words of a list, with and without accents. Line breaks in a list do not matter.
func wordSet(list string) words {
	set := words{}
	for _, w := range strings.Fields(list) {
		for _, form := range forms(w) {
			set[form] = true
		}
	}
	return set
}

// anyOf says whether one of the tokens is in the set.
func (w words) anyOf(tokens []string) bool {
	return slices.ContainsFunc(tokens, func(t string) bool { return w[t] })
}

// Reading is how a text was understood.
type Reading struct {
	Class Class
	// Certain: the text is the request and nothing else, so that it may be answered at any time. Otherwise
	// an answering machine may have written it.
	Certain bool
	// Person: somebody must read it, because it may be about money (O9: a task if it holds a payment word).
	Person bool
	// WrongPerson: an opt-out of somebody who is not our member (O5: the number is detached).
	WrongPerson bool
}

// Classify returns how a text is understood. The first match wins: the whole text is a listed entry; it holds
// an opt-out phrase or begins or ends with a command; it asks for help somewhere (O8: in doubt, opt-out). It
// is a pure function of the words; who wrote them, and what we sent before, does not count here.
func (c *Classifier) Classify(text string) Reading {
	// Phrases and negations are looked for in all words, entries and commands in those that are no filler.
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

// whole returns the class whose entry the text is: as it stands, spelt out letter by letter, or wrapped in
// filler words. The order counts: as it stands first, because filler words may be part of an entry ("is this
// real").
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
	wordsOnly := slices.DeleteFunc(slices.Clone(rest), allDigits) // N8: PAY 198 is PAY, its digits are ignored
	if class := c.entries[strings.Join(collapse(wordsOnly), " ")]; class == ClassPay {
		return class, true
	}
	return "", false
}

// phrase says whether a text holds one of the phrases without a negation in the four words before it (O8:
// "don't stop" is no opt-out). inside are phrases of scripts without spaces. Word boundaries count, but in
// scripts without spaces, where the phrase may stand anywhere in the run.
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

// commandFirst says whether a text begins with a command about texts: "stop bothering people" does, "stop
// payment" does not (O8: a stop word with a payment word is about money). A command that stands alone is an
// entry, and was found before.
func (c *Classifier) commandFirst(rest []string) bool {
	return len(rest) > 1 && c.command[rest[0]] && !c.object[rest[1]]
}

// commandLast says whether a short text ends with a command: "please everybody stop". Longer texts that
// happen to end so are mostly about something else.
func (c *Classifier) commandLast(rest []string) bool {
	return (len(rest) == 2 || len(rest) == 3) && c.ending[rest[len(rest)-1]] && !c.negation.anyOf(rest)
}

// without returns the words of a text without filler words and repeats. The text itself is not changed.
func (c *Classifier) without(all []string) []string {
	return collapse(slices.DeleteFunc(slices.Clone(all), func(t string) bool { return c.filler[t] }))
}

// collapse folds repeats: "stop stop stop" is one stop.
func collapse(tokens []string) []string { return slices.Compact(tokens) }

// apostrophes are deleted, so that don't and dont are one word.
const apostrophes = "'’ʼ`´"

// signatures are what phones add by themselves.
var signatures = []string{"sent from my", "enviado desde mi"}

// normalise returns the words of a text (O7). Accents stay: an entry counts with and without them. Emoji and
// punctuation separate words, but for the stop sign, which is one.
func normalise(text string) []string {
	// Format characters and apostrophes go without a gap: "st<zero width>op" and "don't" are one word each.
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
	// What a phone adds by itself is not what its owner wrote.
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

// blankQuotes blanks passages of more than 20 characters in quotation marks: our own words, sent back, ask
// for nothing (O7: copies are dropped). A quotation mark without its partner ends the search: what follows is
// the person's own.
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

// unaccented returns a text without combining marks; đ counts as d (O7). It is applied to our entries and
// never to what was written.
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

// singleLetter says whether a token is one letter, as in "s t o p".
func singleLetter(t string) bool {
	r := []rune(t)
	return len(r) == 1 && unicode.IsLetter(r[0])
}

// allDigits says whether a token is digits and nothing else.
func allDigits(t string) bool {
	return !strings.ContainsFunc(t, func(r rune) bool { return !unicode.IsDigit(r) })
}
