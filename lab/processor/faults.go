package processor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The words that break the processor. All of them stand until another word is set; with
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
	hold time.Duration
	all  bool // slow: every answer, not those to confirms alone
	once bool
}

// SetFault breaks the processor in the way a word says (see the words above), or mends it
// with "up". Answers that are being held stay held.
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

// parseFault reads a word and what follows it.
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
	case up, declines, down, chargesThenDrops, dropsCreateReply, fiveHundreds, chargesThen500s, wantsVerification, tooMany:
	default:
		return fault{}, unknown
	}
	if len(rest) > 0 {
		return fault{}, unknown
	}
	return f, nil
}

// faultApplies says whether the fault of that word breaks this request, and uses a one-shot up.
// The lock is held.
func (p *Processor) faultApplies(word string) bool {
	if p.fault.word != word {
		return false
	}
	if p.fault.once {
		p.fault = fault{word: up}
	}
	return true
}

// holdTime returns how long the answer to op is held. The lock is held.
func (p *Processor) holdTime(op operation) time.Duration {
	if p.fault.word != slow || (op != confirmIntent && !p.fault.all) {
		return 0
	}
	d := p.fault.hold
	p.faultApplies(slow)
	return d
}

// heldAnswer is one answer that is held back until the clock has moved far enough.
type heldAnswer struct {
	until   time.Time
	release chan struct{} // closed when the clock has moved far enough
	written chan struct{} // closed when the answer is out
}

// hold keeps the caller until the clock has passed until, the client has gone, or the
// processor is closed; it says whether there is still somebody to answer.
func (p *Processor) hold(ctx context.Context, w *heldAnswer) bool {
	select {
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

// Held is the number of requests whose answer is being held by "slow".
func (p *Processor) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held)
}

// Close lets go of every held request without an answer, and of those to come.
func (p *Processor) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for w := range p.held {
		close(w.release)
		delete(p.held, w)
	}
}

// releaseHeld lets out the answers whose time has come, and waits until they are written.
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
