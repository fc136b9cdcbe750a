package notify

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"duebell/billing"
)

// date writes a day of this year or the next as its language does: 12/23, 23 de diciembre, 12月23日. Two
// numbers would be another day to many who do not read English. No year: the texts that use it speak of days
// within weeks.
func (r *Rules) date(lang string, d billing.Date) (string, error) {
	month, err := r.month(lang, d)
	if err != nil {
		return "", err
	}
	return r.words.Text(lang, "text-name-date", map[string]string{"Month": month, "Day": strconv.Itoa(d.Day)})
}

// dateAndYear writes the same with its year. A month that is a number stands there as on a form, with
// two digits like the day: 02/05/27.
func (r *Rules) dateAndYear(lang string, d billing.Date) (string, error) {
	month, err := r.month(lang, d)
	if err != nil {
		return "", err
	}
	day := strconv.Itoa(d.Day)
	if month == strconv.Itoa(int(d.Month)) {
		month, day = fmt.Sprintf("%02d", int(d.Month)), fmt.Sprintf("%02d", d.Day)
	}
	year := fmt.Sprintf("%02d", d.Year%100)
	return r.words.Text(lang, "text-name-date-year", map[string]string{"Month": month, "Day": day, "Year": year})
}

// month returns a month's name or number as a date of the language has it. The message holds all twelve. A
// list of another length is a fault of the message file, and no text is sent with a wrong month.
func (r *Rules) month(lang string, d billing.Date) (string, error) {
	list, err := r.words.Text(lang, "text-name-months", nil)
	if err != nil {
		return "", err
	}
	months := strings.Split(list, ", ")
	if len(months) != 12 || d.Month < 1 || d.Month > 12 {
		return "", fmt.Errorf("the months of %s: %w", lang, errNoWords)
	}
	return months[d.Month-1], nil
}

// dayNames are the messages that put the name of the day before a date.
var dayNames = map[time.Weekday]string{
	time.Monday: "text-name-day-mon", time.Tuesday: "text-name-day-tue", time.Wednesday: "text-name-day-wed", time.Thursday: "text-name-day-thu",
	time.Friday: "text-name-day-fri", time.Saturday: "text-name-day-sat", time.Sunday: "text-name-day-sun",
}

// weekday writes "Wed 12/23" where the language has room for the name of the day, else the date alone (N7:
// sábado would force UCS-2). The message of the weekday decides whether it is named, so this is the
// translator's choice.
func (r *Rules) weekday(lang string, d billing.Date) (string, error) {
	date, err := r.date(lang, d)
	if err != nil {
		return "", err
	}
	return r.words.Text(lang, dayNames[d.Weekday()], map[string]string{"Date": date})
}

// dueTime writes "5 PM ET". It is the bill's own hour, which a moved deadline may have changed (C5). Minutes
// are written only where there are any.
func (r *Rules) dueTime(lang string, at time.Time) (string, error) {
	local := at.In(r.cal.Zone())
	key, hour := "text-name-time-am", local.Hour()
	if hour >= 12 {
		key, hour = "text-name-time-pm", hour-12
	}
	if hour == 0 {
		hour = 12
	}
	clock := strconv.Itoa(hour)
	if local.Minute() != 0 {
		clock = fmt.Sprintf("%d:%02d", hour, local.Minute())
	}
	return r.words.Text(lang, key, map[string]string{"Hour": clock, "Zone": zoneName(local)})
}

// zoneName returns ET for both EST and EDT, as people say it. A zone whose name does not end so is written as
// it is.
func zoneName(local time.Time) string {
	name, _ := local.Zone()
	for _, season := range []string{"ST", "DT"} {
		if place, ok := strings.CutSuffix(name, season); ok && place != "" {
			return place + "T"
		}
	}
	return name
}
