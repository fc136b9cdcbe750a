package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/store/db"
)

// Horizons holds, for each kind of data, the instant before which it is erased (D4), and the first
// coverage month of bills that are kept.
// All are instants of the domain clock. FirstMonth belongs to Ledger: bills before it and entries before
// Ledger go together.
type Horizons struct {
	TextWords, CallEvents, FailedIDs, Webhooks, Evidence, Consents, Ledger time.Time

	FirstMonth billing.Month
}

// Erased is how many rows were erased, by what they were.
type Erased map[string]int64

const (
	eraseBatch    = 1000 // rows a transaction: short locks, and little to undo when it is cut off
	accountsBatch = 500
)

// Erase erases everything older than its horizon, batch by batch, and calls rest between two
// batches, so that calls in progress do not wait for it. Cut off at any instant it is simply run
// again. An error in one table does not keep the others from being erased; all errors are returned
// together.
//
// An error of rest, such as the end of ctx, stops everything at once and is among those returned. Erased
// counts what was committed until then.
func (s *Store) Erase(ctx context.Context, h Horizons, rest func(context.Context) error) (Erased, error) {
	done, errs := Erased{}, []error(nil)
	for _, e := range s.erasers(h) {
		for {
			seen, erased, err := e.batch(ctx)
			done[e.what] += erased
			if err != nil {
				errs = append(errs, fmt.Errorf("erase %s: %w", e.what, err))
				break
			}
			// A short batch was the last one of its table.
			if seen < eraseBatch {
				break
			}
			if err := rest(ctx); err != nil {
				return done, errors.Join(append(errs, err)...)
			}
		}
	}
	money, err := s.eraseMoney(ctx, h, rest)
	maps.Copy(done, money)
	return done, errors.Join(append(errs, err)...)
}

// eraser erases one batch of one table and returns how many rows it looked at and erased.
type eraser struct {
	what  string
	batch func(context.Context) (seen, erased int64, err error)
}

// erasers lists the tables, each with its horizon.
// What refers to other rows comes before them: texts' words before texts, transfers before calls.
func (s *Store) erasers(h Horizons) []eraser {
	rows := func(what string, erase func(context.Context) (int64, error)) eraser {
		return eraser{what, func(ctx context.Context) (int64, int64, error) {
			n, err := erase(ctx)
			return n, n, err
		}}
	}
	// It walks the table and passes rows that hold no words any more, so seen may be more than erased.
	words := eraser{"text words", func(ctx context.Context) (int64, int64, error) {
		r, err := s.q.EraseTextWords(ctx, db.EraseTextWordsParams{Before: h.TextWords, MaxRows: eraseBatch})
		return r.Seen, r.Erased, err
	}}
	return []eraser{
		words,
		rows("words of texts that came in", func(ctx context.Context) (int64, error) {
			return s.q.EraseInboundWords(ctx, db.EraseInboundWordsParams{Before: h.TextWords, MaxRows: eraseBatch})
		}),
		rows("texts that came in", func(ctx context.Context) (int64, error) {
			return s.q.EraseInboundTexts(ctx, db.EraseInboundTextsParams{Before: h.CallEvents, MaxRows: eraseBatch})
		}),
		rows("hand-overs", func(ctx context.Context) (int64, error) {
			return s.q.EraseHandoffs(ctx, db.EraseHandoffsParams{Before: h.CallEvents, MaxRows: eraseBatch})
		}),
		rows("call-backs", func(ctx context.Context) (int64, error) {
			return s.q.EraseCallbacks(ctx, db.EraseCallbacksParams{Before: h.CallEvents, MaxRows: eraseBatch})
		}),
		rows("calls", func(ctx context.Context) (int64, error) {
			return s.q.EraseCalls(ctx, db.EraseCallsParams{Before: h.CallEvents, MaxRows: eraseBatch})
		}),
		rows("tasks", func(ctx context.Context) (int64, error) {
			return s.q.EraseDoneTasks(ctx, db.EraseDoneTasksParams{Before: when(h.CallEvents), MaxRows: eraseBatch})
		}),
		rows("verifications", func(ctx context.Context) (int64, error) {
			return s.q.EraseVerifications(ctx, db.EraseVerificationsParams{Before: h.FailedIDs, MaxRows: eraseBatch})
		}),
		rows("soft locks", func(ctx context.Context) (int64, error) {
			return s.q.EraseSoftLocks(ctx, db.EraseSoftLocksParams{Before: h.FailedIDs, MaxRows: eraseBatch})
		}),
		rows("events of the processor", func(ctx context.Context) (int64, error) {
			return s.q.EraseEvents(ctx, db.EraseEventsParams{Before: h.Webhooks, MaxRows: eraseBatch})
		}),
		rows("evidence", func(ctx context.Context) (int64, error) {
			return s.q.EraseEvidence(ctx, db.EraseEvidenceParams{Before: h.Evidence, MaxRows: eraseBatch})
		}),
		rows("consents", func(ctx context.Context) (int64, error) {
			return s.q.EraseConsents(ctx, db.EraseConsentsParams{Before: when(h.Consents), MaxRows: eraseBatch})
		}),
		rows("suppressions", func(ctx context.Context) (int64, error) {
			return s.q.EraseSuppressions(ctx, db.EraseSuppressionsParams{Before: when(h.Consents), MaxRows: eraseBatch})
		}),
	}
}

