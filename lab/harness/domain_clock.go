package harness

import (
	"sync"
	"time"

	"duebell/internal/app"
)

// DomainClock is the domain clock in dev and scripts: it stands still, or runs from where it was set. It goes
// into every role in the place of app.SystemClock, so that due dates, windows and lock-outs can be moved while
// HTTP time-outs and leases go by the machine (design §2, two clocks). Its methods may be called from many
// goroutines.
type DomainClock struct {
	mu      sync.Mutex
	at      time.Time // domain time at started
	started time.Time // machine time; zero while the clock stands
}

// NewDomainClock returns a clock set to an instant; it runs unless standing. A standing one moves by Set alone.
func NewDomainClock(at time.Time, standing bool) *DomainClock {
	c := &DomainClock{at: at.UTC()}
	if !standing {
		c.started = app.SystemClock{}.Now()
	}
	return c
}

// Now returns the domain's time, in UTC (C1: store UTC). A clock that runs goes as fast as the machine's.
func (c *DomainClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started.IsZero() {
		return c.at
	}
	return c.at.Add(app.SystemClock{}.Now().Sub(c.started))
}

// Set moves the clock to an instant, backwards too, from where it goes on running or standing. It does nothing
// that is due: Harness.Until does.
func (c *DomainClock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at.UTC()
	if !c.started.IsZero() {
		c.started = app.SystemClock{}.Now()
	}
}

// Stand stops the clock where it is. On a clock that stands it changes nothing.
func (c *DomainClock) Stand() {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.started = now, time.Time{}
}
