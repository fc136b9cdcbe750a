package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing/feed"
	"duebell/handoff"
	"duebell/payments"
	"duebell/payments/stripe"
)

// PostLetters exports the letters that wait and records that all of them were posted today (E6: by letter, the
// debit waits). It is an error when none waits: the script expects a letter. The debits become due on the next
// banking day; moving the clock there charges them.
func (h *Harness) PostLetters(ctx context.Context) error {
	policy, cal := h.Policy()
	now := h.clock.Now()
	var file bytes.Buffer
	n, err := h.store.ExportLetters(ctx, &file, cal, policy.ServicePhone, now)
	if err == nil && n == 0 {
		err = errors.New("no letter waits to be posted")
	}
	if err != nil {
		return err
	}
	// The exported file is also what is reported back: the references stand in it.
	_, err = h.store.LettersPosted(ctx, feed.Text("letters.csv", file.String()), cal.DateOf(now), cal, now)
	return err
}

// Dispute lets the payer take the newest payment on an account back at the bank or the card's issuer, whole. It
// delivers the processor's event and returns when the product has done with it. A payment of which no money
// moved, or that came back already, is an error.
func (h *Harness) Dispute(ctx context.Context, account string) error {
	p, err := h.NewestPayment(ctx, account)
	if err != nil {
		return fmt.Errorf("dispute: %w", err)
	}
	if h.Processor() == nil {
		return errExternal
	}
	if err := h.Processor().Dispute(p.Reference); err != nil {
		return err
	}
	return h.ProcessDue(ctx)
}

// Resolve settles the newest payment on an account with evidence, as `duebell payments resolve` does. Verdict
// is taken or not-charged. The gateway is asked first, and a verdict that contradicts it is refused. It uses
// the stores past the switches, like an operator whose own connection is well.
func (h *Harness) Resolve(ctx context.Context, account, verdict string) error {
	p, err := h.NewestPayment(ctx, account)
	if err != nil {
		return fmt.Errorf("resolve: %w", err)
	}
	cfg := h.config(h.cfg.DatabaseURL, h.redis.straight)
	gateway := stripe.New(stripe.Config{Key: cfg.StripeAPIKey, URL: cfg.StripeAPIURL, Timeout: cfg.Timing.Gateway})
	machine := h.machine
	// Made as the command makes it, with the harness's clocks, so that what it writes fits the story's time.
	charger := payments.NewCharger(h.store, gateway, h.clock, machine, slog.New(h.logs), payments.ChargerOptions{})
	_, err = payments.NewResolver(charger, h.store, gateway, h.clock, machine).Resolve(ctx, payments.Resolution{
		Reference: p.Reference, Verdict: payments.Verdict(verdict), Evidence: "the script says so", By: "script",
	})
	return err
}

// Request is a caller who waits for a person, as `duebell handoffs list` shows it. From is the slot that was
// promised (H2: an appointment in open hours), zero where no slot was; Deadline is zero where none runs. Open
// means that no person has seen to it yet.
type Request struct {
	CallBack bool // promised to the caller; else a caller whom nobody took
	Number   string
	From     time.Time
	Deadline time.Time
	Reason   string
	Account  string
	Lang     string
	Open     bool
	id       int64
}

// Requests returns all of them, open or not, most urgent first; at most a thousand, which no script reaches.
func (h *Harness) Requests(ctx context.Context) ([]Request, error) {
	rows, err := h.store.HandOffs(ctx, false, 1000)
	if err != nil {
		return nil, err
	}
	var list []Request
	for _, r := range rows {
		list = append(list, Request{
			CallBack: r.Kind == handoff.CallBack, Number: r.Number, From: r.From, Deadline: r.Deadline, Reason: r.Reason,
			Account: r.Account, Lang: r.Lang, Open: r.Open, id: r.ID,
		})
	}
	return list, nil
}

// CloseRequests records that a person has seen to every open request of a number. It is an error when there is
// none. Each is recorded by itself: after an error the earlier ones stay closed.
func (h *Harness) CloseRequests(ctx context.Context, number string) error {
	list, err := h.Requests(ctx)
	if err != nil {
		return err
	}
	done := 0
	for _, r := range list {
		if r.Number != number || !r.Open {
			continue
		}
		if _, err := h.store.HandOffDone(ctx, r.id, h.clock.Now()); err != nil {
			return err
		}
		done++
	}
	if done == 0 {
		return fmt.Errorf("no request of %s is open", number)
	}
	return nil
}

