package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"

	"duebell/billing"
	"duebell/payments"
	"duebell/store/db"
)

// A sealed token opens only with the key of its own attempt: copied onto another row it cannot be charged.
const tokenContext = "payment-token:" // binds a sealed token to its attempt

// Offer writes an offered attempt. The same call and turn again gets the first row back, so a
// webhook that is delivered twice offers once. Nothing is promised yet: a crash here leaves an
// offer that the sweeper closes.
// The row that comes back may differ from a: key, amount and method are those of the first delivery. The
// caller compares, and refuses a turn that now asks for something else.
func (s *Store) Offer(ctx context.Context, a payments.Attempt) (payments.Attempt, error) {
	row, err := s.q.OfferAttempt(ctx, db.OfferAttemptParams{
		Key: a.Key, CallSid: a.Call, Turn: int32(a.Turn), Account: a.Account, //nolint:gosec // a turn is small
		Cents: a.Cents.Cents(), FeeCents: a.Fee.Cents(), Method: string(a.Method), BankType: ptr(string(a.BankType)),
		Guest: a.Guest, Caller: ptr(a.Caller), Holder: a.Holder, Language: a.Language, At: a.OfferedAt,
	})
	if err != nil {
		return payments.Attempt{}, fmt.Errorf("offer payment: %w", err)
	}
	return attempt(row), nil
}

// Tokenize stores a token, sealed, on an offered attempt. The same again finds it stored.
// payments.ErrClosed: the offer was closed meanwhile.
// The token exists in clear only in t: the row holds it sealed (D2: sealed token only), and Attempt values
// never carry it. payments.ErrNoSuchAttempt: no attempt has this key.
func (s *Store) Tokenize(ctx context.Context, key string, t payments.Token, at time.Time) (payments.Attempt, error) {
	var got payments.Attempt
	err := s.inTx(ctx, "store token", func(q *db.Queries, _ pgx.Tx) error {
		row, err := s.tokenize(ctx, q, key, t, at)
		got = attempt(row)
		return err
	})
	return got, err
}

// tokenize stores a token within a transaction. The row is locked first, so a close by the sweeper
// comes either before it (ErrClosed) or after it, never in between.
func (s *Store) tokenize(ctx context.Context, q *db.Queries, key string, t payments.Token, at time.Time) (db.PaymentAttempt, error) {
	row, err := q.AttemptForUpdate(ctx, key)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, payments.ErrNoSuchAttempt
	}
	if err != nil {
		return row, err
	}
	switch payments.State(row.State) {
	case payments.Offered:
		return q.TokenizeAttempt(ctx, db.TokenizeAttemptParams{
			Key: key, TokenSealed: s.keys.Seal([]byte(t.Value), tokenContext+key), Last4: ptr(t.Last4), At: &at,
		})
	case payments.Closed:
		return row, payments.ErrClosed
	default:
		// Also when the attempt went further (authorized, taken): the token of the first delivery stays. A
		// second token of the same capture would be of no use, because each works once.
		return row, nil // delivered twice: it is stored already
	}
}

