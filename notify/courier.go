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
//	SendSMS       as above. The carrier's callback may come first; it carries the reference and
//	              settles the row by itself.
//	ReportNotice  the carrier has the text and the row does not say so: lease, unknown, and the
//	              look-up (or a callback) finds the text and adopts it.
//	FindSMS       reads. The lease runs out and the look is made again.
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
	var kind Kind
	var verdict Verdict
	claim, err := c.book.TakeNotice(ctx, id, at, func(f Facts) (v Verdict, err error) {
		kind = f.Kind
		verdict, err = c.rules.Decide(f, at.Now)
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
	}
	return c.create(ctx, claim)
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
	return c.accepted(after, claim, sid, status, 0, "")
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
	case e.Kind == Refused:
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
	n, err := c.book.NudgeNotices(ctx, c.clock.Now(), c.machine.Now())
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
