package harness

import (
	"context"
	"fmt"

	"duebell/lab/processor"
	"duebell/lab/twilio"
)

// SetProcessor breaks the processor by a script's words (declines, slow 20s, down …), or mends it with up.
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

// SetEventDelivery sets how the processor's events reach the line: normal, twice, reversed or withheld.
func (h *Harness) SetEventDelivery(how string) error {
	if h.Processor() == nil {
		return errExternal
	}
	return h.Processor().SetDelivery(processor.Delivery(how))
}

// errExternal is the error of everything that needs our own stand-in where an external one is used.
var errExternal = fmt.Errorf("the stand-in is an external program (TWILIO_API_URL or STRIPE_API_URL is set), which the harness can neither break nor look into")

// SetTwilio puts one of Twilio's faults in force, beside those that are; normal ends all of them.
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

// RedisEmpty deletes everything in Redis: sessions, leases, counters.
func (h *Harness) RedisEmpty(ctx context.Context) error {
	h.recordFault(ctx, "redis-empty")
	return h.redis.client.FlushDB(ctx).Err()
}

// RedisDown cuts Redis off from every role until RedisUp.
func (h *Harness) RedisDown(ctx context.Context) {
	h.recordFault(ctx, "redis-down")
	h.mu.Lock()
	h.redisDown = true
	h.mu.Unlock()
	h.redis.proxy.Down()
}

// RedisUp puts Redis back. The lease of a turn whose end Redis never heard of has run out by then.
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

// DatabaseDown cuts the database off from every role until DatabaseUp. The checks of scripts still reach it.
func (h *Harness) DatabaseDown(ctx context.Context) {
	h.recordFault(ctx, "database-down")
	h.mu.Lock()
	h.dbDown = true
	h.mu.Unlock()
	h.database.Down()
	h.workerHost().database.Down()
}

// DatabaseUp puts the database back.
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

// DropNextCommitReply lets the next COMMIT of a role happen and loses its reply; of RoleWork only one that touches
// a payment counts. The role cannot know whether it was committed.
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

// SetAgent sets what becomes of a call to a person: accepts (by the whisper's key), declines (by another), answered
// (and nothing pressed), busy, no-answer, failed or canceled.
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
