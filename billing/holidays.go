package billing

import (
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/us"
)

// sundayOnly is how a holiday on a weekend is observed (C8): a Sunday one closes Monday, a Saturday one
// moves nowhere.
// The library's own US rules also move Saturday to Friday, which the Federal Reserve does not do.
var sundayOnly = []cal.AltDay{{Day: time.Sunday, Offset: 1}}

// patriotsDay is the third Monday of April: a legal holiday of Massachusetts (H1) and a banking day (C8).
var patriotsDay = &cal.Holiday{
	Name: "Patriots' Day", Type: cal.ObservancePublic,
	Month: time.April, Weekday: time.Monday, Offset: 3, Func: cal.CalcWeekdayOffset,
}

// federalReserveHolidays returns the rules of the days on which the Federal Reserve is shut (C8).
func federalReserveHolidays() []*cal.Holiday {
	days := []*cal.Holiday{
		us.NewYear, us.MlkDay, us.PresidentsDay, us.MemorialDay, us.Juneteenth, us.IndependenceDay,
		us.LaborDay, us.ColumbusDay, us.VeteransDay, us.ThanksgivingDay, us.ChristmasDay,
	}
	for i, day := range days {
		days[i] = day.Clone(&cal.Holiday{Observed: sundayOnly})
	}
	return days
}

// massachusettsHolidays returns the rules of the legal holidays on which agents are away (H1).
func massachusettsHolidays() []*cal.Holiday {
	return append(federalReserveHolidays(), patriotsDay)
}

// holidays knows the days of one kind: by the operator's dated list in the years that the list names, by
// rule in all other years. So a list that nobody renewed does not turn next Christmas into a working day.
// It is read-only after newHolidays, and safe for concurrent use.
type holidays struct {
	rule   cal.Calendar
	listed map[Date]bool
	years  map[int]bool // the years that the list names
}

// newHolidays returns the holidays by a rule and the operator's list. A year with one listed day must list
// all its days.
func newHolidays(rule []*cal.Holiday, list []Holiday) holidays {
	h := holidays{
		rule:   cal.Calendar{Holidays: rule}, // no cache: the library's is not safe for concurrent use
		listed: make(map[Date]bool),
		years:  make(map[int]bool),
	}
	for _, entry := range list {
		h.listed[entry.Date] = true
		h.years[entry.Date.Year] = true
	}
	return h
}

// has reports whether a date is one of the holidays, on the day on which it is observed.
// The rule is asked with a midnight in UTC: only year, month and day count there.
func (h *holidays) has(d Date) bool {
	if h.years[d.Year] {
		return h.listed[d]
	}
	_, observed, _ := h.rule.IsHoliday(d.midnightUTC())
	return observed
}
