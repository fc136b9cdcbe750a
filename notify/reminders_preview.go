package notify

import (
	"context"
	"fmt"
	"time"
)

// WhyNoNumber is why a member without a phone number gets nothing.
const WhyNoNumber = "no phone number on file"

// previewPage is how many accounts without a number are read at a time.
const previewPage = 5000

// Preview shows what Run would plan at an instant, and why everybody else gets nothing; it writes nothing. It
// calls show with one number after another, and last with the accounts that have none. An import that is too
// old is treated as fresh, and stale is true: by a later day there will have been another one. It reads each
// page in a transaction of its own, so it may run beside a planner. An error of show ends it.
func (p *Planner) Preview(ctx context.Context, now time.Time, show func(Recipient, []Reminder, []Withheld) error) (stale bool, err error) {
	state, err := p.store.PlanState(ctx)
	if err != nil {
		return false, fmt.Errorf("preview reminders: %w", err)
	}
	if stale = p.rules.stale(state.ImportedAt, now); stale {
		state.ImportedAt = now
	}
	err = p.pages(ctx, func(page Page) error {
		return p.store.ReadPage(ctx, page, func(tx PlanPage) error {
			recipients, err := p.rules.gather(ctx, tx, now, state.ImportedAt, true)
			if err != nil {
				return err
			}
			for _, to := range recipients {
				send, held := p.rules.Reminders(to, now)
				if err := show(to, send, held); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return stale, fmt.Errorf("preview reminders: %w", err)
	}
	if err := p.previewWithoutNumber(ctx, show); err != nil {
		return stale, fmt.Errorf("preview reminders: %w", err)
	}
	return stale, nil
}

// previewWithoutNumber shows the accounts that no number leads to.
func (p *Planner) previewWithoutNumber(ctx context.Context, show func(Recipient, []Reminder, []Withheld) error) error {
	for after := ""; ; {
		list, err := p.store.AccountsWithoutNumber(ctx, after, previewPage)
		if err != nil || len(list) == 0 {
			return err
		}
		held := make([]Withheld, len(list))
		for i, o := range list {
			held[i] = Withheld{Account: o.Account.Number, Why: WhyNoNumber}
			after = o.Account.Number
		}
		if err := show(Recipient{Accounts: list}, nil, held); err != nil {
			return err
		}
	}
}
