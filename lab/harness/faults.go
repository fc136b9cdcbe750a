package harness

import (
	"context"
	"fmt"

	"duebell/lab/processor"
	"duebell/lab/twilio"
)

// SetProcessor breaks the processor by a script's words, or mends it: declines, slow 20s, down …
func (w *World) SetProcessor(words string) error {
	p := w.Processor()
	if p == nil {
		return errNotOurs
	}
	if err := p.SetFault(words); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.procFault = ""
	if words != "up" {
		w.procFault = words
	}
	return nil
}

// Events says how the processor's events reach the line: normal, twice, reversed or withheld.
func (w *World) Events(how string) error {
	if w.Processor() == nil {
		return errNotOurs
	}
	return w.Processor().SetDelivery(processor.Delivery(how))
}

var errNotOurs = fmt.Errorf("this world talks to somebody else's stand-in, which it cannot break")

// SetTwilio puts one of Twilio's ways to misbehave in force.
func (w *World) SetTwilio(mode string) error {
	t := w.Twilio()
	if t == nil {
		return errNotOurs
	}
	if err := t.SetMode(twilio.Mode(mode)); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if mode == string(twilio.ModeNormal) {
		clear(w.modes)
		return nil
	}
	w.modes[mode] = true
	return nil
}

// RedisEmpty forgets everything in Redis.
func (w *World) RedisEmpty(ctx context.Context) error {
	w.act(ctx, "redis-empty")
	return w.cache.client.FlushDB(ctx).Err()
}

// RedisDown cuts Redis off until RedisUp.
func (w *World) RedisDown(ctx context.Context) {
	w.act(ctx, "redis-down")
	w.mu.Lock()
	w.redisDown = true
	w.mu.Unlock()
	w.cache.proxy.Down()
}

// RedisUp puts Redis back.
func (w *World) RedisUp() {
	w.cache.proxy.Up()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.redisDown = false
}

// DatabaseDown cuts the database off from every role until DatabaseUp.
func (w *World) DatabaseDown(ctx context.Context) {
	w.act(ctx, "database-down")
	w.mu.Lock()
	w.dbDown = true
	w.mu.Unlock()
	w.database.Down()
	w.worksIn().base.Down()
}

// DatabaseUp puts the database back, and looks at what was said meanwhile.
func (w *World) DatabaseUp() {
	w.database.Up()
	w.worksIn().base.Up()
	w.mu.Lock()
	w.dbDown = false
	w.mu.Unlock()
}

// Roles whose COMMIT can be answered into the void.
const (
	OfServe = "serve"
	OfWork  = "work"
)

// DropNextCommitReply lets the next COMMIT of serve, or of work on a payment, happen and loses its
// reply.
func (w *World) DropNextCommitReply(ctx context.Context, role string) {
	var lost <-chan struct{}
	if role == OfWork {
		lost = w.worksIn().base.DropNextCommitReply("payment_attempts")
	} else {
		lost = w.database.DropNextCommitReply()
	}
	go func() { // it acts later, or never: the record knows which
		select {
		case <-lost:
		case <-w.over:
			return
		}
		at := Charged // work commits in order to record
		if role != OfWork {
			at = w.phase(context.WithoutCancel(ctx))
		}
		w.passed.add(faultItem("drops-next-commit-reply", at))
	}()
}

// Agent says what becomes of a call to a person: one accepts by the whisper's key, declines by another,
// answers and presses nothing, or is not reached.
func (w *World) Agent(does string) error {
	t := w.Twilio()
	if t == nil {
		return errNotOurs
	}
	plan, known := map[string]twilio.AgentPlan{
		"accepts": {Keys: []string{"1"}}, "declines": {Keys: []string{"2", "2"}}, "answered": {},
		"busy": {Outcome: "busy"}, "no-answer": {Outcome: "no-answer"}, "failed": {Outcome: "failed"}, "canceled": {Outcome: "canceled"},
	}[does]
	if !known {
		return fmt.Errorf("no agent can be %q", does)
	}
	t.SetAgent(plan)
	return nil
}
