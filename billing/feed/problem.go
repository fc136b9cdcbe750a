package feed

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file. It never holds the value that was found there (D1).
type Problem struct {
	File   string
	Line   int    // 1 is the header
	Column string // empty when the whole line is meant
	Reason string
}

// String returns the problem in the form that editors can follow: file:line: column: reason.
func (p Problem) String() string {
	if p.Column == "" {
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason)
	}
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Column, p.Reason)
}

// keptProblems bounds the memory that a file of nothing but bad rows can take. Whoever wants every one of
// millions is told each through report, as it is found.
const keptProblems = 10_000

// BadRows is the error of a delivery that was refused: nothing was changed, and why.
// The zero value has no problems. It is an error only where Count is above 0; Add is not safe for concurrent
// use.
type BadRows struct {
	Problems []Problem // the first 10,000
	Count    int       // of all
}

// Add counts a problem and keeps it while there is room.
func (b *BadRows) Add(p Problem) {
	b.Count++
	if len(b.Problems) < keptProblems {
		b.Problems = append(b.Problems, p)
	}
}

// Sort puts the problems in the order of the files as they were given, then of their lines.
// Only the kept problems are sorted: of a very bad file those are the first ones found.
func (b *BadRows) Sort(files []Source) {
	rank := make(map[string]int, len(files))
	for i, f := range files {
		rank[f.Name] = i
	}
	slices.SortStableFunc(b.Problems, func(x, y Problem) int {
		return cmp.Or(cmp.Compare(rank[x.File], rank[y.File]), cmp.Compare(x.Line, y.Line))
	})
}

// shownProblems is how many problems fit into an error's own text.
const shownProblems = 5

// Error returns the count and the first few problems.
// It fits on one screen whatever the file is like; a command prints the whole list itself.
func (b *BadRows) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "nothing was changed: problems found: %d", b.Count)
	for i, p := range b.Problems {
		if i == shownProblems {
			text.WriteString("; …")
			break
		}
		text.WriteString("; " + p.String())
	}
	return text.String()
}
