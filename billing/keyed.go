package billing

import (
	"fmt"
	"time"
)

// SelectorKind says what a caller keyed to name a record (B1).
type SelectorKind string

// The kinds of selectors.
const (
	SelectAccount SelectorKind = "account"
	SelectMember  SelectorKind = "member"
	SelectPhone   SelectorKind = "phone" // may match several members (B3)
)

// Selector names the record that a caller means. It is a claim, not a proof.
type Selector struct {
	Kind  SelectorKind
	Value string // account number, member ID, or phone number in E.164
}

// ParseSelector tells by key count what was keyed (B1). Anything else is a format error.
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

// IsAccountNumber says whether s has the form of a billing account number (B1).
func (p Policy) IsAccountNumber(s string) bool { return p.BillingAccountPattern.MatchString(s) }

// IsMemberID says whether s has the form of a member ID (B1).
func (p Policy) IsMemberID(s string) bool { return p.MemberIDPattern.MatchString(s) }

// maxAgeYears is beyond any member's age; an older birth date is a slip of the keys.
const maxAgeYears = 120

// ParseBirthDate reads MMDDYYYY (I3) and refuses a day that does not exist, lies ahead of
// today or more than 120 years back. The digits are a secret (D1): no error repeats them.
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

// ParseZIP reads the five digits of a ZIP code (I3), kept as text. They are a secret (D1).
func ParseZIP(digits string) (string, error) {
	if len(digits) != 5 || !onlyDigits(digits) {
		return "", fmt.Errorf("read ZIP code: wrong number of keys: %w", ErrFormat)
	}
	return digits, nil
}
