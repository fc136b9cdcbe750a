package billing

import (
	"fmt"
	"time"
)

// Month is a month of the calendar: the month a bill is issued in, or the one it covers.
type Month struct {
	Year  int
	Month time.Month
}

// ParseMonth reads "2027-03".
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil {
		return Month{}, fmt.Errorf("parse month: want the form 2027-03: %w", ErrFormat)
	}
	return Month{t.Year(), t.Month()}, nil
}

// MonthOf is the month that a date lies in.
func MonthOf(d Date) Month { return Month{d.Year, d.Month} }

// String writes the month as 2027-03.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }

// Add goes n months on, or back when n is negative.
func (m Month) Add(n int) Month {
	t := time.Date(m.Year, m.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	return Month{t.Year(), t.Month()}
}

// Before says whether m lies before other.
func (m Month) Before(other Month) bool {
	return m.Year < other.Year || m.Year == other.Year && m.Month < other.Month
}

// IsZero says whether no month was given.
func (m Month) IsZero() bool { return m == Month{} }

// First is the first day of the month.
func (m Month) First() Date { return Date{m.Year, m.Month, 1} }

// Last is the last day of the month.
func (m Month) Last() Date { return m.Add(1).First().Add(-1) }

// MarshalText writes the month as String does.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (m *Month) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMonth(string(text))
	return err
}

// Date is a day of the calendar, without a zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads "2027-02-23" and refuses days that do not exist.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("parse date: want a day of the form 2027-02-23: %w", ErrFormat)
	}
	return dateOf(t), nil
}

// DateIn is the day that it is at t in a zone.
func DateIn(t time.Time, zone *time.Location) Date { return dateOf(t.In(zone)) }

func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// midnightUTC stands for the day in calendar arithmetic; UTC has no gaps.
func (d Date) midnightUTC() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

// String writes the date as 2027-02-23.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// Add goes n days on, or back when n is negative.
func (d Date) Add(days int) Date { return dateOf(d.midnightUTC().AddDate(0, 0, days)) }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.midnightUTC().Weekday() }

// Before says whether d lies before other.
func (d Date) Before(other Date) bool { return d.midnightUTC().Before(other.midnightUTC()) }

// After says whether d lies after other.
func (d Date) After(other Date) bool { return other.Before(d) }

// IsZero says whether no date was given.
func (d Date) IsZero() bool { return d == Date{} }

// MarshalText writes the date as String does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}

// LocalTime is a time of the day on the wall, in seconds since midnight.
type LocalTime int

// ParseLocalTime reads "17:00:00" or "09:00".
func ParseLocalTime(s string) (LocalTime, error) {
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		// Parse alone would let fractions and a one-digit hour through.
		if t, err := time.Parse(layout, s); err == nil && t.Format(layout) == s {
			return LocalTime(t.Hour()*3600 + t.Minute()*60 + t.Second()), nil
		}
	}
	return 0, fmt.Errorf("parse time of day: want the form 17:00:00 or 09:00: %w", ErrFormat)
}

// Clock splits the time of day into hour, minute and second.
func (l LocalTime) Clock() (hour, minute, second int) {
	return int(l) / 3600, int(l) / 60 % 60, int(l) % 60
}

// String writes the time of day as 17:00:00.
func (l LocalTime) String() string {
	h, m, s := l.Clock()
	return fmt.Sprintf("%02d:%02d:%02d", h, m, s)
}

// MarshalText writes the time of day as String does.
func (l LocalTime) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes, with or without the seconds.
func (l *LocalTime) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLocalTime(string(text))
	return err
}

// Instant is a point in time that was written down with its offset (RFC 3339).
type Instant struct{ time.Time }

// ParseInstant reads RFC 3339 with an offset; a bare date or a time without offset is refused (G5).
func ParseInstant(s string) (Instant, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Instant{}, fmt.Errorf("parse instant: want RFC 3339 with an offset, as 2027-01-31T00:00:00-05:00: %w", ErrFormat)
	}
	return Instant{t}, nil
}

// String writes the instant as it was given.
func (i Instant) String() string { return i.Format(time.RFC3339) }

// MarshalText writes the instant as String does.
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (i *Instant) UnmarshalText(text []byte) (err error) {
	*i, err = ParseInstant(string(text))
	return err
}

// Seconds is a length of time that the policy file gives in seconds.
type Seconds int

// Duration is the length of time for Go.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// Minutes is a length of time that the policy file gives in minutes.
type Minutes int

// Duration is the length of time for Go.
func (m Minutes) Duration() time.Duration { return time.Duration(m) * time.Minute }

// Hours is a length of time that the policy file gives in hours.
type Hours int

// Duration is the length of time for Go.
func (h Hours) Duration() time.Duration { return time.Duration(h) * time.Hour }
