package voiceprompts_test

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"duebell/internal/twilio"
	"duebell/notify"
	"duebell/payments"
	"duebell/voiceprompts"
)

// eachText gives every text of every language at its longest fill, as it is sent.
func eachText(t *testing.T, check func(lang, key, text string)) {
	t.Helper()
	c, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range c.Languages() {
		for _, key := range c.Keys() {
			if !c.IsText(key) || c.Version(l.Tag, key) == "" {
				continue
			}
			args, err := c.SampleArgs(l.Tag, key, 1)
			if err != nil {
				t.Fatal(err)
			}
			said, err := c.Say(l.Tag, key, args)
			if err != nil {
				t.Fatal(err)
			}
			check(l.Tag, key, norm.NFC.String(said.Text()))
		}
	}
}

// N7: English in one GSM-7 segment, other languages in three at most. Spanish and
// Haitian Creole can be written in GSM-7, so they are.
func TestN7LengthOfTexts(t *testing.T) {
	most := map[string]int{"en": 1, "es": 2, "ht": 2, "pt": 3, "vi": 3, "zh": 3}
	gsm := map[string]bool{"en": true, "es": true, "ht": true}
	eachText(t, func(lang, key, text string) {
		encoding, units, segments := twilio.Segments(text)
		if segments > most[lang] || gsm[lang] && encoding != twilio.GSM7 {
			t.Errorf("%s %s: %d segments of %s, %d units: %s", lang, key, segments, encoding, units, text)
		}
	})
}

// A text may ask only for words that we understand, and never for one that Twilio
// would take for something else.
func TestWordsThatTextsAskForAreUnderstood(t *testing.T) {
	asked := map[string]map[string]notify.Class{
		"en": {"STOP": notify.ClassOptOut, "HELP": notify.ClassHelp, "PAY": notify.ClassPay},
		"es": {"ALTO": notify.ClassOptOut, "AYUDA": notify.ClassHelp, "PAGAR": notify.ClassPay},
		"pt": {"PARAR": notify.ClassOptOut, "AJUDA": notify.ClassHelp, "PAGAR": notify.ClassPay},
		"zh": {"停止": notify.ClassOptOut, "帮助": notify.ClassHelp, "付款": notify.ClassPay},
		"vi": {"DỪNG": notify.ClassOptOut, "TRỢ GIÚP": notify.ClassHelp, "GỌI": notify.ClassPay},
		"ht": {"KANPE": notify.ClassOptOut, "EDE M": notify.ClassHelp, "RELE": notify.ClassPay},
	}
	// Which word a text asks for is seen in English.
	wants := map[string][]string{}
	eachText(t, func(lang, key, text string) {
		for word := range asked["en"] {
			if lang == "en" && strings.Contains(text, word) {
				wants[key] = append(wants[key], word)
			}
		}
	})
	classifier := notify.NewClassifier(nil)
	for lang, words := range asked {
		for word, class := range words {
			if got := classifier.Classify(word).Class; got != class {
				t.Errorf("%s: %s is understood as %s, not %s", lang, word, got, class)
			}
		}
	}
	eachText(t, func(lang, key, text string) {
		for _, english := range wants[key] {
			found := false
			for word, class := range asked[lang] {
				found = found || class == asked["en"][english] && strings.Contains(text, word)
			}
			if !found {
				t.Errorf("%s %s does not tell the word for %s: %s", lang, key, english, text)
			}
		}
	})
}

// N7: what may not be in any text.
func TestTextsCarryNoLinksAndNoWeekdays(t *testing.T) {
	eachText(t, func(lang, key, text string) {
		for _, never := range []string{"http", "www.", ".com", ".org", "sábado", "miércoles"} {
			if strings.Contains(strings.ToLower(text), never) {
				t.Errorf("%s %s: %q in %q", lang, key, never, text)
			}
		}
		if whole := !strings.HasPrefix(key, "text-name-") && !strings.HasPrefix(key, "text-bank-"); whole && !strings.HasPrefix(text, "Health Connector") {
			t.Errorf("%s %s does not begin with the brand: %s", lang, key, text)
		}
	})
}

// E4: what callers are told to say authorizes; every phrase that the recogniser is helped
// with is one that we decide on.
func TestE4AssentHintsAreUnderstood(t *testing.T) {
	c, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	for lang, told := range map[string]string{"en": "I authorize", "es": "autorizo"} {
		if got := payments.Assent(told, "0.9", lang, 0.5); got != payments.AssentYes {
			t.Errorf("%s: %q is %s", lang, told, got)
		}
		hints, err := c.Say(lang, "assent-hints", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, hint := range strings.Split(hints.Text(), ", ") {
			if got := payments.Assent(hint, "0.9", lang, 0.5); got == payments.AssentUnrecognised {
				t.Errorf("%s: the hint %q is %s", lang, hint, got)
			}
		}
	}
}
