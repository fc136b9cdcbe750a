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

// Planner writes the day's reminders. It reads the recipients page by page, asks the rules, and stores
// what they return as planned notices; the sender checks everything again when it sends. A run may crash
// at any instant and be run again: the unique index over reasons lets each be planned only once (N1).
type Planner struct {
	store PlanStore
	rules *Rules
	log   *slog.Logger
	opts  PlannerOptions
}

// PlannerOptions are the planner's settings; zero values get defaults. More workers cost more connections;
// the rules themselves are fast.
type PlannerOptions struct {
	Page    int           // members read at a time; 5,000
	Workers int           // pages at a time; 2
	Every   time.Duration // between two runs of a day, for what became true meanwhile; 1 h (domain clock)
}

// PlanStore is what the planner needs of the database. Any process may plan: PlanExclusively lets one at a
// time.
type PlanStore interface {
	// PlanState returns the newest finished run and the newest import.
	PlanState(ctx context.Context) (PlanState, error)
	// PlanExclusively records a run, calls f, and records how many notices f has planned. ErrPlanning:
	// another process is planning.
	PlanExclusively(ctx context.Context, run PlanRun, f func(ctx context.Context) (planned int, err error)) error
	// NextPage returns the range of numbers that follows a number and has at least so many members; an
	// empty Page is the end.
	NextPage(ctx context.Context, after string, members int) (Page, error)
	// ReadPage calls f with a range of numbers, in one transaction.
	ReadPage(ctx context.Context, page Page, f func(PlanPage) error) error
	// AccountsWithoutNumber returns accounts of members without a phone number, for the preview; after is
	// the last account of the page before.
	AccountsWithoutNumber(ctx context.Context, after string, most int) ([]AccountFacts, error)
	// NumbersToCall returns numbers that have agreed to reminder calls and cannot be texted, in order.
	NumbersToCall(ctx context.Context, after string, most int) ([]string, error)
}

// PlanPage is a range of numbers inside the transaction that plans for them. What it reads and writes is one
// transaction; if f fails, nothing of the page is planned.
type PlanPage interface {
	// Recipients returns the page's numbers. Unless everyone is asked for, only those to which something
	// may go, with the accounts that owe. Bills are the newest ones, of coverage months from since on.
	Recipients(ctx context.Context, since billing.Month, everyone bool) ([]Recipient, error)
	// PriorReasons returns the reasons of these numbers that already have a notice, for bills from since on.
	PriorReasons(ctx context.Context, numbers []string, since billing.Month) (map[string][]PriorReason, error)
	// PaidLate returns the accounts that paid their bill late.
	PaidLate(ctx context.Context, list []PaidBill) ([]string, error)
	// Histories returns whole accounts, by number.
	Histories(ctx context.Context, accounts []string) (map[string]History, error)
	// Plan stores reminders as notices, each once, and returns how many are new.
	Plan(ctx context.Context, list []Reminder, day billing.Date, at time.Time) (int, error)
	// CallInstead turns the planned reminders of a number into calls.
	CallInstead(ctx context.Context, number string) error
}

// Page is a range of numbers, both ends in it.
type Page struct{ First, Last string }

// PaidBill is the newest bill of an account that is paid. It was paid late if more than Surplus came after
// DueAt. The database answers for thousands of them in one statement.
type PaidBill struct {
	Account string
	DueAt   time.Time
	Surplus billing.Money
}

// PlanRun is one run of the planner. Instants are of the domain clock. ImportRun identifies the import whose
// balances were used.
type PlanRun struct {
	Day        billing.Date
	ImportRun  int64
	StartedAt  time.Time
	FinishedAt time.Time
}

// PlanState is the newest finished run (zero: none yet) and the newest import with bills. Due is decided from
// it.
type PlanState struct {
	Last       PlanRun
	ImportRun  int64
	ImportedAt time.Time // the instant as of which its balances are
}

// ErrPlanning says that another planner is running.
var ErrPlanning = errors.New("notify: reminders are being planned")

// PlanSummary counts what a run did. Texts counts new notices, calls included.
type PlanSummary struct {
	Recipients   int // numbers for which something might have been true
	Texts        int
	Stale        bool // nothing was planned: the import is too old (B6)
	OtherPlanner bool // another planner is running
}

// NewPlanner returns a planner. Every process may have one and tick it.
func NewPlanner(store PlanStore, rules *Rules, log *slog.Logger, opts PlannerOptions) *Planner {
	if opts.Page == 0 {
		opts.Page = 5000
	}
	if opts.Workers == 0 {
		opts.Workers = 2
	}
	if opts.Every == 0 {
		opts.Every = time.Hour
	}
	return &Planner{store: store, rules: rules, log: log, opts: opts}
}

