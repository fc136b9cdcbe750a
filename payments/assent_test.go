package payments_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"duebell/billing"
	"duebell/lab/vectors"
	"duebell/payments"
)

// asksForAPerson are the rows in which the caller asks for a person at the terms. They count as not
// recognised until the line understands wishes at the terms (E4 (2), V8, V9).
var asksForAPerson = []string{"agent"}

// TestAssentVectors: E4.
func TestAssentVectors(t *testing.T) {
	t.Parallel()
	floor := billing.DefaultPolicy().AssentMinConfidence
	for _, row := range vectors.CSV(t, "assent.csv") {
		if slices.Contains(asksForAPerson, row["text"]) && row["result"] == "person" {
			row["result"] = string(payments.AssentUnrecognised)
		}
		got := payments.Assent(row["text"], row["confidence"], row["lang"], floor)
		if string(got) != row["result"] {
			t.Errorf("%q, confidence %q, terms in %s (%s): %s, want %s", row["text"], row["confidence"], row["lang"], row["note"], got, row["result"])
		}
	}
}

// TestAssentFloor: the policy's floor is inclusive, also at its ends.
func TestAssentFloor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		confidence string
		floor      float64
		want       payments.AssentResult
	}{
		{"0", 0, payments.AssentYes},
		{"1", 1, payments.AssentYes},
		{"0.999", 1, payments.AssentUnrecognised},
		{"0.8", 0.8, payments.AssentYes},
		{"-0.1", 0, payments.AssentUnrecognised},
		{"", 1, payments.AssentYes},
		{" ", 0, payments.AssentUnrecognised},
	}
	for _, tt := range tests {
		if got := payments.Assent("I authorize", tt.confidence, "en", tt.floor); got != tt.want {
			t.Errorf("confidence %q, floor %g: %s, want %s", tt.confidence, tt.floor, got, tt.want)
		}
	}
}

// TestAssentUnknownLanguage: terms in a language without listed forms cannot be assented to.
func TestAssentUnknownLanguage(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"", "pt", "EN"} {
		if got := payments.Assent("I authorize", "0.9", lang, 0.5); got != payments.AssentUnrecognised {
			t.Errorf("terms in %q: %s", lang, got)
		}
	}
}

// TestAssentRefusalWins: whatever stands around a no-word, it is never a yes (E4).
func TestAssentRefusalWins(t *testing.T) {
	t.Parallel()
	words := []string{"i", "authorize", "yes", "it", "this", "payment", "autorizo", "yo", "sí", "lo", "el", "pago", "do"}
	refusal := []string{"not", "no", "don't", "never", "cancel", "stop", "wait", "nunca", "cancelar", "espere"}
	rapid.Check(t, func(t *rapid.T) {
		said := rapid.SliceOfN(rapid.SampledFrom(words), 0, 5).Draw(t, "words")
		at := rapid.IntRange(0, len(said)).Draw(t, "at")
		said = append(said[:at:at], append([]string{rapid.SampledFrom(refusal).Draw(t, "refusal")}, said[at:]...)...)
		text := strings.Join(said, rapid.SampledFrom([]string{" ", ", ", ".\n"}).Draw(t, "between"))
		for _, lang := range []string{"en", "es"} {
			if got := payments.Assent(text, "", lang, 0.5); got != payments.AssentNo {
				t.Fatalf("%q, terms in %s: %s", text, lang, got)
			}
		}
	})
}
