package harness

import (
	"sync"
	"time"

	"duebell/internal/app"
)

// DomainClock is the domain's clock in dev and scripts: it stands still, or runs from where it was set.
type DomainClock struct {
	mu      sync.Mutex
	at      time.Time // domain time at started
	started time.Time // machine time; zero while the clock stands
}

// NewDomainClock returns a clock set to an instant; it runs unless standing.
func NewDomainClock(at time.Time, standing bool) *DomainClock {
	c := &DomainClock{at: at.UTC()}
	if !standing {
		c.started = app.SystemClock{}.Now()
	}
	return c
}

// Now returns the domain's time, in UTC.
func (c *DomainClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		return c.at
	}
	return c.at.Add(app.SystemClock{}.Now().Sub(c.started))
}

// Set moves the clock to an instant, from where it goes on running or standing.
func (c *DomainClock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at.UTC()
	if !c.started.IsZero() {
		c.started = app.SystemClock{}.Now()
	}
}

// Stand stops the clock where it is.
func (c *DomainClock) Stand() {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.started = now, time.Time{}
}

// Run lets a standing clock run on.
func (c *DomainClock) Run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		c.started = app.SystemClock{}.Now()
	}
}
