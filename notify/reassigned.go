package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"duebell/billing"
)

// Directory says whether a number has been given to somebody else since an instant.
type Directory interface {
	Reassigned(ctx context.Context, number string, since time.Time) (Handed, error)
}

// Handed is the directory's answer.
type Handed string

// The answers. Of a number that the directory does not know nothing is proven.
const (
	HandedOn   Handed = "yes"
	StillTheir Handed = "no"
	NotKnown   Handed = "no_data"
)

// CheckBook is the checker's part of the book.
type CheckBook interface {
	// NumbersToCheck are numbers that we text or call and of which nothing was heard since before,
	// in their order; after is the last one of the page before.
	NumbersToCheck(ctx context.Context, after string, before time.Time, most int) ([]Known, error)
	// NoteChecked records a look-up, and since when the number is known to be its owner's.
	NoteChecked(ctx context.Context, k Known, at time.Time) error
}

// Known is a number and since when it is known to be its owner's.
type Known struct {
	Number   string
	Verified time.Time
}

// NumberCheck looks up whether numbers have changed hands (O5): whoever has one now has agreed to
// nothing, and a stranger's bill is none of their business.
type NumberCheck struct {
	book   CheckBook
	inbox  *Inbox
	ask    Directory
	policy billing.Policy
	clock  Clock
	log    *slog.Logger
}

// NewNumberCheck puts a checker together.
func NewNumberCheck(book CheckBook, inbox *Inbox, ask Directory, p billing.Policy, clock Clock, log *slog.Logger) *NumberCheck {
	return &NumberCheck{book: book, inbox: inbox, ask: ask, policy: p, clock: clock, log: log}
}

// Checked counts look-ups by their answer.
type Checked map[Handed]int

const (
	checkPage    = 200
	checksAtOnce = 4
)

// Run looks up every number whose last look-up, or its owner's last word, is older than
// reassigned_check_days. What is not answered is asked again by the next run; a directory that answers
// nobody ends this one.
func (c *NumberCheck) Run(ctx context.Context) (Checked, error) {
	sum := Checked{}
	before := c.clock.Now().AddDate(0, 0, -c.policy.ReassignedCheckDays)
	for after := ""; ; {
		page, err := c.book.NumbersToCheck(ctx, after, before, checkPage)
		if err != nil {
			return sum, fmt.Errorf("numbers to check: %w", err)
		}
		if err := c.page(ctx, page, sum); err != nil {
			return sum, err
		}
		if len(page) < checkPage {
			return sum, nil
		}
		after = page[len(page)-1].Number
	}
}

// page looks up some numbers, a few at a time, and stops asking at the first trouble.
func (c *NumberCheck) page(ctx context.Context, page []Known, sum Checked) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		mu   sync.Mutex
		wg   sync.WaitGroup
		errs []error
		next = make(chan Known)
	)
	for range min(checksAtOnce, len(page)) {
		wg.Go(func() {
			for k := range next {
				answer, err := c.one(ctx, k)
				mu.Lock()
				if err == nil {
					sum[answer]++
				} else if ctx.Err() == nil {
					errs = append(errs, err)
					stop()
				}
				mu.Unlock()
			}
		})
	}
	for _, k := range page {
		select {
		case next <- k:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return errors.Join(append(errs, context.Cause(ctx))...)
}

// one looks a number up and carries out what the answer means.
func (c *NumberCheck) one(ctx context.Context, k Known) (Handed, error) {
	answer, err := c.ask.Reassigned(ctx, k.Number, k.Verified)
	if refused := (*SendError)(nil); errors.As(err, &refused) && refused.Kind == Refused {
		answer, err = NotKnown, nil // no number that the directory keeps: not one of the United States
	}
	if err != nil {
		return "", fmt.Errorf("look a number up: %w", err)
	}
	now := c.clock.Now()
	switch answer {
	case HandedOn:
		if err := c.inbox.HandedOn(ctx, k.Number); err != nil {
			return "", err
		}
		c.log.Info("a number belongs to somebody else now; it gets no texts and calls any more")
	case StillTheir:
		k.Verified = now
	}
	return answer, c.book.NoteChecked(ctx, k, now)
}

// HandedOn ends texts and calls to a number that belongs to somebody else now, and takes it from the
// member (O5). Nobody is told: whoever has it asked for nothing.
func (in *Inbox) HandedOn(ctx context.Context, number string) error {
	now := in.clock.Now()
	task := in.task("number-reassigned", "", now)
	task.Detail = "the number ending " + number[max(0, len(number)-4):] + " belongs to somebody else: ask the member for another"
	err := in.book.ChangeConsent(ctx, number, now, func(NumberFacts) Effect {
		return Effect{Suppress: &Suppression{Number: number, Source: FromReassigned, All: true}, Detach: true, Task: task}
	})
	if err != nil {
		return fmt.Errorf("give a number up: %w", err)
	}
	return nil
}
