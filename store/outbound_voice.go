package store

import (
	"context"
	"fmt"

	"duebell/notify"
	"duebell/store/db"
)

// NumbersToCall are the numbers that have agreed to reminder calls and cannot be texted.
func (s *Store) NumbersToCall(ctx context.Context, after string, most int) ([]string, error) {
	numbers, err := s.q.NumbersToCall(ctx, db.NumbersToCallParams{After: after, Most: int32(most)}) //nolint:gosec // G115: hundreds
	if err != nil {
		return nil, fmt.Errorf("read numbers to call: %w", err)
	}
	return numbers, nil
}

// CallInstead makes calls of the reminders that stand planned for a number.
func (p *planPage) CallInstead(ctx context.Context, number string) error {
	kinds := names(notify.CappedKinds())
	if err := p.q.CallInstead(ctx, db.CallInsteadParams{Number: number, Kinds: kinds}); err != nil {
		return fmt.Errorf("plan calls: %w", err)
	}
	return nil
}

// MayOfferCalls says whether the owner of a number has neither agreed to reminder calls nor refused them.
func (s *Store) MayOfferCalls(ctx context.Context, number string) (bool, error) {
	yes, err := s.q.MayBeAsked(ctx, number)
	if err != nil {
		return false, fmt.Errorf("ask whether a number may be offered calls: %w", err)
	}
	return yes, nil
}
