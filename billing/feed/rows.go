package feed

import (
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"duebell/billing"
)

// Row is one line of a file. Of its parts the one that the file's kind names is filled.
// Line is the line on which the row begins; line 1 is the header.
type Row struct {
	Line int
	// Sound is true when every column has its form. Of any other row only the key may be used: it is kept so
	// that rows of other files which refer to it are not reported as well.
	Sound bool

	Member  Member
	Account billing.Account
	Bill    billing.Bill
	Payment Payment

	Reference   string // of a letter that was posted
	Suppression Suppression
	Consent     GivenConsent
}

// Member is a person or an employer with at least one billing account (B2).
// A member may be delivered without accounts. Mobile says that billing knows the number to be a mobile one.
type Member struct {
	ID         string
	Name       string
	Phone      string       // E.164, empty when there is none
	PhoneSince billing.Date // I6: since when it has been on file
	Mobile     bool
	Language   string
	TimeZone   string // empty: not known, the area code decides (N4)
	SMSConsent Consent

	// The answers on file (I3), empty when there is none. They are hashed before they are stored.
	BirthDate       Secret // YYYY-MM-DD
	ZIP             Secret
	SSNLast4        Secret
	Invoice         Secret
	PreviousInvoice Secret
}

// Consent is what billing knows of a member's consent to texts (O1). Policy says which of the two counts.
type Consent string

// The bases of consent, and none.
const (
	ConsentApplication Consent = "application" // the number was given on the coverage application
	ConsentOptIn       Consent = "opt_in"
	ConsentNone        Consent = "none"
)

// Payment is money that billing has booked from any channel (B7).
//
// ExternalID is billing's own key: the same row again, in any later file, is the same money. An echo is one
// of our payments that billing has booked under our reference (B7: never counted twice).
type Payment struct {
	ExternalID   string
	Account      string
	Cents        billing.Money // negative = billing took it back
	ReceivedAt   time.Time
	Channel      string
	OurReference string // set when the row echoes an entry of ours
}

// Secret is an answer on file. However it is printed, logged or marshalled, it shows as *** (D1).
// Comparing, slicing and converting still see the plain text: keep a Secret only as long as it takes to hash
// it.
type Secret string

// Plain returns the answer itself, for the one place that hashes it.
func (s Secret) Plain() string { return string(s) }

// Format hides the answer from every verb of fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// LogValue hides the answer from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("***") }

// MarshalText hides the answer from JSON and the like.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Rules are the forms that policy decides, and the day against which birth dates are judged.
// The zero Rules do for files without accounts and members.
type Rules struct {
	Account       *regexp.Regexp // billing_account_pattern
	Member        *regexp.Regexp // member_id_pattern
	AutoPayDayMin int
	AutoPayDayMax int
	Today         billing.Date // no birth date lies after it
}

// RulesOf returns the rules of the policy in force on a day.
// today is the date in the business zone.
func RulesOf(p billing.Policy, today billing.Date) Rules {
	return Rules{
		Account:       p.BillingAccountPattern,
		Member:        p.MemberIDPattern,
		AutoPayDayMin: p.AutoPayDayMin,
		AutoPayDayMax: p.AutoPayDayMax,
		Today:         today,
	}
}
