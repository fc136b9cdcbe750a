package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// Courier brings notices to the carrier, each once, and settles those whose create is in doubt.
// The row is the truth and a job only a nudge: the same nudge twice, late or never does no harm.
//
// What happens if the process dies, line by line:
//
//	TakeNotice    before its commit: nothing happened. After it: the row says claimed, with body and
//	              lease; nobody can tell whether a create left. When the lease has run out, the tick
//	              makes it unknown and it is looked for. It is never created again blindly.
//	Take          room that was taken for a text that then does not go is lost, and nothing else is.
//	SendSMS       as above. The carrier's callback may come first; it carries the reference and
//	              settles the row by itself.
//	ReportNotice  the carrier has the text and the row does not say so: lease, unknown, and the
//	              look-up (or a callback) finds the text and adopts it.
//	EndProbe      all kinds stay paused; the next probe ends that.
//	FindSMS       reads. The lease runs out and the look is made again.
//	FetchSMS      reads as well.
//	RecordNotice  a look that was not counted is made again; a refusal that was not written down
//	              becomes a look that finds nothing.
type Courier struct {
	book       Book
	texter     Texter
	rules      *Rules
	deliveries *Deliveries
	clock      Clock
	machine    Clock
	rand       func(n int) int
	log        *slog.Logger
	opts       CourierOptions
}

// CourierOptions are the courier's settings.
type CourierOptions struct {
	// StatusCallback is the absolute address that the carrier tells what became of a text; the
	// notice's reference is added as the query n, which the signature covers.
	StatusCallback string
	Lease          time.Duration // how long a courier may hold a notice (machine clock); 60 s
	Pace           *Pacer        // nil: whatever may go goes at once
	Dialer         Dialer        // nil: no calls are placed
	Poller         Poller        // nil: texts of which nothing more is heard are left alone
	// Batch is how many notices one tick puts in line at most: answers and payment texts, and
	// reminders; 10,000 each. NudgeFor is how long a job may be on its way before it counts as lost
	// (machine clock); 10 s.
	Batch    int
	NudgeFor time.Duration
	// Ended is told of every notice that came to a state it stays in, or goes on from to a better
	// one; for metrics.
	Ended func(k Kind, s State, why string)
}

// NewCourier puts a courier together. clock is the domain's, machine is for leases; rand gives a
// number in [0, n).
func NewCourier(book Book, texter Texter, rules *Rules, clock, machine Clock, rand func(n int) int, log *slog.Logger, opts CourierOptions) *Courier {
	if opts.Lease == 0 {
		opts.Lease = time.Minute
	}
	if opts.Batch == 0 {
		opts.Batch = 10_000
	}
	if opts.NudgeFor == 0 {
		opts.NudgeFor = 10 * time.Second
	}
	if opts.Ended == nil {
		opts.Ended = func(Kind, State, string) {}
	}
	return &Courier{
		book: book, texter: texter, rules: rules, deliveries: NewDeliveries(book, clock, log, opts.Ended),
		clock: clock, machine: machine, rand: rand, log: log, opts: opts,
	}
}

// Send brings one notice as far as it goes now. It returns nil when there is nothing to do.
func (c *Courier) Send(ctx context.Context, id int64) error {
	machineNow := c.machine.Now()
	at := Moment{Now: c.clock.Now(), MachineNow: machineNow, LeaseUntil: machineNow.Add(c.opts.Lease)}
	if c.opts.Pace != nil {
		if err := c.opts.Pace.refresh(ctx, at.Now); err != nil {
			return err
		}
	}
	var kind Kind
	var verdict Verdict
	claim, err := c.book.TakeNotice(ctx, id, at, func(f Facts) (v Verdict, err error) {
		kind = f.Kind
		verdict, err = c.decide(ctx, f, at.Now)
		return verdict, err
	})
	switch {
	case errors.Is(err, ErrNothingToDo):
		c.count(kind, verdict)
		return nil
	case err != nil:
		return fmt.Errorf("take notice: %w", err)
	case claim.State == Unsure:
		return c.look(ctx, claim)
	case claim.State == Accepted, claim.State == Sent:
		return c.poll(ctx, claim)
	case claim.Channel == Voice:
		return c.dial(ctx, claim)
	}
	return c.create(ctx, claim)
}

// decide asks the rules whether a notice may go, and then whether there is room for it. One that must
// wait for room was not tried: it stays planned.
func (c *Courier) decide(ctx context.Context, f Facts, now time.Time) (Verdict, error) {
	v, err := c.rules.Decide(f, now)
	switch {
	case err != nil || v.Do != DoSend:
		return v, err
	case f.Channel == Voice && c.opts.Dialer == nil:
		return Verdict{Do: DoDrop, Why: WhyNoCalls, Untrue: v.Untrue}, nil
	case c.opts.Pace == nil:
		return v, nil
	}
	wait, err := c.opts.Pace.admit(ctx, f, v.Body, now)
	if err != nil {
		return Verdict{}, err
	}
	if wait > 0 {
		return Verdict{Do: DoWait, Until: now.Add(wait), Untrue: v.Untrue}, nil
	}
	return v, nil
}

