package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/handoff"
)

// PaymentRow is one row of the view contract.payments. A payment that was not authorized has no reference
// and a zero AuthorizedAt; one that was not taken has no confirmation.
type PaymentRow struct {
	Reference, Confirmation, Account, Method, State string

	Cents        int64
	AuthorizedAt time.Time
}

// LedgerRow is one row of the view contract.ledger. Cents count towards paid: a reversal is negative. Reference
// is empty for money that was booked elsewhere.
type LedgerRow struct {
	Account, Kind, Reference string

	Cents      int64
	ReceivedAt time.Time
}

// TextRow is one row of the view contract.texts. SentAt is zero until the text is handed to Twilio.
type TextRow struct {
	To, Kind, State, Body string

	CreatedAt time.Time
	SentAt    time.Time
}

// Rows are what the database says: what every account owes, the newest rows of the contract's views, newest
// first, and the callers who wait for a person, most urgent first. Each list is one query, so that a payment
// may be in one and not yet in another.
type Rows struct {
	Owed     map[string]int64 // cents by account; negative is a credit
	Payments []PaymentRow
	Ledger   []LedgerRow
	Texts    []TextRow
	Requests []handoff.Request
}

// owedRow is the balance of one account: billed less everything in the ledger.
type owedRow struct {
	Account string
	Cents   int64
}

// The views have NULL where something has not happened yet; Go has the zero value (time.Time is zero in the year 1).
const (
	noInstant      = `timestamptz '0001-01-01 00:00:00+00'`
	paymentColumns = `coalesce(reference, ''), coalesce(confirmation, ''), account, method, state, cents, coalesce(authorized_at, ` + noInstant + `)`

	// The same sum as owesSQL, for every account at once.
	owedRows = `SELECT a.account, (coalesce((SELECT sum(b.billed_cents) FROM (SELECT DISTINCT ON (coverage_month) billed_cents FROM bills
			WHERE bills.account = a.account ORDER BY coverage_month, revision DESC) b), 0)
		- coalesce((SELECT sum(l.cents) FROM contract.ledger l WHERE l.account = a.account), 0))::bigint
		FROM accounts a ORDER BY a.account LIMIT $1`
	paymentRows = `SELECT ` + paymentColumns + ` FROM contract.payments ORDER BY authorized_at DESC NULLS FIRST, reference LIMIT $1`
	ledgerRows  = `SELECT account, kind, coalesce(reference, ''), cents, received_at
		FROM contract.ledger ORDER BY received_at DESC, account, reference LIMIT $1`
	textRows = `SELECT to_number, kind, state, coalesce(body, ''), created_at, coalesce(sent_at, ` + noInstant + `)
		FROM contract.texts ORDER BY coalesce(sent_at, created_at) DESC, to_number LIMIT $1`

	paymentsOfCall = `SELECT ` + paymentColumns + ` FROM contract.payments
		WHERE call_sid = $1 AND authorized_at IS NOT NULL ORDER BY authorized_at DESC, reference`
	// Of two payments of one instant the open one counts as newer: the other was settled before it could be authorized.
	newestOfAccount = `SELECT ` + paymentColumns + ` FROM contract.payments WHERE account = $1 AND authorized_at IS NOT NULL
		ORDER BY authorized_at DESC, state IN ('authorized', 'confirming', 'unknown') DESC LIMIT 1`
)

// Rows reads at most so many rows of each list on a connection that no injected fault touches. On an error it
// returns what was read before it.
func (h *Harness) Rows(ctx context.Context, most int) (Rows, error) {
	r := Rows{Owed: map[string]int64{}}
	owed, err := rowsOf[owedRow](ctx, h, owedRows, most)
	if err != nil {
		return r, fmt.Errorf("read what is owed: %w", err)
	}
	for _, o := range owed {
		r.Owed[o.Account] = o.Cents
	}
	if r.Payments, err = rowsOf[PaymentRow](ctx, h, paymentRows, most); err != nil {
		return r, fmt.Errorf("read payments: %w", err)
	}
	if r.Ledger, err = rowsOf[LedgerRow](ctx, h, ledgerRows, most); err != nil {
		return r, fmt.Errorf("read the ledger: %w", err)
	}
	if r.Texts, err = rowsOf[TextRow](ctx, h, textRows, most); err != nil {
		return r, fmt.Errorf("read texts: %w", err)
	}
	if r.Requests, err = h.store.HandOffs(ctx, false, most); err != nil {
		return r, fmt.Errorf("read who waits for a person: %w", err)
	}
	return r, nil
}

// CallPayments returns the payments that were authorized in a call, newest first; call is the caller's CallSid.
// Offers that were never authorized are left out: they promise nothing (design §5).
func (h *Harness) CallPayments(ctx context.Context, call string) ([]PaymentRow, error) {
	list, err := rowsOf[PaymentRow](ctx, h, paymentsOfCall, call)
	if err != nil {
		return nil, fmt.Errorf("read payments of the call: %w", err)
	}
	return list, nil
}

// NewestPayment returns the newest authorized payment on an account; pgx.ErrNoRows when there is none.
func (h *Harness) NewestPayment(ctx context.Context, account string) (PaymentRow, error) {
	list, err := rowsOf[PaymentRow](ctx, h, newestOfAccount, account)
	if err == nil && len(list) == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return PaymentRow{}, fmt.Errorf("read payments of the account: %w", err)
	}
	return list[0], nil
}

// ReceivedAt returns since when a payment counts as received: its entry's instant once it is taken, else that
// of its authorization (C6: received when authorized). The two may differ (L3: a payment that replaces a failed
// one).
func (h *Harness) ReceivedAt(ctx context.Context, p PaymentRow) (time.Time, error) {
	list, err := columnOf[time.Time](ctx, h, `SELECT received_at FROM contract.ledger WHERE reference = $1 AND kind = 'payment'`, p.Reference)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the entry of a payment: %w", err)
	}
	// The entry's instant if there is an entry: a payment has at most one of kind payment.
	return append(list, p.AuthorizedAt)[0], nil
}

// rowsOf runs a query past every fault and returns its rows as structs, column by position. None is an empty
// list.
func rowsOf[T any](ctx context.Context, h *Harness, sql string, args ...any) ([]T, error) {
	rows, err := h.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// columnOf runs a query of one column past every fault and returns its values.
func columnOf[T any](ctx context.Context, h *Harness, sql string, args ...any) ([]T, error) {
	rows, err := h.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}
