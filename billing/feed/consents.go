package feed

import (
	"cmp"
	"time"
)

// GivenConsent is what the owner of a number agreed to, when, and in which words (O1).
// At may not lie in the future; the store, which knows the time, refuses that.
type GivenConsent struct {
	Number  string
	Channel string // sms or voice
	Purpose string
	Source  string
	Wording string
	At      time.Time
}

// ConsentColumns is the header of a file of consents as it is exported. To be read, a file needs number, at and
// wording; what else is missing means an opt-in to texts.
var ConsentColumns = []string{"number", "channel", "purpose", "source", "at", "wording"}

// consentSources are the ways in which a consent can have come.
// Suppressions that others report, such as a carrier's block, are no way to agree; so this list is shorter
// than theirs.
var consentSources = []string{"application", "opt_in", "text", "twilio", "key", "speech", "agent", "call", "letter", "web"}

// The first three must be there (OpenConsents); the others may.
var consentColumns = []column{
	{"number", true, func(r *Row, cell string, _ *Rules) string {
		if cell == "" {
			return missing
		}
		return phone(&r.Consent.Number, cell)
	}},
	{"at", false, func(r *Row, cell string, _ *Rules) string { return instant(&r.Consent.At, cell) }},
	{"wording", false, func(r *Row, cell string, _ *Rules) string { return text(&r.Consent.Wording, cell, 2000) }},
	{"channel", false, func(r *Row, cell string, _ *Rules) string {
		return orDefault(&r.Consent.Channel, cell, "sms", "voice")
	}},
	{"purpose", false, func(r *Row, cell string, _ *Rules) string {
		return orDefault(&r.Consent.Purpose, cell, defaultPurpose)
	}},
	{"source", false, func(r *Row, cell string, _ *Rules) string {
		return orDefault(&r.Consent.Source, cell, consentSources...)
	}},
}

// complete fills in what a row leaves out. It returns a column and a reason when the row is refused: calls are
// opt-in only (N10), so a number on the application is no consent to them.
func (c *GivenConsent) complete() (name, reason string) {
	c.Channel = cmp.Or(c.Channel, defaultChannel)
	c.Purpose = cmp.Or(c.Purpose, defaultPurpose)
	c.Source = cmp.Or(c.Source, string(ConsentOptIn))
	if c.Channel == "voice" && c.Source == string(ConsentApplication) {
		return "source", "reminder calls need an opt-in: a number on the application is none"
	}
	return "", ""
}

// OpenConsents does what Open does with a file of consents.
// Errors and reports are as in Open. Rules are not needed: no account or member stands in such a file.
func OpenConsents(src Source, report func(Problem)) (*Reader, error) {
	return open(src, Rules{}, ownHeader(Consents, consentColumns, 3), report)
}
