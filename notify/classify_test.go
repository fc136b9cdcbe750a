package notify

import (
	"testing"

	"duebell/lab/vectors"
)

// TestO8Classify holds O6 to O9 to their vectors.
func TestO8Classify(t *testing.T) {
	c := NewClassifier(nil)
	for _, row := range vectors.CSV(t, "optout_words.csv") {
		t.Run(row["case_id"], func(t *testing.T) {
			got := c.Classify(row["text"])
			if want := Class(row["class"]); got.Class != want {
				t.Errorf("%q (%s): class %s, want %s", row["text"], row["note"], got.Class, want)
			}
			if want := row["route"] == "agent"; got.Person != want {
				t.Errorf("%q (%s): a person reads it: %v, want %v", row["text"], row["note"], got.Person, want)
			}
		})
	}
}
