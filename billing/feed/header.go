package feed

import (
	"slices"
	"strings"
)

// plan is how the lines of a file are read: its kind, and the column that each cell belongs to.
// The zero plan reads nothing: its header was wrong.
type plan struct {
	kind    Kind
	columns []column // in the order of the file
}

// headerReader returns the plan of a file from its header, or what is wrong with the header.
// The header's names come as they stand in the file, not trimmed.
type headerReader func(header []string) (plan, []string)

// readHeader tells the kind of a file of billing's by its header. The header must hold every column of one of
// the four kinds, in any order, and no other: a column that is missing or misspelt must not quietly empty what
// is on file.
func readHeader(header []string) (plan, []string) {
	names := columnNames(header)
	kind, shared := likeliest(names)
	if shared == 0 {
		// One name that holds a semicolon or a tab: the program that wrote the file uses another separator.
		if len(names) == 1 && strings.ContainsAny(names[0], ";\t|") {
			return plan{}, []string{"the columns must be separated by commas"}
		}
		return plan{}, []string{"this is no header of a members, accounts, bills or payments file"}
	}
	return planOf(kind, names, columnsOf[kind], len(columnsOf[kind]))
}

// ownHeader returns a reader of headers that hold the first few of some columns, and perhaps others of them.
func ownHeader(kind Kind, known []column, needed int) headerReader {
	return func(header []string) (plan, []string) { return planOf(kind, columnNames(header), known, needed) }
}

// planOf finds each name of a header among the known columns, the first few of which are needed. A name that
// is misspelt is a problem: it must not quietly count for nothing.
// needed is how many of known, from the first on, must be there.
func planOf(kind Kind, names []string, known []column, needed int) (plan, []string) {
	var reasons []string
	p := plan{kind: kind, columns: make([]column, len(names))}
	for i, name := range names {
		at := slices.IndexFunc(known, func(c column) bool { return c.name == name })
		switch {
		case at < 0: // the name is not repeated: a header that is no header may hold personal data
			reasons = append(reasons, "column "+ordinal(i)+" is unknown in a "+string(kind)+" file")
		// Two columns of one name would leave it to chance which counts.
		case slices.Index(names, name) < i:
			reasons = append(reasons, "column "+name+" is there twice")
		default:
			p.columns[i] = known[at]
		}
	}
	for _, c := range known[:needed] {
		if !slices.Contains(names, c.name) {
			reasons = append(reasons, "column "+c.name+" of a "+string(kind)+" file is missing")
		}
	}
	if reasons != nil {
		return plan{}, reasons
	}
	return p, nil
}

// OwnKind returns Suppressions or Consents when a file's header is that of a list of ours, else "". The error
// is one of reading.
// It reads the header only. A file of billing's, an empty file and a broken one give "", and the program goes
// on to report what is wrong with it as a file of billing's.
func OwnKind(src Source) (Kind, error) {
	kind := Kind("")
	r, err := open(src, Rules{}, func(header []string) (plan, []string) {
		names := columnNames(header)
		switch ours := slices.Contains(names, "number") && slices.Contains(names, "at"); {
		// Only consents have the words of a person's yes; opt-outs have words, not wording.
		case ours && slices.Contains(names, "wording"):
			kind = Consents
		case ours:
			kind = Suppressions
		}
		return plan{}, nil
	}, func(Problem) {}) // what is wrong with the header is told by whoever reads the file
	if err != nil {
		return "", err
	}
	return kind, r.Close()
}

// likeliest returns the kind that shares most columns with a header, and how many those are, so that the
// problems of a header with one slip name the file that was meant.
// shared is 0 when no name is known at all.
func likeliest(names []string) (best Kind, shared int) {
	for _, kind := range Kinds() {
		n := 0
		for _, c := range columnsOf[kind] {
			if slices.Contains(names, c.name) {
				n++
			}
		}
		if n > shared {
			best, shared = kind, n
		}
	}
	return best, shared
}

// readLettersHeader wants one column that is named reference and ignores all others, so that the exported file
// can be given back as it is (E6: letters posted).
func readLettersHeader(header []string) (plan, []string) {
	names := columnNames(header)
	p := plan{kind: Letters, columns: make([]column, len(names))}
	for i, name := range names {
		// A column that is passed over: whatever stands in it is fine.
		p.columns[i] = column{name: name, read: func(*Row, string, *Rules) string { return "" }}
	}
	switch at := slices.Index(names, referenceColumn.name); {
	case at < 0:
		return plan{}, []string{"column reference is missing"}
	case slices.Contains(names[at+1:], referenceColumn.name):
		return plan{}, []string{"column reference is there twice"}
	default:
		p.columns[at] = referenceColumn
		return p, nil
	}
}

// columnNames returns the names of a header as they are compared: in lower case, without spaces around.
func columnNames(header []string) []string {
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = strings.ToLower(strings.TrimSpace(name))
	}
	return names
}
