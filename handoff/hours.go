// Package handoff transfers a caller to an agent and back.
//
// It owns the agents' hours, what an agent hears before taking a call, and the order of the requests that
// wait for people. It does not decide what a caller may do: identity is ivr's, payment payments'.
package handoff

import (
	"slices"
	"time"

	"duebell/billing"
)

// Hours says when agents work (H1): on workdays by the policy's hours; dated extra hours and closures win
// over them. It is immutable and may be used from any number of goroutines.
type Hours struct {
	calendar    *billing.Calendar
	open, close billing.LocalTime
	dated       map[billing.Date][]span
}

// span is a half-open range of a day: the opening instant in, the closing instant out. Both are wall times of
// one local day.
type span struct{ open, close billing.LocalTime }

// NewHours returns the agents' hours of a policy. Several entries for one date add up; a closure adds none,
// so alone it shuts the day.
func NewHours(p billing.Policy, calendar *billing.Calendar) *Hours {
	h := &Hours{
		calendar: calendar,
		open:     p.AgentOpenLocal,
		close:    p.AgentCloseLocal,
		dated:    make(map[billing.Date][]span),
	}
	for _, o := range p.AgentHoursOverrides {
		// Entries of the same date are collected, in whatever order the policy lists them.
		spans := h.dated[o.Date]
		if !o.Closed {
			spans = append(spans, span{o.Open, o.Close})
		}
		h.dated[o.Date] = spans // a closed day is an empty list: no list means the weekday's hours
	}
	for _, spans := range h.dated {
		slices.SortFunc(spans, func(a, b span) int { return int(a.open - b.open) })
	}
	return h
}

// Open says whether agents work at an instant. The zero instant is never open.
func (h *Hours) Open(t time.Time) bool { return h.NextOpening(t).Equal(t) && !t.IsZero() }

// searchDays bounds the look-ahead: with no hours in a whole year nobody is promised any.
const searchDays = 366

// NextOpening returns the first instant at or after t at which agents work; t itself when they work now;
// zero when the policy closes the whole year to come.
func (h *Hours) NextOpening(t time.Time) time.Time {
	// Wall times of each day go through the calendar, so that a day of 23 or 25 hours opens when it should (C1).
	day := h.calendar.DateOf(t)
	for range searchDays {
		for _, s := range h.spans(day) {
			// Half-open: at the closing instant agents have gone.
			opens, closes := h.calendar.At(day, s.open), h.calendar.At(day, s.close)
			switch {
			case t.Before(opens):
				return opens
			case t.Before(closes):
				return t
			}
		}
		day = day.Add(1)
	}
	return time.Time{}
}

// spans returns the hours of a local date, in order. A dated entry wins over the weekday, whether it opens or
// closes.
func (h *Hours) spans(d billing.Date) []span {
	if dated, ok := h.dated[d]; ok {
		return dated
	}
	if h.calendar.IsWorkday(d) {
		return []span{{h.open, h.close}}
	}
	return nil
}
