package payments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duebell/billing"
)

// Clock tells the domain's time: due dates, windows, received instants.
type Clock interface{ Now() time.Time }

// Desk is what a conversation needs to take a payment: offer, token, consent, outcome.
// What happens if the process dies, the reply is lost or the request comes twice:
//
//	Offer      the row is unique by (call, turn): the same turn again finds the first row.
//	Tokenize   only an offered row takes a token; the same token again is answered with the row.
//	Authorize  one transaction writes consent, evidence, notice and charge job. Dead before COMMIT:
//	           nothing happened, the repeated turn does it. Dead after, or COMMIT's reply lost:
//	           the repeated turn finds the row authorized and gets it back unchanged.
//	Outcome    reads.
type Checkout struct {
	store  CheckoutStore
	clock  Clock
	rand   func(n int) int
	policy billing.Policy

	calendar     *billing.Calendar // nil: no hold
	limitReached func(limit string)
}

// DeskBook is the desk's part of the book of attempts; package store keeps it.
type CheckoutStore interface {
	Offer(ctx context.Context, a Attempt) (Attempt, error)
	Tokenize(ctx context.Context, key string, t Token, at time.Time) (Attempt, error)
	// Authorize asks whether it is allowed within its transaction, while nobody else authorizes for the caller.
	Authorize(ctx context.Context, a Authorization, allowed func(LimitCounts, Attempt) error, at time.Time) (Attempt, error)
	Attempt(ctx context.Context, key string) (Attempt, error)
	OpenAttempt(ctx context.Context, account string) (Attempt, error)
	SameAmount(ctx context.Context, account string, cents billing.Money, since time.Time) ([]Attempt, error)
	LimitCounts(ctx context.Context, a Attempt, at time.Time) (LimitCounts, error)
	// UnheardFailures are the payments on an attempt's account that failed since an instant without the caller hearing so.
	UnheardFailures(ctx context.Context, key string, since time.Time) ([]UnheardFailure, error)
	Freeze(ctx context.Context, key string, at time.Time) error
	CloseOffer(ctx context.Context, key string, at time.Time) error
	Void(ctx context.Context, key string, at time.Time) (Attempt, error)
	MarkHeard(ctx context.Context, key string, at time.Time) error
	TextResult(ctx context.Context, key, number string, at time.Time) error
}

// Token is what the capture gave us: a one-time payment method and the digits we may speak.
type Token struct {
	Value string
	Last4 string
}

// String hides the token from anything that prints.
func (Token) String() string { return "***" }

// WrittenCopy is how the written notice of a bank debit goes (E6).
type WrittenCopy string

const (
	NoCopy     WrittenCopy = "none" // cards: the receipt is enough
	TextCopy   WrittenCopy = "text"
	LetterCopy WrittenCopy = "letter"
)

// Consent is the evidence of assent (E8).
type Consent struct {
	Terms      string // exactly as spoken to the caller
	Version    string // of the prompt files
	Language   string
	Given      string // what was understood or pressed
	Confidence string // as the recogniser gave it; empty for keys
	TermsAt    time.Time
	GivenAt    time.Time
}

// Authorization is a consent on its way into the book.
type Authorization struct {
	Key       string
	Token     *Token // cards: capture and consent are one step
	Consent   Consent
	Copy      WrittenCopy
	TextTo    string // E.164 where texts of this payment go; empty = none
	TextAsked bool   // the caller said yes on this call
	Reference string // filled in by the desk
	// CountsFrom is filled in by the desk too: zero, or since when the money counts as received because it
	// replaces a payment that failed (L3).
	CountsFrom time.Time
}

// Limits are the counts of I5 and P3 around one offer.
type LimitCounts struct {
	CapturesCall, DeclinesAccount, DeclinesCaller, DeclinesWithheld int
	GuestPaysCaller, BanksAccount, BanksCaller                      int
	OpenCaller                                                      int // authorized by the caller's number and not settled: it may yet be declined
	Frozen                                                          bool
}

// NewDesk puts a desk together. rand gives a number in [0, n).
func NewCheckout(book CheckoutStore, clock Clock, rand func(n int) int, policy billing.Policy) *Checkout {
	return &Checkout{store: book, clock: clock, rand: rand, policy: policy, limitReached: func(string) {}}
}

// TellLimits has f told of every limit that a payment meets, by its key in the policy: somebody may be
// testing stolen cards (I5).
func (d *Checkout) OnLimitReached(f func(limit string)) *Checkout {
	d.limitReached = f
	return d
}

// Offer writes down what we are about to ask for, before the capture is spoken. The same call
// and turn again gets the first row; with another amount or account it is ErrKeyReused.
// ErrLimit and ErrFrozen mean that no capture may be spoken.
func (d *Checkout) Offer(ctx context.Context, a Attempt) (Attempt, error) {
	now := d.clock.Now()
	limits, err := d.store.LimitCounts(ctx, a, now)
	if err != nil {
		return Attempt{}, err
	}
	if limits.Frozen {
		return Attempt{}, ErrFrozen
	}
	if err := d.checkLimits(limits, a); err != nil {
		return Attempt{}, err
	}
	a.Key, a.State, a.OfferedAt = d.newKey(), Offered, now
	got, err := d.store.Offer(ctx, a)
	if err != nil {
		return Attempt{}, err
	}
	if got.Account != a.Account || got.Cents != a.Cents || got.Fee != a.Fee || got.Method != a.Method || got.BankType != a.BankType {
		return Attempt{}, fmt.Errorf("offer, turn %d: %w", a.Turn, ErrKeyReused)
	}
	return got, nil
}

