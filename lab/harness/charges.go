package harness

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// named holds the arguments of a query by name (@name in the SQL).
type named map[string]any

// pgx returns them in a form that refuses a query with an argument missing or one too many. pgx's plain
// NamedArgs would put NULL in the place of a misspelled one.
func (n named) pgx() pgx.StrictNamedArgs { return pgx.StrictNamedArgs(n) }

// Charge is a PaymentIntent at the processor that moved money or is moving it, joined with the payment of ours
// behind it. Reference is the nine digits of L4 that we sent along as metadata; Cents are whole US cents.
// Returned means that a debit bounced or a payment was disputed: the charge stays in the list all the same.
type Charge struct {
	Reference string
	Account   string // empty: no payment of ours
	Cents     int64
	Method    string // card or bank
	Returned  bool
	Company   bool // debited as a company's account (E1)
}

// Charges returns all of the processor's charges, oldest first, among them those that were returned. A charge
// without an Account belongs to no payment of ours: a script that meets one fails, because money moved that the
// database does not know of (promise P1: money moves once). It returns errExternal where an external processor is used,
// whose charges it cannot read.
func (h *Harness) Charges(ctx context.Context) ([]Charge, error) {
	p := h.Processor()
	if p == nil {
		return nil, errExternal
	}
	// The stand-in has Stripe's words for a method; scripts and the contract's views say card or bank.
	var list []Charge
	for _, c := range p.Charges() {
		charge := Charge{Reference: c.Reference, Cents: c.Cents, Method: "card", Returned: c.Returned, Company: c.Company}
		if c.Method != "card" {
			charge.Method = "bank"
		}
		// By the contract's view and not by our tables: an outside check would look the same way. One query a
		// charge is quick enough for the few charges of a script.
		rows, err := h.pool.Query(ctx, `SELECT account FROM contract.payments WHERE reference = $1`, c.Reference)
		if err != nil {
			return nil, fmt.Errorf("read whose charge it is: %w", err)
		}
		accounts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("read whose charge it is: %w", err)
		}
		// None: no payment of ours. A reference is unique, so two cannot be.
		if len(accounts) == 1 {
			charge.Account = accounts[0]
		}
		list = append(list, charge)
	}
	return list, nil
}

// Text is a text that the product had Twilio send. SID is Twilio's id of it, by which a script marks it as
// expected.
type Text struct{ SID, To, Body string }

// Texts returns all texts that the product had sent, oldest first; nil where an external Twilio is used.
// Twilio's own answers to STOP, START and HELP are not among them: the product did not send those (O2: who
// answers what).
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

// HandOver is what was written down when a caller was transferred to a person (H3: what the transfer carries).
// Reason is the word under which it was recorded, such as asked. Account is empty where none was known yet.
type HandOver struct {
	Reason   string
	Verified bool
	Account  string
	Outcome  string // of the call to the person; empty: not known yet
}

// HandOvers returns the transfers of a call, oldest first; call is the caller's CallSid. None is an empty list
// and no error.
func (h *Harness) HandOvers(ctx context.Context, call string) ([]HandOver, error) {
	rows, err := h.pool.Query(ctx, `SELECT reason, verified, coalesce(account, ''), coalesce(outcome, '') FROM handoffs WHERE call_sid = $1 ORDER BY turn`, call)
	if err != nil {
		return nil, fmt.Errorf("read hand-overs: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[HandOver])
}

// ReceiptSent reports whether a receipt with this confirmation number was handed to Twilio. Planned and dropped
// texts do not count (sent_at is null for those), and what became of it at the carrier is not asked.
func (h *Harness) ReceiptSent(ctx context.Context, confirmation string) (bool, error) {
	var sent bool
	err := h.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM contract.texts
		WHERE kind = 'payment_received' AND body LIKE '%' || $1 || '%' AND sent_at IS NOT NULL)`, confirmation).Scan(&sent)
	return sent, err
}

// productTables returns the tables that hold the product's data, in the order of their names: those that a
// reset empties and a search for secrets reads. The list comes from the database itself, so that a table of a
// new migration is emptied and searched without a change here. The job queue's own bookkeeping and the schema's
// version are left out: a reset that emptied them would break River and make the next start migrate again.
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
