package billing

import (
	"fmt"
	"time"
)

// Month is a calendar month: the one in which a bill is issued, or the one that it covers (C2: one later).
// It may be compared with == and used as a map key. The zero Month means none.
type Month struct {
	Year  int
	Month time.Month
}

// ParseMonth reads a month of the form 2027-03; anything else is ErrFormat.
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil {
		return Month{}, fmt.Errorf("parse month: want the form 2027-03: %w", ErrFormat)
	}
	return Month{t.Year(), t.Month()}, nil
}

// MonthOf returns the month that a date lies in.
func MonthOf(d Date) Month { return Month{d.Year, d.Month} }

// String returns the month as 2027-03.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }

// Add returns the month n months later, or earlier when n is negative.
// time.Date carries months beyond twelve over into years.
func (m Month) Add(n int) Month {
	t := time.Date(m.Year, m.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	return Month{t.Year(), t.Month()}
}

// Before reports whether m lies before other.
func (m Month) Before(other Month) bool {
	return m.Year < other.Year || m.Year == other.Year && m.Month < other.Month
}

// IsZero reports whether m is the zero Month, which stands for none.
func (m Month) IsZero() bool { return m == Month{} }

// First returns the first day of the month.
func (m Month) First() Date { return Date{m.Year, m.Month, 1} }

// Last returns the last day of the month.
func (m Month) Last() Date { return m.Add(1).First().Add(-1) }

// MarshalText returns what String does, for TOML and JSON.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a month as ParseMonth does.
func (m *Month) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMonth(string(text))
	return err
}

// Date is a calendar day without a zone. Which day it is at an instant depends on the zone: see DateIn.
// It may be compared with == and used as a map key. Like Month it is a plain value; months and days out of
// range are carried over by Add and never checked.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads a day of the form 2027-02-23; anything else, and a day that does not exist, is ErrFormat.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("parse date: want a day of the form 2027-02-23: %w", ErrFormat)
	}
	return dateOf(t), nil
}

// DateIn returns the day that it is at t in a zone.
func DateIn(t time.Time, zone *time.Location) Date { return dateOf(t.In(zone)) }

// dateOf returns the day of t in t's own zone.
func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// midnightUTC stands for the day in calendar arithmetic: UTC has no clock changes, so a day is always 24
// hours there (C1: never by adding 24-hour steps in local time).
func (d Date) midnightUTC() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

// String returns the date as 2027-02-23.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// Add returns the date n days later, or earlier when n is negative.
func (d Date) Add(days int) Date { return dateOf(d.midnightUTC().AddDate(0, 0, days)) }

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.midnightUTC().Weekday() }

// Before reports whether d lies before other.
func (d Date) Before(other Date) bool { return d.midnightUTC().Before(other.midnightUTC()) }

// After reports whether d lies after other.
func (d Date) After(other Date) bool { return other.Before(d) }

// IsZero reports whether d is the zero Date, which stands for none.
func (d Date) IsZero() bool { return d == Date{} }

// MarshalText returns what String does, for TOML and JSON.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a date as ParseDate does.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}

// LocalTime is a wall-clock time of the day, in seconds since midnight. With a Date and a zone it makes an
// instant: see AtIn.
// 0 is midnight. It says nothing of a zone: 09:00 in New York and in San Juan are two instants.
type LocalTime int

// ParseLocalTime reads a time of the form 17:00:00 or 09:00; anything else is ErrFormat.
func ParseLocalTime(s string) (LocalTime, error) {
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		// Parse alone would let fractions and a one-digit hour through.
		if t, err := time.Parse(layout, s); err == nil && t.Format(layout) == s {
			return LocalTime(t.Hour()*3600 + t.Minute()*60 + t.Second()), nil
		}
	}
	return 0, fmt.Errorf("parse time of day: want the form 17:00:00 or 09:00: %w", ErrFormat)
}

// Clock returns hour, minute and second of the time of day.
func (l LocalTime) Clock() (hour, minute, second int) {
	return int(l) / 3600, int(l) / 60 % 60, int(l) % 60
}

// String returns the time of day as 17:00:00.
func (l LocalTime) String() string {
	h, m, s := l.Clock()
	return fmt.Sprintf("%02d:%02d:%02d", h, m, s)
}

// MarshalText returns what String does, for TOML and JSON.
func (l LocalTime) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a time of day as ParseLocalTime does.
func (l *LocalTime) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLocalTime(string(text))
	return err
}

// Instant is a point in time that was written down with its offset (RFC 3339), which it keeps for printing.
// For comparing use its Time: two Instants with different offsets may be the same point in time.
type Instant struct{ time.Time }

// ParseInstant reads RFC 3339 with an offset. A bare date or a time without offset is ErrFormat: it could mean
// two different hours (G5).
func ParseInstant(s string) (Instant, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Instant{}, fmt.Errorf("parse instant: want RFC 3339 with an offset, as 2027-01-31T00:00:00-05:00: %w", ErrFormat)
	}
	return Instant{t}, nil
}

// String returns the instant with the offset that it was given with.
func (i Instant) String() string { return i.Format(time.RFC3339) }

// MarshalText returns what String does, for TOML and JSON.
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads an instant as ParseInstant does.
func (i *Instant) UnmarshalText(text []byte) (err error) {
	*i, err = ParseInstant(string(text))
	return err
}

// Seconds is a length of time that the policy file gives in seconds.
// The key's name ends in _seconds, as Minutes' and Hours' do in theirs, so that a value never needs a unit
// beside it.
type Seconds int

// Duration returns the same length as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// Minutes is a length of time that the policy file gives in minutes.
type Minutes int

// Duration returns the same length as a time.Duration.
func (m Minutes) Duration() time.Duration { return time.Duration(m) * time.Minute }

// Hours is a length of time that the policy file gives in hours.
type Hours int

// Duration returns the same length as a time.Duration.
func (h Hours) Duration() time.Duration { return time.Duration(h) * time.Hour }
