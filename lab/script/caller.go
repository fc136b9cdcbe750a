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

// caller is one call of the script, and how far it has been shown and measured. It lives until the script ends,
// also after the call is over: checks may still ask what was heard. The script's goroutine alone uses it, and
// what the stand-in calls while that goroutine waits for it.
type caller struct {
	*twilio.Call
	phone    string // of the member, whoever has called whom
	shown    int
	talkTime TalkTime
	upTo     time.Duration // of what is being said, up to the words that were last expected
	chosen   bool          // something was pressed: from here on the call has its language
}

// when is a word that waits for something to be heard. It is done once; the same word may wait several times.
type when struct {
	heard string // where the story is told in several languages, one after the other: "one moment|un momento"
	do    action
}

// readCall reads who calls, how the carrier attests the number, and which number is called. from may be any
// word ("anonymous" as well as a number), as Twilio's From may be (twilio.md §4.1); without attested the
// carrier says nothing, without to the line's own number is called.
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

// placeCall begins a call and returns when the line asks something, or the call has ended. A fault of the
// product that ended it is the error; the call is the current one all the same, so that the transcript shows
// it.
func (r *run) placeCall(ctx context.Context, o twilio.CallOptions) error {
	t := r.h.Twilio()
	if t == nil {
		return errors.New("there is no stand-in to call with")
	}
	// Fixed at the start of a call: what exhausted <Pay> attempts end in is a habit of the telephone company's.
	o.PayExhausted = twilio.Exhausted(r.payExhausted)
	call, err := t.Call(ctx, o)
	if call == nil {
		return err
	}
	r.setCurrent(ctx, call, call.From)
	return err
}

// setCurrent makes a call the one that the next words act on. phone is the member's number, whoever called
// whom; caller finds the call by it.
func (r *run) setCurrent(ctx context.Context, call *twilio.Call, phone string) {
	c := &caller{Call: call, phone: phone}
	r.calls, r.current = append(r.calls, c), c
	// What is said is reported from here on. What an inbound call says before its first question has been said
	// by now: a when cannot wait for it.
	if !call.Over() {
		call.HangUpWhen(func(h twilio.Heard) bool { return r.heard(ctx, h) })
	}
}

// heard does the word that waits for this utterance, if the first one waiting does. It returns true when the
// caller hangs up on it. The stand-in calls it between two utterances, in the middle of an act that the script
// waits for: only one goroutine is at work. An error cannot be returned through the stand-in; it is kept, and
// fails the act's step.
func (r *run) heard(ctx context.Context, h twilio.Heard) bool {
	r.hangsUp, r.listening = false, true
	defer func() { r.listening = false }()
	if len(r.whens) > 0 && slices.ContainsFunc(strings.Split(r.whens[0].heard, "|"), func(p string) bool { return matches(p, h.Text) }) {
		// Taken off before it is done: what it does may make the line say the same words again.
		w := r.whens[0]
		r.whens = r.whens[1:] // the next one waits for the next time
		if err := w.do(ctx, r); err != nil && r.whenErr == nil {
			r.whenErr = fmt.Errorf("when %q was heard: %w", w.heard, err)
		}
	}
	return r.hangsUp
}

// readCaller makes the latest other call with a number the current one. Two calls from one number are told
// apart by turns: each use goes to the other one.
func readCaller(_ *parser, t *tokens) (action, error) {
	from, err := t.word("a caller's number")
	return func(_ context.Context, r *run) error {
		// From the end: of several old calls with this number the latest is meant.
		for i := len(r.calls) - 1; i >= 0; i-- {
			if r.calls[i].phone == from && r.calls[i] != r.current {
				r.current = r.calls[i]
				return nil
			}
		}
		return fmt.Errorf("there is no other call with %s", from)
	}, err
}

// withCaller acts on the current call; without any call it is an error. A call that is over is the current one
// still: what was heard can be checked, and the stand-in refuses acts.
func (r *run) withCaller(do func(c *caller) error) error {
	if r.current == nil {
		return errors.New("nobody has called yet")
	}
	return do(r.current)
}

// readPress presses keys; those that answer a question for a secret are remembered for the search at the end.
// An entry that the keys do not complete ends by its time-out. Keys that the line would not take fail the
// script.
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

