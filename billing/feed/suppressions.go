package feed

import (
	"cmp"
	"time"
)

// Suppression is a number whose owner wants no texts or calls (O2), or where none arrives (N11).
// Words is what the owner said or wrote, empty where nobody took it down.
type Suppression struct {
	Number  string
	Channel string // sms or voice
	Purpose string // payments, or all
	Source  string
	Words   string
	At      time.Time
}

// SuppressionColumns is the header of a file of opt-outs as it is exported. To be read, a file needs number and
// at; what else is missing means an opt-out from payment texts that another system took down.
var SuppressionColumns = []string{"number", "channel", "purpose", "source", "at", "words"}

// What a file of opt-outs leaves out.
const (
	defaultChannel = "sms"
	defaultPurpose = "payments"
	defaultSource  = "import"
)

// The first two must be there (OpenSuppressions); the others may.
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
// A missing source means that another system took the opt-out down.
func (s *Suppression) complete() {
	s.Channel = cmp.Or(s.Channel, defaultChannel)
	s.Purpose = cmp.Or(s.Purpose, defaultPurpose)
	s.Source = cmp.Or(s.Source, defaultSource)
}

// orDefault takes one of some words, or an empty cell, which complete fills in.
func orDefault(into *string, cell string, allowed ...string) string {
	if cell == "" {
		return ""
	}
	return oneOf(into, cell, allowed...)
}

// OpenSuppressions does what Open does with a file of opt-outs.
// Errors and reports are as in Open.
func OpenSuppressions(src Source, report func(Problem)) (*Reader, error) {
	return open(src, Rules{}, ownHeader(Suppressions, suppressionColumns, 2), report)
}
