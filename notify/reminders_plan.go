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

// Planner writes the day's reminders down. It reads the households page by page, asks the rules, and
// plans what they say; the couriers look at everything once more when they send. A run may die at any
// instant and be made again: what is planned is planned once, because the schema says so.
type Planner struct {
	book  PlanStore
	rules *Rules
	log   *slog.Logger
	opts  PlannerOptions
}

// PlannerOptions are the planner's settings; zero values get defaults.
type PlannerOptions struct {
	Page    int           // members read at a time; 5,000
	Workers int           // pages at a time; 2
	Every   time.Duration // between two runs of a day, for what came to be true meanwhile; 1 h (domain clock)
}

// PlanStore is the planner's part of the book.
type PlanStore interface {
	// PlanState is what the newest finished run planned and what has been imported since.
	PlanState(ctx context.Context) (PlanState, error)
	// PlanExclusively begins a run and ends it with what f has planned, while nobody else plans: then
	// ErrPlanning.
	PlanExclusively(ctx context.Context, run PlanRun, f func(ctx context.Context) (planned int, err error)) error
	// NextPage is the next stretch of numbers after one, at least so many members long; an empty
	// Page is the end.
	NextPage(ctx context.Context, after string, members int) (Page, error)
	// ReadPage gives a stretch of numbers to f, in one transaction.
	ReadPage(ctx context.Context, page Page, f func(PlanPage) error) error
	// AccountsWithoutNumber are those of members without a number, for whoever wants to know why they
	// get nothing; after is the last account of the page before.
	AccountsWithoutNumber(ctx context.Context, after string, most int) ([]AccountFacts, error)
	// NumbersToCall are those that have agreed to reminder calls and cannot be texted.
	NumbersToCall(ctx context.Context, after string, most int) ([]string, error)
}

// PlanPage is a stretch of numbers inside the transaction that plans for them.
type PlanPage interface {
	// Recipients are the page's numbers. Unless everyone is asked for, only those to which something
	// may go, with the accounts that owe. Bills are the newest ones, from since on.
	Recipients(ctx context.Context, since billing.Month, everyone bool) ([]Recipient, error)
	// PriorReasons is what stands planned or went for the reasons of these numbers, for bills from since on.
	PriorReasons(ctx context.Context, numbers []string, since billing.Month) (map[string][]PriorReason, error)
	// PaidLate are the accounts for which more came in after an instant than was to spare.
	PaidLate(ctx context.Context, list []PaidBill) ([]string, error)
	// Histories are whole accounts.
	Histories(ctx context.Context, accounts []string) (map[string]History, error)
	// Plan writes reminders down, each once, and says how many are new.
	Plan(ctx context.Context, list []Reminder, day billing.Date, at time.Time) (int, error)
	// CallInstead makes calls of the reminders that stand planned for a number.
	CallInstead(ctx context.Context, number string) error
}

// Page is a stretch of numbers, both ends in it.
type Page struct{ First, Last string }

// PaidBill is the newest bill of an account that is paid: late, if more than Surplus came after DueAt.
type PaidBill struct {
	Account string
	DueAt   time.Time
	Surplus billing.Money
}

// PlanRun is one run of the planner.
type PlanRun struct {
	Day        billing.Date
	ImportRun  int64
	StartedAt  time.Time
	FinishedAt time.Time
}

// PlanState is the newest finished run, zero when there is none, and the newest import with bills.
type PlanState struct {
	Last       PlanRun
	ImportRun  int64
	ImportedAt time.Time // as of
}

// ErrPlanning says that another planner is at it.
var ErrPlanning = errors.New("notify: reminders are being planned")

// PlanSummary is what a run did.
type PlanSummary struct {
	Recipients   int // to which something might have gone
	Texts        int
	Stale        bool // nothing was planned: the import is too old (B6)
	OtherPlanner bool // another planner is at it
}

// NewPlanner puts a planner together.
func NewPlanner(book PlanStore, rules *Rules, log *slog.Logger, opts PlannerOptions) *Planner {
	if opts.Page == 0 {
		opts.Page = 5000
	}
	if opts.Workers == 0 {
		opts.Workers = 2
	}
	if opts.Every == 0 {
		opts.Every = time.Hour
	}
	return &Planner{book: book, rules: rules, log: log, opts: opts}
}

