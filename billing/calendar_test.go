package billing_test

import (
	"testing"
	"time"

	"duebell/billing"
	"duebell/lab/vectors"
)

func newCalendar(t testing.TB, change ...func(*billing.Policy)) *billing.Calendar {
	t.Helper()
	p := billing.DefaultPolicy()
	for _, c := range change {
		c(&p)
	}
	cal, err := billing.NewCalendar(p)
	if err != nil {
		t.Fatal(err)
	}
	return cal
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	i, err := billing.ParseInstant(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return i.Time
}

func date(t testing.TB, s string) billing.Date {
	t.Helper()
	d, err := billing.ParseDate(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return d
}

func month(t testing.TB, s string) billing.Month {
	t.Helper()
	m, err := billing.ParseMonth(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return m
}

// TestCalendarVectors: C2-C4, C8, G1-G4, A3, A5, A6 over three years.
func TestCalendarVectors(t *testing.T) {
	cal := newCalendar(t)
	utc := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	for _, row := range vectors.CSV(t, "calendar.csv") {
		m := month(t, row["bill_month"])
		due := cal.DueAt(billing.KindHealth, "712345678", m)
		the23rd := billing.Date{Year: m.Year, Month: m.Month, Day: 23}
		draw := cal.AutoPayDraw(m, 23)
		grace := func(r billing.Regime) string {
			return utc(cal.GraceEnds(r, billing.KindHealth, "712345678", m))
		}
		got := map[string]string{
			"bill_month":              m.String(),
			"bill_date":               cal.BillDate(m).String(),
			"coverage_start":          cal.CoverageMonth(m).First().String(),
			"due_local":               due.Format(time.RFC3339),
			"due_weekday":             due.Weekday().String()[:3],
			"due_utc":                 utc(due),
			"grace_month_end_utc":     grace(billing.MonthEnd),
			"grace_next_due_utc":      grace(billing.NextDue),
			"grace_third_due_utc":     grace(billing.ThirdDue),
			"grace_none_utc":          grace(billing.NoGrace),
			"last_banking_day_le_23":  draw.String(),
			"first_banking_day_ge_23": cal.BankingDayOnOrAfter(the23rd).String(),
			"autopay_notice_by":       cal.AutoPayNoticeBy(draw).String(),
			"autopay_stop_by":         cal.AutoPayStopBy(draw).String(),
		}
		for column, want := range row {
			if got[column] != want {
				t.Errorf("bill month %s: %s = %q, want %q", m, column, got[column], want)
			}
		}
		if back := cal.BillMonth(cal.CoverageMonth(m)); back != m {
			t.Errorf("bill month of its coverage month = %s, want %s", back, m)
		}
	}
}

// TestC1WallTimes: a time in the gap runs at the first instant after it, a time that occurs
// twice the first time.
func TestC1WallTimes(t *testing.T) {
	tests := []struct{ name, zone, date, wall, want string }{
		{"plain", "America/New_York", "2027-02-23", "17:00", "2027-02-23T17:00:00-05:00"},
		{"last second before the gap", "America/New_York", "2027-03-14", "01:59:59", "2027-03-14T01:59:59-05:00"},
		{"first of the gap", "America/New_York", "2027-03-14", "02:00", "2027-03-14T03:00:00-04:00"},
		{"inside the gap", "America/New_York", "2027-03-14", "02:30", "2027-03-14T03:00:00-04:00"},
		{"first after the gap", "America/New_York", "2027-03-14", "03:00", "2027-03-14T03:00:00-04:00"},
		{"later on that day", "America/New_York", "2027-03-14", "23:30", "2027-03-14T23:30:00-04:00"},
		{"occurs twice", "America/New_York", "2026-11-01", "01:30", "2026-11-01T01:30:00-04:00"},
		{"first that occurs twice", "America/New_York", "2026-11-01", "01:00", "2026-11-01T01:00:00-04:00"},
		{"after the second time", "America/New_York", "2026-11-01", "02:00", "2026-11-01T02:00:00-05:00"},
		{"midnight does not exist", "America/Havana", "2027-03-14", "00:00", "2027-03-14T01:00:00-04:00"},
		{"half an hour's change", "Australia/Lord_Howe", "2026-10-04", "02:10", "2026-10-04T02:30:00+11:00"},
		{"east of Greenwich, twice", "Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T02:30:00+02:00"},
		{"no change at all", "Pacific/Honolulu", "2027-03-14", "02:30", "2027-03-14T02:30:00-10:00"},
	}
	for _, tt := range tests {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		wall, err := billing.ParseLocalTime(tt.wall)
		if err != nil {
			t.Fatal(err)
		}
		got := billing.AtIn(date(t, tt.date), wall, zone)
		if got.Format(time.RFC3339) != tt.want {
			t.Errorf("%s: %s = %s, want %s", tt.name, tt.wall, got.Format(time.RFC3339), tt.want)
		}
	}
}

// TestC6Tolerance: a caller who called in time and authorized a little late counts as in time; 17:00:00
// with any fraction needs no tolerance.
func TestC6Tolerance(t *testing.T) {
	due := instant(t, "2027-02-23T17:00:00-05:00")
	before := due.Add(-time.Minute)
	tests := []struct {
		name      string
		tolerance billing.Seconds
		received  time.Duration // after the due instant
		began     time.Time
		want      time.Time
	}{
		{"in time: its own instant counts", 60, 0, before, time.Time{}},
		{"a fraction of the last second", 60, 999 * time.Millisecond, before, time.Time{}},
		{"a second late, no tolerance", 0, time.Second, before, time.Time{}},
		{"within the tolerance", 60, time.Minute, before, due},
		{"past the tolerance", 60, time.Minute + time.Second, before, time.Time{}},
		{"within it, but the call began late", 60, 30 * time.Second, due.Add(time.Second), time.Time{}},
	}
	for _, tt := range tests {
		cal := newCalendar(t, func(p *billing.Policy) { p.ReceivedToleranceSeconds = tt.tolerance })
		if got := cal.InTolerance(billing.KindHealth, "712345678", tt.began, due.Add(tt.received)); !got.Equal(tt.want) {
			t.Errorf("%s: counts from %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestC7NearCutoff(t *testing.T) {
	cal, due := newCalendar(t), instant(t, "2027-02-23T17:00:00-05:00")
	for offset, want := range map[time.Duration]bool{
		-15*time.Minute - time.Second: false,
		-15 * time.Minute:             true,
		0:                             true,
		time.Second:                   false,
	} {
		if got := cal.NearCutoff(due.Add(offset), due); got != want {
			t.Errorf("%s from the due instant: near = %t, want %t", offset, got, want)
		}
	}
}

// TestC5Overrides: the narrowest scope wins, then the newest announcement; grace follows.
func TestC5Overrides(t *testing.T) {
	at := func(s string) billing.Instant { return billing.Instant{Time: instant(t, s)} }
	december := month(t, "2026-12")
	cal := newCalendar(t, func(p *billing.Policy) {
		p.DueOverrides = []billing.DueOverride{
			{Scope: "all", BillMonth: december, DueAt: at("2026-12-28T17:00:00-05:00"), AnnouncedAt: at("2026-12-02T09:00:00-05:00")},
			{Scope: "all", BillMonth: december, DueAt: at("2027-01-10T17:00:00-05:00"), AnnouncedAt: at("2026-12-20T09:00:00-05:00")},
			{Scope: "dental", BillMonth: december, DueAt: at("2026-12-30T12:00:00-05:00"), AnnouncedAt: at("2026-12-01T09:00:00-05:00")},
			{Scope: "745678901", BillMonth: december, DueAt: at("2027-02-28T17:00:00-05:00"), AnnouncedAt: at("2026-12-01T09:00:00-05:00")},
		}
	})
	tests := []struct {
		name      string
		kind      billing.Kind
		account   string
		billMonth string
		regime    billing.Regime
		due, ends string
	}{
		{"all, newest announcement", billing.KindHealth, "712345678", "2026-12", billing.MonthEnd,
			"2027-01-10T17:00:00-05:00", "2027-01-31T23:59:59-05:00"},
		{"kind beats all", billing.KindDental, "712345686", "2026-12", billing.MonthEnd,
			"2026-12-30T12:00:00-05:00", "2026-12-31T23:59:59-05:00"},
		{"account beats kind; grace not before due", billing.KindDental, "745678901", "2026-12", billing.NextDue,
			"2027-02-28T17:00:00-05:00", "2027-02-28T17:00:00-05:00"},
		{"another month keeps the formula", billing.KindHealth, "712345678", "2027-01", billing.NoGrace,
			"2027-01-23T17:00:00-05:00", "2027-01-23T17:00:00-05:00"},
		{"the bill before reaches the moved due instant", billing.KindHealth, "712345678", "2026-11", billing.NextDue,
			"2026-11-23T17:00:00-05:00", "2027-01-10T17:00:00-05:00"},
		{"three bills before too", billing.KindHealth, "712345678", "2026-09", billing.ThirdDue,
			"2026-09-23T17:00:00-04:00", "2027-01-10T17:00:00-05:00"},
	}
	for _, tt := range tests {
		m := month(t, tt.billMonth)
		if got := cal.DueAt(tt.kind, tt.account, m).Format(time.RFC3339); got != tt.due {
			t.Errorf("%s: due %s, want %s", tt.name, got, tt.due)
		}
		if got := cal.GraceEnds(tt.regime, tt.kind, tt.account, m).Format(time.RFC3339); got != tt.ends {
			t.Errorf("%s: grace ends %s, want %s", tt.name, got, tt.ends)
		}
	}
}

// TestG5DefaultRegime: without a regime from billing the policy's default rules.
func TestG5DefaultRegime(t *testing.T) {
	m := month(t, "2025-12")
	for _, regime := range []billing.Regime{billing.MonthEnd, billing.NextDue, billing.ThirdDue, billing.NoGrace} {
		cal := newCalendar(t, func(p *billing.Policy) { p.DefaultGraceRegime = regime })
		want := cal.GraceEnds(regime, billing.KindHealth, "712345678", m)
		if got := cal.GraceEnds("", billing.KindHealth, "712345678", m); !got.Equal(want) {
			t.Errorf("default %s: %s, want %s", regime, got, want)
		}
	}
}

// TestC8Holidays: banks are not agents, Saturdays do not move, and a list replaces its own years.
func TestC8Holidays(t *testing.T) {
	listed := newCalendar(t, func(p *billing.Policy) {
		p.BankHolidays = []billing.Holiday{{Date: billing.Date{Year: 2027, Month: 2, Day: 24}, Name: "Flood"}}
		p.AgentHolidays = []billing.Holiday{{Date: billing.Date{Year: 2027, Month: 4, Day: 20}, Name: "Move"}}
	})
	plain := newCalendar(t)
	tests := []struct {
		name            string
		cal             *billing.Calendar
		date            string
		banking, agents bool
	}{
		{"Patriots' Day", plain, "2027-04-19", true, false},
		{"Friday before a Saturday holiday", plain, "2026-07-03", true, true},
		{"Monday after a Sunday holiday", plain, "2027-07-05", false, false},
		{"New Year on Sunday", plain, "2034-01-02", false, false},
		{"Friday before New Year on Saturday", plain, "2027-12-31", true, true},
		{"Juneteenth", plain, "2028-06-19", false, false},
		{"Juneteenth before it was one", plain, "2020-06-19", true, true},
		{"Saturday", plain, "2027-02-20", false, false},
		{"listed", listed, "2027-02-24", false, true},
		{"not listed in a year that is", listed, "2027-05-31", true, true},
		{"rule in another year", listed, "2028-05-29", false, false},
		{"agents' list is their own", listed, "2027-04-20", true, false},
		{"agents' list replaces Patriots' Day", listed, "2027-04-19", true, true},
	}
	for _, tt := range tests {
		d := date(t, tt.date)
		if got := tt.cal.IsBankingDay(d); got != tt.banking {
			t.Errorf("%s (%s): banking day = %t, want %t", tt.name, d, got, tt.banking)
		}
		if got := tt.cal.IsWorkday(d); got != tt.agents {
			t.Errorf("%s (%s): agents work = %t, want %t", tt.name, d, got, tt.agents)
		}
	}
}

// TestE12Filing: before the cut-off of a banking day = next banking day; else as if filed then.
func TestE12Filing(t *testing.T) {
	tests := []struct{ name, submitted, want, sameDay string }{
		{"before the cut-off", "2027-02-23T15:59:59-05:00", "2027-02-24", "2027-02-23"},
		{"at the cut-off", "2027-02-23T16:00:00-05:00", "2027-02-25", "2027-02-24"},
		{"Friday in time", "2027-02-19T10:00:00-05:00", "2027-02-22", "2027-02-19"},
		{"Friday evening", "2027-02-19T20:00:00-05:00", "2027-02-23", "2027-02-22"},
		{"Saturday morning", "2027-02-20T10:00:00-05:00", "2027-02-23", "2027-02-22"},
		{"eve of a long weekend", "2027-02-12T15:00:00-05:00", "2027-02-16", "2027-02-12"},
		{"on the holiday", "2027-02-15T10:00:00-05:00", "2027-02-17", "2027-02-16"},
		{"UTC date is a day ahead", "2027-02-24T02:00:00Z", "2027-02-25", "2027-02-24"},
	}
	next, same := newCalendar(t), newCalendar(t, func(p *billing.Policy) { p.ACHSameDay = true })
	for _, tt := range tests {
		at := instant(t, tt.submitted)
		if got := next.Filing(at).String(); got != tt.want {
			t.Errorf("%s: dated %s, want %s", tt.name, got, tt.want)
		}
		if got := same.Filing(at).String(); got != tt.sameDay {
			t.Errorf("%s, same day: dated %s, want %s", tt.name, got, tt.sameDay)
		}
	}
}

// TestE6LetterNotBefore: 00:00 local of the banking day after posting.
func TestE6LetterNotBefore(t *testing.T) {
	cal := newCalendar(t)
	for posted, want := range map[string]string{
		"2027-02-23": "2027-02-24T00:00:00-05:00",
		"2027-02-12": "2027-02-16T00:00:00-05:00",
		"2027-03-13": "2027-03-15T00:00:00-04:00",
	} {
		if got := cal.LetterNotBefore(date(t, posted)).Format(time.RFC3339); got != want {
			t.Errorf("posted %s: not before %s, want %s", posted, got, want)
		}
	}
}

// TestA3Draw: never before the bill is issued.
func TestA3Draw(t *testing.T) {
	cal := newCalendar(t)
	tests := []struct {
		month string
		day   int
		want  string
	}{
		{"2027-02", 21, "2027-02-19"},
		{"2027-05", 1, "2027-05-03"}, // the 1st is a Saturday: the Friday before lies in April
		{"2027-05", 2, "2027-05-03"},
		{"2027-01", 1, "2027-01-04"}, // New Year, then a weekend
		{"2027-05", 3, "2027-05-03"},
	}
	for _, tt := range tests {
		if got := cal.AutoPayDraw(month(t, tt.month), tt.day).String(); got != tt.want {
			t.Errorf("day %d of %s: draw %s, want %s", tt.day, tt.month, got, tt.want)
		}
	}
}

func TestNewCalendarRefusesNoPlace(t *testing.T) {
	for _, zone := range []string{"", "Local", "Mars/Olympus"} {
		p := billing.DefaultPolicy()
		p.TimeZone = zone
		if _, err := billing.NewCalendar(p); err == nil {
			t.Errorf("zone %q was accepted", zone)
		}
	}
}

// TestFellDue: inclusive in whole seconds, and with a deadline that was moved out of its month.
func TestFellDue(t *testing.T) {
	p := billing.DefaultPolicy()
	zone, err := time.LoadLocation(p.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	at := func(month time.Month, day, hour, second int) time.Time {
		return time.Date(2027, month, day, hour, 0, second, 0, zone)
	}
	p.DueOverrides = []billing.DueOverride{{Scope: "798765432", BillMonth: billing.Month{Year: 2027, Month: time.February}, DueAt: billing.Instant{Time: at(time.March, 2, 12, 0)}}}
	cal, err := billing.NewCalendar(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		account       string
		first, second time.Time
		want          bool
	}{
		{"712345678", at(time.February, 23, 17, 0), at(time.February, 23, 17, 1), true},
		{"712345678", at(time.February, 23, 16, 0), at(time.February, 23, 17, 0), false},
		{"712345678", at(time.February, 23, 17, 1), at(time.February, 24, 17, 0), false},
		{"798765432", at(time.February, 23, 16, 0), at(time.February, 24, 17, 0), false},
		{"798765432", at(time.March, 2, 12, 0), at(time.March, 2, 13, 0), true},
	} {
		if got := cal.FellDue(billing.KindHealth, tt.account, tt.first, tt.second); got != tt.want {
			t.Errorf("%s between %s and %s: %t", tt.account, tt.first, tt.second, got)
		}
	}
}
