package script

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	// The forms in which scripts write values. They are stricter than what the line takes from people.
	moneyForm   = regexp.MustCompile(`^-?\d+\.\d\d$`)
	accountForm = regexp.MustCompile(`^7\d{8}$`)
	phoneForm   = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)
)

// parseCents reads an amount as 198.00 and returns cents (M1: whole cents in integers). A minus is a credit.
func parseCents(s string) (int64, error) {
	if !moneyForm.MatchString(s) {
		return 0, fmt.Errorf("%q is no amount of the form 198.00", s)
	}
	// Digits only, no floating point: 0.29 is exactly 29 cents.
	n, err := strconv.ParseInt(strings.Replace(s, ".", "", 1), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no amount: too large", s)
	}
	return n, nil
}

// formatCents returns cents in the form that parseCents reads.
func formatCents(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

// Span reads a time span as scripts write it: 3s, 20m, 2h or 4d. A day is 24 hours here, also when the clocks
// change; a script that means the same hour of a later day says until. Less than nothing is an error.
func Span(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n >= 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time span such as 3s, 20m, 2h or 4d", s)
	}
	return d, nil
}

// Instant reads an instant as scripts write it: 2027-02-10T10:00, on the clocks of the zone, or exactly with an
// offset (RFC 3339). A date alone is its first midnight. A local time that does not exist, or exists twice, is
// read as package time reads it; scripts about such a night give an offset.
func Instant(s string, zone *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	// From the most exact to a bare date. RFC 3339 without seconds is not Go's, but people write it.
	for _, layout := range []string{"2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, s, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no instant such as 2027-02-10T10:00", s)
}

// takeAccount takes an account number: nine digits, the first a 7 (B1: text with leading zeros kept).
func takeAccount(t *tokens) (string, error) {
	s, err := t.word("an account number")
	if err == nil && !accountForm.MatchString(s) {
		err = fmt.Errorf("%q is no account number", s)
	}
	return s, err
}

// takePhone takes a phone number in E.164. Whether it is a valid one is the product's to judge (valid, not only
// possible).
func takePhone(t *tokens) (string, error) {
	s, err := t.word("a phone number")
	if err == nil && !phoneForm.MatchString(s) {
		err = fmt.Errorf("%q is no phone number such as +16175550101", s)
	}
	return s, err
}

// takeAmount takes an amount and returns cents.
func takeAmount(t *tokens) (int64, error) {
	s, err := t.word("an amount")
	if err != nil {
		return 0, err
	}
	return parseCents(s)
}
