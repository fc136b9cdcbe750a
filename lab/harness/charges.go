package harness

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// named are the arguments of a query by name (@name).
type named map[string]any

// pgx turns them into arguments that pgx refuses when one is missing or too many.
func (n named) pgx() pgx.StrictNamedArgs { return pgx.StrictNamedArgs(n) }

// Charge is a PaymentIntent at the processor that moved money or is moving it, with the payment of ours behind it.
type Charge struct {
	Reference string
	Account   string // empty: no payment of ours
	Cents     int64
	Method    string // card or bank
	Returned  bool
	Company   bool // debited as a company's account (E1)
}

// Charges returns all of the processor's charges, oldest first. Those of somebody else's processor cannot be read.
func (h *Harness) Charges(ctx context.Context) ([]Charge, error) {
	p := h.Processor()
	if p == nil {
		return nil, errExternal
	}
	var list []Charge
	for _, c := range p.Charges() {
		charge := Charge{Reference: c.Reference, Cents: c.Cents, Method: "card", Returned: c.Returned, Company: c.Company}
		if c.Method != "card" {
			charge.Method = "bank"
		}
		rows, err := h.pool.Query(ctx, `SELECT account FROM contract.payments WHERE reference = $1`, c.Reference)
		if err != nil {
			return nil, fmt.Errorf("read whose charge it is: %w", err)
		}
		accounts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("read whose charge it is: %w", err)
		}
		if len(accounts) == 1 {
			charge.Account = accounts[0]
		}
		list = append(list, charge)
	}
	return list, nil
}

// Text is a text that the product had Twilio send.
type Text struct{ SID, To, Body string }

// Texts returns all of them, oldest first; nil where Twilio is somebody else's.
func (h *Harness) Texts() []Text {
	t := h.Twilio()
	if t == nil {
		return nil
	}
	var list []Text
	for _, m := range t.AllTexts() {
		list = append(list, Text{m.SID, m.To, m.Body})
	}
	return list
}

// HandOver is what was written down when a caller was given to a person.
type HandOver struct {
	Reason   string
	Verified bool
	Account  string
	Outcome  string // of the call to the person; empty: not known yet
}

// HandOvers returns those of a call, oldest first.
func (h *Harness) HandOvers(ctx context.Context, call string) ([]HandOver, error) {
	rows, err := h.pool.Query(ctx, `SELECT reason, verified, coalesce(account, ''), coalesce(outcome, '') FROM handoffs WHERE call_sid = $1 ORDER BY turn`, call)
	if err != nil {
		return nil, fmt.Errorf("read hand-overs: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[HandOver])
}

// ReceiptSent says whether a receipt with this confirmation number was handed to Twilio.
func (h *Harness) ReceiptSent(ctx context.Context, confirmation string) (bool, error) {
	var sent bool
	err := h.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM contract.texts
		WHERE kind = 'payment_received' AND body LIKE '%' || $1 || '%' AND sent_at IS NOT NULL)`, confirmation).Scan(&sent)
	return sent, err
}

// productTables lists the tables that hold the product's data: those that a reset empties and a search for secrets
// reads. The job queue's own bookkeeping and the schema's version are left out.
func (h *Harness) productTables(ctx context.Context) ([]string, error) {
	rows, err := h.pool.Query(ctx, `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	keep := []string{"schema_version", "river_migration", "river_leader", "river_queue", "river_client", "river_client_queue"}
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(keep, n) }), nil
}
