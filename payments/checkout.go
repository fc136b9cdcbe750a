package payments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duebell/billing"
)

// Checkout is what a conversation needs to take a payment: offer, token, consent, outcome.
// What happens if the process dies, the reply is lost or the request comes twice:
//
//	Offer      the row is unique by (call, turn): the same turn again finds the first row.
//	Tokenize   only an offered row takes a token; the same token again is answered with the row.
//	Authorize  one transaction writes consent, evidence, notice and charge job. Dead before COMMIT:
//	           nothing happened, the repeated turn does it. Dead after, or COMMIT's reply lost:
//	           the repeated turn finds the row authorized and gets it back unchanged.
//	CloseOffer, Void, MarkHeard, TextResult, Freeze: done again, each finds itself done.
//	Attempt, OpenAttempt, Duplicate: read only.
type Checkout struct {
	store  CheckoutStore
	clock  billing.Clock
	rand   func(n int) int
	policy billing.Policy

	calendar     *billing.Calendar // nil: a payment never replaces a failed one
	limitReached func(limit string)
}

// CheckoutStore keeps the attempts for Checkout. Package store implements it on PostgreSQL; each
// method is one transaction, and at is the domain's instant that it writes.
type CheckoutStore interface {
	// Offer inserts the offered row, or returns the row that the same call and turn have already
	// written.
	Offer(ctx context.Context, a Attempt) (Attempt, error)
	// Tokenize seals the token onto an offered row. ErrClosed when the row was closed meanwhile.
	Tokenize(ctx context.Context, key string, t Token, at time.Time) (Attempt, error)
	// Authorize asks allowed within its transaction, while nobody else authorizes for the same
	// caller; the error of allowed is returned and nothing is written.
	Authorize(ctx context.Context, a Authorization, allowed func(LimitCounts, Attempt) error, at time.Time) (Attempt, error)
	Attempt(ctx context.Context, key string) (Attempt, error)
	OpenAttempt(ctx context.Context, account string) (Attempt, error)
	// SameAmount lists payments of that amount on the account that were authorized since then and
	// not declined, voided or returned, newest first.
	SameAmount(ctx context.Context, account string, cents billing.Money, since time.Time) ([]Attempt, error)
	LimitCounts(ctx context.Context, a Attempt, at time.Time) (LimitCounts, error)
	// UnheardFailures lists, oldest first, the payments on an attempt's account that were declined
	// since that instant without the caller hearing so.
	UnheardFailures(ctx context.Context, key string, since time.Time) ([]UnheardFailure, error)
	Freeze(ctx context.Context, key string, at time.Time) error
	CloseOffer(ctx context.Context, key string, at time.Time) error
	Void(ctx context.Context, key string, at time.Time) (Attempt, error)
	MarkHeard(ctx context.Context, key string, at time.Time) error
	TextResult(ctx context.Context, key, number string, at time.Time) error
}

// Token is what the capture gave us: a one-time payment method and the digits that may be spoken.
type Token struct {
	Value string
	Last4 string
}

// String hides the token from anything that prints.
func (Token) String() string { return "***" }

// WrittenCopy is how the written notice of a bank debit goes (E6: written confirmation before
// settlement).
type WrittenCopy string

const (
	NoCopy     WrittenCopy = "none" // cards: the receipt is enough
	TextCopy   WrittenCopy = "text" // written in the authorizing transaction, so the debit may go at once
	LetterCopy WrittenCopy = "letter"
)

// Consent is the evidence of a caller's assent (E8: kept for evidence_years). Instants are UTC.
type Consent struct {
	Terms      string // exactly as spoken to the caller
	Version    string // of each message in the terms
	Language   string
	Given      string // what was understood or pressed
	Confidence string // as the recogniser gave it; empty for keys
	TermsAt    time.Time
	GivenAt    time.Time
}