// Tick runs the planner if it is due. Every replica may tick; one of them plans. The zero summary means that
// nothing was due.
func (p *Planner) Tick(ctx context.Context, now time.Time) (PlanSummary, error) {
	if due, err := p.Due(ctx, now); err != nil || !due {
		return PlanSummary{}, err
	}
	return p.Run(ctx, now)
}

// planAhead is how long before the send window opens a day is planned at the latest, in the business
// zone: some recipients live further east.
const planAhead = 2 * time.Hour

// Due says, at the cost of one small query, whether to plan now: a new day has begun and its import is
// there, or the send window is near; there is a new import; or Every has passed, because payments come
// back and consents are given during the day.
func (p *Planner) Due(ctx context.Context, now time.Time) (bool, error) {
	state, err := p.store.PlanState(ctx)
	if err != nil {
		return false, fmt.Errorf("ask whether to plan: %w", err)
	}
	return p.rules.planDue(state, now, p.opts.Every), nil
}

// planDue is Due without the query. It is a pure function of its arguments.
func (r *Rules) planDue(s PlanState, now time.Time, every time.Duration) bool {
	if r.stale(s.ImportedAt, now) {
		return false
	}
	today := r.cal.DateOf(now)
	// A new day waits for its nightly import, so that nobody is planned for by yesterday's balances; if the
	// import is late, the day is planned in time for the first texts in any case.
	if s.Last.Day != today {
		return r.cal.DateOf(s.ImportedAt) == today || !now.Before(r.cal.At(today, r.hours.open).Add(-planAhead))
	}
	return s.ImportRun != s.Last.ImportRun || now.Sub(s.Last.StartedAt) >= every
}

// Run plans for everybody, now. A page that was planned before a failure stays planned; the next run plans
// the rest. Running it again at once plans nothing twice (N1), and costs the reading.
func (p *Planner) Run(ctx context.Context, now time.Time) (PlanSummary, error) {
	state, err := p.store.PlanState(ctx)
	if err != nil {
		return PlanSummary{}, fmt.Errorf("plan reminders: %w", err)
	}
	// B6: with an old import no reminder goes. The run is not recorded, so that a fresh import starts one.
	if p.rules.stale(state.ImportedAt, now) {
		p.log.Warn("no reminders are planned: the import is too old; run duebell import", "as of", state.ImportedAt)
		return PlanSummary{Stale: true}, nil
	}
	var sum PlanSummary
	run := PlanRun{Day: p.rules.cal.DateOf(now), ImportRun: state.ImportRun, StartedAt: now}
	err = p.store.PlanExclusively(ctx, run, func(ctx context.Context) (int, error) {
		sum, err = p.allPages(ctx, now, state.ImportedAt)
		return sum.Texts, err
	})
	if errors.Is(err, ErrPlanning) {
		return PlanSummary{OtherPlanner: true}, nil
	}
	if err != nil {
		return sum, fmt.Errorf("plan reminders: %w", err)
	}
	p.log.Info("reminders are planned", "recipients", sum.Recipients, "texts", sum.Texts)
	return sum, nil
}

// allPages plans page by page, opts.Workers at a time. The first failure ends the run. Pages are ranges of
// numbers, so no two workers plan for the same number.
func (p *Planner) allPages(ctx context.Context, now, importedAt time.Time) (PlanSummary, error) {
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
					cancel(err) // the other workers stop at their next page; what they planned stays
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
	// Calls come last: a number that may be texted after all has its text planned by now.
	calls, err := p.calls(ctx, now, importedAt)
	sum.Texts += calls
	return sum, err
}

// pages calls f with every page, in order. A number that appears in a range already read waits for the next
// run.
func (p *Planner) pages(ctx context.Context, f func(Page) error) error {
	for after := ""; ; {
		page, err := p.store.NextPage(ctx, after, p.opts.Page)
		if err != nil || page == (Page{}) {
			return err
		}
		if err := f(page); err != nil {
			return err
		}
		after = page.Last
	}
}

// page plans for one range of numbers, in one transaction. A crash before its commit leaves nothing of it.
func (p *Planner) page(ctx context.Context, page Page, now, importedAt time.Time) (sum PlanSummary, err error) {
	err = p.store.ReadPage(ctx, page, func(tx PlanPage) error {
		recipients, err := p.rules.gather(ctx, tx, now, importedAt, false)
		if err != nil {
			return err
		}
		var list []Reminder
		at := p.rules.dayAt(now)
		for i := range recipients {
			send, _ := p.rules.remindersOn(at, &recipients[i])
			list = append(list, send...)
		}
		sum.Recipients = len(recipients)
		// Most pages of most days plan nothing, and cost no write.
		if len(list) == 0 {
			return nil
		}
		sum.Texts, err = tx.Plan(ctx, list, p.rules.cal.DateOf(now), now)
		return err
	})
	return sum, err
}
