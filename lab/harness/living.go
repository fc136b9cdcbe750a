package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/handoff"
)

// Ready lets /readyz be answered by the replicas, in a world that was opened with NotYet.
func (w *World) Ready() { w.ready.Store(true) }

// URL is where this machine reaches the line.
func (w *World) URL() string { return w.front.local() }

// Tick does what a second of a running clock brings: keys in our own Redis age, billing's import
// comes when 02:00 has passed, the stand-ins do what is due, and every planner ticks. While somebody
// moves the clock, or a story is told, it does nothing.
func (w *World) Tick(ctx context.Context) error {
	if w.cache.own != nil {
		w.cache.own.FastForward(time.Second)
	}
	if w.standing.Load() || !w.moving.TryLock() {
		return nil
	}
	defer w.moving.Unlock()
	now := w.clock.Now()
	last := w.ticked
	w.ticked = now
	if !last.IsZero() && !w.nextImport(last).After(now) {
		if err := w.importAsDue(ctx); err != nil {
			return err
		}
	}
	return w.tickAll(ctx)
}

// Rows are what every account owes, the newest rows of the contract's views, newest first, and who wants a person.
type Rows struct {
	Owed     map[string]int64 // cents, by account
	Payments []PaymentRow
	Ledger   []LedgerRow
	Texts    []TextRow
	Requests []handoff.Request
}

type owedRow struct {
	Account string
	Cents   int64
}

// PaymentRow is one row of contract.payments. What was not authorized has neither reference nor instant.
type PaymentRow struct {
	Reference, Confirmation, Account, Method, State string

	Cents        int64
	AuthorizedAt *time.Time
}

// LedgerRow is one row of contract.ledger.
type LedgerRow struct {
	Account, Kind, Reference string

	Cents      int64
	ReceivedAt time.Time
}

// TextRow is one row of contract.texts.
type TextRow struct {
	To, Kind, State, Body string

	CreatedAt time.Time
	SentAt    *time.Time
}

const (
	owedRows = `SELECT a.account, (coalesce((SELECT sum(b.billed_cents) FROM (SELECT DISTINCT ON (coverage_month) billed_cents FROM bills
			WHERE bills.account = a.account ORDER BY coverage_month, revision DESC) b), 0)
		- coalesce((SELECT sum(l.cents) FROM contract.ledger l WHERE l.account = a.account), 0))::bigint
		FROM accounts a ORDER BY a.account LIMIT $1`
	paymentRows = `SELECT coalesce(reference, ''), coalesce(confirmation, ''), account, method, state, cents, authorized_at
		FROM contract.payments ORDER BY authorized_at DESC NULLS FIRST, reference LIMIT $1`
	ledgerRows = `SELECT account, kind, coalesce(reference, ''), cents, received_at
		FROM contract.ledger ORDER BY received_at DESC, account, reference LIMIT $1`
	textRows = `SELECT to_number, kind, state, coalesce(body, ''), created_at, sent_at
		FROM contract.texts ORDER BY coalesce(sent_at, created_at) DESC, to_number LIMIT $1`
)

// Rows reads at most so many of each view, past every fault.
func (w *World) Rows(ctx context.Context, most int) (Rows, error) {
	r := Rows{Owed: map[string]int64{}}
	owed, err := rowsOf[owedRow](ctx, w, owedRows, most)
	if err != nil {
		return r, fmt.Errorf("what is owed: %w", err)
	}
	for _, o := range owed {
		r.Owed[o.Account] = o.Cents
	}
	if r.Payments, err = rowsOf[PaymentRow](ctx, w, paymentRows, most); err != nil {
		return r, fmt.Errorf("payments: %w", err)
	}
	if r.Ledger, err = rowsOf[LedgerRow](ctx, w, ledgerRows, most); err != nil {
		return r, fmt.Errorf("ledger: %w", err)
	}
	if r.Texts, err = rowsOf[TextRow](ctx, w, textRows, most); err != nil {
		return r, fmt.Errorf("texts: %w", err)
	}
	if r.Requests, err = w.store.HandOffs(ctx, false, most); err != nil {
		return r, fmt.Errorf("who wants a person: %w", err)
	}
	return r, nil
}

func rowsOf[T any](ctx context.Context, w *World, sql string, args ...any) ([]T, error) {
	rows, err := w.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

func columnOf[T any](ctx context.Context, w *World, sql string, args ...any) ([]T, error) {
	rows, err := w.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}