// within holds the limits that keep a line from testing stolen cards and accounts (I5, P3).
func (d *Checkout) checkLimits(l LimitCounts, a Attempt) error {
	p := d.policy
	known, bank := a.Caller != "", a.Method == Bank
	for _, limit := range []struct {
		key  string // of the policy
		over bool
	}{
		{"pay_tries_call", l.CapturesCall >= p.PayTriesCall},
		{"declines_per_account_day", l.DeclinesAccount >= p.DeclinesPerAccountDay},
		{"declines_per_caller_day", known && l.DeclinesCaller >= p.DeclinesPerCallerDay},
		{"declines_withheld_hour", !known && l.DeclinesWithheld >= p.DeclinesWithheldHour},
		{"guest_pays_per_caller_day", a.Guest && known && l.GuestPaysCaller >= p.GuestPaysPerCallerDay},
		{"new_bank_accounts_per_day", bank && (l.BanksAccount >= p.NewBankAccountsPerDay || known && l.BanksCaller >= p.NewBankAccountsPerDay)},
	} {
		if limit.over {
			d.limitReached(limit.key)
			return ErrLimit
		}
	}
	return nil
}

// Tokenize keeps the sealed token on the offered row. ErrClosed when the offer was closed meanwhile.
func (d *Checkout) Tokenize(ctx context.Context, key string, t Token) (Attempt, error) {
	return d.store.Tokenize(ctx, key, t, d.clock.Now())
}

// Authorize records the consent. From its commit on the member has paid in time (C6).
// ErrAccountOpen: another payment on the account is open, this one was not taken.
// ErrClosed: the offer was closed before the consent came; nothing was charged.
// ErrLimit: payments of this caller or on this account were declined since the offer, this one was not taken.
// Any other error leaves open whether it was recorded: calling again with the same key tells.
func (d *Checkout) Authorize(ctx context.Context, a Authorization) (Attempt, error) {
	var err error
	if a.CountsFrom, err = d.countsFrom(ctx, a.Key, d.clock.Now()); err != nil {
		return Attempt{}, err
	}
	allowed := func(l LimitCounts, of Attempt) error {
		l.DeclinesCaller += l.OpenCaller // many calls at once are no way around the limit
		return d.checkLimits(l, of)
	}
	for range 5 { // a fresh reference when the drawn one is in use
		a.Reference = billing.NewReference(d.rand)
		got, err := d.store.Authorize(ctx, a, allowed, d.clock.Now())
		if !errors.Is(err, ErrReferenceInUse) {
			return got, err
		}
	}
	return Attempt{}, ErrReferenceInUse
}

// Outcome is the attempt as it stands.
func (d *Checkout) Attempt(ctx context.Context, key string) (Attempt, error) {
	return d.store.Attempt(ctx, key)
}

// Open is the open attempt on an account, or ErrNoSuchAttempt.
func (d *Checkout) OpenAttempt(ctx context.Context, account string) (Attempt, error) {
	return d.store.OpenAttempt(ctx, account)
}

// Duplicate finds an earlier payment of the same amount within the duplicate window (M8), newest first.
func (d *Checkout) Duplicate(ctx context.Context, account string, cents billing.Money) (Attempt, bool, error) {
	since := d.clock.Now().Add(-time.Duration(d.policy.DuplicateWindowHours) * time.Hour)
	same, err := d.store.SameAmount(ctx, account, cents, since)
	if err != nil || len(same) == 0 {
		return Attempt{}, false, err
	}
	return same[0], true, nil
}

// DuplicateFrom is Duplicate for a guest: only payments made from the same number are compared (M8).
func (d *Checkout) DuplicateFrom(ctx context.Context, account string, cents billing.Money, caller string) (Attempt, bool, error) {
	since := d.clock.Now().Add(-d.policy.DuplicateWindowHours.Duration())
	same, err := d.store.SameAmount(ctx, account, cents, since)
	if err != nil {
		return Attempt{}, false, err
	}
	for _, a := range same {
		if a.Caller == caller {
			return a, true, nil
		}
	}
	return Attempt{}, false, nil
}

// CloseOffer ends an offer that came to nothing; nothing was charged. ErrTooLate when the attempt is
// authorized after all: then that may not be said.
func (d *Checkout) CloseOffer(ctx context.Context, key string) error {
	return d.store.CloseOffer(ctx, key, d.clock.Now())
}

// Void cancels an authorized payment that has not been submitted. ErrTooLate when it has. One that is
// cancelled already is given back as it is.
func (d *Checkout) Void(ctx context.Context, key string) (Attempt, error) {
	return d.store.Void(ctx, key, d.clock.Now())
}

// Freeze stops all payments of the attempt's account: a capture said that it has charged.
func (d *Checkout) Freeze(ctx context.Context, key string) error {
	return d.store.Freeze(ctx, key, d.clock.Now())
}

// Heard notes that the caller heard the outcome, so that a failure need not be texted (L3).
func (d *Checkout) MarkHeard(ctx context.Context, key string) error {
	return d.store.MarkHeard(ctx, key, d.clock.Now())
}

// TextResult has the receipt or the failure texted to number, which the caller asked for on this call.
func (d *Checkout) TextResult(ctx context.Context, key, number string) error {
	return d.store.TextResult(ctx, key, number, d.clock.Now())
}

// newKey draws the attempt's random key: 26 characters that say nothing.
func (d *Checkout) newKey() string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	b := make([]byte, 26)
	for i := range b {
		b[i] = letters[d.rand(len(letters))]
	}
	return string(b)
}
