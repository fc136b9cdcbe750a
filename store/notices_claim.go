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

// noticeTx is one transaction that changes notices or numbers, with the instant (domain clock) that
// it writes. What follows from a change (tasks, letters, suppressions, jobs) is written in the same
// transaction.
// It embeds the Store for its helpers, but every statement goes through q: what is written through the
// Store's own q would not belong to the transaction.
type noticeTx struct {
	*Store
	q  *db.Queries
	tx pgx.Tx
	at time.Time
}

// inNoticeTx runs f in one transaction at an instant of the domain clock.
func (s *Store) inNoticeTx(ctx context.Context, doing string, at time.Time, f func(t noticeTx) error) error {
	return s.inTx(ctx, doing, func(q *db.Queries, tx pgx.Tx) error {
		return f(noticeTx{Store: s, q: q, tx: tx, at: at})
	})
}

// ClaimNotices claims the planned notices that decide wants sent, given facts read in this
// transaction, and leases those that are due to be looked up or polled.
//
// First the numbers are locked, then the rows: of two senders the second finds the notices claimed,
// and sees what the first has written (N2: re-read at the moment of sending). A crash before the
// commit leaves everything planned. A crash after it leaves claimed rows whose lease runs out;
// EnqueueDue then has them looked up at the carrier.
//
// decide gets the facts of at most one notice a number at a time and returns one decision for each, in that
// order; it is called once a round, while the numbers are locked, and may ask Redis for capacity but nothing
// slower. Notices that are not due, leased or in a final state are left out without an error, so a job may
// come late or twice.
func (s *Store) ClaimNotices(ctx context.Context, ids []int64, at notify.ClaimTime, decide func([]notify.Facts) ([]notify.Decision, error)) (got []notify.ClaimedNotice, err error) {
	err = s.inNoticeTx(ctx, "claim notices", at.Now, func(t noticeTx) error {
		if err := t.q.UseIndexesForClaim(ctx); err != nil {
			return err
		}
		// Numbers in sorted order, so that two senders with overlapping batches never wait for each other in
		// a ring.
		if err := t.q.LockNumbersOf(ctx, ids); err != nil {
			return fmt.Errorf("lock numbers: %w", err)
		}
		// A statement of its own, after the locks: it sees what was committed while it waited.
		rows, err := t.q.LockNotices(ctx, ids)
		if err != nil {
			return err
		}
		var planned []db.LockNoticesRow
		var unknown, accepted []int64
		for _, r := range rows {
			// Claimed ones are left out: another sender holds them, or ExpireClaims will free them.
			switch notify.State(r.Notice.State) {
			case notify.Planned:
				if !r.Notice.NotBefore.After(at.Now) {
					planned = append(planned, r)
				}
			case notify.Unknown:
				unknown = append(unknown, r.Notice.ID)
			case notify.Accepted, notify.Sent:
				accepted = append(accepted, r.Notice.ID)
			}
		}
		if got, err = t.leaseLookups(ctx, unknown, accepted, at); err != nil {
			return err
		}
		for len(planned) > 0 {
			var round []db.LockNoticesRow
			round, planned = firstOfEachNumber(planned)
			claimed, err := t.claimPlanned(ctx, round, at.LeaseUntil, decide)
			if err != nil {
				return err
			}
			got = append(got, claimed...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}

// firstOfEachNumber splits off the first notice of each number: the next one to the same number is
// decided only after the one before it is written, because it counts towards the cap (N3: capped
// kinds per month).
func firstOfEachNumber(rows []db.LockNoticesRow) (first, others []db.LockNoticesRow) {
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

// claimPlanned asks decide and writes its decisions: claimed, postponed or ended.
// Rows and decisions have the same order and length. A notice that another transaction moved on is not among
// those returned.
func (t noticeTx) claimPlanned(ctx context.Context, rows []db.LockNoticesRow, leaseUntil time.Time, decide func([]notify.Facts) ([]notify.Decision, error)) ([]notify.ClaimedNotice, error) {
	facts, probes, err := t.factsOf(ctx, rows)
	if err != nil {
		return nil, err
	}
	decisions, err := decide(facts)
	if err != nil {
		return nil, err
	}
	if err := dropUntrueReasons(ctx, t.q, rows, decisions); err != nil {
		return nil, err
	}
	send := db.ClaimNoticesParams{Now: &t.at, LeaseUntil: &leaseUntil}
	var postpone db.PostponeNoticesParams
	for i, d := range decisions {
		row := rows[i].Notice
		switch d.Action {
		case notify.ActionSend:
			send.Ids, send.Bodies = append(send.Ids, row.ID), append(send.Bodies, d.Body)
		// Its window is not open, or there is no capacity: not_before moves on, and it is queued again then
		// (N4: send window).
		case notify.ActionWait:
			postpone.Ids, postpone.Untils = append(postpone.Ids, row.ID), append(postpone.Untils, d.Until)
		case notify.ActionDrop:
			err = t.endUnsent(ctx, row, notify.Dropped, d.Why)
		case notify.ActionSuppress:
			err = t.endUnsent(ctx, row, notify.Suppressed, d.Why)
		default:
			err = fmt.Errorf("no such action on a notice: %q", d.Action)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(postpone.Ids) > 0 {
		if err := t.q.PostponeNotices(ctx, postpone); err != nil {
			return nil, err
		}
	}
	if len(send.Ids) == 0 {
		return nil, nil
	}
	// The words are stored before Twilio is asked: a lost reply is settled by looking for exactly these words
	// (twilio.md §6).
	claimed, err := t.q.ClaimNotices(ctx, send)
	if err != nil {
		return nil, err
	}
	list := claimedNotices(claimed)
	for i := range list {
		list[i].Probe = probes[list[i].ID]
	}
	return list, nil
}

// factsOf reads the facts of rows, in their order, and which of them are sent as a probe although
// all kinds are paused.
// Only a paused notice needs the second look, because it may have to take the probe.
func (t noticeTx) factsOf(ctx context.Context, rows []db.LockNoticesRow) ([]notify.Facts, map[int64]bool, error) {
	facts, err := noticeFacts(ctx, t.q, rows, t.at)
	if err != nil {
		return nil, nil, err
	}
	probes := map[int64]bool{}
	for i, r := range rows {
		if !r.Stopped {
			continue
		}
		if facts[i].Paused, probes[r.Notice.ID], err = paused(ctx, t.q, r.Notice, t.at); err != nil {
			return nil, nil, fmt.Errorf("read paused kinds: %w", err)
		}
	}
	return facts, probes, nil
}

// dropUntrueReasons marks the reasons that are no longer true (N1: a claim drops them), so that
// they can be given again.
func dropUntrueReasons(ctx context.Context, q *db.Queries, rows []db.LockNoticesRow, decisions []notify.Decision) error {
	var p db.DropUntrueReasonsParams
	for i, d := range decisions {
		for _, r := range d.Dropped {
			p.Ids, p.Accounts, p.Whys = append(p.Ids, rows[i].Notice.ID), append(p.Accounts, r.Account), append(p.Whys, r.Why)
			p.DaysBefore = append(p.DaysBefore, int32(r.DaysBefore)) //nolint:gosec // G115: days
		}
	}
	if len(p.Ids) == 0 {
		return nil
	}
	return q.DropUntrueReasons(ctx, p)
}

// endUnsent ends a planned notice. One that was created once and not found since may still be
// reported by the carrier; then RecordReports puts it right.
//
// Its reasons are marked as dropped, and what follows (a letter in place of a written notice, a busy answer)
// is written here.
func (t noticeTx) endUnsent(ctx context.Context, row db.Notice, state notify.State, why string) error {
	ended, err := t.q.EndNotice(ctx, db.EndNoticeParams{ID: row.ID, State: string(state), Why: &why})
	if err != nil {
		return err
	}
	if err := t.q.DropAllReasons(ctx, db.DropAllReasonsParams{ID: row.ID, Why: &why}); err != nil {
		return err
	}
	return t.afterChange(ctx, ended, "")
}

// leaseLookups leases the notices in doubt that are due to be looked up, and the accepted ones that
// are due to be polled.
// The lease keeps two machines from looking the same text up; it ends by the machine's clock.
func (t noticeTx) leaseLookups(ctx context.Context, unknown, accepted []int64, at notify.ClaimTime) (list []notify.ClaimedNotice, err error) {
	var lookups, polls []db.Notice
	if len(unknown) > 0 {
		lookups, err = t.q.ClaimLookups(ctx, db.ClaimLookupsParams{Ids: unknown, Now: &at.Now, MachineNow: &at.MachineNow, LeaseUntil: &at.LeaseUntil})
	}
	if err == nil && len(accepted) > 0 {
		polls, err = t.q.ClaimPolls(ctx, db.ClaimPollsParams{Ids: accepted, Now: &at.Now, MachineNow: &at.MachineNow, LeaseUntil: &at.LeaseUntil})
	}
	return append(claimedNotices(lookups), claimedNotices(polls)...), err
}

// recentDays is how far back the answer to "is this real" looks (O10: what we sent in 7 days).
const recentDays = 7 * 24 * time.Hour

// noticeFacts reads everything that notices rest on, for at most one notice a number. The order is
// that of notices.
// Answers rest on the number alone, payment texts on one payment, reminders on everything about the number's
// accounts.
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
	var reminded []string // numbers
	for i, n := range notices {
		row := n.Notice
		facts[i] = notify.Facts{
			Kind: notify.Kind(row.Kind), Channel: notify.Channel(row.Channel), Number: row.Number, Language: row.Language,
			ByRequest: row.ByRequest, NotAfter: val(row.NotAfter),
		}
		// Only reminders need whole accounts; reading them for every receipt would cost far more than the
		// receipt.
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
		// A notice with several reasons comes as several rows; what belongs to the number is the same in
		// each.
		f := &facts[place[r.ID]]
		f.Consent, f.FromApplication, f.OptedOut, f.Unreachable = r.Consent, r.FromApplication, r.OptedOut, r.Unreachable
		// N4: the recipient's zone; where nobody has this number on file, the zone of the account's
		// member.
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
	recipients, err := recipientsOf(ctx, q, reminded, now)
	if err != nil {
		return nil, err
	}
	for i := range facts {
		facts[i].Recipient = recipients[facts[i].Number]
	}
	return facts, nil
}

// reasonFacts converts one reason of a notice with what must still be true of it: the account's
// standing, or its payment.
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

// recentTexts returns the newest texts to a number, of the kinds that have a name for members (O10).
func recentTexts(ctx context.Context, q *db.Queries, number string, now time.Time) ([]notify.SentText, error) {
	since := now.Add(-recentDays)
	rows, err := q.RecentTexts(ctx, db.RecentTextsParams{Number: number, Kinds: names(notify.NamedKinds()), Since: &since})
	if err != nil {
		return nil, fmt.Errorf("read recent texts: %w", err)
	}
	texts := make([]notify.SentText, len(rows))
	for i, r := range rows {
		texts[i] = notify.SentText{Kind: notify.Kind(r.Kind), At: r.At}
	}
	return texts, nil
}

// claimedNotices converts rows. The fence goes along: every later write of the sender names it.
func claimedNotices(rows []db.Notice) []notify.ClaimedNotice {
	list := make([]notify.ClaimedNotice, len(rows))
	for i, r := range rows {
		list[i] = notify.ClaimedNotice{
			ID: r.ID, Reference: r.Reference, Kind: notify.Kind(r.Kind), Channel: notify.Channel(r.Channel), State: notify.State(r.State),
			Number: r.Number, Body: val(r.Body), SID: val(r.MessageSid), Fence: r.Fence,
			Creates: int(r.Creates), Lookups: int(r.Looks), Waits: int(r.Waits), Polls: int(r.Polls), TriedAt: val(r.TriedAt),
		}
	}
	return list
}
