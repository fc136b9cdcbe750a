package store

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/ivr"
	"duebell/store/db"
)

// Members proves who a caller is and returns what their accounts owe, by the limits of a policy.
// It is safe for concurrent use once TellLimits has been called; it keeps nothing between two tries.
type Members struct {
	*Store
	policy   billing.Policy
	calendar *billing.Calendar
	same     func(keyID string, mac []byte, parts ...string) bool // compares one keyed hash; tests count the calls
	reached  func(limit string)                                   // told of every limit that a try meets
}

// Members returns the store with a policy's limits on proving an identity.
func (s *Store) Members(policy billing.Policy, calendar *billing.Calendar) *Members {
	return &Members{Store: s, policy: policy, calendar: calendar, same: s.hash.CheckMAC, reached: func(string) {}}
}

// TellLimits sets f to be called with the policy key of every limit that a try to prove an identity
// meets: somebody may be guessing (I5: limits on tries).
// Call it before the first try. f may be called by several goroutines at once, and inside a transaction: it
// must not block.
func (p *Members) TellLimits(f func(limit string)) *Members {
	p.reached = f
	return p
}

// candidates is how many records behind one selector are compared at most (B3: one phone number,
// several members). Comparisons are always padded to it, so that an unknown account costs the same
// work as a known one (I1).
const candidates = 8

// candidate is a member behind a selector, with the answers on file by kind.
type candidate struct {
	member  ivr.Member
	answers map[string]db.CandidateAnswersRow
}

// Verify compares all factors at once and returns the member that they prove. ivr.ErrNotVerified:
// unknown, wrong or locked, whichever it is: the same statements run and the same number of hashes
// is computed (I1: one failure for every cause). ivr.ErrSeveral: the answers fit several members.
// The same call and turn again gives the first result and counts nothing, so a turn that is
// delivered twice is one try (design §4).
//
// The transaction is not read-only also when nobody is found: the try is recorded against the stranger. Any
// other error (database) says nothing about the answers; the same turn again counts the try once.
func (p *Members) Verify(ctx context.Context, try ivr.VerifyTry) (ivr.Verified, error) {
	var got ivr.Verified
	several := false
	err := p.inTx(ctx, "verify", func(q *db.Queries, _ pgx.Tx) error {
		rows, err := q.CandidateAnswers(ctx, db.CandidateAnswersParams{Kind: string(try.Keyed.Selector.Kind), Value: try.Keyed.Selector.Value})
		if err != nil {
			return err
		}
		found := gather(rows)
		matched := p.compare(found, try.Keyed)
		subjects := subjectsOf(found, matched, p.stranger(try.Keyed.Selector))
		passed, err := p.passes(ctx, q, try, subjects, len(matched) > 0)
		if err != nil {
			return err
		}
		several = passed && len(matched) > 1 // a locked caller is not told that the answers were right
		if passed && !several {
			got.Member = matched[0].member
			got.Member.VerifiedAt = try.At
			// Only an account number chooses an account. By member ID or phone number the caller chooses
			// among them later.
			if try.Keyed.Selector.Kind == billing.SelectAccount {
				got.Account = try.Keyed.Selector.Value
			}
		}
		return nil
	})
	if err != nil {
		return ivr.Verified{}, err
	}
	switch {
	case several:
		return ivr.Verified{}, ivr.ErrSeveral
	case !got.Member.Verified():
		return ivr.Verified{}, ivr.ErrNotVerified
	}
	return got, nil
}

// gather groups rows by member, and cuts the list off at candidates. rows come sorted by member. A member
// beyond the limit cannot be proven by the phone number, only by account or member ID.
func gather(rows []db.CandidateAnswersRow) []candidate {
	var list []candidate
	for _, r := range rows {
		if len(list) == 0 || list[len(list)-1].member.ID != r.MemberID {
			list = append(list, candidate{member: ivr.Member{ID: r.MemberID, Name: r.Name, Phone: r.Phone}, answers: map[string]db.CandidateAnswersRow{}})
		}
		list[len(list)-1].answers[r.Kind] = r
	}
	return list[:min(len(list), candidates)]
}

