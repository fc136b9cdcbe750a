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

// ReminderQueue is the line of the reminders, apart from the notices' own: an answer or a receipt never
// stands behind them.
const ReminderQueue = "reminder"

// How many notices a job carries. Of reminders many go at once; what somebody waits for in small parts.
const (
	ReminderBatch = 100
	firstBatch    = 10
)

// Priorities of River's within the notices' line. What has just been caused, and put in line by its cause,
// has River's own, 1: it stands behind nothing that a tick has found.
const (
	found     = 2
	lookedFor = 3
)

// nudgeDue puts in line what is due, each kind within its share, and notes that its job is on its way.
func (s *Store) nudgeDue(ctx context.Context, q *db.Queries, tx pgx.Tx, n notify.EnqueueRequest) (int, error) {
	looks, err := q.DueLookups(ctx, db.DueLookupsParams{Now: &n.Now, MachineNow: &n.MachineNow})
	if err != nil {
		return 0, err
	}
	if n.Polls {
		polls, err := q.DuePolls(ctx, db.DuePollsParams{Now: &n.Now, MachineNow: &n.MachineNow})
		if err != nil {
			return 0, err
		}
		looks = append(looks, polls...)
	}
	first, err := due(ctx, q, n, n.First, notify.FirstKinds())
	if err != nil {
		return 0, err
	}
	probe, err := q.DueProbe(ctx, db.DueProbeParams{Now: n.Now, Kinds: append(names(notify.FirstKinds()), names(notify.CappedKinds())...)})
	if err != nil {
		return 0, err
	}
	later, err := due(ctx, q, n, n.Reminders, notify.CappedKinds())
	if err != nil {
		return 0, err
	}
	if err := q.MarkQueued(ctx, db.MarkQueuedParams{Again: &n.RequeueAfter, Now: n.Now, Ids: append(append([]int64{}, first...), later...)}); err != nil {
		return 0, err
	}
	line := append(first, probe...)
	for _, part := range []struct {
		ids   []int64
		batch int
		opts  river.InsertOpts
	}{
		{line, firstBatch, river.InsertOpts{Queue: NoticeJob{}.Kind(), Priority: found}},
		{looks, firstBatch, river.InsertOpts{Queue: NoticeJob{}.Kind(), Priority: lookedFor}},
		{later, ReminderBatch, river.InsertOpts{Queue: ReminderQueue}},
	} {
		if err := s.putInLine(ctx, tx, part.ids, part.batch, part.opts); err != nil {
			return 0, err
		}
	}
	return len(line) + len(looks) + len(later), nil
}

func due(ctx context.Context, q *db.Queries, n notify.EnqueueRequest, most int, kinds []notify.Kind) ([]int64, error) {
	if most <= 0 {
		return nil, nil
	}
	return q.DueNotices(ctx, db.DueNoticesParams{Kinds: names(kinds), Now: n.Now, MachineNow: n.MachineNow, MaxRows: int32(most)}) //nolint:gosec // G115: some thousands
}

func names(kinds []notify.Kind) []string {
	list := make([]string, len(kinds))
	for i, k := range kinds {
		list[i] = string(k)
	}
	return list
}

// putInLine nudges notices, so many with one job.
func (s *Store) putInLine(ctx context.Context, tx pgx.Tx, ids []int64, batch int, opts river.InsertOpts) error {
	if len(ids) == 0 || s.jobs == nil {
		return nil
	}
	var params []river.InsertManyParams
	for part := range slices.Chunk(ids, batch) {
		params = append(params, river.InsertManyParams{Args: NoticeJob{IDs: part}, InsertOpts: &opts})
	}
	if _, err := s.jobs.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("nudge: %w", err)
	}
	return nil
}

// PostponePoll says when a text is asked for again; zero: no more.
func (s *Store) PostponePoll(ctx context.Context, c notify.ClaimedNotice, again time.Time) error {
	if err := s.q.PostponePoll(ctx, db.PostponePollParams{ID: c.ID, Fence: c.Fence, Again: when(again)}); err != nil {
		return fmt.Errorf("put poll off: %w", err)
	}
	return nil
}

// planRetry plans a text that did not arrive for a passing reason once more, if it may.
func (s *Store) planRetry(ctx context.Context, q *db.Queries, row db.Notice, t notify.Trouble, at time.Time) error {
	again, ok := notify.RetryAt(notify.Kind(row.Kind), t, int(row.Retries), at, val(row.NotAfter))
	if !ok || row.Channel != string(notify.SMS) {
		return nil
	}
	id, err := q.PlanRetry(ctx, db.PlanRetryParams{Reference: noticeReference("retry", row.Reference), At: at, NotBefore: again, ID: row.ID})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("plan retry: %w", err)
	}
	return q.MoveReasons(ctx, db.MoveReasonsParams{RetryID: id, ID: row.ID})
}
