package notify

import (
	"context"
	"fmt"
	"log/slog"

	"duebell/billing"
)

// DeliveryTracker records what the carrier reports of texts. States only move forward, so callbacks may be
// repeated, late, early or out of order. It may be used by any number of goroutines and processes: the store
// lets each state be reached once.
type DeliveryTracker struct {
	store NoticeStore
	clock billing.Clock
	log   *slog.Logger
	ended func(k Kind, s State, why string)
}

// StatusCallback is a status callback of the carrier. Status and Code are the carrier's own words; Trouble is
// the code in ours (internal/twilio).
type StatusCallback struct {
	Reference string // from our own address
	SID       string
	Status    string
	Code      int
	Trouble   Trouble
}

// NewDeliveryTracker returns a tracker. ended is called with every state that a notice reached; it may be nil.
func NewDeliveryTracker(store NoticeStore, clock billing.Clock, log *slog.Logger, ended func(k Kind, s State, why string)) *DeliveryTracker {
	if ended == nil {
		ended = func(Kind, State, string) {}
	}
	return &DeliveryTracker{store: store, clock: clock, log: log, ended: ended}
}

// Delivered records one status callback. ErrNoSuchText: no notice of ours carries the reference. Any other
// error means that it could not be stored. Twilio may not repeat it; the poll of that text brings it.
func (d *DeliveryTracker) Delivered(ctx context.Context, in StatusCallback) error {
	// An unknown status is accepted: refusing it would make the carrier repeat it.
	state, known := stateOf(in.Status)
	if !known {
		d.log.Warn("the carrier reports a status that we do not know: ignored", "message", in.SID)
		return nil
	}
	got, err := d.report(ctx, DeliveryReport{Reference: in.Reference, SID: in.SID, State: state, Code: in.Code, Trouble: in.Trouble})
	if err == nil && got[0].NoSuchText {
		return ErrNoSuchText
	}
	return err
}

// report writes the carrier's reports on some texts in one transaction, and counts what they changed. The
// results are in the order of list. An error means that nothing was written.
func (d *DeliveryTracker) report(ctx context.Context, list ...DeliveryReport) ([]ReportResult, error) {
	if len(list) == 0 {
		return nil, nil
	}
	now := d.clock.Now()
	for i := range list {
		// Why is counted and shown to operators: the state, and the carrier's reason where it gave one.
		r := &list[i]
		if r.State == Failed || r.State == Undelivered {
			r.Why = string(r.State)
			if r.Trouble != "" {
				r.Why += ": " + string(r.Trouble)
			}
		}
		r.PollAt = pollAt(r.State, now)
	}
	all, err := d.store.RecordReports(ctx, list, now)
	if err != nil {
		return nil, fmt.Errorf("report notices: %w", err)
	}
	for i, r := range list {
		got := all[i]
		if got.SentTwice {
			d.log.Error("one notice went out as two texts: look up its sends at the carrier", "kind", string(got.Kind), "message", r.SID)
		}
		// A repeated or late report changed nothing, and is neither counted nor alarmed again.
		if got.Changed {
			d.ended(got.Kind, r.State, r.Why)
			d.alarm(got.Kind, r.Code, r.Trouble)
		}
	}
	return all, nil
}

// alarm logs what only a person can mend: more texts of the kind will be refused.
func (d *DeliveryTracker) alarm(k Kind, code int, t Trouble) {
	if t.NeedsAlarm() && !abroad[code] {
		d.log.Error("the carrier refuses our texts: mend the sender or the words", "kind", string(k), "code", code, "trouble", string(t))
	}
}