// Authorize writes consent, evidence, written notice and charge job in one transaction, after
// asking allowed with the limits as they are within it. From its commit on the member has paid in
// time (C6: received at authorization). Repeated, it returns the row unchanged, whatever became of
// the attempt since; so after a lost reply it is safe to run again.
//
// Errors: payments.ErrNoSuchAttempt; ErrClosed when the offer was closed or its account frozen meanwhile;
// ErrAccountOpen when another payment on the account is open; ErrReferenceInUse when the nine digits are
// taken (the caller draws others and runs it again); ErrTooLate when the attempt holds no token; and what
// allowed returns, wrapped. After any of them nothing is written.
//
// allowed runs inside the transaction, while the row and the caller's lock are held, so it must not wait for
// anything outside.
func (s *Store) Authorize(ctx context.Context, a payments.Authorization, allowed func(payments.LimitCounts, payments.Attempt) error, at time.Time) (payments.Attempt, error) {
	var got payments.Attempt
	err := s.inTx(ctx, "authorize payment", func(q *db.Queries, tx pgx.Tx) error {
		// From here on the row is locked: the sweeper's close, a second delivery and a void wait for this
		// transaction.
		row, err := q.AttemptForUpdate(ctx, a.Key)
		if errors.Is(err, pgx.ErrNoRows) {
			return payments.ErrNoSuchAttempt
		}
		if err != nil {
			return err
		}
		// The COMMIT of an earlier run went through and its reply was lost (design §5): the first consent
		// stands.
		if row.AuthorizedAt != nil {
			got = attempt(row)
			return nil
		}
		if row.State == string(payments.Closed) {
			return payments.ErrClosed
		}
		frozen, err := q.FrozenAt(ctx, row.Account)
		if err != nil {
			return err
		}
		if frozen != nil { // frozen since the offer was made; the sweeper closes it
			return payments.ErrClosed
		}
		if err := checkWrittenCopy(a, payments.Method(row.Method)); err != nil {
			return err
		}
		// A card's capture authorizes at once, so its token comes with the authorization. A bank's came turns
		// earlier.
		if a.Token != nil {
			if _, err := s.tokenize(ctx, q, a.Key, *a.Token, at); err != nil {
				return err
			}
		}
		limits, err := limitsNow(ctx, q, attempt(row), at)
		if err != nil {
			return err
		}
		if err := allowed(limits, attempt(row)); err != nil {
			return err
		}
		row, err = s.authorize(ctx, q, tx, a, at)
		got = attempt(row)
		return err
	})
	return got, err
}

// limitsNow counts what I5 limits. Authorizations of one caller run one after another: two calls at
// once do not both get the last free place.
func limitsNow(ctx context.Context, q *db.Queries, of payments.Attempt, at time.Time) (payments.LimitCounts, error) {
	if of.Caller != "" {
		// An advisory lock, held until the transaction ends. Callers with a withheld number have none: only
		// the pooled limits hold for them (I5: limits on tries), and those are not exact under concurrency.
		if err := q.LockCaller(ctx, of.Caller); err != nil {
			return payments.LimitCounts{}, err
		}
	}
	return limits(ctx, q, of, at)
}

// checkWrittenCopy holds E6: no bank debit without a written notice, and no text without a number.
// A card has no copy, a bank debit a text or a letter. Anything else is a mistake of the conversation, so the
// error is no sentinel and the caller hears that nothing was authorized.
func checkWrittenCopy(a payments.Authorization, m payments.Method) error {
	if (m == payments.Bank) != (a.Copy == payments.TextCopy || a.Copy == payments.LetterCopy) || a.Copy == payments.TextCopy && a.TextTo == "" {
		return fmt.Errorf("a payment by %s with the written copy %q: a bug of ours, nothing was authorized", m, a.Copy)
	}
	return nil
}

