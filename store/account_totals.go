package store

import (
	"context"
	"fmt"

	"duebell/billing"
)

// AccountTotals is what one account was billed and what was paid on it, for a program that writes
// billing files which must fit what is already loaded (the sample members' billing system).
type AccountTotals struct {
	Billed map[billing.Month]billing.Money // by coverage month, newest revisions only (B5: the highest revision counts)
	Paid   billing.Money                   // payments less reversals, and payments in flight (L2: in flight counts as paid)
}

// AccountTotals returns the totals by account. An account that does not exist has empty ones.
func (s *Store) AccountTotals(ctx context.Context, accounts []string) (map[string]AccountTotals, error) {
	bills, err := s.q.BillsOfAccounts(ctx, accounts)
	if err != nil {
		return nil, fmt.Errorf("read bills: %w", err)
	}
	paid, err := s.q.PaidBy(ctx, accounts)
	if err != nil {
		return nil, fmt.Errorf("read what was paid: %w", err)
	}
	// The two reads are not one snapshot. That is enough for a generator of sample files, which runs alone;
	// do not use it for what a caller hears (see Members.Standing).
	totals := make(map[string]AccountTotals, len(accounts))
	for _, account := range accounts {
		totals[account] = AccountTotals{Billed: map[billing.Month]billing.Money{}}
	}
	for _, b := range bills {
		totals[b.Account].Billed[billing.MonthOf(billing.DateIn(b.CoverageMonth, b.CoverageMonth.Location()))] = billing.Money(b.BilledCents)
	}
	for _, p := range paid {
		t := totals[p.Account]
		t.Paid = billing.Money(p.Cents)
		totals[p.Account] = t
	}
	return totals, nil
}
