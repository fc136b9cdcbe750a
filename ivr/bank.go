package ivr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"duebell/payments"
	"duebell/voiceprompts"
)

// textByConsent finds where texts of this payment go: the number on file, if there is consent for it.
func (c *Call) textByConsent(ctx context.Context) error {
	if c.Member.Phone == "" {
		return nil
	}
	yes, err := c.Texts.Textable(ctx, c.Member.Phone)
	if err != nil {
		return fmt.Errorf("ask for consent: %w", err)
	}
	if yes {
		c.TextTo = c.Member.Phone
	}
	return nil
}

// noticeByConsent asks how the written notice goes only where no consent says it (E6).
func noticeByConsent(ctx context.Context, c *Call) Next {
	c.TextTo, c.TextAsked, c.Letter, c.NoticeChosen = "", false, false, true
	if err := c.textByConsent(ctx); err != nil {
		return c.stumbled(err)
	}
	if c.TextTo != "" {
		return Go(TakeMoney)
	}
	if c.Caller == "" { // nowhere to text
		return c.noText()
	}
	return Proceed()
}

func chooseNotice(_ context.Context, c *Call, a Answer) Next {
	if a.Option == "text" {
		c.TextTo, c.TextAsked = c.Caller, true
		return Go(TakeMoney)
	}
	return c.noText()
}

// noText: a letter, or, by policy, no bank debit at all.
func (c *Call) noText() Next {
	if c.Policy.EFTWithoutText == "refuse" {
		c.say("no-debit-without-text", nil)
		c.beginAgain()
		if c.Policy.CardsAccepted {
			return Go(ChooseMethod)
		}
		return c.toPerson("no-written-notice", AnythingElse)
	}
	c.Letter = true
	return Go(TakeMoney)
}

// speakTerms says the nine things of E3, without barge-in, and keeps nothing back.
func speakTerms(_ context.Context, c *Call) Next {
	args := Args{
		"Amount": c.exact(c.Amount), "Name": c.holder(), "Type": c.bankTypeSpoken(), "Last": lastFour(c.Lang, c.BankLast),
		"Phone": voiceprompts.Phone(c.Lang, c.Policy.ServicePhone), "Today": voiceprompts.FullDay(c.Lang, c.today()),
	}
	if c.Letter {
		c.tell("terms-letter", args)
	} else {
		args["Date"] = voiceprompts.FullDay(c.Lang, c.Calendar.Filing(c.now))
		c.tell("terms", args)
	}
	if c.Policy.TELAssent == keyWithNotice {
		c.tell("say-authorize-or-press", nil)
	} else {
		c.tell("say-authorize", nil)
	}
	c.AssentFailed = 0
	c.Terms = c.evidence()
	return Proceed()
}

const keyWithNotice = "key_with_written_notice"

func (c *Call) bankTypeSpoken() voiceprompts.Speech {
	switch c.BankType {
	case payments.Savings:
		return c.phrase("savings-account")
	case payments.BusinessChecking:
		return c.phrase("business-checking-account")
	default:
		return c.phrase("checking-account")
	}
}

// assentHints helps the recogniser with the forms of E4.
func (c *Call) assentHints() []string {
	return strings.Split(c.phrase("assent-hints").Text(), ", ")
}

// heardAssent decides by the grammar of E4: yes authorizes, no goes back, anything else is asked again.
func heardAssent(ctx context.Context, c *Call, a Answer) Next {
	given := a.Speech
	result := payments.Assent(a.Speech, a.Confidence, c.Lang, c.Policy.AssentMinConfidence)
	if a.Keys != "" {
		given, result = "key "+a.Keys, payments.AssentUnrecognised
		// Key 1 counts only where policy has the bank's written yes, and with the notice sent by text before settlement (E4).
		if a.Keys == "1" && c.Policy.TELAssent == keyWithNotice && c.TextTo != "" {
			result = payments.AssentYes
		}
	}
	switch result {
	case payments.AssentYes:
		return c.authorize(ctx, c.debit(given, a.Confidence))
	case payments.AssentNo:
		if next, ok := c.giveUpOffer(ctx, "assent-refused"); !ok {
			return next
		}
		if c.Guest || c.Several {
			return c.afterOne()
		}
		return Go(PayMenu)
	}
	c.AssentFailed++
	if c.AssentFailed < c.Policy.AssentMaxFailures {
		return Go(TermsAgain)
	}
	if next, ok := c.giveUpOffer(ctx, "assent-failed"); !ok { // E5: agent, or web or mail; nothing is charged
		return next
	}
	return c.toPerson("assent-failed", c.onward())
}

// debit is the consent to a bank debit with all its evidence (E8).
func (c *Call) debit(given, confidence string) payments.Authorization {
	written := payments.TextCopy
	if c.Letter {
		written = payments.LetterCopy
	}
	return payments.Authorization{
		Key: c.Attempt, Copy: written, TextTo: c.TextTo, TextAsked: c.TextAsked,
		Consent: payments.Consent{
			Terms: c.Terms.Words, Version: c.Terms.Version, Language: c.Lang, Given: given, Confidence: confidence,
			TermsAt: c.Terms.At, GivenAt: c.now,
		},
	}
}

