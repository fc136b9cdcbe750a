package feed

import (
	"slices"
	"strings"
)

// plan says which column of the kind's list each cell of a line is.
type plan struct {
	kind    Kind
	columns []column // in the order of the file
}

// headerReader makes the plan of a file from its header, or says what is wrong with it.
type headerReader func(header []string) (plan, []string)

// readHeader recognises the kind of a file. A header that is not exactly one of the four (in any
// order) gives its problems instead: a column that is missing or misspelt must not quietly empty
// what is on file.
func readHeader(header []string) (plan, []string) {
	names := columnNames(header)
	kind, shared := likeliest(names)
	if shared == 0 {
		if len(names) == 1 && strings.ContainsAny(names[0], ";\t|") {
			return plan{}, []string{"the columns must be separated by commas"}
		}
		return plan{}, []string{"this is no header of a members, accounts, bills or payments file"}
	}
	var reasons []string
	p := plan{kind: kind, columns: make([]column, len(names))}
	for i, name := range names {
		at := slices.IndexFunc(columnsOf[kind], func(c column) bool { return c.name == name })
		switch {
		case at < 0:
			reasons = append(reasons, "column "+ordinal(i)+" is unknown in a "+string(kind)+" file")
		case slices.Index(names, name) < i:
			reasons = append(reasons, "column "+name+" is there twice")
		default:
			p.columns[i] = columnsOf[kind][at]
		}
	}
	for _, c := range columnsOf[kind] {
		if !slices.Contains(names, c.name) {
			reasons = append(reasons, "column "+c.name+" of a "+string(kind)+" file is missing")
		}
	}
	if reasons != nil {
		return plan{}, reasons
	}
	return p, nil
}

// ownHeader wants the first columns of a list and knows the others: one that is misspelt must not quietly
// count for nothing.
func ownHeader(kind Kind, known []column, needed int) headerReader {
	return func(header []string) (plan, []string) {
		names := columnNames(header)
		p := plan{kind: kind, columns: make([]column, len(names))}
		var reasons []string
		for i, name := range names {
			at := slices.IndexFunc(known, func(c column) bool { return c.name == name })
			switch {
			case at < 0:
				reasons = append(reasons, "column "+ordinal(i)+" is unknown in a "+string(kind)+" file")
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
}

// OwnKind tells a file of opt-outs or of consents by its header; anything else is none of ours.
func OwnKind(src Source) (Kind, error) {
	kind := Kind("")
	r, err := open(src, Rules{}, func(header []string) (plan, []string) {
		names := columnNames(header)
		switch ours := slices.Contains(names, "number") && slices.Contains(names, "at"); {
		case ours && slices.Contains(names, "wording"):
			kind = Consents
		case ours:
			kind = Suppressions
		}
		return plan{}, nil
	}, func(Problem) {})
	if err != nil {
		return "", err
	}
	return kind, r.Close()
}

// likeliest is the kind that shares most columns with a header, and how many.
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

// readLettersHeader wants one column that is named reference, and ignores all others.
func readLettersHeader(header []string) (plan, []string) {
	names := columnNames(header)
	p := plan{kind: Letters, columns: make([]column, len(names))}
	for i, name := range names {
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

func columnNames(header []string) []string {
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = strings.ToLower(strings.TrimSpace(name))
	}
	return names
}