// Language returns the language of texts and letters to the member who has an account (K2: remembered from the
// call); pgx.ErrNoRows for an account that is not known.
func (h *Harness) Language(ctx context.Context, account string) (lang string, err error) {
	err = h.pool.QueryRow(ctx, `SELECT m.language FROM members m JOIN accounts a USING (member_id) WHERE a.account = $1`, account).Scan(&lang)
	return lang, err
}

// PayHangsUpSilently plays the other of two habits of Twilio's that its pages leave open: a hang-up inside
// <Pay> posts nothing (twilio.md §12: not confirmed). It replaces the stand-in, so it must come before the
// first call, and errExternal is returned where an external Twilio is used.
func (h *Harness) PayHangsUpSilently() error {
	if h.Twilio() == nil {
		return errExternal
	}
	h.mu.Lock()
	h.payHangupSilent = true
	h.mu.Unlock()
	return h.standIns.newTwilio() // it is chosen at the start
}

// Cover counts something that the script itself has seen, such as "receipt" or "text sent".
func (h *Harness) Cover(item string) { h.coverage.add(item) }

// balancedSQL selects every payment whose ledger entries do not fit its state: taken and returned have exactly
// one entry of kind payment, returned exactly one reversal, and all others neither (L1: append-only, written
// when taken).
const balancedSQL = `
SELECT coalesce(a.reference, ''), a.state, count(l.id) FILTER (WHERE l.kind = 'payment'), count(l.id) FILTER (WHERE l.kind = 'reversal')
FROM payment_attempts a LEFT JOIN ledger l ON l.attempt_key = a.key
GROUP BY a.key HAVING count(l.id) FILTER (WHERE l.kind = 'payment') <> (a.state IN ('taken', 'returned'))::int
   OR count(l.id) FILTER (WHERE l.kind = 'reversal') <> (a.state = 'returned')::int`

// Reconcile compares processor, payments and ledger (promise P1: money moves once): no payment is charged twice, each
// that is taken has one charge and one entry, and none that was declined or voided has a charge. It returns
// every difference joined, nil when there is none. Payments whose outcome is open may have a charge or not.
// Where an external processor is used only payments and ledger are compared.
func (h *Harness) Reconcile(ctx context.Context) error {
	rows, err := h.pool.Query(ctx, balancedSQL)
	if err != nil {
		return fmt.Errorf("compare processor, payments and ledger: %w", err)
	}
	type odd struct {
		Reference, State   string
		Entries, Reversals int
	}
	odds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[odd])
	if err != nil {
		return fmt.Errorf("compare processor, payments and ledger: %w", err)
	}
	var errs []error
	for _, o := range odds {
		errs = append(errs, fmt.Errorf("a payment that is %s has %d entries and %d reversals in the ledger", o.State, o.Entries, o.Reversals))
	}
	// The ledger may be right by itself while the money is not: from here on the processor has the word.
	p := h.Processor()
	if p == nil {
		return errors.Join(errs...)
	}
	rows, err = h.pool.Query(ctx, `SELECT coalesce(reference, ''), state, 0, 0 FROM payment_attempts WHERE reference IS NOT NULL`)
	if err != nil {
		return fmt.Errorf("compare processor, payments and ledger: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[odd])
	if err != nil {
		return fmt.Errorf("compare processor, payments and ledger: %w", err)
	}
	for _, a := range all {
		charges := p.ChargeCount(a.Reference)
		switch {
		case charges > 1:
			errs = append(errs, fmt.Errorf("a payment was charged %d times", charges))
		case charges == 1 && (a.State == "declined" || a.State == "voided"), charges == 0 && (a.State == "taken" || a.State == "returned"):
			errs = append(errs, fmt.Errorf("a payment that is %s was charged %d times", a.State, charges))
		}
	}
	return errors.Join(errs...)
}

// MergePolicy returns base with the settings of text in the place of those of the same name, and the others
// after them. Both are TOML with one setting a line; tables and values over several lines are not understood.
func MergePolicy(base, text string) string {
	// TOML refuses a key that stands twice, so the base's line must go.
	names := map[string]bool{}
	for line := range strings.SplitSeq(text, "\n") {
		if name, _, ok := strings.Cut(line, "="); ok {
			names[strings.TrimSpace(name)] = true
		}
	}
	var kept strings.Builder
	for line := range strings.SplitSeq(base, "\n") {
		if name, _, ok := strings.Cut(line, "="); !ok || !names[strings.TrimSpace(name)] {
			kept.WriteString(line + "\n")
		}
	}
	return kept.String() + text
}
