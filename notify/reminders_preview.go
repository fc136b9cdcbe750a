package notify

import (
	"context"
	"fmt"
	"time"
)

// WhyNoNumber is why a member whom no number leads to gets nothing.
const WhyNoNumber = "no phone number on file"

// numberless is how many accounts without a number are read at a time.
const numberless = 5000

// Preview says what Run would plan at an instant, and why everybody else gets nothing; it writes nothing.
// show is given one number after another, and last the accounts without one. An import that is too
// old is taken for fresh, and stale is true: at a later day there will have been another one.
func (p *Planner) Preview(ctx context.Context, now time.Time, show func(Recipient, []Reminder, []Withheld) error) (stale bool, err error) {
	state, err := p.book.PlanState(ctx)
	if err != nil {
		return false, fmt.Errorf("preview reminders: %w", err)
	}
	if stale = p.rules.stale(state.ImportedAt, now); stale {
		state.ImportedAt = now
	}
	err = p.pages(ctx, func(page Page) error {
		return p.book.ReadPage(ctx, page, func(tx PlanPage) error {
			households, err := p.rules.gather(ctx, tx, now, state.ImportedAt, true)
			if err != nil {
				return err
			}
			for _, h := range households {
				send, held := p.rules.Reminders(h, now)
				if err := show(h, send, held); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return stale, fmt.Errorf("preview reminders: %w", err)
	}
	if err := p.previewNumberless(ctx, show); err != nil {
		return stale, fmt.Errorf("preview reminders: %w", err)
	}
	return stale, nil
}

func (p *Planner) previewNumberless(ctx context.Context, show func(Recipient, []Reminder, []Withheld) error) error {
	for after := ""; ; {
		list, err := p.book.AccountsWithoutNumber(ctx, after, numberless)
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
