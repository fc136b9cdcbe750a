package feed

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"duebell/billing"
)

// Every function here reads one cell into a place, and says why it will not in words that do not
// repeat the cell: it may be a secret, and a log keeps what an error quotes (D1).

const missing = "must not be empty"

func text(into *string, cell string, longest int) string {
	switch {
	case cell == "":
		return missing
	case len(cell) > longest:
		return "longer than " + strconv.Itoa(longest) + " bytes"
	}
	*into = cell
	return ""
}

func matching(into *string, cell string, form *regexp.Regexp, reason string) string {
	if !form.MatchString(cell) {
		return reason
	}
	*into = cell
	return ""
}

func account(into *string, cell string, rules *Rules) string {
	return matching(into, cell, rules.Account, "does not have the form of a billing account number")
}

func oneOf[T ~string](into *T, cell string, allowed ...T) string {
	if i := slices.Index(allowed, T(cell)); i >= 0 {
		*into = allowed[i]
		return ""
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return "want one of: " + strings.Join(names, ", ")
}

func yesNo(into *bool, cell string) string {
	switch cell {
	case "true":
		*into = true
	case "false":
		*into = false
	default:
		return "want true or false"
	}
	return ""
}

func date(into *billing.Date, cell string) string {
	if cell == "" {
		return ""
	}
	d, err := billing.ParseDate(cell)
	if err != nil {
		return "want a day of the form 2027-02-23"
	}
	*into = d
	return ""
}

// oldest is the age beyond which a birth date is taken for a mistake.
const oldest = 120

func birthDate(into *Secret, cell string, today billing.Date) string {
	var born billing.Date
	if reason := date(&born, cell); reason != "" {
		return reason
	}
	switch {
	case born.IsZero():
		return ""
	case born.After(today):
		return "lies in the future"
	case born.Before(billing.Date{Year: today.Year - oldest, Month: today.Month, Day: today.Day}):
		return "lies more than 120 years back"
	}
	*into = Secret(born.String())
	return ""
}

func month(into *billing.Month, cell string) string {
	m, err := billing.ParseMonth(cell)
	if err != nil {
		return "want a month of the form 2027-03"
	}
	*into = m
	return ""
}

// instant wants an offset: a bare date or a time without a zone could mean two different hours (G5).
func instant(into *time.Time, cell string) string {
	t, err := billing.ParseInstant(cell)
	if err != nil {
		return "want an instant with its offset, as 2027-01-31T23:59:59-05:00"
	}
	*into = t.Time
	return ""
}

// mostCents keeps sums far from the end of the type; no premium comes near it.
const mostCents = 100_000_000_000

func cents(into *billing.Money, cell string) string {
	if cell == "" {
		return missing
	}
	if strings.ContainsAny(cell, ".,$ ") {
		return "want whole cents: 21450 for 214.50 dollars"
	}
	n, err := strconv.ParseInt(cell, 10, 64)
	switch {
	case err != nil || cell[0] == '+':
		return "want whole cents: 21450 for 214.50 dollars"
	case n > mostCents || n < -mostCents:
		return "is too large"
	}
	*into = billing.Money(n)
	return ""
}

func revision(into *int, cell string) string {
	if !digits(cell, 1, 6) {
		return "want the number of the revision: 0 for the first bill of a month, 1 for the first change"
	}
	*into, _ = strconv.Atoi(cell) // six digits always fit
	return ""
}

func autoPayDay(into *int, cell string, rules *Rules) string {
	if cell == "" {
		return ""
	}
	n, err := strconv.Atoi(cell)
	if err != nil || n < rules.AutoPayDayMin || n > rules.AutoPayDayMax {
		return "want a day from " + strconv.Itoa(rules.AutoPayDayMin) + " to " + strconv.Itoa(rules.AutoPayDayMax) + ", or nothing" // A3
	}
	*into = n
	return ""
}

func phone(into *string, cell string) string {
	if cell == "" {
		return ""
	}
	number, plus := strings.CutPrefix(cell, "+")
	if !plus || !digits(number, 8, 15) || number[0] == '0' {
		return "want the number with + and country code, as +16175550101"
	}
	*into = cell
	return ""
}

func language(into *string, cell string) string {
	if len(cell) < 2 || len(cell) > 12 {
		return "want a language tag, as en or es"
	}
	for i, c := range []byte(cell) {
		lower := 'a' <= c && c <= 'z'
		if !lower && (i < 2 || c != '-' && (c < 'A' || c > 'Z') && (c < '0' || c > '9')) {
			return "want a language tag, as en or es"
		}
	}
	*into = cell
	return ""
}

// zones remembers what was looked up: a file of millions names a handful.
var zones sync.Map

func timeZone(into *string, cell string) string {
	if cell == "" {
		return ""
	}
	if _, known := zones.Load(cell); !known {
		if _, err := time.LoadLocation(cell); err != nil || cell == "Local" {
			return "want a zone of the IANA list, as America/New_York, or nothing"
		}
		zones.Store(cell, true)
	}
	*into = cell
	return ""
}

func secretDigits(into *Secret, cell string, least, most int, reason string) string {
	if cell != "" && !digits(cell, least, most) {
		return reason
	}
	*into = Secret(cell)
	return ""
}

func digits(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