// compare returns the candidates whose answers match what was keyed. Places without a candidate are
// compared with nobody.
//
// I3: birth date and ZIP; the SSN's last four may stand in for the ZIP. A value that was not asked for is
// empty and never matches, so the caller of this package decides which factors count.
func (p *Members) compare(found []candidate, c ivr.Identification) []candidate {
	var matched []candidate
	for i := range candidates {
		who := candidate{}
		if i < len(found) {
			who = found[i]
		}
		// Every factor is compared for everybody, so that nobody can tell what kind of account it is.
		born := p.check(who, answerBirthDate, c.BirthDate)
		zip := p.check(who, answerZIP, c.ZIP)
		ssn := p.check(who, answerSSN4, c.SSNLast4)
		invoice := p.check(who, answerInvoice, c.Invoice)
		previous := p.check(who, answerInvoicePrevious, c.Invoice)
		signed := c.SignedAs != "" && who.member.Phone == c.SignedAs // I4: the number on file of this very member
		employer := c.Invoice != "" && (invoice || previous)         // I3: a group account has no birth date
		if born && (zip || ssn || signed) || employer && (zip || signed) {
			matched = append(matched, who)
		}
	}
	return matched
}

// nobody is compared in place of a record that does not exist, so that it costs the same.
var nobody = db.CandidateAnswersRow{MemberID: "000000000000", Mac: make([]byte, 32)}

// check compares one answer. It always computes a hash, also where there is nothing to compare (I1:
// equal work).
// The comparison takes the same time whether it matches or not (constant-time compare of the hashes).
func (p *Members) check(who candidate, kind, answer string) bool {
	on, known := who.answers[kind]
	if !known {
		on = nobody // without a key id the newest key is used
	}
	return p.same(on.KeyID, on.Mac, on.MemberID, kind, answer) && known && answer != ""
}

// subjectsOf returns against whom a try counts: the candidates whose answers matched, else every
// candidate, else the stranger.
// A wrong answer behind a shared phone number counts against the whole household: it cannot be known who was
// meant.
func subjectsOf(found, matched []candidate, stranger string) []string {
	if len(found) == 0 {
		return []string{stranger}
	}
	if len(matched) > 0 {
		found = matched
	}
	var list []string
	for _, f := range found {
		list = append(list, f.member.ID)
	}
	return list
}

// stranger returns the subject for a selector that no record is behind: a keyed hash of what was
// keyed. People key a bank account or an SSN where they are asked for an account, and that may not
// be stored (promise P4: no secret is kept).
// The same wrong number gives the same subject, so that guessing at it is limited like guessing at a real
// one.
func (p *Members) stranger(s billing.Selector) string {
	_, mac := p.hash.MAC("stranger", string(s.Kind), s.Value)
	return "stranger:" + strings.ToLower(base32.StdEncoding.EncodeToString(mac[:15]))
}

