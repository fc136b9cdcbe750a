package payments

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// AssentResult is what a caller's answer to the terms of a bank debit means (E4).
type AssentResult string

// The results.
const (
	AssentYes          AssentResult = "yes"
	AssentNo           AssentResult = "no" // nothing is charged, and there is a way back
	AssentUnrecognised AssentResult = "unrecognised"
)

// assentForms are the only texts that authorize, by language of the terms. Nothing else does:
// no fuzzy match, no filler words, no "yes" and no "ok" (E4).
var assentForms = map[string][]string{
	"en": {"i authorize", "yes i authorize", "i authorize it", "i authorize this payment", "i do authorize"},
	"es": {"autorizo", "yo autorizo", "sí autorizo", "lo autorizo", "autorizo el pago"},
}

// CanAssent says whether there are words that authorize a debit in a language: until they are agreed with
// counsel and the bank (E4, E13), none is offered in it.
func CanAssent(lang string) bool { return len(assentForms[lang]) > 0 }

// refusals are the words of any language that turn every answer into a no (E4).
var refusalWords = []string{"not", "no", "dont", "never", "cancel", "stop", "wait", "nunca", "cancelar", "espere"}

// Assent decides whether what the recogniser heard authorizes a debit whose terms were spoken in
// lang. confidence is the recogniser's, as it came: empty when there was none. A doubt is never a
// yes: below the floor, or with a confidence that is no number from 0 to 1, nothing was recognised.
func Assent(text, confidence, lang string, floor float64) AssentResult {
	if confidence != "" {
		sure, err := strconv.ParseFloat(confidence, 64)
		// Asked this way round, because no comparison with NaN is true.
		if err != nil || !(sure >= 0 && sure <= 1 && sure >= floor) {
			return AssentUnrecognised
		}
	}
	words := normalizeAssent(text)
	if slices.ContainsFunc(words, func(w string) bool { return slices.Contains(refusalWords, w) }) {
		return AssentNo
	}
	whole := strings.Join(words, " ")
	for _, form := range assentForms[lang] {
		if whole == form || whole == withoutAccents(form) {
			return AssentYes
		}
	}
	return AssentUnrecognised
}

// assentWords normalises as the rule book's O7 does, up to the splitting and without its steps
// for quotes, stop signs and signatures. The order counts: apostrophes join (don't = dont), and
// every other mark separates.
func normalizeAssent(text string) []string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || strings.ContainsRune("'’ʼ`´", r) {
			return -1
		}
		return r
	}, text)
	text = strings.ToLower(norm.NFKC.String(text))
	text = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.L, unicode.M, unicode.N) {
			return r
		}
		return ' '
	}, text)
	words := strings.Fields(text)
	for i, word := range words {
		if word == "authorise" {
			words[i] = "authorize"
		}
	}
	return words
}

// withoutAccents is the form as a recogniser without accents writes it. Accents are taken off our
// forms only, never off what was heard: autorizó is not autorizo.
func withoutAccents(form string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(form))
}
