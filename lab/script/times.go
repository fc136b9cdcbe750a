package script

import "time"

// Span reads a time span as scripts write it: 3s, 20m, 2h or 4d.
func Span(s string) (time.Duration, error) { return span(s) }

// Instant reads an instant as scripts write it: 2027-02-10T10:00, on the clocks of the zone.
func Instant(s string, zone *time.Location) (time.Time, error) { return instant(s, zone) }