// passes applies the limits of I5 to a try, records it, and returns whether it passed. Every path
// runs the same statements. The locks make tries that count against the same subject or caller run
// one after another, so two calls at once do not both get the last try.
//
// matched says whether the answers fit somebody. A try that would have passed still fails while a subject is
// locked or a limit is reached, and the caller cannot tell why (I1: one failure line).
func (p *Members) passes(ctx context.Context, q *db.Queries, try ivr.VerifyTry, subjects []string, matched bool) (bool, error) {
	dayAgo := try.At.Add(-24 * time.Hour)
	if err := q.LockTries(ctx, lockKeys(subjects, try.Caller)); err != nil {
		return false, err
	}
	// Read under the locks: the first delivery of this turn has either committed or not begun.
	before, err := q.VerifiedBefore(ctx, db.VerifiedBeforeParams{CallSid: try.Call, Turn: int32(try.Turn)}) //nolint:gosec // a turn is small
	if err != nil {
		return false, err
	}
	counts, err := q.SubjectFailures(ctx, db.SubjectFailuresParams{DayAgo: dayAgo, At: try.At, Subjects: subjects})
	if err != nil {
		return false, err
	}
	others, err := q.SubjectsOfCaller(ctx, db.SubjectsOfCallerParams{Caller: ptr(try.Caller), DayAgo: dayAgo, Ones: subjects})
	if err != nil {
		return false, err
	}
	// From here on everything is computed from what was read; nothing is decided by a statement that only
	// some tries run.
	var limits []string
	if try.Caller != "" && int(others) >= p.policy.IDAccountsPerCallerDay {
		limits = append(limits, "id_accounts_per_caller_day")
	}
	locked, locks := false, db.InsertSoftLocksParams{At: try.At}
	// One row a subject. in_a_row counts over all time, since the subject last passed; the other counts are
	// of a day.
	for _, n := range counts {
		locked = locked || n.Locked > 0
		if int(n.InARow) >= p.policy.IDFailHard {
			limits = append(limits, "id_fail_hard")
		}
		// This failure is the one that reaches the limit: the lock is written with it.
		if !matched && n.Locked == 0 && int(n.Failures)+1 >= p.policy.IDTriesPerAccountDay {
			locks.Subjects = append(locks.Subjects, n.Subject)
			locks.Untils = append(locks.Untils, try.At.Add(p.lockTime(n.LocksToday > 0)))
		}
	}
	passed := matched && !locked && len(limits) == 0
	if len(before) > 0 { // the turn was delivered before: the same result, nothing counted twice
		passed, locks.Subjects, locks.Untils, limits = before[0].Passed && matched, nil, nil, nil
	}
	if len(locks.Subjects) > 0 {
		limits = append(limits, "id_tries_per_account_day")
	}
	for _, limit := range limits {
		p.reached(limit)
	}
	if err := q.InsertVerifications(ctx, db.InsertVerificationsParams{
		CallSid: try.Call, Turn: int32(try.Turn), Caller: ptr(try.Caller), Passed: passed, At: try.At, Subjects: subjects, //nolint:gosec // a turn is small
	}); err != nil {
		return false, err
	}
	// Runs also with no lock to write: every try runs the same statements.
	return passed, q.InsertSoftLocks(ctx, locks)
}

// lockTime returns how long a soft lock lasts: the second within a day lasts a day (I5).
func (p *Members) lockTime(second bool) time.Duration {
	if second {
		return 24 * time.Hour
	}
	return p.policy.SoftLockMinutes.Duration()
}

// lockKeys returns what a try counts against, sorted, so that two tries never wait for each other.
// A withheld caller number adds no key: such calls are limited by subject only.
func lockKeys(subjects []string, caller string) []string {
	keys := slices.Clone(subjects)
	if caller != "" {
		keys = append(keys, caller)
	}
	slices.Sort(keys)
	return keys
}

// Accounts returns a member's billing accounts: health first, then dental, then group.
// Terminated accounts are among them; who reads them out decides what to say (B10: terminated, agent).
func (p *Members) Accounts(ctx context.Context, memberID string) ([]billing.Account, error) {
	rows, err := p.q.AccountsOf(ctx, memberID)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	list := make([]billing.Account, len(rows))
	for i, r := range rows {
		list[i] = account(r)
	}
	return list, nil
}

// OnFile returns whether some member has this number (E.164).
// It is for choosing what to offer, such as a code by text; it proves nothing about who is calling (I4: hint
// only).
func (p *Members) OnFile(ctx context.Context, number string) (bool, error) {
	yes, err := p.q.NumberOnFile(ctx, number)
	if err != nil {
		return false, fmt.Errorf("look up a number: %w", err)
	}
	return yes, nil
}

