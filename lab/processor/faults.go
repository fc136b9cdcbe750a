package processor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The words that break the processor. All of them stay in force until another word is set; with
// " once" behind it a word breaks one request and is gone.
const (
	// up: nothing is broken.
	up = "up"
	// declines: every confirm is declined.
	declines = "declines"
	// slow 20s: a confirm is carried out, but its answer is held until the clock has moved
	// that far. "slow 20s all" holds every answer.
	slow = "slow"
	// down: the connection is closed before anything is done.
	down = "down"
	// charges-then-drops-the-reply: a confirm is carried out, its answer breaks off.
	chargesThenDrops = "charges-then-drops-the-reply"
	// drops-create-reply: the first answer to a create under each key breaks off; the same
	// key again is answered.
	dropsCreateReply = "drops-create-reply"
	// 500s: nothing is done and a 500 is stored under the key.
	fiveHundreds = "500s"
	// charges-then-500s: a confirm is carried out, and a 500 is stored under the key.
	chargesThen500s = "charges-then-500s"
	// wants-verification: the bank wants hand-keyed accounts verified first.
	wantsVerification = "wants-verification"
	// too-many: 429, nothing is done or stored.
	tooMany = "too-many"
)

// fault is the word in force, with what follows it.
type fault struct {
	word string
	// With slow: how long an answer is held, by the domain clock.
	hold time.Duration
	// With slow: every answer, not those to confirms alone.
	all bool
	// It is gone after the first request that it broke.
	once bool
}

// SetFault breaks the processor in the way a word says (see the words above), or mends it with "up". It
// replaces the word in force. Answers that are being held stay held. Words that are not understood are an
// error and change nothing.
func (p *Processor) SetFault(words string) error {
	f, err := parseFault(words)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	return nil
}

// parseFault reads a word and what follows it: "slow 20s all once", "down", "declines once".
func parseFault(words string) (fault, error) {
	unknown := fmt.Errorf("processor: no such fault: %q", words)
	parts := strings.Fields(words)
	if len(parts) == 0 {
		return fault{}, unknown
	}
	f := fault{word: parts[0]}
	rest := parts[1:]
	if len(rest) > 0 && rest[len(rest)-1] == "once" {
		f.once, rest = true, rest[:len(rest)-1]
	}
	switch f.word {
	case slow:
		if len(rest) == 0 {
			return fault{}, unknown
		}
		d, err := time.ParseDuration(rest[0])
		if err != nil || d <= 0 {
			return fault{}, unknown
		}
		f.hold, rest = d, rest[1:]
		if len(rest) == 1 && rest[0] == "all" {
			f.all, rest = true, nil
		}
	// The words without anything after them.
	case up, declines, down, chargesThenDrops, dropsCreateReply, fiveHundreds, chargesThen500s, wantsVerification, tooMany:
	default:
		return fault{}, unknown
	}
	// Anything left over is a mistake of whoever wrote the words.
	if len(rest) > 0 {
		return fault{}, unknown
	}
	return f, nil
}

// faultApplies says whether the fault of that word breaks this request, and uses a one-shot up: so it is
// asked only where the fault really acts. The lock is held.
func (p *Processor) faultApplies(word string) bool {
	if p.fault.word != word {
		return false
	}
	if p.fault.once {
		p.fault = fault{word: up}
	}
	return true
}

// holdTime returns how long the answer to op is held; 0 for not at all. The lock is held.
func (p *Processor) holdTime(op operation) time.Duration {
	if p.fault.word != slow || (op != confirmIntent && !p.fault.all) {
		return 0
	}
	// Read before the fault is used up, which clears it.
	d := p.fault.hold
	p.faultApplies(slow)
	return d
}

// heldAnswer is one answer that is held back until the clock has moved far enough. What was asked is done
// already.
type heldAnswer struct {
	until time.Time
	// Closed when the clock has moved far enough, or the processor is closed; once, by whoever takes it out
	// of held.
	release chan struct{}
	// Closed when the answer is out, or will never be.
	written chan struct{}
}

// hold keeps the request's goroutine until the clock has passed until, the client has gone, or the processor
// is closed; it says whether there is still somebody to answer.
func (p *Processor) hold(ctx context.Context, w *heldAnswer) bool {
	select {
	// Released by the clock or by Close; closed tells which.
	case <-w.release:
		p.mu.Lock()
		defer p.mu.Unlock()
		return !p.closed
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.held, w)
		return false
	}
}

// Held returns the number of requests whose answer is being held by "slow": a script waits for it before it
// moves the clock.
func (p *Processor) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held)
}

// Close lets go of every held request without an answer, and of those to come. The clients see their
// connection cut.
func (p *Processor) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for w := range p.held {
		close(w.release)
		delete(p.held, w)
	}
}

// releaseHeld lets out the answers whose time has come, and waits until they are written, so that after
// Advance the product has them. The error is the context's.
func (p *Processor) releaseHeld(ctx context.Context, now time.Time) error {
	p.mu.Lock()
	var out []*heldAnswer
	for w := range p.held {
		if !w.until.After(now) {
			close(w.release)
			delete(p.held, w)
			out = append(out, w)
		}
	}
	p.mu.Unlock()
	for _, w := range out {
		select {
		case <-w.written:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