// authorize writes everything that the consent makes true: state, evidence, written notice, jobs.
// The partial unique index refuses a second open payment of the account (promise P1), whichever call
// authorized first.
// payments.ErrAccountOpen: the index refused it. payments.ErrReferenceInUse: the reference belongs to another
// payment. After either the transaction is aborted and must be rolled back.
func (s *Store) authorize(ctx context.Context, q *db.Queries, tx pgx.Tx, a payments.Authorization, at time.Time) (db.PaymentAttempt, error) {
	notBefore := &at
	if a.Copy == payments.LetterCopy {
		notBefore = nil // E6: set when the letter has been posted
	}
	row, err := q.AuthorizeAttempt(ctx, db.AuthorizeAttemptParams{
		Key: a.Key, At: &at, Reference: &a.Reference, NotBefore: notBefore,
		AwaitsLetter: a.Copy == payments.LetterCopy, TextNumber: ptr(a.TextTo), TextAsked: a.TextAsked, CountsFrom: when(a.CountsFrom),
	})
	switch {
	case violates(err, "one_open_attempt_an_account"):
		return row, payments.ErrAccountOpen
	case violates(err, "one_attempt_a_reference"):
		return row, payments.ErrReferenceInUse
	// The row is locked, so its state is known: it was not tokenized. A bank consent without a token comes
	// here.
	case errors.Is(err, pgx.ErrNoRows):
		return row, payments.ErrTooLate
	case err != nil:
		return row, err
	}
	// Evidence in the same commit as the state: an authorized attempt without proof of consent cannot exist
	// (E8: evidence is kept).
	if err := q.InsertEvidence(ctx, evidence(a, row)); err != nil {
		return row, fmt.Errorf("evidence: %w", err)
	}
	jobs := []river.JobArgs{}
	switch a.Copy {
	// No charge job: not_before is null until the letter is posted, and no sweep finds the attempt before
	// that.
	case payments.LetterCopy:
		if err := q.InsertLetter(ctx, db.InsertLetterParams{AttemptKey: a.Key, At: at}); err != nil {
			return row, fmt.Errorf("letter: %w", err)
		}
	case payments.TextCopy:
		if err := s.planNotice(ctx, q, &jobs, "tel_written_notice", row, at, at); err != nil {
			return row, err
		}
	}
	if notBefore != nil {
		jobs = append(jobs, ChargeJob{Key: a.Key})
	}
	return row, s.enqueue(ctx, tx, jobs...)
}

// evidence returns the row that proves the consent (E8). Its hash covers every field. Instants are
// cut to microseconds, as the database stores them: otherwise the hash could not be computed again
// from the row.
// The fields are joined by NUL, which none of them may hold; without a separator two different consents could
// give the same bytes. Changing order or form here makes every stored hash unverifiable.
func evidence(a payments.Authorization, row db.PaymentAttempt) db.InsertEvidenceParams {
	c := a.Consent
	c.TermsAt, c.GivenAt = c.TermsAt.Truncate(time.Microsecond), c.GivenAt.Truncate(time.Microsecond)
	sum := sha256.Sum256([]byte(strings.Join([]string{
		row.Key, row.Account, fmt.Sprint(row.Cents), c.Terms, c.Version, c.Language, c.Given, c.Confidence,
		val(row.Caller), c.TermsAt.UTC().Format(time.RFC3339Nano), c.GivenAt.UTC().Format(time.RFC3339Nano), string(a.Copy),
	}, "\x00")))
	return db.InsertEvidenceParams{
		Key: row.Key, Terms: c.Terms, Version: c.Version, Language: c.Language, Given: c.Given,
		Confidence: ptr(c.Confidence), Caller: row.Caller, TermsAt: c.TermsAt, GivenAt: c.GivenAt,
		WrittenCopy: string(a.Copy), Hash: sum[:],
	}
}

// UnheardFailures returns the payments on an attempt's account that failed since an instant without
// the caller hearing it (L3: a payment that replaces one may count as in time).
// The attempt at key itself only names the account. ToldAt is when the failure text was sent, else when the
// failure became known.
func (s *Store) UnheardFailures(ctx context.Context, key string, since time.Time) ([]payments.UnheardFailure, error) {
	rows, err := s.q.UnheardFailures(ctx, db.UnheardFailuresParams{Key: key, Since: &since})
	if err != nil {
		return nil, fmt.Errorf("read failed payments: %w", err)
	}
	list := make([]payments.UnheardFailure, len(rows))
	for i, r := range rows {
		list[i] = payments.UnheardFailure{CountsFrom: r.CountsFrom, ToldAt: r.ToldAt, Account: r.Account, Kind: billing.Kind(r.Kind)}
	}
	return list, nil
}

