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

// carry does for each claim of a batch what its state asks for, some side by side, and writes what the
// carrier has taken all at once. What follows a request is written even when ctx has ended meanwhile:
// then more than ever.
func (c *Sender) carry(ctx context.Context, claims []ClaimedNotice, until time.Time) error {
	reports, failed := make([]*DeliveryReport, len(claims)), make([]error, len(claims))
	each(len(claims), c.opts.AtOnce, func(i int) { reports[i], failed[i] = c.one(ctx, claims[i], until) })
	var list []DeliveryReport
	probe := false
	for i, r := range reports {
		if r != nil {
			list, probe = append(list, *r), probe || claims[i].Probe
		}
	}
	after, cancel := afterwards(ctx)
	defer cancel()
	_, err := c.deliveries.report(after, list...)
	if probe && err == nil {
		c.log.Info("the carrier takes our texts again: everything goes on")
		err = c.book.EndProbe(after)
	}
	return errors.Join(append(failed, err)...)
}

// afterwards is the time that is left to write what a request has come to.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

// one makes the one request that a claim asks for. A report is what the carrier has, still to be written;
// everything else it has written itself.
func (c *Sender) one(ctx context.Context, claim ClaimedNotice, until time.Time) (*DeliveryReport, error) {
	switch {
	case claim.State == Unknown:
		return c.look(ctx, claim)
	case claim.State == Accepted, claim.State == Sent:
		return nil, c.poll(ctx, claim)
	case ctx.Err() != nil, c.machine.Now().After(until):
		return nil, c.giveBack(ctx, claim)
	case claim.Channel == Voice:
		return c.dial(ctx, claim)
	}
	return c.create(ctx, claim)
}

// each does f for every number below n, so many at once. A panic of one is the caller's, like any other:
// it must not end the process, which has other work in hand.
func each(n, atOnce int, f func(i int)) {
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

// giveBack puts a claim back whose create has not begun: it did not leave, and does not count.
func (c *Sender) giveBack(ctx context.Context, claim ClaimedNotice) error {
	after, cancel := afterwards(ctx)
	defer cancel()
	now := c.clock.Now()
	return c.record(after, claim, SendResult{State: Planned, NotSent: true, RetryAt: now, Why: "its batch took too long"}, now)
}

// create makes the one request.
func (c *Sender) create(ctx context.Context, claim ClaimedNotice) (*DeliveryReport, error) {
	sid, status, err := c.texter.SendSMS(ctx, claim.Number, claim.Body, c.callback(claim.Reference))
	if err != nil {
		return nil, c.notSent(ctx, claim, sendError(err))
	}
	return accepted(claim, sid, status, 0, ""), nil
}

func (c *Sender) callback(reference string) string {
	return c.opts.StatusCallback + "?n=" + url.QueryEscape(reference)
}

// accepted says that the carrier has the text. It goes the way of a callback and not through the fence:
// whoever learns of a text that exists must be able to say so.
func accepted(claim ClaimedNotice, sid, status string, code int, t Trouble) *DeliveryReport {
	state, known := stateOf(status)
	if !known {
		state = Accepted
	}
	return &DeliveryReport{Reference: claim.Reference, SID: sid, State: state, Code: code, Trouble: t}
}

// notSent writes what a failed create proves.
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
		c.log.Error("our account or sender at the carrier is at fault: texts wait", "kind", string(claim.Kind), "code", e.Code)
		r.State, r.NotSent, r.RetryAt, r.Why = Planned, true, now.Add(c.backoff(claim.Waits)), "our account is at fault"
	default:
		c.log.Warn("the carrier gave no answer to a create", "kind", string(claim.Kind), "notice", claim.ID)
		r.State, r.RetryAt = Unknown, claim.TriedAt.Add(lookAfter[0])
	}
	return c.record(after, claim, r, now)
}

// backoff doubles from 1 s to 5 minutes, half of it by chance, so that couriers do not come back
// together.
func (c *Sender) backoff(waits int) time.Duration {
	whole := min(time.Second<<min(waits, 10), 5*time.Minute)
	return whole/2 + time.Duration(c.rand(int(whole/time.Millisecond/2)+1))*time.Millisecond
}

func (c *Sender) record(ctx context.Context, claim ClaimedNotice, r SendResult, now time.Time) error {
	err := c.book.RecordNotice(ctx, claim, r, now)
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
