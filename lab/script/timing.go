package script

import (
	"time"

	"duebell/internal/app"
	"duebell/lab/harness"
)

// Timing returns the machine timings that the script needs from its harness: leases that run out soon where
// processes die or Redis is gone, because the script's caller waits for the takeover.
func (s Script) Timing() app.Timing {
	timing := harness.DefaultTiming
	if s.Uses("kill-before-answering", "redis down") {
		timing = harness.ShortLeaseTiming
	}
	if s.Uses("kill-worker") {
		timing.Text = 4 * time.Second // the lease of a text that a dead worker holds
	}
	return timing
}
