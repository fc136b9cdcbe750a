package app

import (
	"cmp"
	"time"

	"duebell/billing"
	"duebell/ivr/webhook"
)

// Timing holds the spans of machine time that scripts and dev run with shorter ones of. A zero field stands for
// the line's own span, in defaultTiming.
// All are spans of the machine's clock, never of the domain's.
type Timing struct {
	Lease         time.Duration // how long one delivery of a webhook holds its turn
	Wait          time.Duration // how long another delivery of the same turn waits for its answer
	Budget        time.Duration // of one turn, before the caller hears "one moment"
	FailureDelay  time.Duration // from a request to the answer that an identity is not proven
	HoldWait      time.Duration // how long one hold turn waits for the outcome of a charge
	Tick          time.Duration // between two runs of the sweepers and senders
	Gateway       time.Duration // of one request to the processor
	Text          time.Duration // how long a sender's claim on a text lasts
	FetchCooldown time.Duration // between two fetches of jobs; polls are ten times as far apart
}

// defaultTiming are the line's own spans. Those of a turn stand in webhook.DefaultTiming, with their reasons.
var defaultTiming = Timing{
	Lease: webhook.DefaultTiming.Lease, Wait: webhook.DefaultTiming.Wait,
	Budget: webhook.DefaultTiming.Budget, FailureDelay: webhook.DefaultTiming.FailureDelay,
	HoldWait:      4 * time.Second,       // design §4: a hold turn may wait so long; most charges take less than a second
	Tick:          5 * time.Second,       // how long a caller on hold may wait if a charge's job was lost
	Gateway:       20 * time.Second,      // the processor answers its slowest cards within it; a charge is two requests
	Text:          time.Minute,           // after it another sender takes up the texts of one that died
	FetchCooldown: 20 * time.Millisecond, // a caller holds for the charge that is fetched
}

// The spans that nobody changes.
const (
	headerTimeout    = 5 * time.Second  // to read a request's head: Twilio and the processor send it at once
	requestTimeout   = 15 * time.Second // to read a request: twilio.md §4.2, Twilio gives up then
	idleTimeout      = 2 * time.Minute  // of a kept-alive connection
	drainRequests    = 16 * time.Second // for requests at the end of a process: longer than the longest one
	DrainJobs        = 40 * time.Second // for jobs at the end of a process: a charge makes two requests of 20 s
	jobTimeout       = 45 * time.Second // design §5: of one charge or batch of texts
	rescueStuckAfter = 2 * time.Minute  // design §5: then River runs a job again whose process died
	connectTimeout   = 2 * time.Second  // to PostgreSQL: a caller waits; connect_timeout=… in DATABASE_URL says otherwise
	readyTimeout     = 2 * time.Second  // for both stores to answer a probe
	checkTimeout     = 10 * time.Second // for one of doctor's checks
	clockTolerance   = 5 * time.Second  // how far a machine's clock may be off, for doctor
	planEvery        = 30 * time.Second // between two looks of the leader whether there is anything to plan
	planTimeout      = 30 * time.Minute // of one planning run; several million accounts take minutes
	dailyEvery       = 10 * time.Minute // between two looks of the leader whether the day's jobs are done
	dailyTimeout     = time.Hour        // of one daily run; the next one takes up what it leaves
	longestRest      = time.Second      // between two batches of erasing
)

// withDefaults fills in the spans that are not set. A turn's budget is the policy's (V7: a turn's own work),
// less what the way to the caller takes, and another delivery of the turn gives up a little before it.
// 200 ms are for rendering and the way; another delivery gives up 300 ms earlier still, so that it can answer
// "one moment".
func (t Timing) withDefaults(p billing.Policy) Timing {
	d := defaultTiming
	// A zero policy, as in some tests, leaves the webhook's own spans.
	if b := p.TurnBudgetSeconds.Duration(); b > 0 {
		d.Budget = b - 200*time.Millisecond
		d.Wait = d.Budget - 300*time.Millisecond
	}
	return Timing{
		Lease: cmp.Or(t.Lease, d.Lease), Wait: cmp.Or(t.Wait, d.Wait), Budget: cmp.Or(t.Budget, d.Budget),
		FailureDelay: cmp.Or(t.FailureDelay, d.FailureDelay), HoldWait: cmp.Or(t.HoldWait, d.HoldWait), Tick: cmp.Or(t.Tick, d.Tick),
		Gateway: cmp.Or(t.Gateway, d.Gateway), Text: cmp.Or(t.Text, d.Text), FetchCooldown: cmp.Or(t.FetchCooldown, d.FetchCooldown),
	}
}