// Tick runs the planner if it is due.
func (p *Planner) Tick(ctx context.Context, now time.Time) (PlanSummary, error) {
	if due, err := p.Due(ctx, now); err != nil || !due {
		return PlanSummary{}, err
	}
	return p.Run(ctx, now)
}

// planAhead is how long before the hours of texts open a day is planned at the latest, in the business
// zone; some recipients live further east.
const planAhead = 2 * time.Hour

// Due says, with one small question to the book, whether there is anything to plan: a new day, as
// soon as its import is there, or early in the morning in any case; a new import; or some time has
// passed, because payments come back and consents are given.
func (p *Planner) Due(ctx context.Context, now time.Time) (bool, error) {
	state, err := p.book.PlanState(ctx)
	if err != nil {
		return false, fmt.Errorf("ask whether to plan: %w", err)
	}
	return p.rules.planDue(state, now, p.opts.Every), nil
}

func (r *Rules) planDue(s PlanState, now time.Time, every time.Duration) bool {
	if r.stale(s.ImportedAt, now) {
		return false
	}
	today := r.cal.DateOf(now)
	if s.Last.Day != today {
		return r.cal.DateOf(s.ImportedAt) == today || !now.Before(r.cal.At(today, r.hours.open).Add(-planAhead))
	}
	return s.ImportRun != s.Last.ImportRun || now.Sub(s.Last.StartedAt) >= every
}

// Run plans for everybody, now.
func (p *Planner) Run(ctx context.Context, now time.Time) (PlanSummary, error) {
	state, err := p.book.PlanState(ctx)
	if err != nil {
		return PlanSummary{}, fmt.Errorf("plan reminders: %w", err)
	}
	if p.rules.stale(state.ImportedAt, now) {
		p.log.Warn("no reminders are planned: the import is too old", "as of", state.ImportedAt)
		return PlanSummary{Stale: true}, nil
	}
	var sum PlanSummary
	run := PlanRun{Day: p.rules.cal.DateOf(now), ImportRun: state.ImportRun, StartedAt: now}
	err = p.book.PlanExclusively(ctx, run, func(ctx context.Context) (int, error) {
		sum, err = p.everybody(ctx, now, state.ImportedAt)
		return sum.Texts, err
	})
	if errors.Is(err, ErrPlanning) {
		return PlanSummary{OtherPlanner: true}, nil
	}
	if err != nil {
		return sum, fmt.Errorf("plan reminders: %w", err)
	}
	p.log.Info("reminders are planned", "households", sum.Recipients, "texts", sum.Texts)
	return sum, nil
}

// everybody goes through all pages, some at a time. The first failure ends the run.
func (p *Planner) everybody(ctx context.Context, now, importedAt time.Time) (PlanSummary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pages := make(chan Page)
	var sum PlanSummary
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range p.opts.Workers {
		workers.Go(func() {
			for page := range pages {
				got, err := p.page(ctx, page, now, importedAt)
				if err != nil {
					cancel(err)
				}
				mu.Lock()
				sum.Recipients += got.Recipients
				sum.Texts += got.Texts
				mu.Unlock()
			}
		})
	}
	err := p.pages(ctx, func(page Page) error {
		select {
		case pages <- page:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(pages)
	workers.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return sum, err
	}
	calls, err := p.calls(ctx, now, importedAt)
	sum.Texts += calls
	return sum, err
}

// pages gives every page to f, in order.
func (p *Planner) pages(ctx context.Context, f func(Page) error) error {
	for after := ""; ; {
		page, err := p.book.NextPage(ctx, after, p.opts.Page)
		if err != nil || page == (Page{}) {
			return err
		}
		if err := f(page); err != nil {
			return err
		}
		after = page.Last
	}
}

// page plans for one stretch of numbers.
func (p *Planner) page(ctx context.Context, page Page, now, importedAt time.Time) (sum PlanSummary, err error) {
	err = p.book.ReadPage(ctx, page, func(tx PlanPage) error {
		households, err := p.rules.gather(ctx, tx, now, importedAt, false)
		if err != nil {
			return err
		}
		var list []Reminder
		at := p.rules.dayAt(now)
		for i := range households {
			send, _ := p.rules.remindOn(at, &households[i])
			list = append(list, send...)
		}
		sum.Recipients = len(households)
		if len(list) == 0 {
			return nil
		}
		sum.Texts, err = tx.Plan(ctx, list, p.rules.cal.DateOf(now), now)
		return err
	})
	return sum, err
}
