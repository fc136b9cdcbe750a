package harness

import (
	"context"
	"fmt"

	"duebell/lab/processor"
	"duebell/lab/twilio"
)

// SetProcessor breaks the processor by a script's words, or mends it: declines, slow 20s, down …
func (h *Harness) SetProcessor(words string) error {
	p := h.Processor()
	if p == nil {
		return errExternal
	}
	if err := p.SetFault(words); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.procFault = ""
	if words != "up" {
		h.procFault = words
	}
	return nil
}

// SetEventDelivery says how the processor's events reach the line: normal, twice, reversed or withheld.
func (h *Harness) SetEventDelivery(how string) error {
	if h.Processor() == nil {
		return errExternal
	}
	return h.Processor().SetDelivery(processor.Delivery(how))
}

var errExternal = fmt.Errorf("this harness talks to somebody else's stand-in, which it cannot break")

// SetTwilio puts one of Twilio's ways to misbehave in force.
func (h *Harness) SetTwilio(mode string) error {
	t := h.Twilio()
	if t == nil {
		return errExternal
	}
	if err := t.SetMode(twilio.Mode(mode)); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if mode == string(twilio.ModeNormal) {
		clear(h.modes)
		return nil
	}
	h.modes[mode] = true
	return nil
}

// RedisEmpty forgets everything in Redis.
func (h *Harness) RedisEmpty(ctx context.Context) error {
	h.recordFault(ctx, "redis-empty")
	return h.redis.client.FlushDB(ctx).Err()
}

// RedisDown cuts Redis off until RedisUp.
func (h *Harness) RedisDown(ctx context.Context) {
	h.recordFault(ctx, "redis-down")
	h.mu.Lock()
	h.redisDown = true
	h.mu.Unlock()
	h.redis.proxy.Down()
}

// RedisUp puts Redis back.
func (h *Harness) RedisUp() {
	h.redis.proxy.Up()
	h.mu.Lock()
	wasDown := h.redisDown
	h.redisDown = false
	h.mu.Unlock()
	if wasDown {
		h.machine.expire(h.cfg.Timing.Lease) // of a turn whose end Redis never heard
	}
}

// DatabaseDown cuts the database off from every role until DatabaseUp.
func (h *Harness) DatabaseDown(ctx context.Context) {
	h.recordFault(ctx, "database-down")
	h.mu.Lock()
	h.dbDown = true
	h.mu.Unlock()
	h.database.Down()
	h.workerHost().database.Down()
}

// DatabaseUp puts the database back, and looks at what was said meanwhile.
func (h *Harness) DatabaseUp() {
	h.database.Up()
	h.workerHost().database.Up()
	h.mu.Lock()
	h.dbDown = false
	h.mu.Unlock()
}

// Roles whose COMMIT can be answered into the void.
const (
	RoleServe = "serve"
	RoleWork  = "work"
)

// DropNextCommitReply lets the next COMMIT of serve, or of work on a payment, happen and loses its
// reply.
func (h *Harness) DropNextCommitReply(ctx context.Context, role string) {
	var lost <-chan struct{}
	if role == RoleWork {
		lost = h.workerHost().database.DropNextCommitReply("payment_attempts")
	} else {
		lost = h.database.DropNextCommitReply()
	}
	go func() { // it acts later, or never: the record knows which
		select {
		case <-lost:
		case <-h.closed:
			return
		}
		at := Charged // work commits in order to record
		if role != RoleWork {
			at = h.phase(context.WithoutCancel(ctx))
		}
		h.coverage.add(faultItem("drops-next-commit-reply", at))
	}()
}

// SetAgent says what becomes of a call to a person: one accepts by the whisper's key, declines by another,
// answers and presses nothing, or is not reached.
func (h *Harness) SetAgent(does string) error {
	t := h.Twilio()
	if t == nil {
		return errExternal
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
