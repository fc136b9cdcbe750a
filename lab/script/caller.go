package script

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"duebell/lab/twilio"
)

// caller is one call of the script, and how far it has been shown and measured.
type caller struct {
	*twilio.Call
	phone    string // of the member, whoever has called whom
	shown    int
	talkTime TalkTime
	upTo     time.Duration // of what is being said, up to the words that were last expected
	chosen   bool          // something was pressed: from here on the call has its language
}

// when is a word that waits for something to be heard.
type when struct {
	heard string // where the story is told in several languages, one after the other: "one moment|un momento"
	do    action
}

// readCall reads who calls, how the carrier attests the number, and which number is called.
func readCall(_ *parser, t *tokens) (action, error) {
	var o twilio.CallOptions
	var err error
	if !t.skip("from") {
		return nil, errors.New("from is missing")
	}
	if o.From, err = t.word("who calls"); err != nil {
		return nil, err
	}
	for {
		switch {
		case t.skip("attested"):
			if o.Attestation, err = t.oneOf("A", "B", "C"); err != nil {
				return nil, err
			}
		case t.skip("to"):
			if o.To, err = takePhone(t); err != nil {
				return nil, err
			}
		default:
			return func(ctx context.Context, r *run) error { return r.placeCall(ctx, o) }, nil
		}
	}
}

// placeCall begins a call.
func (r *run) placeCall(ctx context.Context, o twilio.CallOptions) error {
	t := r.h.Twilio()
	if t == nil {
		return errors.New("there is no stand-in to call with")
	}
	o.PayExhausted = twilio.Exhausted(r.payExhausted)
	call, err := t.Call(ctx, o)
	if call == nil {
		return err
	}
	r.setCurrent(ctx, call, call.From)
	return err
}

// setCurrent makes a call the one that the next words act on.
func (r *run) setCurrent(ctx context.Context, call *twilio.Call, phone string) {
	c := &caller{Call: call, phone: phone}
	r.calls, r.current = append(r.calls, c), c
	if !call.Over() {
		call.HangUpWhen(func(h twilio.Heard) bool { return r.heard(ctx, h) })
	}
}

// heard does the word that waits for this utterance, if the first one waiting does. It returns true when the caller
// hangs up on it.
func (r *run) heard(ctx context.Context, h twilio.Heard) bool {
	r.hangsUp, r.listening = false, true
	defer func() { r.listening = false }()
	if len(r.whens) > 0 && slices.ContainsFunc(strings.Split(r.whens[0].heard, "|"), func(p string) bool { return matches(p, h.Text) }) {
		w := r.whens[0]
		r.whens = r.whens[1:] // the next one waits for the next time
		if err := w.do(ctx, r); err != nil && r.whenErr == nil {
			r.whenErr = fmt.Errorf("when %q was heard: %w", w.heard, err)
		}
	}
	return r.hangsUp
}

// readCaller makes the latest other call with a number the current one.
func readCaller(_ *parser, t *tokens) (action, error) {
	from, err := t.word("a caller's number")
	return func(_ context.Context, r *run) error {
		for i := len(r.calls) - 1; i >= 0; i-- {
			if r.calls[i].phone == from && r.calls[i] != r.current {
				r.current = r.calls[i]
				return nil
			}
		}
		return fmt.Errorf("there is no other call with %s", from)
	}, err
}

// withCaller acts on the current call; without any call it is an error.
func (r *run) withCaller(do func(c *caller) error) error {
	if r.current == nil {
		return errors.New("nobody has called yet")
	}
	return do(r.current)
}

// readPress presses keys; those that answer a question for a secret are remembered for the search at the end.
func readPress(_ *parser, t *tokens) (action, error) {
	keys, err := t.text("the keys")
	return func(ctx context.Context, r *run) error {
		return r.withCaller(func(c *caller) error {
			keys := r.translateKeys(c, keys)
			r.rememberSecretKeys(c, keys)
			r.listened(c, keys)
			return c.Press(ctx, keys)
		})
	}, err
}

var digitRuns = regexp.MustCompile(`\d{4,}`)

// listened adds what was said since the caller last did something to the time of talk, now that they press keys.
func (r *run) listened(c *caller, keys string) {
	c.talkTime.listened(c.HeardSinceInput(), keys)
	c.talkTime.Phone, c.upTo, c.chosen = c.phone, 0, true
}

