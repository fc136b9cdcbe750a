package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// process makes for each claim of a batch the request that its state asks for, some in parallel, and writes
// the carrier's answers all at once. The result of a request is written even when ctx has ended meanwhile: a
// shutdown must not leave texts in doubt. The errors of single requests are joined, and none keeps the others
// from being written.
func (c *Sender) process(ctx context.Context, claims []ClaimedNotice, until time.Time) error {
	reports, failed := make([]*DeliveryReport, len(claims)), make([]error, len(claims))
	inParallel(len(claims), c.opts.AtOnce, func(i int) { reports[i], failed[i] = c.request(ctx, claims[i], until) })
	var list []DeliveryReport
	probe := false
	for i, r := range reports {
		if r != nil {
			list, probe = append(list, *r), probe || claims[i].Probe
		}
	}
	// A crash before this transaction commits leaves texts at the carrier that our rows do not know of: their
	// leases run out, and the look-up or a callback finds them.
	after, cancel := afterwards(ctx)
	defer cancel()
	_, err := c.deliveries.report(after, list...)
	if probe && err == nil {
		c.log.Info("the carrier takes our texts again: all kinds are resumed")
		err = c.store.EndProbe(after)
	}
	return errors.Join(append(failed, err)...)
}

// afterwards returns a context with time to write the result of a request, whatever became of ctx. Ten
// seconds of the machine's clock. It keeps the values of ctx, and its end is the caller's to call.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

// request makes the one request that a claim asks for. It returns what the carrier has as a report, still to
// be written; every other result it has written itself. Waits for the carrier happen here, outside any
// transaction.
func (c *Sender) request(ctx context.Context, claim ClaimedNotice, until time.Time) (*DeliveryReport, error) {
	switch {
	case claim.State == Unknown:
		return c.lookUp(ctx, claim)
	case claim.State == Accepted, claim.State == Sent:
		return nil, c.poll(ctx, claim)
	// From here on a create would leave. It must not when the process stops or the lease is nearly over:
	// another sender would look it up before the carrier lists it.
	case ctx.Err() != nil, c.machine.Now().After(until):
		return nil, c.giveBack(ctx, claim)
	case claim.Channel == Voice:
		return c.dial(ctx, claim)
	}
	return c.create(ctx, claim)
}

// inParallel calls f for every number below n, atOnce at a time. A panic in f is raised again in the caller's
// goroutine: only there does something recover it, and other work of the process goes on. It returns when all
// calls have returned. With atOnce 1, or one call, it uses no goroutine.
func inParallel(n, atOnce int, f func(i int)) {
	if atOnce = min(atOnce, n); atOnce <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var all sync.WaitGroup
	panics := make(chan any, atOnce)
	for range atOnce {
		all.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					panics <- r
				}
			}()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
	select {
	case r := <-panics:
		panic(r)
	default:
	}
}

// giveBack returns a claim whose create has not begun to the planned ones: it did not leave, and does not
// count. It may be claimed again at once.
func (c *Sender) giveBack(ctx context.Context, claim ClaimedNotice) error {
	after, cancel := afterwards(ctx)
	defer cancel()
	now := c.clock.Now()
	return c.record(after, claim, SendResult{State: Planned, NotSent: true, RetryAt: now, Why: "its batch took too long"}, now)
}

// create asks the carrier for one text. The create is not idempotent: a lost answer is never followed by a
// second create before a look-up (N11: unsure, settle it first). Number and words are those of the claim:
// what changes in the meantime is no longer asked about (N2 was asked in the claim).
func (c *Sender) create(ctx context.Context, claim ClaimedNotice) (*DeliveryReport, error) {
	sid, status, err := c.texter.SendSMS(ctx, claim.Number, claim.Body, c.callback(claim.Reference))
	if err != nil {
		return nil, c.notSent(ctx, claim, sendError(err))
	}
	return accepted(claim, sid, status, 0, ""), nil
}

// callback returns the status-callback URL of a notice. The reference is opaque; the words and the number
// stand in no address.
func (c *Sender) callback(reference string) string {
	return c.opts.StatusCallback + "?n=" + url.QueryEscape(reference)
}

// accepted returns the report that the carrier has the text. Reports pass no fence: whoever learns that a
// text exists must be able to record it. Failed and undelivered statuses come this way too: the text exists,
// and did not arrive.
func accepted(claim ClaimedNotice, sid, status string, code int, t Trouble) *DeliveryReport {
	state, known := stateOf(status)
	if !known { // a new status of the carrier: it has the text in any case
		state = Accepted
	}
	return &DeliveryReport{Reference: claim.Reference, SID: sid, State: state, Code: code, Trouble: t}
}

// notSent writes what a failed create proves: to try again, refused for good, or in doubt. Only what proves
// that nothing was sent leads back to Planned. A refusal of a number abroad fails that text alone, not the
// account (abroad).
func (c *Sender) notSent(ctx context.Context, claim ClaimedNotice, e *SendError) error {
	after, cancel := afterwards(ctx)
	defer cancel()
	now := c.clock.Now()
	r := SendResult{Code: e.Code, Trouble: e.Trouble}
	switch {
	case e.Kind == SendRateLimited, e.Kind == SendRefused && e.Trouble == TryLater: // 21611: the sender's queue is full for hours
		r.State, r.NotSent, r.RetryAt, r.Why = Planned, true, now.Add(c.backoff(claim.Waits)), "the carrier asks to wait"
	case e.Kind == SendRefused, e.Kind == SendAccountFault && abroad[e.Code]:
		r.State, r.Why = Failed, "refused: "+string(e.Trouble)
		if e.Trouble == OptedOut {
			r.State, r.Why = Suppressed, WhyOptedOut
		}
		c.deliveries.alarm(claim.Kind, e.Code, e.Trouble)
	case e.Kind == SendAccountFault:
		c.log.Error("our account or sender at the carrier is at fault: texts wait; see the carrier's console", "kind", string(claim.Kind), "code", e.Code)
		r.State, r.NotSent, r.RetryAt, r.Why = Planned, true, now.Add(c.backoff(claim.Waits)), "our account is at fault"
	default: // a time-out, a lost reply, a 5xx, or an error that we do not know: the text may have gone
		c.log.Warn("the carrier did not answer a create: it will be looked up", "kind", string(claim.Kind), "notice", claim.ID)
		r.State, r.RetryAt = Unknown, claim.TriedAt.Add(lookUpAfter[0])
	}
	return c.record(after, claim, r, now)
}

// backoff returns a wait that doubles from 1 s to 5 minutes, half of it by chance, so that senders do not
// come back together. waits counts the times before. It is a wait of the domain's clock.
func (c *Sender) backoff(waits int) time.Duration {
	whole := min(time.Second<<min(waits, 10), 5*time.Minute)
	return whole/2 + time.Duration(c.rand(int(whole/time.Millisecond/2)+1))*time.Millisecond
}

// record writes the result of a claim. A result that comes too late is no error: who overtook it knows more.
// Only an end is counted here; notices that wait, or are looked up, end later.
func (c *Sender) record(ctx context.Context, claim ClaimedNotice, r SendResult, now time.Time) error {
	err := c.store.RecordNotice(ctx, claim, r, now)
	if errors.Is(err, ErrSuperseded) {
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
