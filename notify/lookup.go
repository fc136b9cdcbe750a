package notify

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A create whose reply was lost is looked for: after each of these times since it left. The carrier
// needs a while to list it, and its callback may settle it first.
var lookAfter = []time.Duration{2 * time.Minute, 5 * time.Minute, 10 * time.Minute}

// A listed text can be ours only if it was created around our create; the carrier's clock and ours
// differ a little, and a request may lie on the way.
const (
	createdBefore = 5 * time.Second
	createdAfter  = 2 * time.Minute
)

// maxCreates: a create that was looked for in vain may be made once more (N11), and then no more.
const maxCreates = 2

// LookupSpan is how far apart two creates must be for a look-up never to mistake one for the other.
const LookupSpan = createdBefore + createdAfter

// finding is what a look-up saw.
type finding string

const (
	foundNone finding = "none"
	foundOne  finding = "one"
	foundMany finding = "ambiguous"
)

// match picks the text that a claim in doubt has become. Number, exact words, sender and time are
// all there is: the carrier does not tell our reference. One that may be another notice's is nobody's.
func match(c ClaimedNotice, texts []CarrierText, s Similar) (CarrierText, finding) {
	var candidates []CarrierText
	for _, f := range texts {
		if f.Ours && f.Body == c.Body && !slices.Contains(s.SIDs, f.SID) && aroundCreate(c, f.CreatedAt) {
			candidates = append(candidates, f)
		}
	}
	switch {
	case len(candidates) == 0:
		return CarrierText{}, foundNone
	case len(candidates) == 1 && s.InDoubt == 0:
		return candidates[0], foundOne
	}
	return CarrierText{}, foundMany
}

// aroundCreate: a text whose instant the carrier does not tell may be ours.
func aroundCreate(c ClaimedNotice, created time.Time) bool {
	return created.IsZero() ||
		!created.Before(c.TriedAt.Add(-createdBefore)) && !created.After(c.TriedAt.Add(createdAfter))
}

// look settles a claim in doubt, or puts it off to the next look.
func (c *Sender) look(ctx context.Context, claim ClaimedNotice) (*DeliveryReport, error) {
	if claim.Channel == Voice {
		return nil, c.notRung(ctx, claim)
	}
	texts, err := c.texter.FindSMS(ctx, claim.Number, claim.TriedAt.Add(-createdBefore), claim.TriedAt.Add(createdAfter))
	if err != nil {
		// Not looked at all: that proves nothing and counts for nothing.
		c.log.Warn("look-up of a text failed", "notice", claim.ID, "error", sendError(err).Error())
		now := c.clock.Now()
		return nil, c.record(ctx, claim, SendResult{State: Unknown, RetryAt: now.Add(c.backoff(6))}, now)
	}
	siblings, err := c.book.SimilarTexts(ctx, claim)
	if err != nil {
		return nil, fmt.Errorf("look up notice: %w", err)
	}
	found, how := match(claim, texts, siblings)
	now := c.clock.Now()
	switch how {
	case foundOne:
		return accepted(claim, found.SID, found.Status, found.Code, found.Trouble), nil
	case foundMany:
		c.log.Error("a text may be either of two notices: neither is sent again", "notice", claim.ID, "kind", string(claim.Kind))
		return nil, c.record(ctx, claim, SendResult{State: Unknown, NeedsReview: true, Why: "may be another notice's text"}, now)
	}
	return nil, c.record(ctx, claim, notFound(claim, now), now)
}

// notFound: look again, or after the last look take the create for not accepted.
func notFound(claim ClaimedNotice, now time.Time) SendResult {
	if next := claim.Lookups + 1; next < len(lookAfter) {
		return SendResult{State: Unknown, LookupMissed: true, RetryAt: claim.TriedAt.Add(lookAfter[next])}
	}
	if claim.Creates < maxCreates {
		return SendResult{State: Planned, LookupMissed: true, RetryAt: now, Why: "not accepted"}
	}
	return SendResult{State: Failed, Why: "not accepted twice"}
}

// Poller asks the carrier for one text.
type Poller interface {
	// FetchSMS gives a text by its SID.
	FetchSMS(ctx context.Context, sid string) (CarrierText, error)
}

// poll asks for a text that the carrier has and of which nothing more was heard: a callback may have
// been lost. States only move forward, whoever tells of them.
func (c *Sender) poll(ctx context.Context, claim ClaimedNotice) error {
	text, err := c.opts.Poller.FetchSMS(ctx, claim.SID)
	now := c.clock.Now()
	if err != nil {
		c.log.Warn("a text that nothing is heard of could not be asked for", "notice", claim.ID, "error", sendError(err).Error())
		return c.putPollOff(ctx, claim, now)
	}
	if state, known := stateOf(text.Status); known && state != claim.State {
		if _, err := c.deliveries.report(ctx, DeliveryReport{
			Reference: claim.Reference, SID: claim.SID, State: state, Code: text.Code, Trouble: text.Trouble,
		}); err != nil || pollAt(state, now).IsZero() {
			return err
		}
	}
	return c.putPollOff(ctx, claim, now)
}

// putPollOff says when to ask again. After the last time the state that we know stays the last word.
func (c *Sender) putPollOff(ctx context.Context, claim ClaimedNotice, now time.Time) error {
	var again time.Time
	if next := claim.Polls + 1; next < len(pollAfter) {
		again = now.Add(pollAfter[next])
	} else if claim.State == Accepted {
		c.log.Warn("the carrier does not say what became of a text", "notice", claim.ID, "kind", string(claim.Kind))
	}
	if err := c.book.PostponePoll(ctx, claim, again); err != nil {
		return fmt.Errorf("put a poll off: %w", err)
	}
	return nil
}
