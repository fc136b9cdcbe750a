package harness

import (
	"context"
	"fmt"

	"duebell/lab/processor"
	"duebell/lab/twilio"
)

// SetProcessor breaks the processor by a script's words (declines, slow 20s, down …), or mends it with up. One
// fault is in force at a time: a later one replaces it. Answers that are held by slow stay held until their
// time. Unknown words are an error, and errExternal is returned where an external processor is used.
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
	// Kept here too, for the coverage table: the stand-in does not tell which request its fault has broken.
	h.procFault = ""
	if words != "up" {
		h.procFault = words
	}
	return nil
}

// SetEventDelivery sets how the processor's events reach the line: normal, twice, reversed or withheld. Stripe
// promises neither one delivery nor an order (twilio.md §13.1: handlers are idempotent). Withheld events wait,
// and come when another word is set.
func (h *Harness) SetEventDelivery(how string) error {
	if h.Processor() == nil {
		return errExternal
	}
	return h.Processor().SetDelivery(processor.Delivery(how))
}

// errExternal is the error of everything that needs our own stand-in where an external one is used.
var errExternal = fmt.Errorf("the stand-in is an external program (TWILIO_API_URL or STRIPE_API_URL is set), which the harness can neither break nor look into")

// SetTwilio puts one of Twilio's faults in force, beside those that are; normal ends all of them. Unknown words
// are an error, and errExternal is returned where an external Twilio is used.
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

// RedisEmpty deletes everything in Redis: sessions, leases, counters. Calls go on from the last milestone in
// PostgreSQL (design §4); verification limits are counted there and survive.
func (h *Harness) RedisEmpty(ctx context.Context) error {
	h.recordFault(ctx, "redis-empty")
	return h.redis.client.FlushDB(ctx).Err()
}

// RedisDown cuts Redis off from every role until RedisUp. Commands under way are cut as well: some have been
// carried out and their replies are lost. The checks of scripts still reach it.
func (h *Harness) RedisDown(ctx context.Context) {
	h.recordFault(ctx, "redis-down")
	h.mu.Lock()
	h.redisDown = true
	h.mu.Unlock()
	h.redis.proxy.Down()
}

// RedisUp puts Redis back; it changes nothing where Redis is up. The lease of a turn whose end Redis never
// heard of has run out by then.
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
// There are two switches, one before serve and one on the workers' host; both are thrown.
func (h *Harness) DatabaseDown(ctx context.Context) {
	h.recordFault(ctx, "database-down")
	h.mu.Lock()
	// Set before the switches: from here on errors of a tick are expected, and there is no backlog to wait for.
	h.dbDown = true
	h.mu.Unlock()
	h.database.Down()
	h.workerHost().database.Down()
}

// DatabaseUp puts the database back. dbDown is cleared after the switches are up, so that no tick counts an
// error of the last moment.
func (h *Harness) DatabaseUp() {
	h.database.Up()
	h.workerHost().database.Up()
	h.mu.Lock()
	h.dbDown = false
	h.mu.Unlock()
}

// Roles whose COMMIT can be answered into the void. Work has switches of its own, because its host can lose its
// power (workerHost).
const (
	RoleServe = "serve"
	RoleWork  = "work"
)

// DropNextCommitReply lets the next COMMIT of a role happen and loses its reply; of RoleWork only one that
// touches a payment counts, because the job queue commits all the time. The role cannot know whether it was
// committed (design §5: a lost COMMIT reply is not a failure). It returns at once: the order waits for its
// COMMIT, and a second order replaces one that still waits.
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

// SetAgent sets what becomes of a call to a person: accepts (by the whisper's key), declines (by another),
// answered (and nothing pressed), busy, no-answer, failed or canceled. These are the ends of a Dial that H5
// treats (transfer taken or not). It holds until it is set again; declines has two keys, because the whisper
// may ask a second time.
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
