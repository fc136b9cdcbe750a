package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/notify"
	"duebell/store/db"
)

// planLock is the advisory lock that the planner of reminders holds.
// It must differ from importLock: both are session-wide numbers of one database.
const planLock int64 = 0x72656d696e6465 // "reminde"

// PlanState returns the last finished planning run and the newest import with bills.
//
// Last is zero before the first finished run. A run that was cut off is not seen here, so the planner starts
// again.
func (s *Store) PlanState(ctx context.Context) (notify.PlanState, error) {
	row, err := s.q.PlanState(ctx)
	if err != nil {
		return notify.PlanState{}, fmt.Errorf("read plan: %w", err)
	}
	state := notify.PlanState{ImportRun: row.NewestImport, ImportedAt: row.ImportedAt}
	if !row.StartedAt.IsZero() {
		state.Last = notify.PlanRun{
			Day: billing.DateIn(row.LocalDay, time.UTC), ImportRun: row.ImportRun, StartedAt: row.StartedAt, FinishedAt: row.FinishedAt,
		}
	}
	return state, nil
}

// PlanExclusively runs f while it holds the planner's lock, and records the run.
// notify.ErrPlanning: another planner holds it. The lock belongs to a connection, so it ends with
// the process. A run that was cut off stays without an end; the next one plans everything again,
// which changes nothing that is planned already.
//
// f returns how many notices it planned. Its error comes back as it is and leaves the run without an end.
// While f runs the lock costs one connection of the pool; f takes others for its pages.
func (s *Store) PlanExclusively(ctx context.Context, run notify.PlanRun, f func(ctx context.Context) (int, error)) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	defer conn.Release()
	q := db.New(conn)
	alone, err := q.TryLockPlan(ctx, planLock)
	if err != nil {
		return fmt.Errorf("plan: lock: %w", err)
	}
	if !alone {
		return notify.ErrPlanning
	}
	defer func() {
		// The connection goes back to the pool: the lock must not stay on it, even when ctx is over.
		if err := q.UnlockPlan(context.WithoutCancel(ctx), planLock); err != nil {
			_ = conn.Conn().Close(context.WithoutCancel(ctx)) // ends the lock as well
		}
	}()
	id, err := q.StartPlan(ctx, db.StartPlanParams{LocalDay: dayUTC(run.Day), ImportRun: ptr(run.ImportRun), StartedAt: run.StartedAt})
	if err != nil {
		return fmt.Errorf("plan: start: %w", err)
	}
	began := s.machine.Now()
	planned, err := f(ctx)
	if err != nil {
		return err
	}
	// The run's instants are of the domain clock, which may stand still or be shifted; its length is the machine's.
	finished := run.StartedAt.Add(s.machine.Now().Sub(began))
	if err := q.FinishPlan(ctx, db.FinishPlanParams{ID: id, At: &finished, Notices: int32(planned)}); err != nil { //nolint:gosec // G115: millions
		return fmt.Errorf("plan: finish: %w", err)
	}
	return nil
}

// NextPage returns the first and last number of the next page; empty: there is none. Members of a household
// share a number, so a page is cut between numbers. after is the last number of the page before, "" for the
// first. A page holds at least that many members, as long as there are so many.
func (s *Store) NextPage(ctx context.Context, after string, members int) (notify.Page, error) {
	row, err := s.q.NextNumbers(ctx, db.NextNumbersParams{After: &after, Members: int32(members)}) //nolint:gosec // G115: thousands
	if err != nil {
		return notify.Page{}, fmt.Errorf("next page of numbers: %w", err)
	}
	return notify.Page{First: row.First, Last: row.Last}, nil
}

// ReadPage gives f a page of numbers to read and plan in one transaction. A crash loses that page
// only, and the next run plans it again.
// A PlanPage is valid only while f runs, and for one goroutine.
func (s *Store) ReadPage(ctx context.Context, page notify.Page, f func(notify.PlanPage) error) error {
	return s.inTx(ctx, "page of reminders", func(q *db.Queries, _ pgx.Tx) error {
		if err := q.UseIndexesForPage(ctx); err != nil {
			return err
		}
		return f(&planPage{q: q, page: page, refs: &s.refs})
	})
}

// AccountsWithoutNumber returns the next accounts, at most limit, of members without a telephone number. They
// get no text; the preview shows why. after is the last account of the page before, "" for the first.
func (s *Store) AccountsWithoutNumber(ctx context.Context, after string, most int) ([]notify.AccountFacts, error) {
	rows, err := s.q.AccountsWithoutNumber(ctx, db.AccountsWithoutNumberParams{After: after, MaxRows: int32(most)}) //nolint:gosec // G115: thousands
	if err != nil {
		return nil, fmt.Errorf("read accounts without a number: %w", err)
	}
	list := make([]notify.AccountFacts, len(rows))
	for i, r := range rows {
		list[i] = notify.AccountFacts{Account: account(r.Account), Language: r.Language}
	}
	return list, nil
}

