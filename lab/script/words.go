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

// readClock sets the clock and stops it there. After the first call it can only be moved forward, by other
// words: rows that lie in the future would make no sense.
func readClock(p *parser, t *tokens) (action, error) {
	s, err := t.word("an instant")
	if err != nil {
		return nil, err
	}
	if _, err := Instant(s, time.UTC); err != nil {
		return nil, err
	}
	// Known at parsing: what stands on an earlier line was read before.
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

// readAccount imports one account with its member. An account that is known already is replaced by what stands
// here; what was paid on the line stays.
func readAccount(_ *parser, t *tokens) (action, error) {
	fields, err := takeAccountFields(t)
	return func(ctx context.Context, r *run) error {
		return r.inScriptLanguage(ctx, r.h.ImportAccounts(ctx, 1, fields))
	}, err
}

// takeAccountFields takes an account number and the fields behind it, up to the next word of the language.
// "owes" is a field here and a word elsewhere, so a check of owes needs a line of its own after account. Which
// fields there are is package samples' to say, when the script is played.
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

// readImport stops billing's import (B6: stale balances) or imports a file beside the script, told apart by its
// header. The name goes into Script.Files, for whoever must bring the files along.
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

// readProcessor breaks the processor, or mends it. The words are the stand-in's own (lab/processor). slow takes
// a span of the domain clock, and holds the answers to confirms only unless it says all.
func readProcessor(_ *parser, t *tokens) (action, error) {
	words, err := t.oneOf("up", "declines", "slow", "down", "charges-then-drops-the-reply", "drops-create-reply", "500s",
		"charges-then-500s", "wants-verification", "too-many", "events")
	if err != nil {
		return nil, err
	}
	// Events are delivered beside the answers, and broken beside them: the fault in force stays.
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

// readTwilio breaks Twilio, or mends it. The two words about pay are no faults: they choose between habits that
// Twilio's pages leave open (twilio.md §12), for calls that begin from here on.
func readTwilio(_ *parser, t *tokens) (action, error) {
	mode, err := t.oneOf("normal", "repeats-every-webhook", "repeats-at-once", "drops-next-reply", "api-down",
		"api-accepts-then-drops-the-reply", "api-rate-limits", "callbacks-out-of-order", "callbacks-twice", "callbacks-lost",
		"api-drops-every-tenth-reply", "drops-connector-reply", "pay-exhausts", "pay-hangs-up-silently")
	if err != nil {
		return nil, err
	}
	// Kept with the run, because it is chosen for each call when the call is placed.
	if mode == "pay-exhausts" {
		how, err := t.oneOf("action", "fallthrough")
		return func(_ context.Context, r *run) error { r.payExhausted = how; return nil }, err
	}
	if mode == "pay-hangs-up-silently" {
		return func(_ context.Context, r *run) error { return r.h.PayHangsUpSilently() }, nil
	}
	return func(_ context.Context, r *run) error { return r.h.SetTwilio(mode) }, nil
}

// readRedis empties Redis, takes it away or brings it back. Down lasts until up or the script's end.
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

// readDatabase takes the database away, brings it back, or loses the reply to the next COMMIT of serve or work
// (serve if neither is named).
func readDatabase(_ *parser, t *tokens) (action, error) {
	what, err := t.oneOf("down", "up", "drops-next-commit-reply")
	// Serve's next COMMIT is that of the caller's authorization, in most stories.
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

// readWhen keeps a word for the moment at which a caller hears something, also in the middle of a hold. Several
// wait in line: the second is looked at once the first was done. One that is left at the end fails the script.
func readWhen(p *parser, t *tokens) (action, error) {
	heard, err := t.quote()
	if err != nil {
		return nil, err
	}
	// Parsed now, so that its mistakes are told with this line.
	do, err := p.word(t)
	return func(_ context.Context, r *run) error {
		r.whens = append(r.whens, &when{heard: heard, do: do})
		return nil
	}, err
}

// readAdvance moves the clock forward by a span and does what falls due on the way.
func readAdvance(_ *parser, t *tokens) (action, error) {
	s, err := t.word("how long")
	if err != nil {
		return nil, err
	}
	d, err := Span(s)
	return func(ctx context.Context, r *run) error { return r.h.Advance(ctx, d) }, err
}

// readUntil moves the clock forward to an instant and does what falls due on the way. It fails on an instant
// that is past. The instant is read at parsing too, so that a mistake is told with its line; the zone is known
// only at the play.
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

// readDispute lets the payer take the newest payment on an account back (a dispute or a return).
func readDispute(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	return func(ctx context.Context, r *run) error { return r.h.Dispute(ctx, number) }, err
}

// readResolve settles the newest payment on an account with evidence, as an operator does for an unknown
// outcome (L3: only evidence ends it).
func readResolve(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	if err != nil {
		return nil, err
	}
	how, err := t.oneOf("taken", "not-charged")
	return func(ctx context.Context, r *run) error { return r.h.Resolve(ctx, number, how) }, err
}

// readTextOutcome sets what becomes of texts to a number from here on. delivered, undelivered and failed come
// by status callback; refused is an answer to the create.
func readTextOutcome(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	if err != nil {
		return nil, err
	}
	final, err := t.oneOf("delivered", "undelivered", "failed", "refused")
	outcome := twilio.Outcome{Final: final}
	// 21610: the recipient has opted out at the carrier (O2: it writes the same suppression).
	if final == "refused" { // by the carrier: the number has opted out there
		outcome = twilio.Outcome{CreateError: 21610}
	}
	return func(_ context.Context, r *run) error { return r.h.SetTextOutcome(number, outcome) }, err
}

// takeConfidence takes how sure the recogniser was, or nil when the script does not say (twilio.md §3:
// Confidence may be absent). Values outside 0 to 1 are taken: the product must refuse them itself (E4).
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