// Authorization is a consent on its way into the store.
type Authorization struct {
	Key       string
	Token     *Token // cards: capture and consent are one step; nil for bank accounts, whose row has the token
	Consent   Consent
	Copy      WrittenCopy
	TextTo    string // E.164 where texts of this payment go; empty = none
	TextAsked bool   // the caller said yes on this call (O4: may go after an opt-out)
	Reference string // filled in by Checkout
	// Account and Kind say whose bill is paid, and CallBegan when the call came in: who called before the due
	// instant may authorize within the tolerance after it (C6: received = authorized).
	Account   string
	Kind      billing.Kind
	CallBegan time.Time
	// CountsFrom is filled in by Checkout too: zero, or since when the money counts as received because it
	// replaces a payment that failed (L3) or came within the tolerance (C6).
	CountsFrom time.Time
}

// LimitCounts are the counts that I5 and rule P3 limit, taken around one attempt: of its call, its
// account and its caller's number, within the last day (withheld numbers: hour).
type LimitCounts struct {
	CapturesCall, DeclinesAccount, DeclinesCaller, DeclinesWithheld int
	GuestPaysCaller, BanksAccount, BanksCaller                      int
	OpenCaller                                                      int // authorized by the caller's number and not settled: it may yet be declined
	Frozen                                                          bool
}

// NewCheckout makes a Checkout. rand returns a number in [0, n); it draws keys and references, so
// it must be unpredictable in production.
func NewCheckout(store CheckoutStore, clock billing.Clock, rand func(n int) int, policy billing.Policy) *Checkout {
	return &Checkout{store: store, clock: clock, rand: rand, policy: policy, limitReached: func(string) {}}
}

// OnLimitReached has f called with the policy key of every limit that a payment meets, and returns
// the Checkout. Whoever meets limits again and again may be testing stolen cards (I5: alarm past a
// limit).
func (c *Checkout) OnLimitReached(f func(limit string)) *Checkout {
	c.limitReached = f
	return c
}

// Offer writes down what the caller is about to be asked for, before the capture is spoken, and
// returns the row. The same call and turn again gets the first row; with another amount or account
// it is ErrKeyReused. ErrLimit and ErrFrozen mean that no capture may be spoken.
func (c *Checkout) Offer(ctx context.Context, a Attempt) (Attempt, error) {
	now := c.clock.Now()
	limits, err := c.store.LimitCounts(ctx, a, now)
	if err != nil {
		return Attempt{}, err
	}
	if limits.Frozen {
		return Attempt{}, ErrFrozen
	}
	if err := c.checkLimits(limits, a); err != nil {
		return Attempt{}, err
	}
	a.Key, a.State, a.OfferedAt = c.newKey(), Offered, now
	got, err := c.store.Offer(ctx, a)
	if err != nil {
		return Attempt{}, err
	}
	// A turn delivered twice asks for the same; anything else would charge what the caller did not
	// hear.
	if got.Account != a.Account || got.Cents != a.Cents || got.Fee != a.Fee || got.Method != a.Method || got.BankType != a.BankType {
		return Attempt{}, fmt.Errorf("offer, turn %d: %w", a.Turn, ErrKeyReused)
	}
	return got, nil
}

// checkLimits refuses an attempt that is past one of the limits that keep the line from testing
// stolen cards and accounts (I5: declines, guests, new banks; rule P3: captures a call). Withheld
// numbers have no limit of one caller, only the pooled one.
func (c *Checkout) checkLimits(l LimitCounts, a Attempt) error {
	p := c.policy
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
			c.limitReached(limit.key)
			return ErrLimit
		}
	}
	return nil
}

// Tokenize keeps the token, sealed, on the offered row and returns the row. ErrClosed when the
// offer was closed meanwhile.
func (c *Checkout) Tokenize(ctx context.Context, key string, t Token) (Attempt, error) {
	return c.store.Tokenize(ctx, key, t, c.clock.Now())
}