// SetLanguage stores the language that a member has chosen; it stands until billing names another (K2:
// remembered).
func (p *Members) SetLanguage(ctx context.Context, memberID, lang string) error {
	if err := p.q.KeepLanguage(ctx, db.KeepLanguageParams{MemberID: memberID, Language: lang}); err != nil {
		return fmt.Errorf("store a member's language: %w", err)
	}
	return nil
}

// Payable returns whether a guest may pay an account: it exists, is active and not frozen (I2: one
// line for every cause).
//
// The answer comes after the amount was keyed and is the same for an unknown and a terminated account.
func (p *Members) Payable(ctx context.Context, number string) (bool, error) {
	yes, err := p.q.PayableByGuest(ctx, number)
	if err != nil {
		return false, fmt.Errorf("look up an account: %w", err)
	}
	return yes, nil
}

// Standing returns what an account owes at an instant: billed − taken by us − booked elsewhere
// (B7). It is read in one snapshot: the old bills and the new payments of an import that commits in
// between would add up to a debt that never was.
//
// The standing keeps each bill's own due instant. AsOf says as of when billing's data are, zero before the
// first import; the caller says so where that is too old (B6: stale import).
func (p *Members) Standing(ctx context.Context, number string, at time.Time) (owed ivr.Owed, err error) {
	err = p.inSnapshot(ctx, "read standing", func(q *db.Queries) error {
		owed, err = p.standing(ctx, q, number, at)
		return err
	})
	return owed, err
}

// standing reads what billing.Stand computes with; q is a snapshot.
func (p *Members) standing(ctx context.Context, q *db.Queries, number string, at time.Time) (ivr.Owed, error) {
	row, err := q.AccountByNumber(ctx, number)
	if err != nil {
		return ivr.Owed{}, fmt.Errorf("read account: %w", err)
	}
	bills, err := q.BillsOf(ctx, number)
	if err != nil {
		return ivr.Owed{}, fmt.Errorf("read bills: %w", err)
	}
	entries, err := q.EntriesOf(ctx, number)
	if err != nil {
		return ivr.Owed{}, fmt.Errorf("read ledger: %w", err)
	}
	// No import yet is no error: an account cannot be there without one, but tests make them.
	asOf, err := q.NewestImport(ctx)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return ivr.Owed{}, fmt.Errorf("read import: %w", err)
	}
	return ivr.Owed{Standing: billing.Stand(account(row), billsOf(bills), entriesOf(entries), at, p.calendar), AsOf: asOf}, nil
}

// account converts a row.
func account(r db.Account) billing.Account {
	return billing.Account{
		Number: r.Account, MemberID: r.MemberID, Kind: billing.Kind(r.Kind), Status: billing.Status(r.Status),
		Regime: billing.Regime(val(r.GraceRegime)), AutoPayDay: int(val(r.AutopayDay)), AutoPayLast4: val(r.AutopayLast4),
	}
}

// billsOf converts rows.
func billsOf(rows []db.Bill) []billing.Bill {
	list := make([]billing.Bill, len(rows))
	for i, r := range rows {
		list[i] = billing.Bill{
			Account: r.Account, Coverage: billing.Month{Year: r.CoverageMonth.Year(), Month: r.CoverageMonth.Month()},
			Revision: int(r.Revision), Billed: billing.Money(r.BilledCents), FirstBill: r.FirstBill, GraceEndsAt: val(r.GraceEndsAt),
		}
	}
	return list
}

// entriesOf converts rows.
func entriesOf(rows []db.EntriesOfRow) []billing.Entry {
	list := make([]billing.Entry, len(rows))
	for i, r := range rows {
		list[i] = billing.Entry{Kind: billing.EntryKind(r.Kind), Cents: billing.Money(r.Cents), ReceivedAt: r.ReceivedAt, Reference: r.Reference}
	}
	return list
}
