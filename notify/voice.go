package notify

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Reminder calls (N10: opt-in only) go to those who have agreed to them and cannot be reminded by text:
// landlines, numbers where no text arrives, and those who want calls and no texts. They are the same
// reminders, by the same rules and under the same cap, on another channel.

// callPage is how many numbers to call are read at a time. Few members agree to calls.
const callPage = 500

// calls plans the reminders of those who are called, after those of everybody else, and returns how many. It
// runs after the pages of everybody, in the same run, and so on one process only.
func (p *Planner) calls(ctx context.Context, now, importedAt time.Time) (planned int, err error) {
	if !p.rules.policy.VoiceReminders {
		return 0, nil
	}
	// Pages are keyed by number: a run that crashed begins again at the first, and plans nothing twice (N1).
	for after := ""; ; {
		numbers, err := p.store.NumbersToCall(ctx, after, callPage)
		if err != nil {
			return planned, fmt.Errorf("numbers to call: %w", err)
		}
		if len(numbers) == 0 {
			return planned, nil
		}
		for _, number := range numbers {
			n, err := p.call(ctx, number, now, importedAt)
			if err != nil {
				return planned, err
			}
			planned += n
		}
		after = numbers[len(numbers)-1]
	}
}

// call plans for one number, in one transaction. A number whose owner can be texted by now is not among them
// (NumbersToCall).
func (p *Planner) call(ctx context.Context, number string, now, importedAt time.Time) (planned int, err error) {
	err = p.store.ReadPage(ctx, Page{First: number, Last: number}, func(tx PlanPage) error {
		recipients, err := p.rules.gather(ctx, tx, now, importedAt, true)
		if err != nil {
			return err
		}
		var list []Reminder
		for _, to := range recipients {
			// Consent to calls stands by itself: what stops texts does not stop a call.
			to.Consent, to.OptedOut, to.Unreachable = true, false, false
			send, _ := p.rules.Reminders(to, now)
			list = append(list, send...)
		}
		// A call says "payment reminder" and no more, which is not true of an AutoPay draw.
		list = slices.DeleteFunc(list, func(m Reminder) bool { return !m.Kind.capped() })
		if len(list) == 0 {
			return nil
		}
		if planned, err = tx.Plan(ctx, list, p.rules.cal.DateOf(now), now); err != nil {
			return err
		}
		// Also turns texts into calls that were planned while the number could still be texted.
		return tx.CallInstead(ctx, number)
	})
	return planned, err
}
