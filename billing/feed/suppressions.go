package feed

import (
	"cmp"
	"slices"
	"time"
)

// Suppression is a number whose owner wants no texts or calls, or where none arrives (O1, O2).
type Suppression struct {
	Number  string
	Channel string // sms or voice
	Purpose string // payments, or all
	Source  string
	Words   string
	At      time.Time
}

// SuppressionColumns is the header of a file of opt-outs, as it is exported. To be read it needs number
// and at; what is missing is taken for a text's opt-out that came from elsewhere.
var SuppressionColumns = []string{"number", "channel", "purpose", "source", "at", "words"}

// What a file of opt-outs leaves out.
const (
	defaultChannel = "sms"
	defaultPurpose = "payments"
	defaultSource  = "import"
)

var suppressionColumns = []column{
	{"number", true, func(r *Row, cell string, _ *Rules) string {
		if cell == "" {
			return missing
		}
		return phone(&r.Suppression.Number, cell)
	}},
	{"at", false, func(r *Row, cell string, _ *Rules) string { return instant(&r.Suppression.At, cell) }},
	{"channel", false, func(r *Row, cell string, _ *Rules) string {
		return orDefault(&r.Suppression.Channel, cell, "sms", "voice")
	}},
	{"purpose", false, func(r *Row, cell string, _ *Rules) string {
		return orDefault(&r.Suppression.Purpose, cell, "payments", "all")
	}},
	{"source", false, func(r *Row, cell string, _ *Rules) string {
		return orDefault(&r.Suppression.Source, cell,
			"text", "twilio", "key", "speech", "agent", "letter", "web", "carrier", "undeliverable", "reassigned", "import")
	}},
	{"words", false, func(r *Row, cell string, _ *Rules) string {
		if cell == "" {
			return ""
		}
		return text(&r.Suppression.Words, cell, 2000)
	}},
}

// complete fills in what a row leaves out.
func (s *Suppression) complete() {
	s.Channel = cmp.Or(s.Channel, defaultChannel)
	s.Purpose = cmp.Or(s.Purpose, defaultPurpose)
	s.Source = cmp.Or(s.Source, defaultSource)
}

// orDefault leaves an empty cell to complete.
func orDefault(into *string, cell string, allowed ...string) string {
	if cell == "" {
		return ""
	}
	return oneOf(into, cell, allowed...)
}

// OpenSuppressions opens a file of opt-outs.
func OpenSuppressions(src Source, report func(Problem)) (*Reader, error) {
	return open(src, Rules{}, readSuppressionsHeader, report)
}

// readSuppressionsHeader wants the columns number and at, and knows the others: one that is misspelt
// must not quietly count for nothing.
func readSuppressionsHeader(header []string) (plan, []string) {
	names := columnNames(header)
	p := plan{kind: Suppressions, columns: make([]column, len(names))}
	var reasons []string
	for i, name := range names {
		at := slices.IndexFunc(suppressionColumns, func(c column) bool { return c.name == name })
		switch {
		case at < 0:
			reasons = append(reasons, "column "+ordinal(i)+" is unknown in a suppressions file")
		case slices.Index(names, name) < i:
			reasons = append(reasons, "column "+name+" is there twice")
		default:
			p.columns[i] = suppressionColumns[at]
		}
	}
	for _, c := range suppressionColumns[:2] {
		if !slices.Contains(names, c.name) {
			reasons = append(reasons, "column "+c.name+" of a suppressions file is missing")
		}
	}
	if reasons != nil {
		return plan{}, reasons
	}
	return p, nil
}

// IsSuppressions says whether a file's first line is that of a file of opt-outs.
func IsSuppressions(src Source) (bool, error) {
	found := false
	r, err := open(src, Rules{}, func(header []string) (plan, []string) {
		names := columnNames(header)
		found = slices.Contains(names, "number") && slices.Contains(names, "at")
		return plan{}, nil
	}, func(Problem) {})
	if err != nil {
		return false, err
	}
	return found, r.Close()
}