// digitRuns finds what may be a secret among keys or words: four digits and more (D1: no run of four).
var digitRuns = regexp.MustCompile(`\d{4,}`)

// listened adds what was said since the caller last did something to the time of talk, now that they press
// keys. It must be called before the act, which begins a new stretch. keys is empty for any other act.
func (r *run) listened(c *caller, keys string) {
	c.talkTime.listened(c.HeardSinceInput(), keys)
	c.talkTime.Phone, c.upTo, c.chosen = c.phone, 0, true
}

// rememberSecretKeys remembers keys that are a secret, because the line has just asked for one (promise P4: no secret
// is kept). The anchor words are those that design §2 promises. An account number or an amount is no secret.
func (r *run) rememberSecretKeys(c *caller, keys string) {
	// All of it and not the last sentence: the question may be followed by a hint.
	asked := r.heardSinceInput(c)
	for _, anchor := range []string{"date of birth", "fecha de nacimiento", "ZIP code", "código postal", "invoice number", "número de factura"} {
		if matches(anchor, asked) {
			r.rememberSecrets(digitRuns.FindAllString(keys, -1)...)
			return
		}
	}
}

// rememberSecrets remembers what was keyed or spoken and may be found nowhere. Fewer than four characters are
// no secret by D1; a card's code of three is so left to the canary test.
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

// readSay says something; runs of digits in it are searched for at the end, whatever they were meant as: what
// is spoken may be kept nowhere as it was said. confidence is the recogniser's, 0 to 1; absent as Twilio may
// leave it out.
func readSay(_ *parser, t *tokens) (action, error) {
	words, err := t.quote()
	if err != nil {
		return nil, err
	}
	sure, err := takeConfidence(t)
	return func(ctx context.Context, r *run) error {
		// Before the translation, which leaves numbers as they are.
		r.rememberSecrets(digitRuns.FindAllString(words, -1)...)
		words, err := r.translateWords(words)
		if err != nil {
			return err
		}
		return r.withCaller(func(c *caller) error { r.listened(c, ""); return c.Say(ctx, words, sure) })
	}, err
}

// hangUp ends the call; while something is being said, at the end of that utterance. So "when … hang-up" leaves
// in the middle of a hold, where no question gives the caller a turn.
func hangUp(ctx context.Context, r *run) error {
	if r.listening { // in the middle of what is said: the line sees it
		r.hangsUp = true
		return nil
	}
	return r.withCaller(func(c *caller) error { r.listened(c, ""); return c.HangUp(ctx) })
}

// maxSilences bounds how long a silent caller is asked: every line gives up long before (V3: eight tries a
// call).
const maxSilences = 60

// over lets the call play out: the caller is silent, and a person who was connected hangs up. It returns when
// the call has ended, and fails on a line that never ends it (V3: never loop).
func over(ctx context.Context, r *run) error {
	return r.withCaller(func(c *caller) error {
		for range maxSilences {
			switch c.State().(type) {
			case twilio.Ended:
				return nil
			// Silence does not end a conversation with a person.
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

// readPayBank keys routing and account number into <Pay>, each twice where Pay asks twice; both are secrets.
// Both may stand in quotation marks.
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

// readPayToken ends <Pay> in success with a token of the script's choice. Extra values are added to the result
// or replace its own (twilio.md §1.5); they may be empty.
func readPayToken(_ *parser, t *tokens) (action, error) {
	token, err := t.word("a token")
	extra := t.pairs()
	return func(ctx context.Context, r *run) error {
		return r.withCaller(func(c *caller) error { return c.PayToken(ctx, token, extra) })
	}, err
}

// readPayResult ends <Pay> with any result, also one that Twilio has not documented; none posts nothing, and
// the next verb runs (twilio.md §2.2: the fall-through).
func readPayResult(_ *parser, t *tokens) (action, error) {
	result, err := t.word("a result")
	extra := t.pairs()
	return func(ctx context.Context, r *run) error {
		return r.withCaller(func(c *caller) error { return c.PayResult(ctx, result, extra) })
	}, err
}

// readTextFrom sends a text to the line and lets the line do what follows from it, answers and call-backs
// included. No call is needed.
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
		// A text asks for an answer that a job sends; the next word may check it.
		return r.h.ProcessDue(ctx)
	}, err
}
