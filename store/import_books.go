package store

import (
	"context"
	"fmt"

	"duebell/billing"
)

// Book is what is on the books of one account, for whoever makes files that must fit what is
// already there (the sample members' billing system).
type Book struct {
	Billed map[billing.Month]billing.Money // by coverage month, newest revisions
	Paid   billing.Money                   // payments less reversals, and what is on its way (L2)
}

// Books gives the books of accounts; of an account that does not exist, an empty one.
func (s *Store) Books(ctx context.Context, accounts []string) (map[string]Book, error) {
	bills, err := s.q.BilledTo(ctx, accounts)
	if err != nil {
		return nil, fmt.Errorf("read bills: %w", err)
	}
	paid, err := s.q.PaidBy(ctx, accounts)
	if err != nil {
		return nil, fmt.Errorf("read what was paid: %w", err)
	}
	books := make(map[string]Book, len(accounts))
	for _, account := range accounts {
		books[account] = Book{Billed: map[billing.Month]billing.Money{}}
	}
	for _, b := range bills {
		books[b.Account].Billed[billing.MonthOf(billing.DateIn(b.CoverageMonth, b.CoverageMonth.Location()))] = billing.Money(b.BilledCents)
	}
	for _, p := range paid {
		book := books[p.Account]
		book.Paid = billing.Money(p.Cents)
		books[p.Account] = book
	}
	return books, nil
}