// Authorize records the consent and returns the authorized attempt. From its commit on the member
// has paid in time (C6: received = authorized).
//
//	ErrAccountOpen  another payment on the account is open; this one was not taken.
//	ErrClosed       the offer was closed before the consent came; nothing was charged.
//	ErrLimit        payments of this caller or on this account were declined since the offer; not taken.
//	any other       it is open whether it was recorded (a COMMIT's reply may be lost): calling again with
//	                the same key tells, and never records twice.
func (c *Checkout) Authorize(ctx context.Context, a Authorization) (Attempt, error) {
	var err error
	if a.CountsFrom, err = c.countsFrom(ctx, a.Key, c.clock.Now()); err != nil {
		return Attempt{}, err
	}
	if a.CountsFrom.IsZero() && c.calendar != nil {
		a.CountsFrom = c.calendar.InTolerance(a.Kind, a.Account, a.CallBegan, c.clock.Now()) // C6: called in time, authorized a little late
	}
	allowed := func(l LimitCounts, of Attempt) error {
		l.DeclinesCaller += l.OpenCaller // many calls at once are no way around the limit
		return c.checkLimits(l, of)
	}
	for range 5 { // a fresh reference when the drawn one is in use
		a.Reference = billing.NewReference(c.rand)
		got, err := c.store.Authorize(ctx, a, allowed, c.clock.Now())
		if !errors.Is(err, ErrReferenceInUse) {
			return got, err
		}
	}
	return Attempt{}, ErrReferenceInUse
}

// Attempt returns the attempt as it stands, or ErrNoSuchAttempt. On hold, a call asks it for the
// outcome.
func (c *Checkout) Attempt(ctx context.Context, key string) (Attempt, error) {
	return c.store.Attempt(ctx, key)
}

// OpenAttempt returns the open attempt on an account, or ErrNoSuchAttempt.
func (c *Checkout) OpenAttempt(ctx context.Context, account string) (Attempt, error) {
	return c.store.OpenAttempt(ctx, account)
}

// Duplicate returns the newest earlier payment of the same amount within the duplicate window, and
// whether there is one (M8: name it and ask again).
func (c *Checkout) Duplicate(ctx context.Context, account string, cents billing.Money) (Attempt, bool, error) {
	return c.duplicate(ctx, account, cents, func(Attempt) bool { return true })
}

// DuplicateFrom is Duplicate for a guest: only payments made from the same number are compared (M8:
// guests learn nothing of others).
func (c *Checkout) DuplicateFrom(ctx context.Context, account string, cents billing.Money, caller string) (Attempt, bool, error) {
	return c.duplicate(ctx, account, cents, func(a Attempt) bool { return a.Caller == caller })
}

func (c *Checkout) duplicate(ctx context.Context, account string, cents billing.Money, counts func(Attempt) bool) (Attempt, bool, error) {
	same, err := c.store.SameAmount(ctx, account, cents, c.clock.Now().Add(-c.policy.DuplicateWindowHours.Duration()))
	if err != nil {
		return Attempt{}, false, err
	}
	for _, a := range same {
		if counts(a) {
			return a, true, nil
		}
	}
	return Attempt{}, false, nil
}

// CloseOffer ends an offer that came to nothing; nothing was charged. ErrTooLate when the attempt was
// authorized after all: then "nothing was charged" may not be said.
func (c *Checkout) CloseOffer(ctx context.Context, key string) error {
	return c.store.CloseOffer(ctx, key, c.clock.Now())
}

// Void cancels an authorized payment that has not been submitted and returns it; one that is voided
// already is returned as it is. ErrTooLate when it was submitted, or a worker holds it (E12: then
// only the bank can stop it).
func (c *Checkout) Void(ctx context.Context, key string) (Attempt, error) {
	return c.store.Void(ctx, key, c.clock.Now())
}

// Freeze stops all payments of the attempt's account and leaves a task: a capture said that it has
// charged, which it never may (twilio.md §2.2). A person has to look before anything else is taken.
func (c *Checkout) Freeze(ctx context.Context, key string) error {
	return c.store.Freeze(ctx, key, c.clock.Now())
}

// MarkHeard records that the caller heard the outcome, so that a failure need not be texted (L3:
// only unheard ones).
func (c *Checkout) MarkHeard(ctx context.Context, key string) error {
	return c.store.MarkHeard(ctx, key, c.clock.Now())
}

// TextResult has the receipt or the failure texted to number (E.164), which the caller asked for on
// this call.
func (c *Checkout) TextResult(ctx context.Context, key, number string) error {
	return c.store.TextResult(ctx, key, number, c.clock.Now())
}

// newKey draws an attempt's key: 26 random letters that say nothing about payer or amount. About
// 122 bits, so two attempts never share the processor's idempotency keys.
func (c *Checkout) newKey() string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	b := make([]byte, 26)
	for i := range b {
		b[i] = letters[c.rand(len(letters))]
	}
	return string(b)
}
