package script

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"duebell/billing"
	"duebell/internal/standin/twilio"
)

// readDueMoved moves the due instant of a month's bills in the middle of a story: snow (C5).
func readDueMoved(_ *parser, t *tokens) (act, error) {
	month, err := t.word("a bill month")
	if err != nil {
		return nil, err
	}
	if _, err := billing.ParseMonth(month); err != nil {
		return nil, fmt.Errorf("%q is no month such as 2027-02", month)
	}
	s, err := t.word("the new due instant")
	if err != nil {
		return nil, err
	}
	_, err = instant(s, time.UTC)
	return func(ctx context.Context, r *run) error {
		at, err := instant(s, r.w.Zone())
		if err != nil {
			return err
		}
		return r.w.MoveDue(ctx, r.script.Policy, month, at)
	}, err
}

// readDelivered has texts to a number arrive again.
func readDelivered(_ *parser, t *tokens) (act, error) {
	number, err := phone(t)
	return func(_ context.Context, r *run) error { return r.w.TextOutcome(number, "delivered") }, err
}

// readUndelivered has texts to a number fail with one of the carrier's codes, from here on.
func readUndelivered(_ *parser, t *tokens) (act, error) {
	code, err := carrierCode(t)
	if err != nil {
		return nil, err
	}
	number, err := phone(t)
	return func(_ context.Context, r *run) error {
		return r.w.CarrierSays(number, twilio.Outcome{Final: "undelivered", ErrorCode: code})
	}, err
}

func carrierCode(t *tokens) (int, error) {
	s, err := t.word("the carrier's code, such as 30006")
	if err != nil {
		return 0, err
	}
	code, err := strconv.Atoi(s)
	if err != nil || code < 20000 || code > 39999 {
		return 0, fmt.Errorf("%q is no code such as 30006", s)
	}
	return code, nil
}