// planPage is a page of numbers within its transaction.
// Pages do not overlap, so several may be read and planned at once.
type planPage struct {
	q    *db.Queries
	page notify.Page
	refs *atomic.Int64
}

// Recipients returns the page's numbers with what their accounts owe (cents). Unless everyone is
// asked for, only those that owe and may be texted.
//
// since bounds the bills that come with each account; older ones are only summed up, and Older says that
// there are some. Owed is everything billed less everything in the ledger, in cents, by the sums of the
// database.
func (p *planPage) Recipients(ctx context.Context, since billing.Month, everyone bool) ([]notify.Recipient, error) {
	rows, err := p.q.PageAccounts(ctx, db.PageAccountsParams{
		First: p.page.First, Last: p.page.Last, Since: monthUTC(since), Everyone: everyone,
	})
	if err != nil {
		return nil, fmt.Errorf("read recipients: %w", err)
	}
	// Sorted here: ordering in the statement would make the database sort wide rows with arrays in them.
	slices.SortFunc(rows, func(a, b db.PageAccountsRow) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Account, b.Account))
	})
	var list []notify.Recipient
	for i, r := range rows {
		if i == 0 || rows[i-1].Number != r.Number {
			list = append(list, notify.Recipient{
				Number: r.Number, Consent: r.Consent, FromApplication: r.FromApplication, OptedOut: r.OptedOut, Unreachable: r.Unreachable,
			})
		}
		h := &list[len(list)-1] // members of a household share a number
		h.Mobile = h.Mobile || r.Mobile
		if r.TimeZone != "" && !slices.Contains(h.Zones, r.TimeZone) {
			h.Zones = append(h.Zones, r.TimeZone)
		}
		h.Accounts = append(h.Accounts, owing(r))
	}
	return list, nil
}

// owing converts a row: what the account owes by the sums of the database, with its newest bills only.
// LastPaid is when money last came in, year 1 if never; a reversal is not counted as money.
func owing(r db.PageAccountsRow) notify.AccountFacts {
	o := notify.AccountFacts{
		Account: billing.Account{
			Number: r.Account, MemberID: r.MemberID, Kind: billing.Kind(r.Kind), Status: billing.Status(r.Status),
			Regime: billing.Regime(val(r.GraceRegime)), AutoPayDay: int(val(r.AutopayDay)), AutoPayLast4: val(r.AutopayLast4),
		},
		Language: r.Language, InFlight: r.InFlight, Owed: billing.Money(r.Owed), Older: r.Older, LastPaid: r.LastPaid,
	}
	o.Bills = billsIn(r.Account, r.Months, r.Cents, r.FirstMonths, r.GraceMonths, r.Graces)
	return o
}

// billsIn returns an account's bills, oldest first, from parallel arrays of months and amounts. The
// months of first bills, and those for which billing has set an end of grace, come in arrays of
// their own, because there are few.
func billsIn(account string, months []time.Time, cents []int64, firsts, graceMonths, graces []time.Time) []billing.Bill {
	bills := make([]billing.Bill, len(months))
	for i, month := range months {
		bills[i] = billing.Bill{
			Account: account, Coverage: billing.Month{Year: month.Year(), Month: month.Month()},
			Billed: billing.Money(cents[i]), FirstBill: slices.Contains(firsts, month),
		}
		if at := slices.Index(graceMonths, month); at >= 0 {
			bills[i].GraceEndsAt = graces[at]
		}
	}
	slices.SortFunc(bills, func(a, b billing.Bill) int { // array_agg promises no order
		if a.Coverage.Before(b.Coverage) {
			return -1
		}
		return 1
	})
	return bills
}

// PriorReasons returns the reasons of numbers that are planned or were sent, for bills from since on.
func (p *planPage) PriorReasons(ctx context.Context, numbers []string, since billing.Month) (map[string][]notify.PriorReason, error) {
	return priorReasons(ctx, p.q, numbers, since)
}

// priorReasons returns the reasons of numbers that are planned or were sent, for bills from since on.
//
// A reason that was dropped is not among them, so it may be given again when it has become true again (N1:
// dropped reasons).
func priorReasons(ctx context.Context, q *db.Queries, numbers []string, since billing.Month) (map[string][]notify.PriorReason, error) {
	rows, err := q.ReasonsOfNumbers(ctx, db.ReasonsOfNumbersParams{Numbers: numbers, Since: monthUTC(since)})
	if err != nil {
		return nil, fmt.Errorf("read prior reasons: %w", err)
	}
	prior := make(map[string][]notify.PriorReason, len(numbers))
	for _, r := range rows {
		prior[r.Number] = append(prior[r.Number], notify.PriorReason{
			Notice: r.ID, Kind: notify.Kind(r.Kind), DaysBefore: int(r.DaysBefore), Account: r.Account,
			Coverage: billing.Month{Year: r.CoverageMonth.Year(), Month: r.CoverageMonth.Month()},
			Language: r.Language, State: notify.State(r.State), At: r.At,
		})
	}
	return prior, nil
}

