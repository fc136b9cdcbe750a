package store

import (
	"context"
	"fmt"
	"time"

	"duebell/notify"
	"duebell/store/db"
)

// PausedKind is a kind of text that is paused, or notify.AllKinds.
type PausedKind struct {
	Kind  notify.Kind
	Since time.Time
	Why   string
	By    string // a person's name, or notify.ByCarrier
}

// PausedKinds lists the kinds that are paused now.
func (s *Store) PausedKinds(ctx context.Context) ([]PausedKind, error) {
	rows, err := s.q.PausedKinds(ctx)
	if err != nil {
		return nil, fmt.Errorf("read paused kinds: %w", err)
	}
	list := make([]PausedKind, len(rows))
	for i, r := range rows {
		list[i] = PausedKind{Kind: notify.Kind(r.Kind), Since: r.PausedAt, Why: r.Why, By: r.ByWhom}
	}
	return list, nil
}

// PauseKind stops sending a kind until somebody resumes it; false: it was paused already. Every
// claim reads the pause, so texts that are already queued wait as well.
// A pause by the carrier keeps its own reason and its probe; pausing it by hand as well changes nothing.
func (s *Store) PauseKind(ctx context.Context, k notify.Kind, why string, at time.Time) (bool, error) {
	n, err := s.q.PauseKind(ctx, db.PauseKindParams{Kind: string(k), At: at, Why: why, ByWhom: "operator"})
	if err != nil {
		return false, fmt.Errorf("pause %s: %w", k, err)
	}
	return n > 0, nil
}

// ResumeKind lets a kind be sent again; false: it was not paused.
// Texts whose window ended during the pause are dropped by EnqueueDue, not sent late.
func (s *Store) ResumeKind(ctx context.Context, k notify.Kind) (bool, error) {
	n, err := s.q.ResumeKind(ctx, string(k))
	if err != nil {
		return false, fmt.Errorf("resume %s: %w", k, err)
	}
	return n > 0, nil
}

// EndProbe resumes all kinds after a probe text has gone through.
// Only a pause of all kinds by the carrier ends; one by a person has no probe and stays.
func (s *Store) EndProbe(ctx context.Context) error {
	if _, err := s.q.EndProbe(ctx); err != nil {
		return fmt.Errorf("resume after a probe: %w", err)
	}
	return nil
}

// paused returns whether a notice must wait because its kind is paused, and whether it is the
// probe: while every kind is paused because the carrier refused our account, one text at a time may
// go to find out whether it still does.
//
// now is the domain clock. Taking the probe moves its next time on in the same statement, so of two senders
// one gets it. If that sender dies, the next probe goes after notify.ProbeEvery.
func paused(ctx context.Context, q *db.Queries, row db.Notice, now time.Time) (stopped, probe bool, err error) {
	stops, err := q.PausesOf(ctx, db.PausesOfParams{Now: &now, Kind: row.Kind})
	if err != nil || len(stops) == 0 {
		return false, false, err
	}
	// A kind that is also paused by itself must not be the one that tries.
	if len(stops) > 1 || !stops[0].ProbeDue || stops[0].Kind != string(notify.AllKinds) || row.Channel != string(notify.SMS) {
		return true, false, nil
	}
	next := now.Add(notify.ProbeEvery)
	taken, err := q.TakeProbe(ctx, db.TakeProbeParams{Next: &next, Now: &now})
	return taken == 0, taken > 0, err
}

// pauseFor pauses what the carrier's code for one text demands, if anything, and leaves one task
// for a person. A kind that is paused already keeps its first reason.
//
// It runs in the transaction that records the carrier's answer: the next claim sees the pause. A batch of
// refused texts leaves one pause and one task.
func (t noticeTx) pauseFor(ctx context.Context, kind string, code int, trouble notify.Trouble) error {
	p := notify.PauseFor(notify.Kind(kind), code, trouble, t.at)
	if p == nil {
		return nil
	}
	fresh, err := t.q.PauseKind(ctx, db.PauseKindParams{Kind: string(p.Kind), At: t.at, Why: p.Why, ByWhom: p.By, ProbeAt: when(p.ProbeAt)})
	if err != nil || fresh == 0 {
		return err
	}
	return t.q.InsertGeneralTask(ctx, db.InsertGeneralTaskParams{Kind: "texts-stopped", Detail: string(p.Kind) + ": " + p.Why, At: t.at})
}
