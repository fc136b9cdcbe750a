// Package handoff brings a caller to a person and back.
//
// It owns when agents are there, and what a caller and an agent are told on the way. It
// refuses to decide what a caller may do: identity and payment are ivr's and payments'.
package handoff

import (
	"slices"
	"time"

	"duebell/billing"
)

// Hours knows when agents are there (H1): workdays by the policy's hours, and dated extra hours
// and closures that win over them. It is immutable and safe to share.
type Hours struct {
	calendar    *billing.Calendar
	open, close billing.LocalTime
	dated       map[billing.Date][]span
}

// span is a half-open range of a day: the opening instant in, the closing instant out.
type span struct{ open, close billing.LocalTime }

// NewHours builds the agents' hours of a policy.
func NewHours(p billing.Policy, calendar *billing.Calendar) *Hours {
	h := &Hours{
		calendar: calendar,
		open:     p.AgentOpenLocal,
		close:    p.AgentCloseLocal,
		dated:    make(map[billing.Date][]span),
	}
	for _, o := range p.AgentHoursOverrides {
		spans := h.dated[o.Date]
		if !o.Closed {
			spans = append(spans, span{o.Open, o.Close})
		}
		h.dated[o.Date] = spans // a closed day is there, and empty
	}
	for _, spans := range h.dated {
		slices.SortFunc(spans, func(a, b span) int { return int(a.open - b.open) })
	}
	return h
}

// Open says whether agents are there at an instant.
func (h *Hours) Open(t time.Time) bool { return h.NextOpening(t).Equal(t) && !t.IsZero() }

// searchDays bounds the look-ahead: a policy may close every day it names, but not a year.
const searchDays = 366

// NextOpening is the first instant at or after t at which agents are there, t itself when they
// are now. It is zero when the policy closes the whole year to come.
func (h *Hours) NextOpening(t time.Time) time.Time {
	day := h.calendar.DateOf(t)
	for range searchDays {
		for _, s := range h.spans(day) {
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

// spans are the hours of a local date, in order.
func (h *Hours) spans(d billing.Date) []span {
	if dated, ok := h.dated[d]; ok {
		return dated
	}
	if h.calendar.IsWorkday(d) {
		return []span{{h.open, h.close}}
	}
	return nil
}
