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

// Horizons are the instants before which data is erased (D4), and the first coverage month that is kept.
type Horizons struct {
	TextWords, CallEvents, FailedIDs, Webhooks, Evidence, Consents, Ledger time.Time

	FirstMonth billing.Month
}

// Erased counts rows by what they were.
type Erased map[string]int64

const (
	eraseBite    = 1000 // rows a transaction: short locks, and little to undo when it is cut off
	accountsBite = 500
)

// Erase takes everything older than its horizon out, bite by bite, and calls rest between two bites: it
// has all night, and the line has not. Cut off at any instant it is simply begun again. What one
// table cannot give up does not keep the others.
func (s *Store) Erase(ctx context.Context, h Horizons, rest func(context.Context) error) (Erased, error) {
	done, errs := Erased{}, []error(nil)
	for _, e := range s.erasers(h) {
		for {
			seen, erased, err := e.bite(ctx)
			done[e.what] += erased
			if err != nil {
				errs = append(errs, fmt.Errorf("erase %s: %w", e.what, err))
				break
			}
			if seen < eraseBite {
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

// eraser takes one bite out of one table and says how many rows it looked at and erased.
type eraser struct {
	what string
	bite func(context.Context) (seen, erased int64, err error)
}

func (s *Store) erasers(h Horizons) []eraser {
	rows := func(what string, erase func(context.Context) (int64, error)) eraser {
		return eraser{what, func(ctx context.Context) (int64, int64, error) {
			n, err := erase(ctx)
			return n, n, err
		}}
	}
	words := eraser{"text words", func(ctx context.Context) (int64, int64, error) {
		r, err := s.q.EraseTextWords(ctx, db.EraseTextWordsParams{Before: h.TextWords, MaxRows: eraseBite})
		return r.Seen, r.Erased, err
	}}
	return []eraser{
		words,
		rows("words of texts that came in", func(ctx context.Context) (int64, error) {
			return s.q.EraseInboundWords(ctx, db.EraseInboundWordsParams{Before: h.TextWords, MaxRows: eraseBite})
		}),
		rows("texts that came in", func(ctx context.Context) (int64, error) {
			return s.q.EraseInboundTexts(ctx, db.EraseInboundTextsParams{Before: h.CallEvents, MaxRows: eraseBite})
		}),
		rows("hand-overs", func(ctx context.Context) (int64, error) {
			return s.q.EraseHandoffs(ctx, db.EraseHandoffsParams{Before: h.CallEvents, MaxRows: eraseBite})
		}),
		rows("call-backs", func(ctx context.Context) (int64, error) {
			return s.q.EraseCallbacks(ctx, db.EraseCallbacksParams{Before: h.CallEvents, MaxRows: eraseBite})
		}),
		rows("calls", func(ctx context.Context) (int64, error) {
			return s.q.EraseCalls(ctx, db.EraseCallsParams{Before: h.CallEvents, MaxRows: eraseBite})
		}),
		rows("tasks", func(ctx context.Context) (int64, error) {
			return s.q.EraseDoneTasks(ctx, db.EraseDoneTasksParams{Before: when(h.CallEvents), MaxRows: eraseBite})
		}),
		rows("verifications", func(ctx context.Context) (int64, error) {
			return s.q.EraseVerifications(ctx, db.EraseVerificationsParams{Before: h.FailedIDs, MaxRows: eraseBite})
		}),
		rows("soft locks", func(ctx context.Context) (int64, error) {
			return s.q.EraseSoftLocks(ctx, db.EraseSoftLocksParams{Before: h.FailedIDs, MaxRows: eraseBite})
		}),
		rows("events of the processor", func(ctx context.Context) (int64, error) {
			return s.q.EraseEvents(ctx, db.EraseEventsParams{Before: h.Webhooks, MaxRows: eraseBite})
		}),
		rows("evidence", func(ctx context.Context) (int64, error) {
			return s.q.EraseEvidence(ctx, db.EraseEvidenceParams{Before: h.Evidence, MaxRows: eraseBite})
		}),
		rows("consents", func(ctx context.Context) (int64, error) {
			return s.q.EraseConsents(ctx, db.EraseConsentsParams{Before: when(h.Consents), MaxRows: eraseBite})
		}),
		rows("suppressions", func(ctx context.Context) (int64, error) {
			return s.q.EraseSuppressions(ctx, db.EraseSuppressionsParams{Before: when(h.Consents), MaxRows: eraseBite})
		}),
	}
}

// eraseMoney walks through the accounts and erases, of each, what is older than the ledger is kept.
func (s *Store) eraseMoney(ctx context.Context, h Horizons, rest func(context.Context) error) (Erased, error) {
	done := Erased{}
	for after := ""; ; {
		page, err := s.q.AccountsWithHistory(ctx, db.AccountsWithHistoryParams{
			After: after, MaxRows: accountsBite, FirstMonth: monthUTC(h.FirstMonth), Before: h.Ledger,
		})
		if err != nil {
			return done, fmt.Errorf("find accounts with old books: %w", err)
		}
		var accounts []string
		for _, a := range page {
			if a.Old {
				accounts = append(accounts, a.Account)
			}
			after = a.Account
		}
		if len(accounts) > 0 {
			if err := s.eraseBooks(ctx, accounts, h, done); err != nil {
				return done, err
			}
		}
		if len(page) < accountsBite {
			return done, nil
		}
		if err := rest(ctx); err != nil {
			return done, err
		}
	}
}

// eraseBooks closes the books of some accounts where they are even, and erases what is in closed books
// and the payments of which no entry is left. No import comes in between.
func (s *Store) eraseBooks(ctx context.Context, accounts []string, h Horizons, done Erased) error {
	return s.inTx(ctx, "erase old books", func(q *db.Queries, _ pgx.Tx) error {
		if err := q.LockImport(ctx, importLock); err != nil {
			return fmt.Errorf("wait for an import: %w", err)
		}
		_, err := q.ClosePeriods(ctx, db.ClosePeriodsParams{Accounts: accounts, FirstMonth: monthUTC(h.FirstMonth), Before: h.Ledger})
		if err != nil {
			return fmt.Errorf("close books: %w", err)
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

// erasePayments erases payments with all that hangs on them.
func erasePayments(ctx context.Context, q *db.Queries, accounts []string, before time.Time) (int64, error) {
	keys, err := q.OldAttempts(ctx, db.OldAttemptsParams{Accounts: accounts, Before: before})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	for _, erase := range []func(context.Context, []string) error{
		q.EraseReasonsOfPayments, q.EraseNoticesOfPayments, q.EraseTasksOfPayments, q.EraseLetters, q.EraseResolutions, q.EraseEvidenceOfPayments,
	} {
		if err := erase(ctx, keys); err != nil {
			return 0, fmt.Errorf("erase what hangs on payments: %w", err)
		}
	}
	return q.EraseAttempts(ctx, keys)
}
