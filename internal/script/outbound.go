package script

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"duebell/internal/standin/twilio"
)

// Calls that the line places ring until the story says what becomes of them.

// readAnswer takes the call that rings at a number: it is the caller's call from here on.
func readAnswer(_ *parser, t *tokens) (act, error) {
	number, err := phone(t)
	by := "human"
	if t.skip("machine") {
		by = "machine_start"
	}
	return func(ctx context.Context, r *run) error {
		call, err := r.ringing(ctx, number)
		if err != nil {
			return err
		}
		r.take(ctx, call, number)
		return call.Answer(ctx, by)
	}, err
}

// notAnswered lets the call that rings at a number end as Twilio would say it.
func notAnswered(status string) func(*parser, *tokens) (act, error) {
	return func(_ *parser, t *tokens) (act, error) {
		number, err := phone(t)
		return func(ctx context.Context, r *run) error {
			call, err := r.ringing(ctx, number)
			if err != nil {
				return err
			}
			return call.NotAnswered(ctx, status)
		}, err
	}
}

// ringing is the one call of ours that rings at a number, once everything due is done.
func (r *run) ringing(ctx context.Context, number string) (*twilio.Call, error) {
	if err := r.w.Settle(ctx); err != nil {
		return nil, err
	}
	var found []*twilio.Call
	for _, c := range r.placed() {
		if c.To == number {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("the phone of %s does not ring", number)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("the phone of %s rings %d times at once", number, len(found))
}

// placed are the calls of ours that ring.
func (r *run) placed() []*twilio.Call {
	t := r.w.Twilio()
	if t == nil {
		return nil
	}
	var list []*twilio.Call
	for _, c := range t.Outbound() {
		if _, rings := c.State().(twilio.Ringing); rings {
			list = append(list, c)
		}
	}
	return list
}

// noCalls: nobody's phone rings.
func noCalls(ctx context.Context, r *run) error {
	if err := r.w.Settle(ctx); err != nil {
		return err
	}
	var list []string
	for _, c := range r.placed() {
		list = append(list, "\n  to "+c.To)
	}
	if len(list) > 0 {
		return errors.New("no call was expected, but a phone rings:" + strings.Join(list, ""))
	}
	return nil
}

// readAgreesToCalls records that a number has agreed to reminder calls (N10).
func readAgreesToCalls(_ *parser, t *tokens) (act, error) {
	number, err := phone(t)
	return func(ctx context.Context, r *run) error { return r.w.AgreesToCalls(ctx, number) }, err
}

// readRefused has creates of texts to a number refused with one of the carrier's codes.
func readRefused(_ *parser, t *tokens) (act, error) {
	code, err := carrierCode(t)
	if err != nil {
		return nil, err
	}
	number, err := phone(t)
	return func(_ context.Context, r *run) error {
		return r.w.CarrierSays(number, twilio.Outcome{CreateError: code})
	}, err
}
