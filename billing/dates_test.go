package billing_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"duebell/billing"
)

func TestMonthArithmetic(t *testing.T) {
	tests := []struct {
		month, last string
		add         int
		want        string
	}{
		{"2026-12", "2026-12-31", 1, "2027-01"},
		{"2027-01", "2027-01-31", -1, "2026-12"},
		{"2028-02", "2028-02-29", 3, "2028-05"},
		{"2027-02", "2027-02-28", -14, "2025-12"},
	}
	for _, tt := range tests {
		m := month(t, tt.month)
		if got := m.Last().String(); got != tt.last {
			t.Errorf("%s ends on %s, want %s", m, got, tt.last)
		}
		if got := m.Add(tt.add); got.String() != tt.want || got.Before(m) != (tt.add < 0) {
			t.Errorf("%s %+d = %s, want %s", m, tt.add, got, tt.want)
		}
	}
}

func TestDateArithmetic(t *testing.T) {
	d := date(t, "2027-02-23")
	if d.Weekday() != time.Tuesday {
		t.Errorf("weekday %s", d.Weekday())
	}
	if got := d.Add(6).String(); got != "2027-03-01" {
		t.Errorf("six days on: %s", got)
	}
	if next := d.Add(1); !d.Before(next) || !next.After(d) || d.Before(d) || d.After(d) {
		t.Error("order of days")
	}
}

// TestFormsRefused: each form takes its own texts only, and every refusal is a format error.
func TestFormsRefused(t *testing.T) {
	parse := map[string]func(string) error{
		"month":   func(s string) error { _, err := billing.ParseMonth(s); return err },
		"date":    func(s string) error { _, err := billing.ParseDate(s); return err },
		"time":    func(s string) error { _, err := billing.ParseLocalTime(s); return err },
		"instant": func(s string) error { _, err := billing.ParseInstant(s); return err },
	}
	refused := map[string][]string{
		"month":   {"", "2027", "2027-13", "2027-3", "03-2027", "2027-03-01"},
		"date":    {"", "2027-02-29", "2027-2-3", "02/23/2027", "2027-02-23T00:00:00Z"},
		"time":    {"", "24:00", "9:00", "17", "17:00:00.5", "17:60", "5 pm"},
		"instant": {"", "2027-02-23", "2027-02-23T17:00:00", "2027-02-23 17:00:00-05:00"}, // G5: no bare dates
	}
	for form, texts := range refused {
		for _, text := range texts {
			if err := parse[form](text); !errors.Is(err, billing.ErrFormat) {
				t.Errorf("%s %q: %v, want a format error", form, text, err)
			}
		}
	}
}

// TestTextForms: what is written can be read back.
func TestTextForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "unix"), 0).UTC()
		d := billing.DateIn(at, time.UTC)
		m, l := billing.MonthOf(d), billing.LocalTime(at.Hour()*3600+at.Minute()*60+at.Second())
		var (
			d2 billing.Date
			m2 billing.Month
			l2 billing.LocalTime
			i2 billing.Instant
		)
		for text, into := range map[string]interface{ UnmarshalText([]byte) error }{
			d.String(): &d2, m.String(): &m2, l.String(): &l2, billing.Instant{Time: at}.String(): &i2,
		} {
			if err := into.UnmarshalText([]byte(text)); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		if d2 != d || m2 != m || l2 != l || !i2.Equal(at) {
			t.Fatalf("%s read back as %s %s %s", at, d2, l2, i2)
		}
		if !billing.AtIn(d, l, time.UTC).Equal(at) {
			t.Fatalf("%s is %s there", at, billing.AtIn(d, l, time.UTC))
		}
	})
}

// TestC1EveryWallTime: in any zone the instant of a wall time shows that wall time, or is the
// first one after a gap; and no earlier instant shows it.
func TestC1EveryWallTime(t *testing.T) {
	var zones []*time.Location
	for _, name := range []string{"America/New_York", "America/Havana", "Australia/Lord_Howe", "Europe/London", "Asia/Kathmandu", "America/St_Johns"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		d := billing.Date{Year: 2026, Month: 1, Day: 1}.Add(rapid.IntRange(0, 1200).Draw(t, "day"))
		l := billing.LocalTime(rapid.IntRange(0, 24*60-1).Draw(t, "minute") * 60)
		got := billing.AtIn(d, l, zone)
		shows := func(at time.Time) bool {
			h, m, s := at.In(zone).Clock()
			return billing.DateIn(at, zone) == d && billing.LocalTime(h*3600+m*60+s) == l
		}
		if shows(got) {
			for back := 30 * time.Minute; back <= 2*time.Hour; back += 30 * time.Minute {
				if shows(got.Add(-back)) {
					t.Fatalf("%s %s in %s: %s earlier it was that time already", d, l, zone, back)
				}
			}
			return
		}
		if start, _ := got.ZoneBounds(); !start.Equal(got) {
			t.Fatalf("%s %s in %s: %s neither shows it nor follows a gap", d, l, zone, got)
		}
	})
}

func TestMoneyAtItsEnds(t *testing.T) {
	for m, want := range map[billing.Money]string{
		0: "0.00", -1: "-0.01", 100: "1.00", math.MinInt64: "-92233720368547758.08", math.MaxInt64: "92233720368547758.07",
	} {
		if m.String() != want || m.IsPositive() != (m.Cents() > 0) {
			t.Errorf("%d: %s, want %s", m.Cents(), m, want)
		}
	}
}
