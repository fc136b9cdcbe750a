package notify

import (
	"context"
	"fmt"
	"log/slog"
)

// Deliveries takes the carrier's word on what became of texts. States only move forward, so
// callbacks may be repeated, late, early or out of order.
type Deliveries struct {
	book  Book
	clock Clock
	log   *slog.Logger
	ended func(k Kind, s State, why string)
}

// Delivery is a status callback of the carrier.
type Delivery struct {
	Reference string // from our own address
	SID       string
	Status    string
	Code      int
	Trouble   Trouble
}

// NewDeliveries puts it together. ended is told of every state a notice came to; it may be nil.
func NewDeliveries(book Book, clock Clock, log *slog.Logger, ended func(k Kind, s State, why string)) *Deliveries {
	if ended == nil {
		ended = func(Kind, State, string) {}
	}
	return &Deliveries{book: book, clock: clock, log: log, ended: ended}
}

// Delivered takes one status callback. ErrNoSuchText when nothing of ours carries the reference.
func (d *Deliveries) Delivered(ctx context.Context, in Delivery) error {
	state, known := stateOf(in.Status)
	if !known {
		d.log.Warn("a word for a text's status that we do not know", "message", in.SID)
		return nil
	}
	got, err := d.report(ctx, Report{Reference: in.Reference, SID: in.SID, State: state, Code: in.Code, Trouble: in.Trouble})
	if err == nil && got[0].Nobody {
		return ErrNoSuchText
	}
	return err
}

// report writes the carrier's word on some texts at once.
func (d *Deliveries) report(ctx context.Context, list ...Report) ([]Reported, error) {
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
	all, err := d.book.ReportNotices(ctx, list, now)
	if err != nil {
		return nil, fmt.Errorf("report notices: %w", err)
	}
	for i, r := range list {
		got := all[i]
		if got.Twice {
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
func (d *Deliveries) alarm(k Kind, code int, t Trouble) {
	if t.Alarms() && !abroad[code] {
		d.log.Error("the carrier refuses our texts: mend the sender or the words", "kind", string(k), "code", code, "trouble", string(t))
	}
}
