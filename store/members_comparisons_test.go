package store

import (
	"fmt"
	"slices"
	"testing"

	"duebell/ivr"
	"duebell/store/db"
)

// TestI1EqualComparisons: whatever stands behind a selector, as many keyed comparisons are made, each
// over a member, a kind and what was keyed. (The statements are counted where there is a database.)
func TestI1EqualComparisons(t *testing.T) {
	t.Parallel()
	household := func(members int, kinds ...string) []candidate {
		var rows []db.CandidateAnswersRow
		for m := range members {
			for _, kind := range kinds {
				rows = append(rows, db.CandidateAnswersRow{MemberID: fmt.Sprintf("1002003004%02d", m), Kind: kind, KeyID: "k1", Mac: make([]byte, 32)})
			}
		}
		return gather(rows)
	}
	for name, found := range map[string][]candidate{
		"nobody":                             nil,
		"one member":                         household(1, "birth-date", "zip"),
		"an employer, without a birth date":  household(1, "zip"),
		"a household":                        household(3, "birth-date", "zip"),
		"as many as are compared":            household(candidates, "birth-date", "zip"),
		"a number that far too many have":    household(candidates+5, "birth-date", "zip"),
		"some with and some without answers": append(household(2, "zip"), household(1, "birth-date", "zip")...),
	} {
		for _, right := range []bool{false, true} {
			var made []string
			people := &Members{same: func(_ string, mac []byte, parts ...string) bool {
				if len(mac) != 32 || len(parts) != 3 || len(parts[0]) != 12 {
					t.Errorf("%s: compared %d bytes with %d parts", name, len(mac), len(parts))
				}
				made = append(made, parts[1]+" "+parts[2])
				return right
			}}
			matched := people.compare(found, ivr.Identification{BirthDate: "1980-04-12", ZIP: "02139"})
			if want := slices.Repeat([]string{"birth-date 1980-04-12", "zip 02139", "ssn4 ", "invoice ", "invoice-previous "}, candidates); !slices.Equal(made, want) {
				t.Errorf("%s: %d comparisons %v, want %d", name, len(made), made, len(want))
			}
			whole := 0
			for _, f := range found {
				if right && len(f.answers) == 2 {
					whole++
				}
			}
			if len(matched) != whole {
				t.Errorf("%s: %d match, want %d", name, len(matched), whole)
			}
		}
	}
}
