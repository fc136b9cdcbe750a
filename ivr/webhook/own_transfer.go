package webhook

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"slices"
	"strconv"

	"duebell/handoff"
	"duebell/ivr"
)

// recordTransfer gives a transfer that the webhook makes by itself its whisper, and records it as the
// conversation does its own. who returns what is known of the caller. The record is written in the
// background, because it is needed only once somebody has picked up; done is closed when it is written or
// given up. A request that is repeated gives the same reference and changes nothing in the record.
func (h *Handler) recordTransfer(ctx context.Context, r *ivr.Reply, call string, turn int, who func(context.Context) ivr.HandOff) (done <-chan struct{}) {
	over := make(chan struct{})
	t, dials := r.Wait.(ivr.Transferring)
	if !dials || h.HandOffs == nil || !callShape.MatchString(call) {
		close(over)
		return over
	}
	// Changed in the reply before it is rendered: the whisper's address must stand in the document.
	t.Whisper = transferRef(call, turn)
	r.Wait = t
	at := h.Clock.Now()
	h.working.Add(1)
	go func() {
		defer h.working.Done()
		defer close(over)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Timing.Work)
		defer cancel()
		o := who(ctx)
		o.Call, o.Turn, o.Ref, o.Reason, o.At = call, turn, t.Whisper, transferReason, at
		o.Context.Account, o.Context.Doing = lastFour(o.Account), o.Step
		if slices.Contains(inDoubt, o.Step) {
			o.Context.Payment = string(handoff.PaymentUnknown)
		}
		if err := h.HandOffs.RecordHandOff(ctx, o); err != nil { // the transfer matters more than its record
			h.Log.Warn("a hand-off could not be recorded; the person will hear little of the caller", "call", call, "turn", turn, "error", err)
		}
	}()
	return over
}

// transferReason is why we hand over by ourselves: the line has failed the caller. It is stored with the
// record and shown to agents.
const transferReason = "trouble"

// wait waits for a record to be written, for Timing.Note at most. A record that takes longer is written all
// the same, after the answer has left.
func (h *Handler) wait(ctx context.Context, done <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, h.Timing.Note)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// transferRef returns the reference of a transfer that no session knows of. It is made from the call and the
// turn, so that the same request gets the same bytes even where nothing can be stored. Whoever does not know
// the call's id cannot make it. It has 26 characters, 128 bits of the hash.
func transferRef(call string, turn int) string {
	sum := sha256.Sum256([]byte("whisper/" + call + "/" + strconv.Itoa(turn)))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])
}

// contextOfSession returns what a session knows of the caller. The function that it returns reads no store,
// so it cannot fail.
func (h *Handler) contextOfSession(s ivr.Session) func(context.Context) ivr.HandOff {
	return func(context.Context) ivr.HandOff {
		return ivr.HandOff{
			Verified: s.Member.Verified(), Account: s.Account.Number, Attempt: s.Attempt, Lang: s.Language.Tag, Step: s.Step,
			Context: ivr.AgentContext{Tier: tier(s.Member, s.Guest.Paying), TriesLeft: max(0, h.Policy.IDTriesPerCall-s.Tries.Verify)},
		}
	}
}

// contextOfMilestone returns what the last milestone knows of a caller whose session cannot be read. It may
// be nothing. TriesLeft below zero means that nobody knows how many there are.
func (h *Handler) contextOfMilestone(call, lang, step string) func(context.Context) ivr.HandOff {
	return func(ctx context.Context) ivr.HandOff {
		o := ivr.HandOff{Lang: lang, Step: ivr.StepName(step), Context: ivr.AgentContext{TriesLeft: -1}}
		m, err := h.Calls.LastMilestone(ctx, call)
		if err != nil && !errors.Is(err, ivr.ErrNoMilestone) {
			return o
		}
		o.Verified, o.Account, o.Attempt, o.Lang = m.Member.Verified(), m.Account, m.Attempt, cmp.Or(m.Lang, lang)
		o.Context.Tier = tier(m.Member, m.Account != "") // chosen and not proven: a guest
		return o
	}
}

// tier returns the identity tier of a caller: T2 verified, T1 guest, T0 nothing proven. T3 is not among them:
// this line proves no identity that far by itself.
func tier(m ivr.Member, guest bool) string {
	switch {
	case m.Verified():
		return "T2"
	case guest:
		return "T1"
	}
	return "T0"
}

// lastFour returns the last four digits of an account number, all that a person is shown (D3).
func lastFour(account string) string { return account[max(0, len(account)-4):] }
