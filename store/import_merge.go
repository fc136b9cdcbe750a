package store

import (
	"context"
	"fmt"
	"time"

	"duebell/billing/feed"
	"duebell/store/db"
)

// merge checks the staged rows against one another and against the database, and merges them, in
// one transaction.
//
// The order matters: accounts need their members, bills and payments their accounts, echoes the ledger as it
// was. Problems of the files end it before the first row is written.
func (im *importing) merge(ctx context.Context, q *db.Queries) (ImportSummary, error) {
	// The lock comes before the checks: what they find must still hold when the rows are merged. It ends with
	// the transaction.
	if err := q.LockImport(ctx, importLock); err != nil {
		return ImportSummary{}, fmt.Errorf("wait for another import: %w", err)
	}
	if err := im.check(ctx, q); err != nil {
		return ImportSummary{}, err
	}
	m := &statements{ctx: ctx, at: im.opts.At}
	sum := ImportSummary{Read: im.read, Changed: map[feed.Kind]int64{}}

	// Months that were erased after their retention must not come back with an old file (D4: retention).
	m.do("leave out bills of closed books", q.LeaveOutClosedBills)
	m.do("leave out payments of closed books", q.LeaveOutClosedPayments)
	im.changed(&sum, feed.Members, m.do("merge members", q.MergeMembers))
	// An answer that billing no longer sends is dropped: it must not prove an identity any more.
	sum.Answers = m.do("merge answers", q.MergeAnswers) + m.do("drop answers", q.DropAnswers)
	im.changed(&sum, feed.Accounts, m.do("merge accounts", q.MergeAccounts))
	im.changed(&sum, feed.Bills, m.do("merge bills", q.MergeBills))
	// The files' consent column works both ways; an opt-out by the number's owner outranks it (O4: opt-out
	// stands).
	sum.ConsentsGiven = m.doAt("give consents", q.MergeConsents)
	sum.ConsentsWithdrawn = m.doAt("end consents", q.EndConsents)

	// Each payment row is foreign, an echo of ours, or a mismatch (B7: echo counted once).
	m.do("compare payments with the ledger", q.ClassifyPayments)
	sum.Mismatches = m.do("count mismatches", q.CountMismatches)
	m.doAt("raise tasks for mismatches", q.RaiseMismatches) // before MergeBookedPayments: afterwards all look repeated
	im.changed(&sum, feed.Payments, m.doAt("book payments", q.MergeBookedPayments))
	sum.Foreign = m.doAt("count foreign payments", q.MergeForeignEntries)
	sum.Echoes = m.do("match echoes", q.MergeEchoes)

	// Last, so that a run on record means that everything above it is merged.
	m.do("record the run", func(ctx context.Context) (int64, error) { return q.InsertImportRun(ctx, im.run()) })
	return sum, m.err
}

// changed sets how many rows of a kind are new or different, if a file of that kind came.
// A kind without a file stays out of the summary: 0 would say that its file brought nothing new.
func (im *importing) changed(sum *ImportSummary, kind feed.Kind, rows int64) {
	if _, came := im.read[kind]; came {
		sum.Changed[kind] = rows
	}
}

// run returns the import's row for import_runs.
// Null counts say that no file of that kind came, which ImportedAsOf relies on for bills.
func (im *importing) run() db.InsertImportRunParams {
	rows := func(kind feed.Kind) *int32 {
		n, came := im.read[kind]
		if !came {
			return nil
		}
		count := int32(n) //nolint:gosec // two thousand million rows are beyond any file
		return &count
	}
	return db.InsertImportRunParams{
		AsOf: im.opts.AsOf, LoadedAt: im.opts.At,
		Members: rows(feed.Members), Accounts: rows(feed.Accounts), Bills: rows(feed.Bills), Payments: rows(feed.Payments),
	}
}

// check finds what only the database can see: repeated keys, unknown members and accounts, changed
// rows. Its problems join those of the reading; if there are any, they are the error.
//
// A row that is already reported as not sound is not reported again for a reference that it lacks; of bills
// the account is part of the key, and is always there.
func (im *importing) check(ctx context.Context, q *db.Queries) error {
	m := &statements{ctx: ctx}
	m.do("look for members that come twice", q.FindRepeatedMembers)
	m.do("look for accounts that come twice", q.FindRepeatedAccounts)
	m.do("look for bills that come twice", q.FindRepeatedBills)
	m.do("look for payments that come twice", q.FindRepeatedPayments)
	m.do("look for accounts without member", q.FindAccountsWithoutMember)
	m.do("look for bills without account", q.FindBillsWithoutAccount)
	m.do("look for payments without account", q.FindPaymentsWithoutAccount)
	m.do("look for bills that changed", q.FindChangedBills)
	m.do("look for payments that changed", q.FindChangedPayments)
	if m.err != nil {
		return m.err
	}
	// Reading goes on after the first problem, so that one report names them all.
	if err := im.collect(ctx, q); err != nil {
		return err
	}
	if im.bad.Count > 0 {
		im.bad.Sort(im.files)
		return &im.bad
	}
	return nil
}

// importReasons are the messages for what the Find queries report.
var importReasons = map[string]string{
	"unknown-member":  "no such member, neither in these files nor in the database",
	"unknown-account": "no such account, neither in these files nor in the database",
	"bill-changed":    "this revision is already there with other content: a change is a new revision",
	"payment-changed": "this payment is already booked with other content: a correction is a payment of its own",
}

// collect reads what the checks have found, page by page.
func (im *importing) collect(ctx context.Context, q *db.Queries) error {
	after := int64(0)
	for {
		page, err := q.StagedProblems(ctx, after)
		if err != nil {
			return fmt.Errorf("list what the checks found: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, p := range page {
			im.report(feed.Problem{
				File: im.files[p.File].Name, Line: int(p.Line), Column: p.ColumnName, Reason: im.reason(p),
			})
			after = p.ID
		}
	}
}

// reason returns the message for a problem. A repeated key names the row that has it first.
func (im *importing) reason(p db.StageProblem) string {
	if p.OtherFile == nil || p.OtherLine == nil {
		return importReasons[p.Reason]
	}
	return fmt.Sprintf("the same key stands in %s:%d", im.files[*p.OtherFile].Name, *p.OtherLine)
}

// statements runs statements one after another until one fails, so that merge reads as a list.
// The zero err lets the first statement run. It is used within one function and by one goroutine.
type statements struct {
	ctx context.Context //nolint:containedctx // it lives as long as one list of statements
	at  time.Time
	err error
}

// do runs one statement and returns how many rows it changed; after an error it does nothing.
func (m *statements) do(doing string, f func(context.Context) (int64, error)) int64 {
	if m.err != nil {
		return 0
	}
	n, err := f(m.ctx)
	if err != nil {
		m.err = fmt.Errorf("%s: %w", doing, err)
	}
	return n
}

// doAt is do for statements that take the instant.
// at is the domain clock's instant of the import: queries use no now().
func (m *statements) doAt(doing string, f func(context.Context, time.Time) (int64, error)) int64 {
	return m.do(doing, func(ctx context.Context) (int64, error) { return f(ctx, m.at) })
}
