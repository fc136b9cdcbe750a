package app

import "time"

// SystemClock tells the machine's time. In production it is the domain's clock as well.
type SystemClock struct{}

// Now returns the machine's time, in UTC.
func (SystemClock) Now() time.Time { return time.Now().UTC() }

// ShiftedClock tells the machine's time plus a span (DUEBELL_CLOCK_SHIFT).
// Settings refuse a shift unless the public URL is loopback, so a real line never goes by it.
type ShiftedClock time.Duration

// Now returns the machine's time plus the shift, in UTC.
func (c ShiftedClock) Now() time.Time { return time.Now().Add(time.Duration(c)).UTC() }