// rememberSecretKeys remembers keys that are a secret, because the line has just asked for one (P4: no secret is
// kept).
func (r *run) rememberSecretKeys(c *caller, keys string) {
	asked := r.heardSinceInput(c)
	for _, anchor := range []string{"date of birth", "fecha de nacimiento", "ZIP code", "código postal", "invoice number", "número de factura"} {
		if matches(anchor, asked) {
			r.rememberSecrets(digitRuns.FindAllString(keys, -1)...)
			return
		}
	}
}

// rememberSecrets remembers what was keyed or spoken and may be found nowhere. Fewer than four characters are no
// secret.
func (r *run) rememberSecrets(values ...string) {
	for _, v := range values {
		if len(v) >= 4 {
			r.secrets = append(r.secrets, v)
		}
	}
}

// heardSinceInput returns everything heard since the caller last did something, joined by spaces.
func (r *run) heardSinceInput(c *caller) string {
	var texts []string
	for _, h := range c.HeardSinceInput() {
		texts = append(texts, h.Text)
	}
	return strings.Join(texts, " ")
}

// readSay says something; runs of digits in it are searched for at the end.
func readSay(_ *parser, t *tokens) (action, error) {
	words, err := t.quote()
	if err != nil {
		return nil, err
	}
	sure, err := takeConfidence(t)
	return func(ctx context.Context, r *run) error {
		r.rememberSecrets(digitRuns.FindAllString(words, -1)...)
		words, err := r.translateWords(words)
		if err != nil {
			return err
		}
		return r.withCaller(func(c *caller) error { r.listened(c, ""); return c.Say(ctx, words, sure) })
	}, err
}

// hangUp ends the call; while something is being said, at the end of that utterance.
func hangUp(ctx context.Context, r *run) error {
	if r.listening { // in the middle of what is said: the line sees it
		r.hangsUp = true
		return nil
	}
	return r.withCaller(func(c *caller) error { r.listened(c, ""); return c.HangUp(ctx) })
}

// maxSilences bounds how long a silent caller is asked: every line gives up long before.
const maxSilences = 60

// over lets the call play out: the caller is silent, and a person who was connected hangs up.
func over(ctx context.Context, r *run) error {
	return r.withCaller(func(c *caller) error {
		for range maxSilences {
			switch c.State().(type) {
			case twilio.Ended:
				return nil
			case twilio.AskDial:
				if err := c.AgentHangsUp(ctx); err != nil {
					return err
				}
			default:
				r.listened(c, "")
				if err := c.Silence(ctx); err != nil {
					return err
				}
			}
		}
		return errors.New("the line does not hang up on a silent caller")
	})
}

// readPayBank keys routing and account number into <Pay>; both are secrets.
func readPayBank(_ *parser, t *tokens) (action, error) {
	routing, err := t.text("the routing number")
	if err != nil {
		return nil, err
	}
	number, err := t.text("the account number")
	return func(ctx context.Context, r *run) error {
		r.rememberSecrets(routing, number)
		return r.withCaller(func(c *caller) error { r.listened(c, ""); return c.PayBank(ctx, routing, number) })
	}, err
}

// readPayToken ends <Pay> in success with a token of the script's choice.
func readPayToken(_ *parser, t *tokens) (action, error) {
	token, err := t.word("a token")
	extra := t.pairs()
	return func(ctx context.Context, r *run) error {
		return r.withCaller(func(c *caller) error { return c.PayToken(ctx, token, extra) })
	}, err
}

// readPayResult ends <Pay> with any result, also one that Twilio has not documented.
func readPayResult(_ *parser, t *tokens) (action, error) {
	result, err := t.word("a result")
	extra := t.pairs()
	return func(ctx context.Context, r *run) error {
		return r.withCaller(func(c *caller) error { return c.PayResult(ctx, result, extra) })
	}, err
}

// readTextFrom sends a text to the line and lets the line do what follows from it.
func readTextFrom(_ *parser, t *tokens) (action, error) {
	from, err := takePhone(t)
	if err != nil {
		return nil, err
	}
	body, err := t.quote()
	return func(ctx context.Context, r *run) error {
		t := r.h.Twilio()
		if t == nil {
			return errors.New("there is no stand-in to text with")
		}
		if err := t.TextFrom(ctx, from, body); err != nil {
			return err
		}
		return r.h.ProcessDue(ctx)
	}, err
}
