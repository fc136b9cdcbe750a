package script

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"duebell/lab/harness"
	"duebell/lab/twilio"
)

// readClock sets the clock. After the first call it can only be moved forward, by other words.
func readClock(p *parser, t *tokens) (action, error) {
	s, err := t.word("an instant")
	if err != nil {
		return nil, err
	}
	if _, err := Instant(s, time.UTC); err != nil {
		return nil, err
	}
	if *p.afterCall {
		return nil, errors.New("after the first call the clock is moved by wait, advance and until")
	}
	return func(_ context.Context, r *run) error {
		at, err := Instant(s, r.h.Zone())
		if err == nil {
			r.h.StopClock(at)
		}
		return err
	}, nil
}

// readAccount imports one account.
func readAccount(_ *parser, t *tokens) (action, error) {
	fields, err := takeAccountFields(t)
	return func(ctx context.Context, r *run) error {
		return r.inScriptLanguage(ctx, r.h.ImportAccounts(ctx, 1, fields))
	}, err
}

// takeAccountFields takes an account number and the fields behind it, up to the next word of the language. "owes"
// is a field here and a word elsewhere.
func takeAccountFields(t *tokens) ([]string, error) {
	number, err := takeAccount(t)
	if err != nil {
		return nil, err
	}
	fields := []string{number}
	for t.more() {
		if _, word := vocabulary[t.peek()]; word && t.peek() != "owes" {
			break
		}
		key, err := t.word("what is said of the account")
		if err != nil {
			return nil, err
		}
		value, err := t.text("the value of " + key)
		if err != nil {
			return nil, err
		}
		fields = append(fields, key, value)
	}
	return fields, nil
}

// readImport stops billing's import or imports a file beside the script.
func readImport(p *parser, t *tokens) (action, error) {
	what, err := t.oneOf("stale", "file")
	if err != nil {
		return nil, err
	}
	if what == "stale" {
		return func(_ context.Context, r *run) error { r.h.StopImports(); return nil }, nil
	}
	name, err := t.text("the file's name")
	if err != nil {
		return nil, err
	}
	p.script.Files = append(p.script.Files, name)
	return func(ctx context.Context, r *run) error { return r.importFile(ctx, name) }, nil
}

// readProcessor breaks the processor, or mends it.
func readProcessor(_ *parser, t *tokens) (action, error) {
	words, err := t.oneOf("up", "declines", "slow", "down", "charges-then-drops-the-reply", "drops-create-reply", "500s",
		"charges-then-500s", "wants-verification", "too-many", "events")
	if err != nil {
		return nil, err
	}
	if words == "events" {
		how, err := t.oneOf("normal", "twice", "reversed", "withheld")
		return func(_ context.Context, r *run) error { return r.h.SetEventDelivery(how) }, err
	}
	if words == "slow" {
		d, err := t.word("how slow, such as 20s")
		if err != nil {
			return nil, err
		}
		if _, err := Span(d); err != nil {
			return nil, err
		}
		words += " " + d
		if t.skip("all") {
			words += " all"
		}
	}
	if t.skip("once") {
		words += " once"
	}
	return func(_ context.Context, r *run) error { return r.h.SetProcessor(words) }, nil
}

// readTwilio breaks Twilio, or mends it.
func readTwilio(_ *parser, t *tokens) (action, error) {
	mode, err := t.oneOf("normal", "repeats-every-webhook", "repeats-at-once", "drops-next-reply", "api-down",
		"api-accepts-then-drops-the-reply", "api-rate-limits", "callbacks-out-of-order", "callbacks-twice", "callbacks-lost",
		"api-drops-every-tenth-reply", "drops-connector-reply", "pay-exhausts", "pay-hangs-up-silently")
	if err != nil {
		return nil, err
	}
	if mode == "pay-exhausts" {
		how, err := t.oneOf("action", "fallthrough")
		return func(_ context.Context, r *run) error { r.payExhausted = how; return nil }, err
	}
	if mode == "pay-hangs-up-silently" {
		return func(_ context.Context, r *run) error { return r.h.PayHangsUpSilently() }, nil
	}
	return func(_ context.Context, r *run) error { return r.h.SetTwilio(mode) }, nil
}

