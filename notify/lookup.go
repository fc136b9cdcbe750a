package notify

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// lookUpAfter is when a create whose reply was lost is looked up, counted from the create (twilio.md §6).
// The carrier needs a while to list a text, and its callback may settle the notice first.
var lookUpAfter = []time.Duration{2 * time.Minute, 5 * time.Minute, 10 * time.Minute}

// A listed text can be ours only if it was created around our create. The carrier's clock and ours differ
// a little, and a request may be delayed on the way.
const (
	createdBefore = 5 * time.Second
	createdAfter  = 2 * time.Minute
)

// maxCreates: a create that was looked up in vain may be repeated once (N11: unsure, settle it first).
// Counted on the row, so it holds across senders and crashes.
const maxCreates = 2

// LookupSpan is how far apart two creates must be so that a look-up cannot mistake one for the other. The
// store uses it to find the other notices in doubt (SimilarTexts).
const LookupSpan = createdBefore + createdAfter

// finding is the result of a look-up. Only one of them lets a second create follow.
type finding string

const (
	foundNone finding = "none"
	foundOne  finding = "one"
	foundMany finding = "ambiguous"
)

// match returns the text that a claim in doubt has become. Number, exact words, sender and time are all there
// is to go by: the carrier does not list our reference. A text that may belong to another notice is given to
// neither. It is a pure function, tested with what a carrier may list.
func match(c ClaimedNotice, texts []CarrierText, s Similar) (CarrierText, finding) {
	// Texts of other senders and of other notices are no candidates, whatever their words.
	var candidates []CarrierText
	for _, f := range texts {
		if f.Ours && f.Body == c.Body && !slices.Contains(s.SIDs, f.SID) && aroundCreate(c, f.CreatedAt) {
			candidates = append(candidates, f)
		}
	}
	switch {
	case len(candidates) == 0:
		return CarrierText{}, foundNone
	// With another notice in doubt, of the same words and time, one listed text may be either's.
	case len(candidates) == 1 && s.InDoubt == 0:
		return candidates[0], foundOne
	}
	return CarrierText{}, foundMany
}

// aroundCreate says whether a text was created around our create; one without an instant may have been. Both
// ends count as inside.
func aroundCreate(c ClaimedNotice, created time.Time) bool {
	return created.IsZero() ||
		!created.Before(c.TriedAt.Add(-createdBefore)) && !created.After(c.TriedAt.Add(createdAfter))
}

// lookUp settles a claim in doubt, or puts it off to the next look-up. A crash before the result is written
// repeats the look-up, which changes nothing at the carrier. The lease runs out, and another sender makes it.
func (c *Sender) lookUp(ctx context.Context, claim ClaimedNotice) (*DeliveryReport, error) {
	if claim.Channel == Voice {
		return nil, c.callNotPlaced(ctx, claim)
	}
	texts, err := c.texter.FindSMS(ctx, claim.Number, claim.TriedAt.Add(-createdBefore), claim.TriedAt.Add(createdAfter))
	if err != nil {
		// A failed look-up proves nothing and is not counted.
		c.log.Warn("the carrier did not answer the look-up of a text: it is repeated", "notice", claim.ID, "error", sendError(err).Error())
		now := c.clock.Now()
		return nil, c.record(ctx, claim, SendResult{State: Unknown, RetryAt: now.Add(c.backoff(6))}, now)
	}
	// Read after the carrier's list: a text that was adopted by another notice in between is then known to be
	// its.
	siblings, err := c.store.SimilarTexts(ctx, claim)
	if err != nil {
		return nil, fmt.Errorf("look up notice: %w", err)
	}
	found, how := match(claim, texts, siblings)
	now := c.clock.Now()
	switch how {
	case foundOne:
		return accepted(claim, found.SID, found.Status, found.Code, found.Trouble), nil
	case foundMany:
		c.log.Error("a text may be either of two notices: neither is sent again; compare them with the carrier's list", "notice", claim.ID, "kind", string(claim.Kind))
		return nil, c.record(ctx, claim, SendResult{State: Unknown, NeedsReview: true, Why: "may be another notice's text"}, now)
	}
	return nil, c.record(ctx, claim, notFound(claim, now), now)
}

// notFound returns what follows a look-up that found nothing: the next look-up, or after the last one a
// second create, or the end. Look-ups are counted on the row. The second create goes through the rules again,
// like any planned notice, and only if it is still true.
func notFound(claim ClaimedNotice, now time.Time) SendResult {
	if next := claim.Lookups + 1; next < len(lookUpAfter) {
		return SendResult{State: Unknown, LookupMissed: true, RetryAt: claim.TriedAt.Add(lookUpAfter[next])}
	}
	// The last look-up is ten minutes after the create: a text that the carrier had would be listed by now.
	if claim.Creates < maxCreates {
		return SendResult{State: Planned, LookupMissed: true, RetryAt: now, Why: "not accepted"}
	}
	return SendResult{State: Failed, Why: "not accepted twice"}
}

// Poller asks the carrier for one text. Errors should be a *SendError, and prove nothing about the text.
type Poller interface {
	// FetchSMS returns a text by its SID.
	FetchSMS(ctx context.Context, sid string) (CarrierText, error)
}

// poll asks for a text that the carrier has and reports nothing more of: a callback may have been lost.
// States only move forward, whoever reports them. It is made for texts in the states Accepted and Sent, which
// may be their last.
func (c *Sender) poll(ctx context.Context, claim ClaimedNotice) error {
	text, err := c.opts.Poller.FetchSMS(ctx, claim.SID)
	now := c.clock.Now()
	if err != nil {
		c.log.Warn("the carrier did not answer the poll of a text: it is polled again later", "notice", claim.ID, "error", sendError(err).Error())
		return c.postponePoll(ctx, claim, now)
	}
	// A report is written like a callback's: it may be late, too, and then changes nothing.
	if state, known := stateOf(text.Status); known && state != claim.State {
		if _, err := c.deliveries.report(ctx, DeliveryReport{
			Reference: claim.Reference, SID: claim.SID, State: state, Code: text.Code, Trouble: text.Trouble,
		}); err != nil || pollAt(state, now).IsZero() {
			return err
		}
	}
	return c.postponePoll(ctx, claim, now)
}

// postponePoll stores when to poll again. After the last poll the state that we know is final. A poll that
// failed counts like one that brought nothing, so a carrier that stays silent is not asked for ever.
func (c *Sender) postponePoll(ctx context.Context, claim ClaimedNotice, now time.Time) error {
	var again time.Time
	if next := claim.Polls + 1; next < len(pollAfter) {
		again = now.Add(pollAfter[next])
	} else if claim.State == Accepted {
		c.log.Warn("the carrier never reported what became of a text", "notice", claim.ID, "kind", string(claim.Kind))
	}
	if err := c.store.PostponePoll(ctx, claim, again); err != nil {
		return fmt.Errorf("postpone a poll: %w", err)
	}
	return nil
}
