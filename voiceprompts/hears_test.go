package voiceprompts

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// heardTogether are the lists of words that one menu listens to, beside those for a person
// and for hearing it again, which every menu knows.
var heardTogether = [][]string{
	{"hears-pay", "hears-guest", "hears-how", "hears-texts"},
	{"hears-stop", "hears-start"},
	{"hears-yes", "hears-no"},
	{"hears-pay", "hears-no"},
	{"hears-bank", "hears-card"},
	{"hears-checking", "hears-savings"},
	{"hears-all"},
}

// A word that stood for two choices would take the first of them, whatever was meant.
func TestHeardWordsMeanOneThing(t *testing.T) {
	c := mustLoad(t)
	for _, lang := range []string{"en", "es"} {
		for _, menu := range heardTogether {
			meant := map[string]string{}
			for _, key := range append([]string{"hears-person", "hears-again"}, menu...) {
				for _, word := range heardWords(t, c, lang, key) {
					if other, taken := meant[word]; taken {
						t.Errorf("%s: %q is in %s and in %s", lang, word, other, key)
					}
					meant[word] = key
				}
			}
		}
	}
}

// Every list is in the table above, so that a new one is not forgotten.
func TestEveryListOfWordsBelongsToAMenu(t *testing.T) {
	known := map[string]bool{"hears-person": true, "hears-again": true}
	for _, menu := range heardTogether {
		for _, key := range menu {
			known[key] = true
		}
	}
	var lists []string
	for _, key := range mustLoad(t).Keys() {
		if strings.HasPrefix(key, "hears-") {
			lists = append(lists, key)
		}
	}
	if want := slices.Sorted(maps.Keys(known)); !slices.Equal(slices.Sorted(slices.Values(lists)), want) {
		t.Errorf("the lists are %v, the menus have %v", lists, want)
	}
}

// What is said is compared in lower case with punctuation gone, and a recogniser leaves
// accents out. "si es correcto" is the end of a read-back, which a telephone may hear itself say.
func TestHeardWordsAreWrittenAsTheyAreCompared(t *testing.T) {
	c := mustLoad(t)
	plain := transform.Chain(norm.NFD, runes.Remove(runes.Predicate(func(r rune) bool { return r >= 0x300 && r <= 0x36f })), norm.NFC)
	for _, lang := range []string{"en", "es"} {
		for _, menu := range append(heardTogether, []string{"hears-person", "hears-again"}) {
			for _, key := range menu {
				words := heardWords(t, c, lang, key)
				for _, word := range words {
					if word == "" || word != strings.ToLower(norm.NFC.String(word)) || strings.ContainsAny(word, ".,;:!?¡¿'-") {
						t.Errorf("%s %s: %q is never heard so", lang, key, word)
					}
					bare, _, err := transform.String(plain, word)
					if err != nil {
						t.Fatal(err)
					}
					if has := slices.Contains(words, bare); has == (bare == "si es correcto") {
						t.Errorf("%s %s: %q without its accents is listed: %t", lang, key, word, has)
					}
				}
			}
		}
		for _, english := range heardWords(t, c, "en", "hears-person") {
			if !slices.Contains(heardWords(t, c, lang, "hears-person"), english) {
				t.Errorf("%s: %q does not reach a person", lang, english)
			}
		}
	}
}

func heardWords(t *testing.T, c *Catalog, lang, key string) []string {
	t.Helper()
	list, err := c.Say(lang, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(list.Text(), ", ")
}

// A time of day may end in a full stop of its own ("5 p.m."), so no sentence ends with one.
func TestNoSentenceEndsWithTwoFullStops(t *testing.T) {
	c := mustLoad(t)
	for lang, set := range c.messages {
		for _, key := range set.keys {
			if said := spoken(t, c, lang, key, nil); strings.Contains(said, "..") {
				t.Errorf("%s %s: %q", lang, key, said)
			}
		}
	}
}
