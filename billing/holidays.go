package billing

import (
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/us"
)

// sundayOnly is C8's substitution: a Sunday holiday closes Monday, a Saturday one moves nowhere.
// The library's own US rules also move Saturday to Friday, which the Federal Reserve does not do.
var sundayOnly = []cal.AltDay{{Day: time.Sunday, Offset: 1}}

// patriotsDay is a legal holiday of Massachusetts and a banking day (C8, H1).
var patriotsDay = &cal.Holiday{
	Name: "Patriots' Day", Type: cal.ObservancePublic,
	Month: time.April, Weekday: time.Monday, Offset: 3, Func: cal.CalcWeekdayOffset,
}

// federalReserveHolidays are the days on which the Federal Reserve is shut (C8).
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

// massachusettsHolidays are the legal holidays on which agents are away (H1).
func massachusettsHolidays() []*cal.Holiday {
	return append(federalReserveHolidays(), patriotsDay)
}

// holidays answers for one kind of holiday: by the operator's dated list in the years that
// it names, by rule in all others. A list that ran out must not turn Christmas into a working day.
type holidays struct {
	rule   cal.Calendar
	listed map[Date]bool
	years  map[int]bool
}

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

func (h *holidays) has(d Date) bool {
	if h.years[d.Year] {
		return h.listed[d]
	}
	_, observed, _ := h.rule.IsHoliday(d.midnightUTC())
	return observed
}
