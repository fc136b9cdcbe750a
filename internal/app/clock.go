package app

import (
	"sync"
	"time"
)

// SystemClock is the machine's clock. In production it is the domain's clock as well.
type SystemClock struct{}

// Now is the machine's time, in UTC.
func (SystemClock) Now() time.Time { return time.Now().UTC() }

// ShiftedClock is the machine's clock moved by a span (DUEBELL_CLOCK_SHIFT).
type ShiftedClock time.Duration

// Now is the machine's time plus the shift, in UTC.
func (c ShiftedClock) Now() time.Time { return time.Now().Add(time.Duration(c)).UTC() }

// DomainClock is the clock of dev and scripts: it stands, or runs from where it was set.
type DomainClock struct {
	mu      sync.Mutex
	at      time.Time // domain time at started
	started time.Time // machine time; zero while the clock stands
}

// NewDomainClock starts a clock at an instant; it runs unless standing.
func NewDomainClock(at time.Time, standing bool) *DomainClock {
	c := &DomainClock{at: at.UTC()}
	if !standing {
		c.started = time.Now()
	}
	return c
}

// Now is the domain's time, in UTC.
func (c *DomainClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		return c.at
	}
	return c.at.Add(time.Since(c.started))
}

// Set moves the clock to an instant. It goes on running, or standing, from there.
func (c *DomainClock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at.UTC()
	if !c.started.IsZero() {
		c.started = time.Now()
	}
}

// Stand stops the clock; Run lets it go on from where it stands.
func (c *DomainClock) Stand() {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.started = now, time.Time{}
}

// Run lets a standing clock go on.
func (c *DomainClock) Run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		c.started = time.Now()
	}
}
