package script

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"duebell/lab/harness"
)

// word is how one word of the language is read.
type word struct {
	usage string
	read  func(p *parser, t *tokens) (action, error)
}

// vocabulary is the whole language. It is filled in by init, because words hold words ("when").
var vocabulary map[string]word

func init() {
	vocabulary = map[string]word{
		// the harness before the story
		"clock":    {"clock 2027-02-10T10:00", readClock},
		"sample":   {"sample", noArguments(func(ctx context.Context, r *run) error { return r.inScriptLanguage(ctx, r.h.ImportSamples(ctx)) })},
		"account":  {"account 712345678 owes 198.00 phone +16175550101 born 1980-04-12 zip 02139", readAccount},
		"accounts": {"accounts 30 712300000 owes 98.00 phone +16175560000 born 1980-04-12 zip 02139", readAccounts},
		"limits":   {"limits segments-per-second 10, or: segments-per-day 100, or: lines 20", readLimits},
		"plan":     {"plan", noArguments(func(ctx context.Context, r *run) error { return r.h.PlanReminders(ctx) })},
		"import":   {"import stale, or: import file paid-on-the-web.csv", readImport},
		"dial":     {"dial accepts|declines|answered|busy|no-answer|failed", readDial},

		// what breaks, and when
		"processor":             {"processor declines|slow 20s|down|charges-then-drops-the-reply|wants-verification|up", readProcessor},
		"twilio":                {"twilio repeats-every-webhook|repeats-at-once|drops-next-reply|api-down|…|normal", readTwilio},
		"redis":                 {"redis empty|down|up", readRedis},
		"database":              {"database down|up|drops-next-commit-reply [serve|work]", readDatabase},
		"restart":               {"restart", noArguments(func(ctx context.Context, r *run) error { return r.h.Restart(ctx) })},
		"kill-before-answering": {"kill-before-answering", noArguments(func(_ context.Context, r *run) error { r.h.KillBeforeAnswering(); return nil })},
		"kill-worker":           {"kill-worker after-the-text|before-the-text", readKillWorker},
		"when":                  {`when "one moment" redis empty`, readWhen},
		"wait":                  {"wait 3s", readAdvance},
		"advance":               {"advance 2h", readAdvance},
		"until":                 {"until 2027-02-23T17:00", readUntil},

		// the caller
		"call":   {"call from +16175550101 [attested A|B|C] [to +18776236765]", readCall},
		"caller": {"caller +16175550101", readCaller},
		"press":  {"press 1", readPress},
		"say":    {`say "I authorize" [confidence 0.4]`, readSay},
		"silence": {"silence", noArguments(func(ctx context.Context, r *run) error {
			return r.withCaller(func(c *caller) error { r.listened(c, ""); return c.Silence(ctx) })
		})},
		"star": {"star", noArguments(func(ctx context.Context, r *run) error {
			return r.withCaller(func(c *caller) error { return c.Star(ctx) })
		})},
		"hang-up":   {"hang-up", noArguments(hangUp)},
		"over":      {"over", noArguments(over)},
		"pay-card":  {"pay-card 4242424242424242 12/29 123 02139", readPayCard},
		"try-card":  {"try-card 4000000000000002 12/29 123 02139", readTryCard},
		"pay-bank":  {"pay-bank 110000000 000123456789", readPayBank},
		"pay-token": {"pay-token pm_card_visa [PayConnector_last4=6789]", readPayToken},
		"pay-result": {
			"pay-result internal-error [PayErrorCode=64012]", readPayResult,
		},
		"answer":    {"answer +16175550101 [machine]", readAnswer},
		"busy":      {"busy +16175550101", readBusy},
		"no-answer": {"no-answer +16175550101", readNoAnswer},
		"text-from": {`text-from +16175550101 "STOP"`, readTextFrom},

		// what must be so
		"hear":            {`hear "you owe 198 dollars … press 1"`, readHear},
		"within":          {"within 35s 18 keys", readWithin},
		"whole":           {`whole "you authorize the Health Connector"`, readWhole},
		"not-heard":       {`not-heard "confirmation number"`, readNotHeard},
		"texted":          {`texted +16175550101 "payment received …"`, readTexted},
		"may-text":        {`may-text +16175550101 "one debit of $198.00"`, readMayText},
		"all-texted":      {`all-texted 30 "your bill is due"`, readAllTexted},
		"no-texts":        {"no-texts", noArguments(noTexts)},
		"no-calls":        {"no-calls", noArguments(noCalls)},
		"charged":         {"charged 712345678 198.00 card|bank [CCD]", readCharged},
		"charged-nothing": {"charged-nothing", noArguments(chargedNothing)},
		"owes":            {"owes 712345678 0.00", readOwes},
		"payment":         {"payment 712345678 unknown", readPayment},
		"received":        {"received 712345678 2027-02-23T17:00:00", readReceived},
		"handed-over":     {"handed-over reason=asked verified=yes account=712345678", readHandedOver},
		"cards-tried":     {"cards-tried 10", readCardsTried},
		"whisper":         {`whisper "Identity proven … press 1 to take the call"`, readWhisper},
		"call-back":       {"call-back +16175550101 at=2027-02-11T08:00 deadline=2027-02-23T17:00", readCallBack},
		"to-do":           {"to-do +16175550101 +15085550103", readToDo},
		"speaks":          {"speaks 712345678 es", readSpeaks},
		"alike":           {`alike "the refusal"`, readAlike},
		"receipt":         {"receipt", noArguments(receipt)},
		"logs":            {`logs "a capture says that it charged"`, readLogs},

		// people at a desk
		"letters-posted":  {"letters-posted", noArguments(func(ctx context.Context, r *run) error { return r.h.PostLetters(ctx) })},
		"seen-to":         {"seen-to +16175550101", readSeenTo},
		"dispute":         {"dispute 712345678", readDispute},
		"resolve":         {"resolve 712345678 taken|not-charged", readResolve},
		"due-moved":       {"due-moved 2027-02 2027-02-26T17:00", readDueMoved},
		"pause":           {"pause due_soon", readPause},
		"resume":          {"resume due_soon", readResume},
		"exported":        {`exported "+16175550101,sms,payments,text"`, exported(true)},
		"not-exported":    {`not-exported "+16175550101"`, exported(false)},
		"delivered":       {"delivered +16175550101", readDelivered},
		"undelivered":     {"undelivered 30006 +16175550101", readUndelivered},
		"refused":         {"refused 30034 +16175550101", readRefused},
		"agrees-to-calls": {"agrees-to-calls +16175550101", readAgreesToCalls},
		"text-outcome":    {"text-outcome +16175550101 delivered|undelivered|failed|refused", readTextOutcome},
	}
}

// noArguments is a word without arguments.
func noArguments(do action) func(*parser, *tokens) (action, error) {
	return func(*parser, *tokens) (action, error) { return do, nil }
}

func readClock(p *parser, t *tokens) (action, error) {
	s, err := t.word("an instant")
	if err != nil {
		return nil, err
	}
	if _, err := instant(s, time.UTC); err != nil {
		return nil, err
	}
	if *p.afterCall {
		return nil, errors.New("after the first call the clock is moved by wait, advance and until")
	}
	return func(_ context.Context, r *run) error {
		at, err := instant(s, r.h.Zone())
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
		if _, err := span(d); err != nil {
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
	d, err := span(s)
	return func(ctx context.Context, r *run) error { return r.h.Advance(ctx, d) }, err
}

func readUntil(_ *parser, t *tokens) (action, error) {
	s, err := t.word("an instant")
	if err != nil {
		return nil, err
	}
	_, err = instant(s, time.UTC)
	return func(ctx context.Context, r *run) error {
		at, err := instant(s, r.h.Zone())
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
