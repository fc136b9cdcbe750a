package notify

import (
	"fmt"
	"strconv"
	"strings"

	"duebell/billing"
)

// date writes a day of this year or the next as its language does: 12/23, 23 de diciembre, 12月23日.
// Two numbers would be another day to many who do not read English.
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

// month is a month's name or number in a date.
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