// Attempt returns one attempt by its key, or payments.ErrNoSuchAttempt.
func (s *Store) Attempt(ctx context.Context, key string) (payments.Attempt, error) {
	return s.oneAttempt(s.q.AttemptByKey(ctx, key))
}

// AttemptByReference returns one attempt by the number that people say and write, or
// payments.ErrNoSuchAttempt.
func (s *Store) AttemptByReference(ctx context.Context, reference string) (payments.Attempt, error) {
	return s.oneAttempt(s.q.AttemptByReference(ctx, &reference))
}

// OpenAttempt returns the open attempt on an account, or payments.ErrNoSuchAttempt.
// Open means authorized, confirming or unknown (design §5). There is never more than one: a partial unique
// index holds it.
func (s *Store) OpenAttempt(ctx context.Context, account string) (payments.Attempt, error) {
	return s.oneAttempt(s.q.OpenAttemptOn(ctx, account))
}

// oneAttempt converts the row of a query for one attempt; no row is payments.ErrNoSuchAttempt.
func (s *Store) oneAttempt(row db.PaymentAttempt, err error) (payments.Attempt, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return payments.Attempt{}, payments.ErrNoSuchAttempt
	}
	if err != nil {
		return payments.Attempt{}, fmt.Errorf("read attempt: %w", err)
	}
	return attempt(row), nil
}

// SameAmount returns payments of the same amount on an account that were authorized since an
// instant, newest first (M8: duplicates).
// Declined, voided, returned and closed ones are left out: they are no earlier payment that the caller could
// mean.
func (s *Store) SameAmount(ctx context.Context, account string, cents billing.Money, since time.Time) ([]payments.Attempt, error) {
	rows, err := s.q.SamePaymentSince(ctx, db.SamePaymentSinceParams{Account: account, Cents: cents.Cents(), Since: &since})
	if err != nil {
		return nil, fmt.Errorf("find the same payment: %w", err)
	}
	out := make([]payments.Attempt, len(rows))
	for i, r := range rows {
		out[i] = attempt(r)
	}
	return out, nil
}

// LimitCounts counts what I5 and rule P3 limit, for one offer.
// It takes no lock. What is decided by it before <Pay> is spoken is only a first look; Authorize counts again
// under the lock.
func (s *Store) LimitCounts(ctx context.Context, a payments.Attempt, at time.Time) (payments.LimitCounts, error) {
	return limits(ctx, s.q, a, at)
}

// limits counts the attempts of the last day (and hour, for withheld numbers) that the policy
// limits, and reads whether the account is frozen. The attempt itself is left out: delivered twice
// it must not be refused because of the first time.
func limits(ctx context.Context, q *db.Queries, a payments.Attempt, at time.Time) (payments.LimitCounts, error) {
	n, err := q.PayLimits(ctx, db.PayLimitsParams{
		CallSid: a.Call, Turn: int32(a.Turn), Account: a.Account, Caller: ptr(a.Caller), Guest: a.Guest, //nolint:gosec // a turn is small
		DayAgo: at.Add(-24 * time.Hour), HourAgo: at.Add(-time.Hour),
	})
	if err != nil {
		return payments.LimitCounts{}, fmt.Errorf("count payments: %w", err)
	}
	frozen, err := q.FrozenAt(ctx, a.Account)
	if err != nil {
		return payments.LimitCounts{}, fmt.Errorf("read account: %w", err)
	}
	return payments.LimitCounts{
		CapturesCall: int(n.CapturesCall), DeclinesAccount: int(n.DeclinesAccount), DeclinesCaller: int(n.DeclinesCaller),
		DeclinesWithheld: int(n.DeclinesWithheld), GuestPaysCaller: int(n.GuestPaysCaller),
		BanksAccount: int(n.BanksAccount), BanksCaller: int(n.BanksCaller), OpenCaller: int(n.OpenCaller), Frozen: frozen != nil,
	}, nil
}

