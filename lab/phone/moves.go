package phone

import (
	"net/http"
	"strings"
	"time"

	"duebell/billing"
)

// move is one button of the clock: to returns where it moves the clock from now. ID is what the page sends
// back.
type move struct {
	ID, Label string

	to func(now time.Time, cal *billing.Calendar) time.Time
}

// moves are the spans and instants at which something happens on this line: a banking day, the day before a
// bill is due (C3: the 23rd at 5 p.m.), the five minutes before that, the next bill (C2: on the 1st). The days
// are those of the default policy; another policy moves the dates and not the buttons.
var moves = []move{
	{"hour", "+1 hour", func(now time.Time, _ *billing.Calendar) time.Time { return now.Add(time.Hour) }},
	{"day", "+1 day", func(now time.Time, cal *billing.Calendar) time.Time {
		return now.In(cal.Zone()).AddDate(0, 0, 1) // a day of the wall clock: DST days are not 24 hours
	}},
	// After two banking days a debit on a bad test account has come back (twilio.md §13.3).
	{"banking-days", "+2 banking days", func(now time.Time, cal *billing.Calendar) time.Time {
		local := now.In(cal.Zone())
		day := cal.AddBankingDays(cal.DateOf(now), 2)
		return time.Date(day.Year, day.Month, day.Day, local.Hour(), local.Minute(), local.Second(), 0, cal.Zone())
	}},
	{"day-before-due", "to the 22nd, 10 a.m.", func(now time.Time, cal *billing.Calendar) time.Time { return next(now, cal, 22, 10, 0) }},
	{"minutes-before-due", "to the 23rd, 4:55 p.m.", func(now time.Time, cal *billing.Calendar) time.Time { return next(now, cal, 23, 16, 55) }},
	{"next-bill", "to the 1st, 10 a.m.", func(now time.Time, cal *billing.Calendar) time.Time { return next(now, cal, 1, 10, 0) }},
}

// next returns the first instant after now at which the wall clock shows that day of a month and that time. Day
// 31 of a shorter month would run over into the next; no button asks for one.
func next(now time.Time, cal *billing.Calendar, day, hour, minute int) time.Time {
	local := now.In(cal.Zone())
	at := time.Date(local.Year(), local.Month(), day, hour, minute, 0, 0, cal.Zone())
	// Month 13 is January of the next year for time.Date.
	if !at.After(now) {
		at = time.Date(local.Year(), local.Month()+1, day, hour, minute, 0, 0, cal.Zone())
	}
	return at
}

// phoneNumber reads a number as people write it, +1 617 555 0101 or (617) 555-0101, and returns it as E.164.
// Ten digits are North American. It judges the form alone, so that one can call from numbers that do not exist.
func phoneNumber(s string) (string, error) {
	digits := onlyDigits(s)
	// Letters are not dropped but refused: "call 617…" is no number.
	if strings.Trim(s, "+0123456789 ()-.") != "" {
		digits = "" // a word is no part of a number
	}
	international := strings.HasPrefix(strings.TrimSpace(s), "+")
	switch {
	case international && len(digits) >= 8 && len(digits) <= 15:
		return "+" + digits, nil
	case !international && len(digits) == 10:
		return "+1" + digits, nil
	case !international && len(digits) == 11 && digits[0] == '1':
		return "+" + digits, nil
	}
	return "", refuse(http.StatusBadRequest, "That is not a phone number. Write it as +1 617 555 0101.")
}

// onlyDigits returns the digits of s in their order; blanks, slashes, dashes and everything else are dropped.
func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
