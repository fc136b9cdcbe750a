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

// Every function here reads one cell into a field. It returns "", or why the cell is refused, in words that do
// not repeat the cell: it may be a secret, and a log keeps what an error quotes (D1).

// The words for an empty cell that may not be empty.
const missing = "must not be empty"

// text takes any text that is not empty and no longer than so many bytes.
// The limit is in bytes and keeps a runaway cell out of the database; no honest name comes near it.
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

// matching takes what has a form of the policy's (B1).
func matching(into *string, cell string, form *regexp.Regexp, reason string) string {
	if !form.MatchString(cell) {
		return reason
	}
	*into = cell
	return ""
}

// account takes a billing account number (B1: nine digits, by policy).
func account(into *string, cell string, rules *Rules) string {
	return matching(into, cell, rules.Account, "does not have the form of a billing account number")
}

// oneOf takes one of some words, written exactly so.
// The reason lists the allowed words, which are ours, never the cell.
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

// yesNo takes true or false, in lower case; an empty cell is refused, because it would be a guess.
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

// date takes a day, or an empty cell for none.
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

// oldest is the age, in years, beyond which a birth date is taken for a mistake, as it is on the phone (I3).
const oldest = 120

// birthDate takes a day on which a member can have been born, or an empty cell: an employer has none (I3).
// It is kept as YYYY-MM-DD, the form in which the answer is hashed; what a caller keys is brought to the same
// form.
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
	// Day and month of today 120 years back; a 29 February there carries over to 1 March.
	case born.Before(billing.Date{Year: today.Year - oldest, Month: today.Month, Day: today.Day}):
		return "lies more than 120 years back"
	}
	*into = Secret(born.String())
	return ""
}

// month takes a month of the form 2027-03.
func month(into *billing.Month, cell string) string {
	m, err := billing.ParseMonth(cell)
	if err != nil {
		return "want a month of the form 2027-03"
	}
	*into = m
	return ""
}

// instant takes RFC 3339 with an offset: a bare date or a time without a zone could mean two hours (G5).
// The offset is not kept: the same instant with another offset is equal, so a file written anew changes
// nothing.
func instant(into *time.Time, cell string) string {
	t, err := billing.ParseInstant(cell)
	if err != nil {
		return "want an instant with its offset, as 2027-01-31T23:59:59-05:00"
	}
	*into = t.Time
	return ""
}

// mostCents, a billion dollars, keeps sums far from the end of the type; no premium comes near it.
const mostCents = 100_000_000_000

// cents takes a whole number of cents (M1), negative ones too. What looks like dollars is refused, not guessed.
// Signs: "-5" is taken, "+5" is not, since ParseInt would take it and spreadsheets write neither by
// themselves.
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

// revision takes a number from 0 to 999999.
func revision(into *int, cell string) string {
	if !digits(cell, 1, 6) {
		return "want the number of the revision: 0 for the first bill of a month, 1 for the first change"
	}
	*into, _ = strconv.Atoi(cell) // six digits always fit
	return ""
}

// autoPayDay takes a day of the month that policy allows (A3), or an empty cell: not on AutoPay.
// Atoi also takes "+7" and "07"; both mean the day.
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

// phone takes a number in E.164, or an empty cell for none. Whether it can exist is not looked at here.
// E.164 is at most 15 digits with the country code. A leading zero would be a national form.
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

// language takes a tag of the form of BCP 47. Whether we speak it is the prompts' question (K4).
// At least two letters first, then letters, digits and hyphens.
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

// zones remembers the names that were looked up: a file of millions names a handful.
// Looking a name up reads the zone file each time. Names that do not exist are not remembered, so nonsense
// cannot fill it.
var zones sync.Map

// timeZone takes a name of the time zone database, or an empty cell: then the area code decides (N4).
func timeZone(into *string, cell string) string {
	if cell == "" {
		return ""
	}
	if _, known := zones.Load(cell); !known {
		// "Local" would be the zone of whatever machine reads the file.
		if _, err := time.LoadLocation(cell); err != nil || cell == "Local" {
			return "want a zone of the IANA list, as America/New_York, or nothing"
		}
		zones.Store(cell, true)
	}
	*into = cell
	return ""
}

// secretDigits takes so many digits of an answer on file, or an empty cell. Text, so leading zeros stay.
// reason must not repeat the cell, as everywhere here.
func secretDigits(into *Secret, cell string, least, most int, reason string) string {
	if cell != "" && !digits(cell, least, most) {
		return reason
	}
	*into = Secret(cell)
	return ""
}

// digits reports whether s is ASCII digits, at least and at most so many.
// Other scripts' digits are none: nobody can key them.
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
