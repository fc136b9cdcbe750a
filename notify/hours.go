package notify

import (
	"time"

	"duebell/billing"
)

// Hours is the send window: the hours in which texts may go that nobody has just asked for (N4). The opening
// instant is in, the closing instant out. It is the recipient's wall time, so it is asked with their zones,
// and it is immutable.
type Hours struct {
	open, close billing.LocalTime
	shut        func(billing.Date) bool // days without a window
}

// NewHours returns the window of a policy. Weekends and holidays are open, unless the policy shuts holidays.
// The calendar gives the holidays; the window itself is the policy's (N4).
func NewHours(p billing.Policy, cal *billing.Calendar) Hours {
	h := Hours{open: p.SendOpenLocal, close: p.SendCloseLocal, shut: func(billing.Date) bool { return false }}
	if p.SMSSkipHolidays {
		h.shut = cal.IsLegalHoliday
	}
	return h
}

// Open says whether the window is open at t in every one of the zones. Without a zone it is always open, so
// callers always give at least one.
func (h Hours) Open(t time.Time, zones ...*time.Location) bool {
	return h.NextOpening(t, zones...).Equal(t)
}

// NextOpening returns the first instant at or after t at which every zone is open; t itself when it is. Zones
// further apart than the window is long never open together: then it is the zero time. Callers take the zero
// time for "never".
func (h Hours) NextOpening(t time.Time, zones ...*time.Location) time.Time {
	const rounds = 14 // more than there are holidays in a row
	// Each zone may push the instant on, past the closing of another; when none does, all are open.
	at := t
	for range rounds * max(1, len(zones)) {
		moved := at
		for _, zone := range zones {
			moved = h.next(moved, zone)
		}
		if moved.Equal(at) {
			return at
		}
		at = moved
	}
	return time.Time{}
}

// next is NextOpening for one zone. Wall times are resolved by the zone's own rules: a window that opens in a
// gap of the clock opens at the first instant after it (C1). Fourteen days are looked at, more than there are
// holidays in a row.
func (h Hours) next(t time.Time, zone *time.Location) time.Time {
	day := billing.DateIn(t, zone)
	for range 14 {
		opens, closes := billing.AtIn(day, h.open, zone), billing.AtIn(day, h.close, zone)
		if !h.shut(day) && t.Before(closes) {
			if t.Before(opens) {
				return opens
			}
			return t
		}
		day = day.Add(1)
	}
	return billing.AtIn(day, h.open, zone)
}
