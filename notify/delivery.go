package notify

import (
	"context"
	"fmt"
	"log/slog"
)

// DeliveryTracker takes the carrier's word on what became of texts. States only move forward, so
// callbacks may be repeated, late, early or out of order.
type DeliveryTracker struct {
	book  NoticeStore
	clock Clock
	log   *slog.Logger
	ended func(k Kind, s State, why string)
}

// StatusCallback is a status callback of the carrier.
type StatusCallback struct {
	Reference string // from our own address
	SID       string
	Status    string
	Code      int
	Trouble   Trouble
}

// NewDeliveryTracker puts it together. ended is told of every state a notice came to; it may be nil.
func NewDeliveryTracker(book NoticeStore, clock Clock, log *slog.Logger, ended func(k Kind, s State, why string)) *DeliveryTracker {
	if ended == nil {
		ended = func(Kind, State, string) {}
	}
	return &DeliveryTracker{book: book, clock: clock, log: log, ended: ended}
}

// Delivered takes one status callback. ErrNoSuchText when nothing of ours carries the reference.
func (d *DeliveryTracker) Delivered(ctx context.Context, in StatusCallback) error {
	state, known := stateOf(in.Status)
	if !known {
		d.log.Warn("a word for a text's status that we do not know", "message", in.SID)
		return nil
	}
	got, err := d.report(ctx, DeliveryReport{Reference: in.Reference, SID: in.SID, State: state, Code: in.Code, Trouble: in.Trouble})
	if err == nil && got[0].NoSuchText {
		return ErrNoSuchText
	}
	return err
}

// report writes the carrier's word on some texts at once.
func (d *DeliveryTracker) report(ctx context.Context, list ...DeliveryReport) ([]ReportResult, error) {
	if len(list) == 0 {
		return nil, nil
	}
	now := d.clock.Now()
	for i := range list {
		r := &list[i]
		if r.State == Failed || r.State == Undelivered {
			r.Why = string(r.State)
			if r.Trouble != "" {
				r.Why += ": " + string(r.Trouble)
			}
		}
		r.PollAt = pollAt(r.State, now)
	}
	all, err := d.book.RecordReports(ctx, list, now)
	if err != nil {
		return nil, fmt.Errorf("report notices: %w", err)
	}
	for i, r := range list {
		got := all[i]
		if got.SentTwice {
			d.log.Error("one notice went out as two texts", "kind", string(got.Kind), "message", r.SID)
		}
		if got.Changed {
			d.ended(got.Kind, r.State, r.Why)
			d.alarm(got.Kind, r.Code, r.Trouble)
		}
	}
	return all, nil
}

// alarm logs what only a person can mend: more texts of the kind will meet the same fate.
func (d *DeliveryTracker) alarm(k Kind, code int, t Trouble) {
	if t.NeedsAlarm() && !abroad[code] {
		d.log.Error("the carrier refuses our texts: mend the sender or the words", "kind", string(k), "code", code, "trouble", string(t))
	}
}
