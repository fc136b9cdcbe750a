package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"duebell/billing"
)

// Sender hands notices to the carrier, each once, and settles those whose create is in doubt. The row is
// the truth and a job only a wake-up: the same wake-up twice, late or never does no harm. Notices come in
// batches, so that the claim, the rate limit and the writing of results cost one step a batch; each notice
// has a create of its own, and a batch of one takes the same way.
//
// What a crash leaves behind, call by call:
//
//	ClaimNotices   before its commit: nothing happened to any notice. After it: the rows say claimed, with body
//	               and lease; nobody can tell which creates left. When the lease has run out, the tick makes
//	               them unknown and they are looked up. None is created again blindly.
//	Reserve        room reserved for texts that then do not go is lost, and nothing else is.
//	SendSMS        as after ClaimNotices, for those that were created and those that were not. The carrier's
//	               callback may come first; it carries the reference and settles the row by itself.
//	RecordReports  before its commit the carrier has texts and their rows do not say so: the lease runs out, and
//	               the look-up (or a callback) finds each and adopts it. It is one transaction: all or none.
//	EndProbe       all kinds stay paused; the next probe resumes them.
//	FindSMS        reads only. The lease runs out and the look-up is made again.
//	FetchSMS       reads only, as well.
//	RecordNotice   a look-up that was not counted is made again; a refusal that was not written becomes a
//	               look-up that finds nothing.
type Sender struct {
	store      NoticeStore
	texter     Texter
	rules      *Rules
	deliveries *DeliveryTracker
	clock      billing.Clock
	machine    billing.Clock
	rand       func(n int) int
	log        *slog.Logger
	opts       SenderOptions
}

// SenderOptions are the sender's settings; zero values get defaults. Durations are of the machine's clock
// unless they say otherwise.
type SenderOptions struct {
	// StatusCallback is the absolute URL to which the carrier reports on a text; the notice's reference is
	// added as the query n, which the signature covers.
	StatusCallback string
	Lease          time.Duration // how long a sender may hold a notice (machine clock); 60 s
	Pace           *Pacer        // nil: no rate limit
	Dialer         Dialer        // nil: no calls are placed
	Poller         Poller        // nil: texts that the carrier reports nothing of are left alone
	// Batch is how many notices may be enqueued at most: answers and payment texts, and reminders;
	// 30,000 each.
	Batch int
	// RequeueAfter is how long a job may be under way before it counts as lost (machine clock); 30 s.
	RequeueAfter time.Duration
	AtOnce       int // creates that a batch makes in parallel; 8
	// Ended is called for every notice that reached a final state, or one after which only a better one can
	// follow; for metrics.
	Ended func(k Kind, s State, why string)
}

// NewSender returns a sender. clock is the domain's, machine is for leases; rand returns a number in [0, n).
// Any number of senders may run at once, in one process or many: the claims keep them apart.
func NewSender(store NoticeStore, texter Texter, rules *Rules, clock, machine billing.Clock, rand func(n int) int, log *slog.Logger, opts SenderOptions) *Sender {
	if opts.Lease == 0 {
		opts.Lease = time.Minute
	}
	if opts.Batch == 0 {
		opts.Batch = 30_000
	}
	if opts.RequeueAfter == 0 {
		opts.RequeueAfter = 30 * time.Second
	}
	if opts.AtOnce == 0 {
		opts.AtOnce = 8
	}
	if opts.Ended == nil {
		opts.Ended = func(Kind, State, string) {}
	}
	return &Sender{
		store: store, texter: texter, rules: rules, deliveries: NewDeliveryTracker(store, clock, log, opts.Ended),
		clock: clock, machine: machine, rand: rand, log: log, opts: opts,
	}
}