// Freeze stops payments on the attempt's account until a person has looked, and leaves a task. Offers on it
// are closed: no consent to one counts any more. It is called when a capture comes back with a charge
// confirmation (twilio.md §2.2): money may have moved outside our records. Run twice it leaves one task.
func (s *Store) Freeze(ctx context.Context, key string, at time.Time) error {
	return s.inTx(ctx, "freeze account", func(q *db.Queries, _ pgx.Tx) error {
		row, err := s.oneAttempt(q.AttemptByKey(ctx, key))
		if err != nil {
			return err
		}
		// Offers first: an Authorize that waits for one of their rows finds it closed and charges nothing.
		if err := q.CloseOffersOn(ctx, db.CloseOffersOnParams{Account: row.Account, At: &at}); err != nil {
			return err
		}
		if err := q.FreezeAccount(ctx, db.FreezeAccountParams{Account: row.Account, At: &at}); err != nil {
			return err
		}
		return q.InsertTask(ctx, db.InsertTaskParams{Kind: "capture-charged", Account: &row.Account, AttemptKey: &key,
			Detail: "a capture returned a charge confirmation: reconcile with the processor before any payment", At: at})
	})
}

// CloseOffer closes an offer or token that came to nothing; closed already, it does nothing.
// payments.ErrTooLate: it was authorized after all, and stays as it is.
// Its token is erased in the same statement (D2: erased on close). A close that has happened is final: a
// later consent gets payments.ErrClosed.
func (s *Store) CloseOffer(ctx context.Context, key string, at time.Time) error {
	n, err := s.q.CloseAttempt(ctx, db.CloseAttemptParams{Key: key, At: &at})
	if err != nil {
		return fmt.Errorf("close offer: %w", err)
	}
	if n > 0 {
		return nil
	}
	// No row was in a state to close: find out which of the two it was. Nothing can reopen it meanwhile, so
	// reading outside a transaction is enough.
	a, err := s.Attempt(ctx, key)
	if err == nil && a.State != payments.Closed {
		err = payments.ErrTooLate
	}
	if err != nil {
		return fmt.Errorf("close offer: %w", err)
	}
	return nil
}

// MarkHeard records that the caller heard the outcome on the call, so that nobody has to tell them.
// The task about a failure ends with it, and a failure text that waits out failureGrace is dropped at its
// claim. Repeated it changes nothing.
func (s *Store) MarkHeard(ctx context.Context, key string, at time.Time) error {
	if err := s.q.MarkHeard(ctx, db.MarkHeardParams{Key: &key, At: &at}); err != nil {
		return fmt.Errorf("record that the outcome was heard: %w", err)
	}
	return nil
}

// attempt converts a row. The sealed token is left out.
func attempt(r db.PaymentAttempt) payments.Attempt {
	return payments.Attempt{
		Key: r.Key, Call: r.CallSid, Turn: int(r.Turn), Account: r.Account,
		Cents: billing.Money(r.Cents), Fee: billing.Money(r.FeeCents),
		Method: payments.Method(r.Method), BankType: payments.BankType(val(r.BankType)), Guest: r.Guest,
		Caller: val(r.Caller), Holder: r.Holder, State: payments.State(r.State), Reference: val(r.Reference),
		Last4: val(r.Last4), IntentID: val(r.IntentID), Code: val(r.Code), OfferedAt: r.OfferedAt,
		AuthorizedAt: val(r.AuthorizedAt), SettledAt: val(r.SettledAt), ReturnedAt: val(r.ReturnedAt),
		NotBefore: val(r.NotBefore), AwaitsLetter: r.AwaitsLetter, TextTo: val(r.TextNumber),
		Language: r.Language, Heard: r.Heard,
	}
}

// violates returns whether err is a violation of the named constraint or unique index.
// PostgreSQL reports the constraint's name as a field of its own, so no message text is compared.
func violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == constraint
}
