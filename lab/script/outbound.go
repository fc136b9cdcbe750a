package script

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"duebell/lab/twilio"
)

// Calls that the line places ring until the story says what becomes of them, or for as long as phones ring.

// readAnswer takes the call that rings at a number, as a person or as an answering machine. It is the current
// call from then on. What machine detection says reaches the product only if it asked for it (twilio.md §5:
// AMD).
func readAnswer(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	// The words of Twilio's AnsweredBy.
	by := "human"
	if t.skip("machine") {
		by = "machine_start"
	}
	return func(ctx context.Context, r *run) error {
		call, err := r.ringing(ctx, number)
		if err != nil {
			return err
		}
		// Before the answer, so that a when can wait for the first words.
		r.setCurrent(ctx, call, number)
		return call.Answer(ctx, by)
	}, err
}

// readBusy turns the call away that rings at a number. The call is over then and no current one.
func readBusy(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	return func(ctx context.Context, r *run) error {
		call, err := r.ringing(ctx, number)
		if err != nil {
			return err
		}
		return call.NotAnswered(ctx, "busy")
	}, err
}

// readNoAnswer lets the call ring out, or accounts for one whose ringing has ended while time went by: moving
// the clock ends what has rung for as long as the product asked.
func readNoAnswer(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	return func(ctx context.Context, r *run) error {
		call, err := r.outboundCall(ctx, number)
		if err != nil || call.Over() {
			return err
		}
		return call.NotAnswered(ctx, "no-answer")
	}, err
}

// ringing returns the one call of ours that rings at a number, and accounts for it. None, several, and one that
// has ended are errors.
func (r *run) ringing(ctx context.Context, number string) (*twilio.Call, error) {
	call, err := r.outboundCall(ctx, number)
	if err == nil && call.Over() {
		err = fmt.Errorf("the phone of %s does not ring any more", number)
	}
	return call, err
}

// outboundCall returns the one call of ours to a number that no word was said of, once everything due is done.
// It counts as accounted for from then on. Two are an error: a member must not be rung twice for one reason.
func (r *run) outboundCall(ctx context.Context, number string) (*twilio.Call, error) {
	if err := r.h.ProcessDue(ctx); err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(r.unhandledCalls(), func(c *twilio.Call) bool { return c.To != number })
	switch len(list) {
	case 0:
		return nil, fmt.Errorf("the phone of %s does not ring", number)
	case 1:
		r.handledCalls[list[0].SID] = true
		return list[0], nil
	}
	return nil, fmt.Errorf("%d calls have been placed to %s", len(list), number)
}

// unhandledCalls returns the calls of ours that no word was said of yet, over or not, oldest first; nil where
// an external Twilio is used.
func (r *run) unhandledCalls() []*twilio.Call {
	t := r.h.Twilio()
	if t == nil {
		return nil
	}
	// The stand-in's list is a copy, so it may be cut down.
	return slices.DeleteFunc(t.Outbound(), func(c *twilio.Call) bool { return r.handledCalls[c.SID] })
}

// noCalls fails when the line has placed a call that no word was said of, once everything due is done.
func noCalls(ctx context.Context, r *run) error {
	if err := r.h.ProcessDue(ctx); err != nil {
		return err
	}
	return r.anyCalls()
}

// anyCalls fails when there is a call of ours that no word was said of.
func (r *run) anyCalls() error {
	var list []string
	for _, c := range r.unhandledCalls() {
		list = append(list, "\n  to "+c.To)
	}
	if len(list) > 0 {
		return errors.New("no call was expected, but a phone has rung:" + strings.Join(list, ""))
	}
	return nil
}

// readAgreesToCalls records that a number has agreed to reminder calls (N10: opt-in only).
func readAgreesToCalls(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	return func(ctx context.Context, r *run) error { return r.h.ConsentToCalls(ctx, number) }, err
}

// readRefused lets Twilio refuse texts to a number at once, with one of its codes (twilio.md §6: errors at
// create).
func readRefused(_ *parser, t *tokens) (action, error) {
	code, err := takeCarrierCode(t)
	if err != nil {
		return nil, err
	}
	number, err := takePhone(t)
	return func(_ context.Context, r *run) error {
		return r.h.SetTextOutcome(number, twilio.Outcome{CreateError: code})
	}, err
}
