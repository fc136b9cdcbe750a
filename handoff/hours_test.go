package handoff_test

import (
	"testing"
	"time"

	"duebell/billing"
	"duebell/handoff"
	"duebell/lab/vectors"
)

func newHours(t *testing.T, overrides ...billing.AgentHoursOverride) *handoff.Hours {
	t.Helper()
	p := billing.DefaultPolicy()
	p.AgentHoursOverrides = overrides
	if problems := p.Problems(); len(problems) > 0 {
		t.Fatal(problems)
	}
	calendar, err := billing.NewCalendar(p)
	if err != nil {
		t.Fatal(err)
	}
	return handoff.NewHours(p, calendar)
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	i, err := billing.ParseInstant(s)
	if err != nil {
		t.Fatal(err)
	}
	return i.Time
}

// TestAgentHoursVectors: H1 with the built-in holidays.
func TestAgentHoursVectors(t *testing.T) {
	h := newHours(t)
	for _, row := range vectors.CSV(t, "agent_hours.csv") {
		at := instant(t, row["instant_utc"])
		if got, want := h.Open(at), row["open"] == "true"; got != want {
			t.Errorf("%s %s (%s): open = %t", row["case_id"], row["local"], row["note"], got)
		}
		if got := h.NextOpening(at).UTC().Format(time.RFC3339); got != row["next_opening_utc"] {
			t.Errorf("%s %s (%s): next opening %s, want %s", row["case_id"], row["local"], row["note"], got, row["next_opening_utc"])
		}
	}
}

// TestH1Overrides: dated extra hours and closures win over weekdays, weekends and holidays.
func TestH1Overrides(t *testing.T) {
	day := func(d int) billing.Date { return billing.Date{Year: 2026, Month: 12, Day: d} }
	const hour = 3600
	h := newHours(t,
		billing.AgentHoursOverride{Date: day(19), Open: 9 * hour, Close: 13 * hour},  // a Saturday
		billing.AgentHoursOverride{Date: day(23), Open: 14 * hour, Close: 20 * hour}, // in two parts, the later first
		billing.AgentHoursOverride{Date: day(23), Open: 8 * hour, Close: 12 * hour},
		billing.AgentHoursOverride{Date: day(24), Closed: true},
		billing.AgentHoursOverride{Date: day(25), Open: 0, Close: 2 * hour}, // a holiday
	)
	tests := []struct{ name, at, want string }{
		{"Saturday by the rule closed, here open", "2026-12-19T09:00:00-05:00", "2026-12-19T09:00:00-05:00"},
		{"its closing instant is closed", "2026-12-19T13:00:00-05:00", "2026-12-21T08:00:00-05:00"},
		{"after Friday's close", "2026-12-18T18:00:00-05:00", "2026-12-19T09:00:00-05:00"},
		{"between the parts", "2026-12-23T12:00:00-05:00", "2026-12-23T14:00:00-05:00"},
		{"longer than the rule", "2026-12-23T19:59:59-05:00", "2026-12-23T19:59:59-05:00"},
		{"closed day, then a holiday with hours", "2026-12-24T10:00:00-05:00", "2026-12-25T00:00:00-05:00"},
		{"after the holiday's hours", "2026-12-25T02:00:00-05:00", "2026-12-28T08:00:00-05:00"},
	}
	for _, tt := range tests {
		at := instant(t, tt.at)
		got := h.NextOpening(at)
		if got.Format(time.RFC3339) != tt.want {
			t.Errorf("%s: next opening %s, want %s", tt.name, got.Format(time.RFC3339), tt.want)
		}
		if h.Open(at) != got.Equal(at) {
			t.Errorf("%s: open = %t", tt.name, h.Open(at))
		}
	}
}

// TestNeverOpen: a year without hours has no next opening, and nobody waits for one.
func TestNeverOpen(t *testing.T) {
	var closed []billing.AgentHoursOverride
	for d := range 400 {
		date := billing.Date{Year: 2027, Month: 1, Day: 1}.Add(d)
		closed = append(closed, billing.AgentHoursOverride{Date: date, Closed: true})
	}
	h := newHours(t, closed...)
	at := instant(t, "2027-01-04T10:00:00-05:00")
	if h.Open(at) || !h.NextOpening(at).IsZero() {
		t.Errorf("open %t, next opening %s", h.Open(at), h.NextOpening(at))
	}
}
