package script

import (
	"cmp"
	"slices"
	"strings"
)

// didYouMean returns a hint at the words of the language that somebody may have meant, as "; did you mean
// press?", or at the page where all of them stand. At most three are named, the nearest first, so that the
// sentence stays short.
func didYouMean(wrong string) string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	for name := range vocabulary {
		d := distance(strings.ToLower(wrong), name)
		// A word and its keys written together; the keys must be all that is left.
		if rest, glued := strings.CutPrefix(wrong, name); glued && strings.Trim(rest, "0123456789*#") == "" {
			d = 0 // press1
		}
		// A third of the letters may be wrong; of short words one letter.
		if d <= max(1, len(name)/3) {
			near = append(near, candidate{name, d})
		}
	}
	if len(near) == 0 {
		return "; all words stand in docs/scripts.md"
	}
	// Equal distances in the order of the alphabet, so that the same mistake gives the same hint.
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	var names []string
	for _, c := range near[:min(3, len(near))] {
		names = append(names, c.name)
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// distance returns how many letters must be put in, taken out, replaced or swapped with their neighbour to turn
// a into b (Damerau and Levenshtein's, each letter edited once). It counts bytes; the words of the language are
// ASCII.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			// rows[i][j] is the distance of the first i letters of a from the first j of b; it follows from
			// three neighbours that are known already, and from a fourth where two letters are swapped.
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