// readRedis empties Redis, takes it away or brings it back.
func readRedis(_ *parser, t *tokens) (action, error) {
	what, err := t.oneOf("empty", "down", "up")
	return func(ctx context.Context, r *run) error {
		switch what {
		case "empty":
			return r.h.RedisEmpty(ctx)
		case "down":
			r.h.RedisDown(ctx)
		default:
			r.h.RedisUp()
		}
		return nil
	}, err
}

// readDatabase takes the database away, brings it back, or loses the reply to the next COMMIT of serve or work.
func readDatabase(_ *parser, t *tokens) (action, error) {
	what, err := t.oneOf("down", "up", "drops-next-commit-reply")
	role := harness.RoleServe
	if err == nil && what == "drops-next-commit-reply" && !t.skip(harness.RoleServe) && t.skip(harness.RoleWork) {
		role = harness.RoleWork
	}
	return func(ctx context.Context, r *run) error {
		switch what {
		case "down":
			r.h.DatabaseDown(ctx)
		case "up":
			r.h.DatabaseUp()
		default:
			r.h.DropNextCommitReply(ctx, role)
		}
		return nil
	}, err
}

// readWhen keeps a word for the moment at which a caller hears something, also in the middle of a hold.
func readWhen(p *parser, t *tokens) (action, error) {
	heard, err := t.quote()
	if err != nil {
		return nil, err
	}
	do, err := p.word(t)
	return func(_ context.Context, r *run) error {
		r.whens = append(r.whens, &when{heard: heard, do: do})
		return nil
	}, err
}

// readAdvance moves the clock forward by a span.
func readAdvance(_ *parser, t *tokens) (action, error) {
	s, err := t.word("how long")
	if err != nil {
		return nil, err
	}
	d, err := Span(s)
	return func(ctx context.Context, r *run) error { return r.h.Advance(ctx, d) }, err
}

// readUntil moves the clock forward to an instant.
func readUntil(_ *parser, t *tokens) (action, error) {
	s, err := t.word("an instant")
	if err != nil {
		return nil, err
	}
	_, err = Instant(s, time.UTC)
	return func(ctx context.Context, r *run) error {
		at, err := Instant(s, r.h.Zone())
		if err != nil {
			return err
		}
		return r.h.Until(ctx, at)
	}, err
}

// readDispute lets the payer take the newest payment on an account back.
func readDispute(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	return func(ctx context.Context, r *run) error { return r.h.Dispute(ctx, number) }, err
}

// readResolve settles the newest payment on an account with evidence.
func readResolve(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	if err != nil {
		return nil, err
	}
	how, err := t.oneOf("taken", "not-charged")
	return func(ctx context.Context, r *run) error { return r.h.Resolve(ctx, number, how) }, err
}

// readTextOutcome sets what becomes of texts to a number.
func readTextOutcome(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	if err != nil {
		return nil, err
	}
	final, err := t.oneOf("delivered", "undelivered", "failed", "refused")
	outcome := twilio.Outcome{Final: final}
	if final == "refused" { // by the carrier: the number has opted out there
		outcome = twilio.Outcome{CreateError: 21610}
	}
	return func(_ context.Context, r *run) error { return r.h.SetTextOutcome(number, outcome) }, err
}

// takeConfidence takes how sure the recogniser was, or nil when the script does not say.
func takeConfidence(t *tokens) (*float64, error) {
	if !t.skip("confidence") {
		return nil, nil
	}
	s, err := t.word("a confidence")
	if err != nil {
		return nil, err
	}
	c, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no confidence such as 0.4", s)
	}
	return &c, nil
}
