package payments_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"duebell/payments"
)

// TestI5AtTheConsent: fifty captures that one number has begun at once are no way around its limit. What is authorized and
// not settled counts as if it were declined.
func TestI5AtTheConsent(t *testing.T) {
	p := newFixture(t)
	const cards, limit = 50, 10
	var wg sync.WaitGroup
	errs := make([]error, cards)
	for i := range cards {
		a := p.newAttempt(p.newAccount(), payments.Card)
		a.Caller = mine
		a, err := p.checkout.Offer(context.Background(), a)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { _, errs[i] = p.checkout.Authorize(context.Background(), p.authorization(a, "pm_card_visa")) })
	}
	wg.Wait()
	taken := 0
	for _, err := range errs {
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, payments.ErrLimit):
			t.Error(err)
		}
	}
	if taken != limit {
		t.Errorf("%d were authorized, not %d", taken, limit)
	}
}