// Send takes notices as far as they can go now, as one batch: creates, looks up or polls each. Notices that
// are not due, or claimed by another sender, are left alone. It is what a job calls. An error means that the
// job is to be tried again; what a claim holds by then is settled by the lease, not by the job.
func (c *Sender) Send(ctx context.Context, ids ...int64) error {
	claims, until, err := c.claim(ctx, ids)
	if err == nil {
		return c.process(ctx, claims, until)
	}
	if len(ids) == 1 || errors.Is(err, errRateUnknown) {
		return err
	}
	// One notice may make the whole transaction fail: try each by itself. If the first three all fail, the
	// trouble is not with one of them.
	failed := []error{err}
	for i, id := range ids {
		if ctx.Err() != nil || i == 3 && len(failed) > i {
			break
		}
		if err := c.Send(ctx, id); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// errRateUnknown: the rate limiter did not answer, so that no text of the batch may go.
var errRateUnknown = errors.New("notify: the rate limiter did not answer")

// claim claims what of a batch may go now. Creates must begin by the instant until (machine clock): well
// before the lease runs out and another sender takes them for dead. Reserve and decide run inside the
// claiming transaction. Where that is rolled back, reserved room is lost and no notice is changed.
func (c *Sender) claim(ctx context.Context, ids []int64) (claims []ClaimedNotice, until time.Time, err error) {
	// Leases are counted by the machine's clock: the domain's stands still or jumps in scripts and in dev.
	machineNow := c.machine.Now()
	at := ClaimTime{Now: c.clock.Now(), MachineNow: machineNow, LeaseUntil: machineNow.Add(c.opts.Lease)}
	// Free lines are counted before the transaction begins, which must not wait for another connection.
	if c.opts.Pace != nil {
		if err := c.opts.Pace.refresh(ctx, at.Now); err != nil {
			return nil, until, err
		}
	}
	var ended []func()
	claims, err = c.store.ClaimNotices(ctx, ids, at, func(facts []Facts) ([]Decision, error) {
		decisions, err := c.decide(ctx, facts, at.Now)
		for i, v := range decisions {
			ended = append(ended, func() { c.count(facts[i].Kind, v) })
		}
		return decisions, err
	})
	if err != nil {
		return nil, until, fmt.Errorf("claim notices: %w", err)
	}
	for _, count := range ended { // counted only now: a transaction that failed has ended nothing
		count()
	}
	// A third of the lease to begin creates leaves two thirds for slow answers and for writing them.
	return claims, machineNow.Add(c.opts.Lease / 3), nil
}

// decide asks the rules which notices may go, and then the rate limiter. A notice that must wait for room was
// not tried: it stays planned. So does one about which the rules could not tell. An error of the rate limiter
// fails the whole claim: without it nobody knows how much may go.
func (c *Sender) decide(ctx context.Context, facts []Facts, now time.Time) ([]Decision, error) {
	decisions := make([]Decision, len(facts))
	for i, f := range facts {
		v, err := c.rules.Decide(f, now)
		switch {
		case err != nil: // one notice with, say, a zone that does not exist must not stop the batch
			c.log.Warn("the rules cannot decide whether a text may go: it waits five minutes", "kind", string(f.Kind), "error", err)
			v = Decision{Action: ActionWait, Until: now.Add(pausedWait)}
		case v.Action == ActionSend && f.Channel == Voice && c.opts.Dialer == nil:
			v = Decision{Action: ActionDrop, Why: WhyNoCalls, Dropped: v.Dropped}
		}
		decisions[i] = v
	}
	if c.opts.Pace == nil {
		return decisions, nil
	}
	if err := c.opts.Pace.admit(ctx, facts, decisions, now); err != nil {
		return nil, fmt.Errorf("%w: %w", errRateUnknown, err)
	}
	return decisions, nil
}

// putOff turns ActionSend into ActionWait, if there is a wait. Reasons that are no longer true stay dropped.
func (v *Decision) putOff(wait time.Duration, now time.Time) {
	if wait > 0 {
		*v = Decision{Action: ActionWait, Until: now.Add(wait), Dropped: v.Dropped}
	}
}

// count reports what the rules have ended. What is sent or waits is counted by its reports.
func (c *Sender) count(k Kind, v Decision) {
	switch v.Action {
	case ActionDrop:
		c.opts.Ended(k, Dropped, v.Why)
	case ActionSuppress:
		c.opts.Ended(k, Suppressed, v.Why)
	}
}

// Tick drops overdue notices, ends leases that ran out, enqueues what is due, and returns how many notices
// that were. Running it twice, or on every replica at once, does no harm. It is how everything gets going
// that no job has been enqueued for: reminders, retries, look-ups, and notices whose job was lost. An error
// leaves all of it to the next tick.
func (c *Sender) Tick(ctx context.Context) (enqueued int, err error) {
	at := EnqueueRequest{
		Now: c.clock.Now(), MachineNow: c.machine.Now(), First: c.opts.Batch, Reminders: c.opts.Batch, Polls: c.opts.Poller != nil,
	}
	at.RequeueAfter = at.MachineNow.Add(c.opts.RequeueAfter)
	if c.opts.Pace != nil {
		if err := c.opts.Pace.refresh(ctx, at.Now); err != nil {
			return 0, err
		}
		// Answers and payment texts are not limited here: their tokens come first (N9).
		at.Reminders = c.opts.Pace.batch(c.opts.Batch)
	}
	n, err := c.store.EnqueueDue(ctx, at)
	if err != nil {
		return 0, fmt.Errorf("enqueue due notices: %w", err)
	}
	for _, k := range n.Dropped {
		c.opts.Ended(k, Dropped, WhyTooLate)
	}
	if n.Expired > 0 {
		c.log.Warn("senders crashed while they held notices; these are looked up at the carrier", "count", n.Expired)
	}
	return n.Due, nil
}
