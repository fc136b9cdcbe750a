package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Sender brings notices to the carrier, each once, and settles those whose create is in doubt.
// The row is the truth and a job only a nudge: the same nudge twice, late or never does no harm.
// Notices come in batches, so that the claim, the question for room and the writing of what came of
// it are paid for once a batch; each notice has a create of its own, and a batch of one is no other way.
//
// What happens if the process dies, line by line:
//
//	ClaimNotices   before its commit: nothing happened, to none of them. After it: the rows say claimed,
//	              with body and lease; nobody can tell which creates left. When the lease has run out,
//	              the tick makes them unknown and they are looked for. None is created again blindly.
//	Take          room that was taken for texts that then do not go is lost, and nothing else is.
//	SendSMS       as above, for those of the batch that were created and those that were not. The
//	              carrier's callback may come first; it carries the reference and settles the row by itself.
//	RecordReports before its commit the carrier has texts and their rows do not say so: lease, unknown, and
//	              the look-up (or a callback) finds each and adopts it. It is one transaction: all or none.
//	EndProbe      all kinds stay paused; the next probe ends that.
//	FindSMS       reads. The lease runs out and the look is made again.
//	FetchSMS      reads as well.
//	RecordNotice  a look that was not counted is made again; a refusal that was not written down
//	              becomes a look that finds nothing.
type Sender struct {
	book       NoticeStore
	texter     Texter
	rules      *Rules
	deliveries *DeliveryTracker
	clock      Clock
	machine    Clock
	rand       func(n int) int
	log        *slog.Logger
	opts       SenderOptions
}

// SenderOptions are the courier's settings.
type SenderOptions struct {
	// StatusCallback is the absolute address that the carrier tells what became of a text; the
	// notice's reference is added as the query n, which the signature covers.
	StatusCallback string
	Lease          time.Duration // how long a courier may hold a notice (machine clock); 60 s
	Pace           *Pacer        // nil: whatever may go goes at once
	Dialer         Dialer        // nil: no calls are placed
	Poller         Poller        // nil: texts of which nothing more is heard are left alone
	// Batch is how many notices may be in line at most: answers and payment texts, and reminders;
	// 30,000 each. RequeueAfter is how long a job may be on its way before it counts as lost (machine
	// clock); 30 s.
	Batch        int
	RequeueAfter time.Duration
	AtOnce       int // creates that a batch makes side by side; 8
	// Ended is told of every notice that came to a state it stays in, or goes on from to a better
	// one; for metrics.
	Ended func(k Kind, s State, why string)
}

// NewSender puts a courier together. clock is the domain's, machine is for leases; rand gives a
// number in [0, n).
func NewSender(book NoticeStore, texter Texter, rules *Rules, clock, machine Clock, rand func(n int) int, log *slog.Logger, opts SenderOptions) *Sender {
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
		book: book, texter: texter, rules: rules, deliveries: NewDeliveryTracker(book, clock, log, opts.Ended),
		clock: clock, machine: machine, rand: rand, log: log, opts: opts,
	}
}

// Send brings notices as far as they go now, as one batch. What there is nothing to do for is left.
func (c *Sender) Send(ctx context.Context, ids ...int64) error {
	claims, until, err := c.take(ctx, ids)
	if err == nil {
		return c.carry(ctx, claims, until)
	}
	if len(ids) == 1 || errors.Is(err, errNoRoomKnown) {
		return err
	}
	// One notice may be in the way of the others: each for itself. If none of the first gets on, the
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

// errNoRoomKnown: nobody could tell whether there is room, for any text.
var errNoRoomKnown = errors.New("notify: whether there is room is not known")

// take claims what of a batch may go now. Creates must begin until the instant that it gives (machine
// clock): before another courier may take them for dead.
func (c *Sender) take(ctx context.Context, ids []int64) (claims []ClaimedNotice, until time.Time, err error) {
	machineNow := c.machine.Now()
	at := ClaimTime{Now: c.clock.Now(), MachineNow: machineNow, LeaseUntil: machineNow.Add(c.opts.Lease)}
	if c.opts.Pace != nil {
		if err := c.opts.Pace.refresh(ctx, at.Now); err != nil {
			return nil, until, err
		}
	}
	var ended []func()
	claims, err = c.book.ClaimNotices(ctx, ids, at, func(facts []Facts) ([]Decision, error) {
		verdicts, err := c.decide(ctx, facts, at.Now)
		for i, v := range verdicts {
			ended = append(ended, func() { c.count(facts[i].Kind, v) })
		}
		return verdicts, err
	})
	if err != nil {
		return nil, until, fmt.Errorf("take notices: %w", err)
	}
	for _, count := range ended {
		count()
	}
	return claims, machineNow.Add(c.opts.Lease / 3), nil
}

// decide asks the rules which notices may go, and then whether there is room for them. One that must
// wait for room was not tried: it stays planned. So does one about which the rules could not tell.
func (c *Sender) decide(ctx context.Context, facts []Facts, now time.Time) ([]Decision, error) {
	verdicts := make([]Decision, len(facts))
	for i, f := range facts {
		v, err := c.rules.Decide(f, now)
		switch {
		case err != nil:
			c.log.Warn("it cannot be told whether a text may go: it waits", "kind", string(f.Kind), "error", err)
			v = Decision{Action: ActionWait, Until: now.Add(pausedWait)}
		case v.Action == ActionSend && f.Channel == Voice && c.opts.Dialer == nil:
			v = Decision{Action: ActionDrop, Why: WhyNoCalls, Dropped: v.Dropped}
		}
		verdicts[i] = v
	}
	if c.opts.Pace == nil {
		return verdicts, nil
	}
	if err := c.opts.Pace.admit(ctx, facts, verdicts, now); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoRoomKnown, err)
	}
	return verdicts, nil
}

// putOff makes what may go wait, if there is a wait.
func (v *Decision) putOff(wait time.Duration, now time.Time) {
	if wait > 0 {
		*v = Decision{Action: ActionWait, Until: now.Add(wait), Dropped: v.Dropped}
	}
}

// count tells of what the rules have ended.
func (c *Sender) count(k Kind, v Decision) {
	switch v.Action {
	case ActionDrop:
		c.opts.Ended(k, Dropped, v.Why)
	case ActionSuppress:
		c.opts.Ended(k, Suppressed, v.Why)
	}
}

// Tick ends what is overdue, gives up leases that ran out and nudges what is due. Running it twice,
// or on every replica at once, does no harm.
func (c *Sender) Tick(ctx context.Context) (nudged int, err error) {
	at := EnqueueRequest{
		Now: c.clock.Now(), MachineNow: c.machine.Now(), First: c.opts.Batch, Reminders: c.opts.Batch, Polls: c.opts.Poller != nil,
	}
	at.RequeueAfter = at.MachineNow.Add(c.opts.RequeueAfter)
	if c.opts.Pace != nil {
		if err := c.opts.Pace.refresh(ctx, at.Now); err != nil {
			return 0, err
		}
		at.Reminders = c.opts.Pace.batch(c.opts.Batch)
	}
	n, err := c.book.EnqueueDue(ctx, at)
	if err != nil {
		return 0, fmt.Errorf("nudge due notices: %w", err)
	}
	for _, k := range n.Dropped {
		c.opts.Ended(k, Dropped, WhyTooLate)
	}
	if n.Expired > 0 {
		c.log.Warn("couriers died with notices in their hands; these are looked for", "count", n.Expired)
	}
	return n.Due, nil
}
