package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"duebell/notify"
	"duebell/store/db"
)

// ReminderQueue is the job queue of reminders. It is apart from the notices' own queue, so that an
// answer or a receipt never waits behind a million reminders.
const ReminderQueue = "reminder"

// How many notices one job carries. Reminders go in large batches; what somebody waits for goes in
// small ones.
const (
	ReminderBatch = 100
	firstBatch    = 10
)

// River priorities within the notices' queue. A job that is enqueued in the transaction that causes
// it has River's highest, 1, and so waits for nothing that a tick has found.
const (
	priorityDue    = 2
	priorityLookup = 3
)

// EnqueueDue drops planned notices whose window is over, gives up claims whose lease ran out, and
// enqueues jobs for what is due. It is safe to run on several machines: rows are changed by
// conditions that hold once.
//
// It is a tick of the workers. A crash in it changes nothing. Expired says how many claims were given up, Due
// for how many notices jobs were enqueued, Dropped the kind of each notice whose window was over (N6: late is
// dropped).
func (s *Store) EnqueueDue(ctx context.Context, n notify.EnqueueRequest) (notify.EnqueueResult, error) {
	var got notify.EnqueueResult
	err := s.inNoticeTx(ctx, "enqueue due notices", n.Now, func(t noticeTx) error {
		// First, so that a text whose sender died is looked up in this same tick. A given-up claim gets a new
		// fence: a sender that was only slow cannot write its result any more.
		expired, err := t.q.ExpireClaims(ctx, &n.MachineNow)
		if err != nil {
			return err
		}
		why := notify.WhyTooLate
		// At most 500 a tick; SKIP LOCKED passes over those that another machine is dropping.
		overdue, err := t.q.OverdueNotices(ctx, db.OverdueNoticesParams{Now: &n.Now, Why: &why})
		if err != nil {
			return err
		}
		for _, row := range overdue {
			got.Dropped = append(got.Dropped, notify.Kind(row.Kind))
			if err := t.q.DropAllReasons(ctx, db.DropAllReasonsParams{ID: row.ID, Why: &why}); err != nil {
				return err
			}
			// A written notice that was never sent becomes a letter, a call-back that was never placed gets
			// its busy answer.
			if err := t.afterChange(ctx, row, ""); err != nil {
				return err
			}
		}
		got.Expired = int(expired)
		got.Due, err = t.enqueueDue(ctx, n)
		return err
	})
	return got, err
}

// enqueueDue enqueues jobs for what is due, each group within its share of n, and returns for how
// many notices. A notice that is queued is not enqueued again until n.RequeueAfter: by then its job
// must have been lost.
//
// n.First and n.Reminders bound how many are queued at a time, so that the queue never holds more than can be
// sent soon: what is queued was decided early, and its facts are read again at the claim anyway.
func (t noticeTx) enqueueDue(ctx context.Context, n notify.EnqueueRequest) (int, error) {
	lookups, err := t.q.DueLookups(ctx, db.DueLookupsParams{Now: &n.Now, MachineNow: &n.MachineNow})
	if err != nil {
		return 0, err
	}
	if n.Polls {
		polls, err := t.q.DuePolls(ctx, db.DuePollsParams{Now: &n.Now, MachineNow: &n.MachineNow})
		if err != nil {
			return 0, err
		}
		lookups = append(lookups, polls...)
	}
	first, err := t.due(ctx, n, n.First, notify.FirstKinds())
	if err != nil {
		return 0, err
	}
	// While every kind is paused by the carrier, one text may try again; see paused.
	probe, err := t.q.DueProbe(ctx, db.DueProbeParams{Now: n.Now, Kinds: append(names(notify.FirstKinds()), names(notify.CappedKinds())...)})
	if err != nil {
		return 0, err
	}
	reminders, err := t.due(ctx, n, n.Reminders, notify.CappedKinds())
	if err != nil {
		return 0, err
	}
	// Marked in the same transaction as the jobs: a crash leaves neither. The probe is not marked; TakeProbe
	// lets only one through.
	if err := t.q.MarkQueued(ctx, db.MarkQueuedParams{Again: &n.RequeueAfter, Now: n.Now, Ids: slices.Concat(first, reminders)}); err != nil {
		return 0, err
	}
	first = append(first, probe...)
	for _, part := range []struct {
		ids   []int64
		batch int
		opts  river.InsertOpts
	}{
		{first, firstBatch, river.InsertOpts{Queue: NoticeJob{}.Kind(), Priority: priorityDue}},
		{lookups, firstBatch, river.InsertOpts{Queue: NoticeJob{}.Kind(), Priority: priorityLookup}},
		{reminders, ReminderBatch, river.InsertOpts{Queue: ReminderQueue}},
	} {
		if err := t.enqueueNotices(ctx, part.ids, part.batch, part.opts); err != nil {
			return 0, err
		}
	}
	return len(first) + len(lookups) + len(reminders), nil
}

// due returns the planned notices of some kinds that are due and not queued, so that at most limit
// of them are queued.
// Kinds take turns, so that many texts of one kind do not hold up the others.
func (t noticeTx) due(ctx context.Context, n notify.EnqueueRequest, limit int, kinds []notify.Kind) ([]int64, error) {
	if limit <= 0 {
		return nil, nil
	}
	return t.q.DueNotices(ctx, db.DueNoticesParams{Kinds: names(kinds), Now: n.Now, MachineNow: n.MachineNow, MaxRows: int32(limit)}) //nolint:gosec // G115: some thousands
}

// enqueueNotices enqueues wake-up jobs, each for a batch of notices.
func (t noticeTx) enqueueNotices(ctx context.Context, ids []int64, batch int, opts river.InsertOpts) error {
	if len(ids) == 0 || t.jobs == nil {
		return nil
	}
	var params []river.InsertManyParams
	for part := range slices.Chunk(ids, batch) {
		params = append(params, river.InsertManyParams{Args: NoticeJob{IDs: part}, InsertOpts: &opts})
	}
	if _, err := t.jobs.InsertManyFastTx(ctx, t.tx, params); err != nil {
		return fmt.Errorf("enqueue jobs: %w", err)
	}
	return nil
}

// names returns kinds as SQL takes them.
func names(kinds []notify.Kind) []string {
	list := make([]string, len(kinds))
	for i, k := range kinds {
		list[i] = string(k)
	}
	return list
}

// PostponePoll stores when the carrier is next asked for a text; zero: no more.
// A text may have "sent" as its last report for ever (twilio.md §6), so asking has an end. The lease ends
// with this write; an old fence changes nothing and is no error.
func (s *Store) PostponePoll(ctx context.Context, c notify.ClaimedNotice, again time.Time) error {
	if err := s.q.PostponePoll(ctx, db.PostponePollParams{ID: c.ID, Fence: c.Fence, Again: when(again)}); err != nil {
		return fmt.Errorf("postpone poll: %w", err)
	}
	return nil
}

// OldestDueNotice returns since when the oldest notice that is not sent has been due; zero: none is.
// Claimed notices and those in doubt count as well. Its age is what alarms when senders stand still.
func (s *Store) OldestDueNotice(ctx context.Context, now time.Time) (time.Time, error) {
	kinds := append(names(notify.FirstKinds()), names(notify.CappedKinds())...)
	t, err := s.q.OldestDueNotice(ctx, db.OldestDueNoticeParams{Now: now, Kinds: kinds})
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return t, err
}
