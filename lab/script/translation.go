package script

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"duebell/lab/twilio"
)

// A story may be told again in another language ("# languages: en es"): the caller chooses it, says in it
// what is said, and presses the same keys. What is heard is then not held against the story's words but
// must be in that language; what is charged, owed, texted and passed must be the same.

// translations are the words that callers say in scripts, in other languages, by the English in lower case.
// Keys and numbers need none. Sentences are whole: nothing is put together from parts.
var translations = map[string]map[string]string{
	"es": {
		"i authorize": "autorizo", "yes": "sí", "no": "no", "agent": "agente", "balance": "saldo", "pay": "pagar", "card": "tarjeta", "stop texts": "dejar de recibir mensajes", "bank account": "cuenta bancaria", "guest": "invitado", "all of it": "todo", "yes, please.": "Sí, por favor.",
		"hello": "hola", "stop": "cancelar", "again": "repetir", "no thank you": "no gracias", "okay": "de acuerdo", "hm": "eh",
		"yes please": "sí por favor", "jo anne smyth": "Jo Anne Smyth", "joanne smith": "Joanne Smith", "what was that": "cómo dice", "i do not authorize": "no autorizo", "yes, i authorize.": "Sí, autorizo.",
		"i authorise this payment": "autorizo el pago",
	},
}

// languageKey is the key that chooses a language where it is asked for.
var languageKey = map[string]string{"en": "1", "es": "2"}

// inScriptLanguage gives the members who were just imported the language of this telling. It takes the import's
// error and passes it on. Texts, letters and calls of ours are then in that language too.
func (r *run) inScriptLanguage(ctx context.Context, err error) error {
	if err == nil && r.translated() {
		err = r.h.SetLanguages(ctx, r.opts.Lang)
	}
	return err
}

// translated reports whether the script is told in another language than English.
func (r *run) translated() bool { return r.opts.Lang != "" && r.opts.Lang != "en" }

// translateKeys returns the key that chooses the language of this telling where the script chooses English,
// else the keys as they are: after that choice keys mean the same in every language.
func (r *run) translateKeys(c *caller, keys string) string {
	if r.translated() && keys == languageKey["en"] && matches("For English, press 1", r.heardSinceInput(c)) {
		return languageKey[r.opts.Lang]
	}
	return keys
}

// translateWords returns what the caller says, in the language of this telling. Words without a translation are
// an error: a caller who went on in English would prove nothing.
func (r *run) translateWords(words string) (string, error) {
	if !r.translated() {
		return words, nil
	}
	// By the English in lower case; the other language's words keep their own case.
	other, known := translations[r.opts.Lang][strings.ToLower(words)]
	if !known {
		return "", fmt.Errorf("no translation of %q to %s: add it to translations in lab/script/translation.go", words, r.opts.Lang)
	}
	return other, nil
}

// checkLanguage fails when nothing was heard, or something in another language than the one chosen. A voice's
// language has a region (es-US); only its beginning is compared.
func (r *run) checkLanguage(c *caller) error {
	list := c.HeardSinceInput()
	if len(list) == 0 {
		return errors.New("expected to hear something, but there is nothing")
	}
	if !c.chosen {
		return nil // the question for the language is in all of them
	}
	for _, h := range list {
		if !strings.HasPrefix(h.Language, r.opts.Lang) && !offersLanguage(h) {
			return fmt.Errorf("heard in %s: %s", h.Language, h.Text)
		}
	}
	return nil
}

// offersLanguage reports whether an utterance is the question for the language (K2: asked first, in each
// language), which is in all of them.
func offersLanguage(h twilio.Heard) bool { return matches("For English, press", h.Text) }
