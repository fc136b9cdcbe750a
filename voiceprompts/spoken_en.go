package voiceprompts

import (
	"fmt"
	"time"

	"duebell/billing"
)

// english reads aloud in American English.
type english struct{}

func (english) money(dollars, cents int64, exact bool) string {
	d, c := amount(dollars, "dollar", "dollars"), amount(cents, "cent", "cents")
	switch {
	case dollars == 0 && cents != 0:
		return c
	case cents == 0 && !exact:
		return d
	default:
		return d + " and " + c
	}
}

// amount puts a number before a word that has one plural, as English and Spanish do.
func amount(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (e english) day(d billing.Date) string { return d.Weekday().String() + ", " + e.shortDay(d) }

func (e english) shortDay(d billing.Date) string { return e.month(d.Month) + " " + ordinal(d.Day) }

func (e english) fullDay(d billing.Date) string { return fmt.Sprintf("%s, %d", e.day(d), d.Year) }

func (english) month(m time.Month) string { return m.String() }

func (english) timeOfDay(hour, minute int) string {
	switch {
	case hour == 0 && minute == 0:
		return "12 midnight"
	case hour == 12 && minute == 0:
		return "12 noon"
	case hour < 12:
		return onTheClock(hour, minute) + " a.m."
	default:
		return onTheClock(hour, minute) + " p.m."
	}
}

// onTheClock writes a time on the twelve-hour clock: 5, 3:15.
func onTheClock(hour, minute int) string {
	hour = (hour+11)%12 + 1
	if minute == 0 {
		return fmt.Sprint(hour)
	}
	return fmt.Sprintf("%d:%02d", hour, minute)
}

// ordinal writes 1st, 2nd, 3rd, 4th, 11th, 21st.
func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}
