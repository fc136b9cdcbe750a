package payments_test

import (
	"context"
	"testing"
	"time"

	"duebell/payments"
)

// TestL3Replacement: a payment that replaces one whose failure the caller did not hear counts from
// the first, for declined_hold_hours after the text; where nothing came due in between, and where
// the failure was heard, it counts from its own consent.
func TestL3Replacement(t *testing.T) {
	t.Parallel()
	boston, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time {
		return time.Date(2027, time.February, day, hour, minute, 0, 0, boston)
	}
	first := at(23, 16, 59)
	tests := []struct {
		name   string
		first  time.Time // authorized, and declined a minute later
		heard  bool
		told   time.Time // the text went; zero: none did
		second time.Time
		held   bool
	}{
		{"the same evening", first, false, time.Time{}, at(23, 20, 0), true},
		{"to the last second", first, false, time.Time{}, at(24, 17, 0), true},
		{"a minute late", first, false, time.Time{}, at(24, 17, 1), false},
		{"counted from the text", first, false, at(24, 9, 0), at(25, 9, 0), true},
		{"a minute after that", first, false, at(24, 9, 0), at(25, 9, 1), false},
		{"heard on the call", first, true, time.Time{}, at(23, 20, 0), false},
		{"the first was late itself", at(23, 17, 1), false, time.Time{}, at(23, 20, 0), false},
		{"nothing came due", at(10, 16, 59), false, time.Time{}, at(10, 20, 0), false},
		{"in time by itself", at(23, 10, 0), false, time.Time{}, at(23, 17, 0), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newFixture(t)
			p.clock.at = tt.first
			a := p.mustAuthorize(visa)
			p.exec(`UPDATE payment_attempts SET state = 'declined', settled_at = $2, heard = $3, token_sealed = NULL WHERE key = $1`,
				a.Key, tt.first.Add(time.Minute), tt.heard)
			if !tt.told.IsZero() {
				p.exec(`INSERT INTO notices (reference, number, kind, language, local_day, attempt_key, state, created_at, not_before, sent_at)
					VALUES ('told', $2, 'payment_failed', 'en', $3::timestamptz, $1, 'sent', $3, $3, $3)`, a.Key, anaPhone, tt.told)
			}
			p.clock.at = tt.second
			again := p.mustOffer(a.Account, visa)
			if again, err = p.checkout.Authorize(context.Background(), p.authorization(again, visa)); err != nil {
				t.Fatal(err)
			}
			p.run(p.charger, again.Key)
			want := tt.second
			if tt.held {
				want = tt.first
			}
			p.wantRows("received", `SELECT received_at FROM ledger WHERE attempt_key = $1`, []any{again.Key}, want.UTC().Format(time.RFC3339Nano))
			p.wantRows("authorized", `SELECT authorized_at FROM contract.payments WHERE reference = $1`, []any{again.Reference}, tt.second.UTC().Format(time.RFC3339Nano))
		})
	}
}

// TestL3ReplacementOfAReplacement: what replaces the replacement counts from the first as well;
// with declined_hold_hours 0 nothing does.
func TestL3ReplacementOfAReplacement(t *testing.T) {
	t.Parallel()
	for hours, held := range map[int]bool{24: true, 0: false} {
		p := newFixture(t)
		p.policy.DeclinedHoldHours = 24
		if !held {
			p.policy.DeclinedHoldHours = 0
		}
		p.checkout = payments.NewCheckout(p.store, p.clock, func(n int) int { p.calls++; return p.calls * 7 % n }, p.policy).WithReplacementWindow(p.cal)
		first := time.Date(2027, time.February, 23, 21, 59, 0, 0, time.UTC) // 16:59 in Boston
		p.clock.at = first
		a := p.mustAuthorize(visa)
		for range 2 {
			p.exec(`UPDATE payment_attempts SET state = 'declined', settled_at = $2, token_sealed = NULL WHERE key = $1`, a.Key, p.clock.at)
			p.clock.add(20 * time.Hour)
			next := p.mustOffer(a.Account, visa)
			got, err := p.checkout.Authorize(context.Background(), p.authorization(next, visa))
			if err != nil {
				t.Fatal(err)
			}
			a = got
		}
		p.run(p.charger, a.Key)
		want := first
		if !held {
			want = p.clock.at
		}
		if got := p.queryOne(`SELECT received_at FROM ledger`); got != want.UTC().Format(time.RFC3339Nano) {
			t.Errorf("hold of %d hours: received at %s, want %s", hours, got, want.UTC())
		}
	}
}
