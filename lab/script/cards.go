package script

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"duebell/lab/twilio"
)

// card is what is keyed where a card is asked for: number, expiry as MM/YY, security code, ZIP. All of it is
// secret (D1). An empty value is silence at that field.
type card struct{ number, expires, code, zip string }

// readCard reads number, expiry, code and ZIP, in this order; each may stand in quotation marks.
func readCard(t *tokens) (card, error) {
	var c card
	for _, field := range []struct {
		what string
		to   *string
	}{{"the card number", &c.number}, {"the expiration date", &c.expires}, {"the security code", &c.code}, {"the ZIP code", &c.zip}} {
		var err error
		if *field.to, err = t.text(field.what); err != nil {
			return c, err
		}
	}
	return c, nil
}

// pay keys a card into <Pay>. The card goes to the stand-in's own connector and from there to the processor;
// the product only ever sees a token. The expiry is searched for in both forms, because <Pay> posts it without
// the slash.
func (r *run) pay(ctx context.Context, c *caller, k card) error {
	r.rememberSecrets(k.number, k.expires, strings.ReplaceAll(k.expires, "/", ""), k.code, k.zip)
	r.listened(c, "")
	return c.PayCard(ctx, k.number, k.expires, k.code, k.zip)
}

// readPayCard keys a card; it is an error when none is asked for, for then the story went another way.
func readPayCard(_ *parser, t *tokens) (action, error) {
	k, err := readCard(t)
	return func(ctx context.Context, r *run) error {
		return r.withCaller(func(c *caller) error { return r.pay(ctx, c, k) })
	}, err
}

// readTryCard keys a card if one is asked for and counts it: whoever tries many cards is not asked any more
// (I5: card testing is limited). Where none is asked for it does nothing, so that a story can try in a loop and
// count the tries at the end.
func readTryCard(_ *parser, t *tokens) (action, error) {
	k, err := readCard(t)
	return func(ctx context.Context, r *run) error {
		return r.withCaller(func(c *caller) error {
			if _, asked := c.State().(twilio.AskPay); !asked {
				return nil
			}
			r.cardsTried++
			return r.pay(ctx, c, k)
		})
	}, err
}

// readCardsTried checks how many cards could be tried so far, over all calls of the script.
func readCardsTried(_ *parser, t *tokens) (action, error) {
	s, err := t.word("a count")
	if err != nil {
		return nil, err
	}
	want, err := strconv.Atoi(s)
	return func(_ context.Context, r *run) error {
		if r.cardsTried != want {
			return fmt.Errorf("%d cards could be tried, not %d", r.cardsTried, want)
		}
		return nil
	}, err
}
