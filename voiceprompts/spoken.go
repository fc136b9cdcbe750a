package voiceprompts

import (
	"fmt"
	"strings"
	"time"

	"duebell/billing"
)

// readingFor returns a language's reading, or English where it has none, as the line does for a language that
// is not offered (K4). Only languages with a reading are ever offered, so this is for tests and review pages alone.
func readingFor(lang string) *reading {
	if r, ok := readings[lang]; ok {
		return r
	}
	return readings[Reference]
}

// Money returns an amount in cents as people say it: "198 dollars", "198 dollars and 50 cents", "37
// cents". The sign is not spoken; the sentence around it names a credit.
func Money(lang string, cents int64) Speech { return money(lang, cents, false) }

// MoneyExact returns an amount in cents as it is read back before money depends on it, always with
// its cents: "198 dollars and 0 cents", "37 cents" (M7: read the amount back).
func MoneyExact(lang string, cents int64) Speech { return money(lang, cents, true) }

// money writes an amount by the language's reading; exact adds the cents even where there are none.
func money(lang string, cents int64, exact bool) Speech {
	dollars, rest := cents/100, cents%100
	if cents < 0 {
		dollars, rest = -dollars, -rest
	}
	return Speech(readingFor(lang).money(dollars, rest, exact))
}

// Day returns a date with its weekday: "Tuesday, February 23rd". In Spanish the article is part of it: "el
// martes 23 de febrero". Prompts put it into a sentence as it is, article and all.
func Day(lang string, d billing.Date) Speech {
	return Speech(readingFor(lang).date(readingFor(lang).Date.Day, d))
}

// ShortDay returns a date without its weekday: "February 23rd".
func ShortDay(lang string, d billing.Date) Speech {
	return Speech(readingFor(lang).date(readingFor(lang).Date.Short, d))
}

// FullDay returns a date with weekday and year, for terms that are kept as evidence (E3: terms name
// today's date): "Tuesday, February 23rd, 2027".
func FullDay(lang string, d billing.Date) Speech {
	return Speech(readingFor(lang).date(readingFor(lang).Date.Full, d))
}

// MonthName returns the name of a month, as in "your bill for April coverage" (C9: never "March
// premium").
func MonthName(lang string, m time.Month) Speech { return Speech(readingFor(lang).month(m)) }

// TimeOfDay returns the wall time that t shows in its own zone: "5 p.m.", "3:15 p.m." Seconds are
// not spoken. In Spanish the article, which depends on the hour, is part of it: "las 5 de la
// tarde".
func TimeOfDay(lang string, t time.Time) Speech {
	return Speech(readingFor(lang).timeOfDay(t.Hour(), t.Minute()))
}

// Digits returns a number read one digit at a time in groups of three, with a pause of 300 ms between (V6: in
// threes; L4: spoken in threes). A last digit that would stand alone joins the group before it. What is not a
// digit is left out. The language does not matter: the voice says digits in its own. Used for account and
// confirmation numbers, never for a secret.
func Digits(_ string, s string) Speech {
	digits := onlyDigits(s)
	var groups []string
	// Four digits are left together: one digit alone is easily missed.
	for len(digits) > 4 {
		groups = append(groups, sayAs("digits", digits[:3]))
		digits = digits[3:]
	}
	if digits != "" {
		groups = append(groups, sayAs("digits", digits))
	}
	return Speech(strings.Join(groups, ` <break time="300ms"/> `))
}

// LastFour returns the last four digits of an account or card number, read one at a time. A mask before them
// is dropped; of a mask that shows fewer, those are read (twilio.md §1.5: a bank account shows two). Empty
// in, or nothing but a mask: empty out, and the sentence must do without.
func LastFour(_ string, s string) Speech {
	tail := strings.TrimSpace(s)
	// From the end backwards, to the first character that is no digit, four at most.
	start := len(tail)
	for start > 0 && len(tail)-start < 4 && isDigit(tail[start-1]) {
		start--
	}
	if start == len(tail) {
		return ""
	}
	return Speech(sayAs("digits", tail[start:]))
}

// Phone returns a phone number (E.164) as it is read aloud: a North American one as it is dialled from
// anywhere, "1-877-623-6765"; short and foreign ones digit by digit.
func Phone(lang string, e164 string) Speech {
	national, ok := strings.CutPrefix(e164, "+1")
	if !ok || len(national) != 10 || onlyDigits(national) != national {
		return Digits(lang, e164)
	}
	return Speech(sayAs("telephone", fmt.Sprintf("1-%s-%s-%s", national[:3], national[3:6], national[6:])))
}

// sayAs returns a <say-as> element: the voice then reads the text as digits or as a telephone number.
func sayAs(kind, text string) string {
	return `<say-as interpret-as="` + kind + `">` + text + `</say-as>`
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// onlyDigits returns the ASCII digits of a text and leaves everything else out.
func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