// count tells of what the rules have ended.
func (c *Courier) count(k Kind, v Verdict) {
	switch v.Do {
	case DoDrop:
		c.opts.Ended(k, Dropped, v.Why)
	case DoSuppress:
		c.opts.Ended(k, Suppressed, v.Why)
	}
}

// create makes the one request. What follows is written even when ctx has ended meanwhile: then
// more than ever.
func (c *Courier) create(ctx context.Context, claim Claim) error {
	sid, status, err := c.texter.SendSMS(ctx, claim.Number, claim.Body, c.callback(claim.Reference))
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err != nil {
		return c.notSent(after, claim, sendError(err))
	}
	err = c.accepted(after, claim, sid, status, 0, "")
	if claim.Probe && err == nil {
		c.log.Info("the carrier takes our texts again: everything goes on")
		err = c.book.EndProbe(after)
	}
	return err
}

func (c *Courier) callback(reference string) string {
	return c.opts.StatusCallback + "?n=" + url.QueryEscape(reference)
}

// accepted writes that the carrier has the text. It goes the way of a callback and not through the
// fence: whoever learns of a text that exists must be able to say so.
func (c *Courier) accepted(ctx context.Context, claim Claim, sid, status string, code int, t Trouble) error {
	state, known := stateOf(status)
	if !known {
		state = Accepted
	}
	return c.deliveries.report(ctx, Report{Reference: claim.Reference, SID: sid, State: state, Code: code, Trouble: t})
}

// notSent writes what a failed create proves.
func (c *Courier) notSent(ctx context.Context, claim Claim, e *SendError) error {
	now := c.clock.Now()
	r := Result{Code: e.Code, Trouble: e.Trouble}
	switch {
	case e.Kind == RateLimited, e.Kind == Refused && e.Trouble == TryLater: // 21611: the sender's queue is full for hours
		r.State, r.NotSent, r.Again, r.Why = Planned, true, now.Add(c.backoff(claim.Waits)), "the carrier asks to wait"
	case e.Kind == Refused, e.Kind == AccountFault && abroad[e.Code]:
		r.State, r.Why = Failed, "refused: "+string(e.Trouble)
		if e.Trouble == OptedOut {
			r.State, r.Why = Suppressed, WhyOptedOut
		}
		c.deliveries.alarm(claim.Kind, e.Code, e.Trouble)
	case e.Kind == AccountFault:
		c.log.Error("our account or sender at the carrier is at fault: texts wait", "kind", string(claim.Kind), "code", e.Code)
		r.State, r.NotSent, r.Again, r.Why = Planned, true, now.Add(c.backoff(claim.Waits)), "our account is at fault"
	default:
		c.log.Warn("the carrier gave no answer to a create", "kind", string(claim.Kind), "notice", claim.ID)
		r.State, r.Again = Unsure, claim.TriedAt.Add(lookAfter[0])
	}
	return c.record(ctx, claim, r, now)
}

// backoff doubles from 1 s to 5 minutes, half of it by chance, so that couriers do not come back
// together.
func (c *Courier) backoff(waits int) time.Duration {
	whole := min(time.Second<<min(waits, 10), 5*time.Minute)
	return whole/2 + time.Duration(c.rand(int(whole/time.Millisecond/2)+1))*time.Millisecond
}

func (c *Courier) record(ctx context.Context, claim Claim, r Result, now time.Time) error {
	err := c.book.RecordNotice(ctx, claim, r, now)
	if errors.Is(err, ErrOvertaken) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("record notice: %w", err)
	}
	if r.State == Failed || r.State == Suppressed {
		c.opts.Ended(claim.Kind, r.State, r.Why)
	}
	return nil
}

// Tick ends what is overdue, gives up leases that ran out and nudges what is due. Running it twice,
// or on every replica at once, does no harm.
func (c *Courier) Tick(ctx context.Context) (nudged int, err error) {
	at := Nudge{
		Now: c.clock.Now(), MachineNow: c.machine.Now(), First: c.opts.Batch, Reminders: c.opts.Batch, Polls: c.opts.Poller != nil,
	}
	at.Again = at.MachineNow.Add(c.opts.NudgeFor)
	if c.opts.Pace != nil {
		if err := c.opts.Pace.refresh(ctx, at.Now); err != nil {
			return 0, err
		}
		at.Reminders = c.opts.Pace.batch(c.opts.Batch)
	}
	n, err := c.book.NudgeNotices(ctx, at)
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