// PaidLate returns the accounts that received more after their bill's due instant than they had to
// spare: part of the bill was paid late.
// Surplus is in cents: what the account has received beyond its bills, so that what came late did not pay
// this one.
func (p *planPage) PaidLate(ctx context.Context, list []notify.PaidBill) ([]string, error) {
	ask := db.PaidLateParams{}
	for _, b := range list {
		ask.Accounts = append(ask.Accounts, b.Account)
		ask.DueAts = append(ask.DueAts, b.DueAt)
		ask.Surpluses = append(ask.Surpluses, b.Surplus.Cents())
	}
	late, err := p.q.PaidLate(ctx, ask)
	if err != nil {
		return nil, fmt.Errorf("read who paid late: %w", err)
	}
	return late, nil
}

// Histories returns everything billed and everything in the ledger, by account.
// An account without any has an empty history. It is read only where the sums alone cannot tell which bill is
// unpaid.
func (p *planPage) Histories(ctx context.Context, accounts []string) (map[string]notify.History, error) {
	bills, err := p.q.BillsOfAccounts(ctx, accounts)
	if err != nil {
		return nil, fmt.Errorf("read bills: %w", err)
	}
	entries, err := p.q.EntriesOfAccounts(ctx, accounts)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	all := make(map[string]notify.History, len(accounts))
	for _, a := range accounts {
		all[a] = notify.History{}
	}
	for _, b := range billsOf(bills) {
		h := all[b.Account]
		h.Bills = append(h.Bills, b)
		all[b.Account] = h
	}
	for _, e := range entries {
		h := all[e.Account]
		h.Entries = append(h.Entries, billing.Entry{
			Kind: billing.EntryKind(e.Kind), Cents: billing.Money(e.Cents), ReceivedAt: e.ReceivedAt, Reference: e.Reference,
		})
		all[e.Account] = h
	}
	return all, nil
}

// recipientsOf returns everything that the reminders to some numbers rest on, with whole accounts:
// what a claim reads again (N2: re-read at the moment of sending). Whether the numbers may be
// texted is among the claim's other facts.
//
// now is the domain clock. It runs in the claiming transaction, after the numbers were locked, so another
// text to the number is either among Prior or not yet decided.
func recipientsOf(ctx context.Context, q *db.Queries, numbers []string, now time.Time) (map[string]*notify.Recipient, error) {
	rows, err := q.AccountsOfNumbers(ctx, numbers)
	if err != nil {
		return nil, fmt.Errorf("read accounts of numbers: %w", err)
	}
	prior, err := priorReasons(ctx, q, numbers, billing.MonthOf(billing.DateIn(now, time.UTC)).Add(-priorMonths))
	if err != nil {
		return nil, err
	}
	all := make(map[string]*notify.Recipient, len(numbers))
	for _, number := range numbers { // a number that nobody has any more has no accounts, so none of its reasons holds
		all[number] = &notify.Recipient{Number: number, ImportedAt: now, Prior: prior[number]}
	}
	for _, r := range rows {
		h := all[r.Number]
		h.ImportedAt = r.ImportedAt
		whole := &notify.History{Bills: billsIn(r.Account.Account, r.Months, r.Billed, r.FirstMonths, r.GraceMonths, r.Graces)}
		for i, cents := range r.Cents {
			whole.Entries = append(whole.Entries, billing.Entry{
				Kind: billing.EntryKind(r.Kinds[i]), Cents: billing.Money(cents), ReceivedAt: r.Received[i], Reference: r.Refs[i],
			})
		}
		h.Accounts = append(h.Accounts, notify.AccountFacts{Account: account(r.Account), Language: r.Language, InFlight: r.InFlight, History: whole})
	}
	return all, nil
}

// priorMonths is how many months back a claim reads the reasons that a number was given (N3: the
// cap is per month; a household may owe older bills).
const priorMonths = 13

// dayUTC returns a date as the driver takes it: midnight UTC.
// The date column has no zone; any other zone here could shift it by a day.
func dayUTC(d billing.Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

// monthUTC returns a month as the driver takes it: its first day, midnight UTC.
func monthUTC(m billing.Month) time.Time { return dayUTC(m.First()) }
