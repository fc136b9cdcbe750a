package payments

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// AssentResult is what a caller's answer to the terms of a bank debit means (E4: spoken assent).
type AssentResult string

// Results of an assent. Unrecognised is asked again; E5 (two failed recognitions) counts it.
const (
	AssentYes          AssentResult = "yes"
	AssentNo           AssentResult = "no" // nothing is charged, and there is a way back
	AssentUnrecognised AssentResult = "unrecognised"
)

// assentForms are the only texts that authorize, by language of the terms. Nothing else does: no
// fuzzy match, no filler words, no "yes" and no "ok" (E4: whole text, listed form). A form stands
// here as normalizeAssent writes it.
var assentForms = map[string][]string{
	"en": {"i authorize", "yes i authorize", "i authorize it", "i authorize this payment", "i do authorize"},
	"es": {"autorizo", "yo autorizo", "sí autorizo", "lo autorizo", "autorizo el pago"},
}

// CanAssent reports whether there are words that authorize a debit in a language. Until they are
// agreed with counsel and the bank (E13: the bank confirms terms in writing), no debit is offered
// in it.
func CanAssent(lang string) bool { return len(assentForms[lang]) > 0 }

// refusalWords are the words of any language that turn every answer into a no, wherever they stand
// (E4: a no-word anywhere charges nothing).
var refusalWords = []string{"not", "no", "dont", "never", "cancel", "stop", "wait", "nunca", "cancelar", "espere"}

// Assent returns whether what the recogniser heard authorizes a debit whose terms were spoken in
// lang. confidence is the recogniser's, as it came: empty when there was none. floor is policy
// assent_min_confidence, inclusive. A doubt is never a yes: below the floor, or with a confidence
// that is no number from 0 to 1, nothing was recognised.
func Assent(text, confidence, lang string, floor float64) AssentResult {
	if confidence != "" {
		sure, err := strconv.ParseFloat(confidence, 64)
		// Asked this way round, because no comparison with NaN is true.
		if err != nil || !(sure >= 0 && sure <= 1 && sure >= floor) {
			return AssentUnrecognised
		}
	}
	words := normalizeAssent(text)
	// Before the forms: "no autorizo" holds a listed form, and is a no.
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

// normalizeAssent returns the words of a text, normalised as O7 (normalise a text) does it up to
// the splitting, without its steps for quotes, stop signs and signatures. The order counts:
// apostrophes join (don't = dont), and every other mark separates.
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

// withoutAccents returns a form as a recogniser without accents writes it. Accents are taken off
// our forms only, never off what was heard: autorizó ("he authorized") is not autorizo.
func withoutAccents(form string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(form))
}