// eraseMoney goes through all accounts, page by page, and erases what is older than the ledger is
// kept.
//
// Bills, ledger, booked payments and attempts of an account go together, in one transaction for a page of
// accounts: erasing one without the other would change what the account owes.
func (s *Store) eraseMoney(ctx context.Context, h Horizons, rest func(context.Context) error) (Erased, error) {
	done := Erased{}
	for after := ""; ; {
		page, err := s.q.AccountsWithHistory(ctx, db.AccountsWithHistoryParams{
			After: after, MaxRows: accountsBatch, FirstMonth: monthUTC(h.FirstMonth), Before: h.Ledger,
		})
		if err != nil {
			return done, fmt.Errorf("find accounts with old history: %w", err)
		}
		var accounts []string
		for _, a := range page {
			if a.Old {
				accounts = append(accounts, a.Account)
			}
			after = a.Account
		}
		if len(accounts) > 0 {
			if err := s.eraseHistory(ctx, accounts, h, done); err != nil {
				return done, err
			}
		}
		if len(page) < accountsBatch {
			return done, nil
		}
		if err := rest(ctx); err != nil {
			return done, err
		}
	}
}

// eraseHistory closes the old period of accounts where what was billed and what was paid came to
// the same sum, and erases what lies in closed periods and the payments of which no entry is left.
// It holds the import's lock: an import in between could bring back what is being erased.
// An account whose old period does not come out even keeps everything, until it does.
func (s *Store) eraseHistory(ctx context.Context, accounts []string, h Horizons, done Erased) error {
	return s.inTx(ctx, "erase old history", func(q *db.Queries, _ pgx.Tx) error {
		if err := q.LockImport(ctx, importLock); err != nil {
			return fmt.Errorf("wait for an import: %w", err)
		}
		_, err := q.ClosePeriods(ctx, db.ClosePeriodsParams{Accounts: accounts, FirstMonth: monthUTC(h.FirstMonth), Before: h.Ledger})
		if err != nil {
			return fmt.Errorf("close periods: %w", err)
		}
		for _, e := range []struct {
			what  string
			erase func(context.Context, []string) (int64, error)
		}{{"ledger", q.EraseLedger}, {"booked payments", q.EraseBookedPayments}, {"bills", q.EraseBills}} {
			n, err := e.erase(ctx, accounts)
			if err != nil {
				return fmt.Errorf("erase %s: %w", e.what, err)
			}
			done[e.what] += n
		}
		n, err := erasePayments(ctx, q, accounts, h.Ledger)
		done["payments"] += n
		return err
	})
}

// erasePayments erases payments that are over, after everything that refers to them. An attempt whose ledger
// entry is kept is kept too.
func erasePayments(ctx context.Context, q *db.Queries, accounts []string, before time.Time) (int64, error) {
	keys, err := q.OldAttempts(ctx, db.OldAttemptsParams{Accounts: accounts, Before: before})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	for _, erase := range []func(context.Context, []string) error{
		q.EraseReasonsOfPayments, q.EraseNoticesOfPayments, q.EraseTasksOfPayments, q.EraseLetters, q.EraseResolutions, q.EraseEvidenceOfPayments,
	} {
		if err := erase(ctx, keys); err != nil {
			return 0, fmt.Errorf("erase what refers to payments: %w", err)
		}
	}
	return q.EraseAttempts(ctx, keys)
}
