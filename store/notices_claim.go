package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/billing"
	"duebell/notify"
	"duebell/payments"
	"duebell/store/db"
)

// ClaimNotices claims planned notices after asking decide with the facts of this transaction, and takes
// those in doubt to be looked for. Their numbers are locked, and then the rows: of two couriers the second
// finds them claimed.
func (s *Store) ClaimNotices(ctx context.Context, ids []int64, at notify.ClaimTime, decide func([]notify.Facts) ([]notify.Decision, error)) (got []notify.ClaimedNotice, err error) {
	err = s.inTx(ctx, "take notices", func(q *db.Queries, tx pgx.Tx) error {
		if err := q.UseIndexesForClaim(ctx); err != nil {
			return err
		}
		if err := q.LockNumbersOf(ctx, ids); err != nil {
			return fmt.Errorf("lock numbers: %w", err)
		}
		rows, err := q.LockNotices(ctx, ids) // a look of its own: what happened while it waited is there to see (N2)
		if err != nil {
			return err
		}
		var planned []db.LockNoticesRow
		var unsure, known []int64
		for _, r := range rows {
			switch notify.State(r.Notice.State) {
			case notify.Planned:
				if !r.Notice.NotBefore.After(at.Now) {
					planned = append(planned, r)
				}
			case notify.Unknown:
				unsure = append(unsure, r.Notice.ID)
			case notify.Accepted, notify.Sent:
				known = append(known, r.Notice.ID)
			}
		}
		if got, err = takeAgain(ctx, q, unsure, known, at); err != nil {
			return err
		}
		for len(planned) > 0 {
			var round []db.LockNoticesRow
			round, planned = oneEach(planned)
			claims, err := s.takePlanned(ctx, q, tx, round, at, decide)
			if err != nil {
				return err
			}
			got = append(got, claims...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}

// oneEach parts the first notice of each number from the others: what goes to a number is decided when
// what went before it is written (N3).
func oneEach(rows []db.LockNoticesRow) (first, others []db.LockNoticesRow) {
	seen := make(map[string]bool, len(rows))
	for _, r := range rows {
		if seen[r.Notice.Number] {
			others = append(others, r)
			continue
		}
		seen[r.Notice.Number] = true
		first = append(first, r)
	}
	return first, others
}

// takePlanned writes the verdicts: claimed, put off or ended.
func (s *Store) takePlanned(ctx context.Context, q *db.Queries, tx pgx.Tx, rows []db.LockNoticesRow, at notify.ClaimTime, decide func([]notify.Facts) ([]notify.Decision, error)) ([]notify.ClaimedNotice, error) {
	facts, err := noticeFacts(ctx, q, rows, at.Now)
	if err != nil {
		return nil, err
	}
	probes := map[int64]bool{}
	for i, r := range rows {
		if !r.Stopped {
			continue
		}
		if facts[i].Paused, probes[r.Notice.ID], err = paused(ctx, q, r.Notice, at.Now); err != nil {
			return nil, fmt.Errorf("read what is stopped: %w", err)
		}
	}
	verdicts, err := decide(facts)
	if err != nil {
		return nil, err
	}
	if err := dropUntrue(ctx, q, rows, verdicts); err != nil {
		return nil, err
	}
	send := db.ClaimNoticesParams{Now: &at.Now, LeaseUntil: &at.LeaseUntil}
	var wait db.PostponeNoticesParams
	for i, v := range verdicts {
		row := rows[i].Notice
		switch v.Action {
		case notify.ActionSend:
			send.Ids, send.Bodies = append(send.Ids, row.ID), append(send.Bodies, v.Body)
		case notify.ActionWait:
			wait.Ids, wait.Untils = append(wait.Ids, row.ID), append(wait.Untils, v.Until)
		case notify.ActionDrop:
			err = s.endNotice(ctx, q, tx, row, notify.Dropped, v.Why, at.Now)
		case notify.ActionSuppress:
			err = s.endNotice(ctx, q, tx, row, notify.Suppressed, v.Why, at.Now)
		default:
			err = fmt.Errorf("a verdict that we do not know: %q", v.Action)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(wait.Ids) > 0 {
		if err := q.PostponeNotices(ctx, wait); err != nil {
			return nil, err
		}
	}
	if len(send.Ids) == 0 {
		return nil, nil
	}
	claimed, err := q.ClaimNotices(ctx, send)
	if err != nil {
		return nil, err
	}
	claims := claimsOf(claimed)
	for i := range claims {
		claims[i].Probe = probes[claims[i].ID]
	}
	return claims, nil
}

// dropUntrue ends the reasons that do not hold any more.
func dropUntrue(ctx context.Context, q *db.Queries, rows []db.LockNoticesRow, verdicts []notify.Decision) error {
	var p db.DropUntrueReasonsParams
	for i, v := range verdicts {
		for _, u := range v.Dropped {
			p.Ids, p.Accounts, p.Whys = append(p.Ids, rows[i].Notice.ID), append(p.Accounts, u.Account), append(p.Whys, u.Why)
			p.DaysBefore = append(p.DaysBefore, int32(u.DaysBefore)) //nolint:gosec // G115: days
		}
	}
	if len(p.Ids) == 0 {
		return nil
	}
	return q.DropUntrueReasons(ctx, p)
}

// endNotice ends a notice of which nothing has left. One that was created once and not found again
// stays open to the carrier's word.
func (s *Store) endNotice(ctx context.Context, q *db.Queries, tx pgx.Tx, row db.Notice, state notify.State, why string, at time.Time) error {
	ended, err := q.EndNotice(ctx, db.EndNoticeParams{ID: row.ID, State: string(state), Why: &why})
	if err != nil {
		return err
	}
	if err := q.DropAllReasons(ctx, db.DropAllReasonsParams{ID: row.ID, Why: &why}); err != nil {
		return err
	}
	return s.afterEnd(ctx, q, tx, ended, "", at)
}

// takeAgain takes notices in doubt, to be looked for, and texts that the carrier has, to ask for them.
func takeAgain(ctx context.Context, q *db.Queries, unsure, known []int64, at notify.ClaimTime) (claims []notify.ClaimedNotice, err error) {
	var looks, polls []db.Notice
	if len(unsure) > 0 {
		looks, err = q.ClaimLookups(ctx, db.ClaimLookupsParams{Ids: unsure, Now: &at.Now, MachineNow: &at.MachineNow, LeaseUntil: &at.LeaseUntil})
	}
	if err == nil && len(known) > 0 {
		polls, err = q.ClaimPolls(ctx, db.ClaimPollsParams{Ids: known, Now: &at.Now, MachineNow: &at.MachineNow, LeaseUntil: &at.LeaseUntil})
	}
	return append(claimsOf(looks), claimsOf(polls)...), err
}

// realDays is how far back the answer to "is this real" looks (O10).
const realDays = 7 * 24 * time.Hour

// noticeFacts re-reads all that notices rest on, at most one to a number.
func noticeFacts(ctx context.Context, q *db.Queries, notices []db.LockNoticesRow, now time.Time) ([]notify.Facts, error) {
	ids, place := make([]int64, len(notices)), make(map[int64]int, len(notices))
	for i, n := range notices {
		ids[i], place[n.Notice.ID] = n.Notice.ID, i
	}
	rows, err := q.NoticeFacts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read facts: %w", err)
	}
	facts := make([]notify.Facts, len(notices))
	var reminded []string
	for i, n := range notices {
		row := n.Notice
		facts[i] = notify.Facts{Kind: notify.Kind(row.Kind), Channel: notify.Channel(row.Channel), Number: row.Number, Language: row.Language, ByRequest: row.ByRequest, NotAfter: val(row.NotAfter)}
		if spec, _ := facts[i].Kind.Spec(); spec.Basis == notify.OnAccount {
			reminded = append(reminded, row.Number)
		}
		if facts[i].Kind == notify.RealReply {
			if facts[i].Recent, err = recentTexts(ctx, q, row.Number, now); err != nil {
				return nil, err
			}
		}
	}
	for _, r := range rows {
		f := &facts[place[r.ID]]
		f.Consent, f.FromApplication, f.OptedOut, f.Unreachable = r.Consent, r.FromApplication, r.OptedOut, r.Unreachable
		f.Zones = r.ZonesOfNumber
		if len(f.Zones) == 0 && val(r.ZoneOfAccount) != "" {
			f.Zones = []string{*r.ZoneOfAccount}
		}
		if r.Account != nil {
			f.Reasons = append(f.Reasons, reasonFacts(r))
		}
	}
	if len(reminded) == 0 {
		return facts, nil
	}
	at, err := households(ctx, q, reminded, now)
	if err != nil {
		return nil, err
	}
	for i := range facts {
		facts[i].Recipient = at[facts[i].Number]
	}
	return facts, nil
}

func reasonFacts(r db.NoticeFactsRow) notify.Reason {
	reason := notify.Reason{
		Account: val(r.Account), DaysBefore: int(val(r.DaysBefore)),
		Owed: billing.Money(r.Owed), InFlight: r.InFlight, Terminated: r.Terminated,
	}
	if r.CoverageMonth != nil {
		reason.Coverage = billing.MonthOf(billing.DateIn(*r.CoverageMonth, time.UTC))
	}
	if r.PaymentState == nil {
		return reason
	}
	state := payments.State(*r.PaymentState)
	reason.Payment = &notify.PaymentFacts{
		State: state, Cents: billing.Money(val(r.Cents) + val(r.FeeCents)), BankType: payments.BankType(val(r.BankType)),
		Last4: val(r.Last4), Reference: val(r.Reference), AuthorizedAt: val(r.AuthorizedAt), NotBefore: val(r.DebitNotBefore),
		Submitted: r.IntentID != nil || r.CreateSentAt != nil || state != payments.Authorized, HeardOnCall: val(r.Heard),
	}
	return reason
}

func recentTexts(ctx context.Context, q *db.Queries, number string, now time.Time) ([]notify.SentText, error) {
	kinds := names(notify.NamedKinds())
	since := now.Add(-realDays)
	rows, err := q.RecentTexts(ctx, db.RecentTextsParams{Number: number, Kinds: kinds, Since: &since})
	if err != nil {
		return nil, fmt.Errorf("read recent texts: %w", err)
	}
	texts := make([]notify.SentText, len(rows))
	for i, r := range rows {
		texts[i] = notify.SentText{Kind: notify.Kind(r.Kind), At: r.At}
	}
	return texts, nil
}

func claimsOf(rows []db.Notice) []notify.ClaimedNotice {
	claims := make([]notify.ClaimedNotice, len(rows))
	for i, r := range rows {
		claims[i] = claimOf(r)
	}
	return claims
}

func claimOf(r db.Notice) notify.ClaimedNotice {
	return notify.ClaimedNotice{
		ID: r.ID, Reference: r.Reference, Kind: notify.Kind(r.Kind), Channel: notify.Channel(r.Channel), State: notify.State(r.State),
		Number: r.Number, Body: val(r.Body), SID: val(r.MessageSid), Fence: r.Fence,
		Creates: int(r.Creates), Lookups: int(r.Looks), Waits: int(r.Waits), Polls: int(r.Polls), TriedAt: val(r.TriedAt),
	}
}