// authorize records the consent. No question stands between it and the outcome. A COMMIT whose
// reply is lost is not a failure: asking again with the same key tells what became of it.
func (c *Call) authorize(ctx context.Context, a payments.Authorization) Next {
	a.Account, a.Kind, a.CallBegan = c.Account, c.Kind, c.StartedAt
	pending := a
	pending.Token = nil // a token is never kept in the session
	c.Pending = &pending
	got, err := c.Checkout.Authorize(ctx, a)
	for range 2 {
		if err == nil || isAnswer(err) {
			break
		}
		got, err = c.Checkout.Authorize(ctx, a)
	}
	if err != nil && !isAnswer(err) {
		c.Log.Warn("consent: not known whether it was recorded", "call", c.Session.Call, "attempt", c.Attempt, "error", err)
		c.Holds = 0
		return Go(Settling)
	}
	return c.authorized(ctx, got, err)
}

// isAnswer says whether the book has decided, as opposed to not having been heard.
func isAnswer(err error) bool {
	return errors.Is(err, payments.ErrAccountOpen) || errors.Is(err, payments.ErrClosed) ||
		errors.Is(err, payments.ErrLimit) || errors.Is(err, payments.ErrTooLate) || errors.Is(err, payments.ErrNoSuchAttempt)
}

func (c *Call) authorized(ctx context.Context, got payments.Attempt, err error) Next {
	c.Pending = nil
	switch {
	case errors.Is(err, payments.ErrAccountOpen):
		return c.anotherOpen(ctx)
	case errors.Is(err, payments.ErrLimit):
		if next, ok := c.closeOffer(ctx); !ok {
			return next
		}
		return c.refuseByLimit(err)
	case err != nil:
		return c.closedMeanwhile(ctx)
	}
	c.mark(ctx, LostPlace)
	c.HoldSince, c.Holds = c.now, 0
	if got.AwaitsLetter && got.NotBefore.IsZero() { // the debit waits for the letter: there is no hold
		return Go(TellOutcome)
	}
	return Go(Holding)
}

// anotherOpen: only the authorizing transaction can refuse, and it has. This one was not taken.
func (c *Call) anotherOpen(ctx context.Context) Next {
	if c.Guest {
		return c.refuseGuest(ctx)
	}
	if next, closed := c.closeOffer(ctx); !closed {
		return next
	}
	mine := Fact{Says: "not-charged", Account: c.Account, Attempt: c.Attempt}
	other, err := c.Checkout.OpenAttempt(ctx, c.Account)
	if err != nil { // settled within this moment: the standing tells
		c.say("not-taken", nil, mine)
		return c.afterLoss()
	}
	c.say("another-open", Args{"When": c.moment(other.AuthorizedAt)}, c.fact("in-flight", other), mine)
	return c.afterOne()
}

// afterLoss goes back to what is owed; a guest never hears that, and a round goes on.
func (c *Call) afterLoss() Next {
	if c.Guest || c.Several {
		return c.afterOne()
	}
	return Go(TellStanding)
}

// closedMeanwhile: the offer was closed before the consent came.
func (c *Call) closedMeanwhile(ctx context.Context) Next {
	if next, ok := c.giveUpOffer(ctx, "not-taken"); !ok {
		return next
	}
	return c.afterLoss()
}

// settle asks the book again, a few times over as many turns, then says the honest sentence (design: P1).
func settle(ctx context.Context, c *Call, _ Answer) Next {
	if c.Pending == nil {
		return c.afterLoss()
	}
	got, err := c.Checkout.Authorize(ctx, *c.Pending)
	if err == nil || isAnswer(err) {
		return c.authorized(ctx, got, err)
	}
	if c.Holds++; c.Holds < 3 {
		return Go(Settling)
	}
	c.Pending = nil
	c.say("unsure", nil, Fact{Says: "unknown", Account: c.Account, Attempt: c.Attempt})
	return Go(Goodbye)
}

// callerEnding names the number that the caller calls from by its last digits.
func callerEnding(c *Call) Args { return Args{"Last": lastFour(c.Lang, c.Caller)} }

func (c *Call) fact(says string, a payments.Attempt) Fact {
	return Fact{Says: says, Account: a.Account, Cents: a.Cents.Cents(), Attempt: a.Key, Reference: a.Reference}
}

func (c *Call) notCharged(a payments.Attempt) Fact { return c.fact("not-charged", a) }

// laterToday is half an hour on, at the next quarter hour (L3).
func laterToday(now time.Time, zone *time.Location) time.Time {
	later := now.In(zone).Add(30 * time.Minute)
	return later.Add(15*time.Minute - 1).Truncate(15 * time.Minute)
}
