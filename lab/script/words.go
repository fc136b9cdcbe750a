package script

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"duebell/lab/harness"
)

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

func readAccount(_ *parser, t *tokens) (action, error) {
	fields, err := takeAccountFields(t)
	return func(ctx context.Context, r *run) error {
		return r.inScriptLanguage(ctx, r.h.ImportAccounts(ctx, 1, fields))
	}, err
}

// takeAccountFields is an account number and what is said of it.
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

// readWhen arms a word for the moment at which a caller hears something, also in the middle of a hold.
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

func readAdvance(_ *parser, t *tokens) (action, error) {
	s, err := t.word("how long")
	if err != nil {
		return nil, err
	}
	d, err := Span(s)
	return func(ctx context.Context, r *run) error { return r.h.Advance(ctx, d) }, err
}

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

func readDispute(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	return func(ctx context.Context, r *run) error { return r.h.Dispute(ctx, number) }, err
}

func readResolve(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	if err != nil {
		return nil, err
	}
	how, err := t.oneOf("taken", "not-charged")
	return func(ctx context.Context, r *run) error { return r.h.Resolve(ctx, number, how) }, err
}

func readTextOutcome(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	if err != nil {
		return nil, err
	}
	outcome, err := t.oneOf("delivered", "undelivered", "failed", "refused")
	return func(_ context.Context, r *run) error { return r.h.TextOutcome(number, outcome) }, err
}

// takeConfidence reads what the recogniser is said to have given.
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
