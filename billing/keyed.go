package billing

import (
	"fmt"
	"time"
)

// SelectorKind is what a caller keyed to name a record, told by the key count (B1).
type SelectorKind string

// The kinds of selectors.
const (
	SelectAccount SelectorKind = "account"
	SelectMember  SelectorKind = "member"
	SelectPhone   SelectorKind = "phone" // may match several members (B3)
)

// Selector names the record that a caller means. It proves nothing: the verification answers do (I3).
type Selector struct {
	Kind  SelectorKind
	Value string // account number, member ID, or phone number in E.164
}

// ParseSelector returns what was keyed, told by the key count (B1): an account number, a member ID, or a
// ten-digit phone number. Anything else is ErrFormat. Nothing is looked up here (I1).
// Account and member patterns come first, so an operator's pattern of ten digits would win over a phone
// number. The number's area code is not checked: a number that nobody has on file leads nowhere.
func ParseSelector(digits string, p Policy) (Selector, error) {
	switch {
	case !onlyDigits(digits):
	case p.IsAccountNumber(digits):
		return Selector{SelectAccount, digits}, nil
	case p.IsMemberID(digits):
		return Selector{SelectMember, digits}, nil
	case len(digits) == 10:
		return Selector{SelectPhone, "+1" + digits}, nil
	}
	return Selector{}, fmt.Errorf("read account number, member ID or phone number: %w", ErrFormat)
}

// IsAccountNumber reports whether s has the form of a billing account number (B1).
func (p Policy) IsAccountNumber(s string) bool { return p.BillingAccountPattern.MatchString(s) }

// IsMemberID reports whether s has the form of a member ID (B1).
func (p Policy) IsMemberID(s string) bool { return p.MemberIDPattern.MatchString(s) }

// maxAgeYears is beyond any member's age: an older birth date was mistyped.
const maxAgeYears = 120

// ParseBirthDate reads MMDDYYYY (I3). It returns ErrFormat for a day that does not exist, lies after today
// or more than 120 years back. The digits are a secret (D1), so no error repeats them.
// today is the date in the business zone.
func ParseBirthDate(digits string, today Date) (Date, error) {
	if len(digits) != 8 || !onlyDigits(digits) {
		return Date{}, fmt.Errorf("read birth date: wrong number of keys: %w", ErrFormat)
	}
	t, err := time.Parse("01022006", digits)
	if err != nil {
		return Date{}, fmt.Errorf("read birth date: no such day: %w", ErrFormat)
	}
	born := dateOf(t)
	if born.After(today) || born.Before(dateOf(today.midnightUTC().AddDate(-maxAgeYears, 0, 0))) {
		return Date{}, fmt.Errorf("read birth date: nobody was born then: %w", ErrFormat)
	}
	return born, nil
}
