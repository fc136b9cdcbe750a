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

// textByConsent sends this payment's texts to the number on file, if there is consent for it. A caller who is
// not verified has no number on file. Without consent TextTo stays as it is.
func (c *Call) textByConsent(ctx context.Context) error {
	if c.Member.Phone == "" {
		return nil
	}
	yes, err := c.Texts.Textable(ctx, c.Member.Phone)
	if err != nil {
		return fmt.Errorf("ask for consent: %w", err)
	}
	if yes {
		c.Notice.TextTo = c.Member.Phone
	}
	return nil
}

// noticeByConsent asks how the written notice goes only where no consent on file says it (E6: text with
// consent, else a letter). The question comes before the bank numbers are keyed, because eft_without_text =
// refuse must be able to say no before that (E6).
func noticeByConsent(ctx context.Context, c *Call) Next {
	c.Notice = WrittenNotice{Chosen: true}
	if err := c.textByConsent(ctx); err != nil {
		return c.fail(err)
	}
	if c.Notice.TextTo != "" {
		return Go(TakeMoney)
	}
	if c.Caller == "" { // nowhere to text
		return c.withoutText()
	}
	return Proceed()
}

// chooseNotice takes the answer; a yes on this call is consent for this notice, to the calling number (E6).
func chooseNotice(_ context.Context, c *Call, a Answer) Next {
	if a.Option == "text" {
		c.Notice.TextTo, c.Notice.TextAsked = c.Caller, true
		return Go(TakeMoney)
	}
	return c.withoutText()
}

// withoutText sends a letter, for which the debit then waits, or, by policy, refuses the bank debit before
// its numbers are keyed (E6, eft_without_text). By letter the debit has no instant yet (not_before): the
// posting of the letter sets it.
func (c *Call) withoutText() Next {
	if c.Policy.EFTWithoutText == "refuse" {
		c.say("no-debit-without-text", nil)
		c.reopenBatch()
		if c.Policy.CardsAccepted {
			return Go(ChooseMethod)
		}
		return c.toPerson("no-written-notice", AnythingElse)
	}
	c.Notice.Letter = true
	return Go(TakeMoney)
}

// sayTerms says the nine statements of E3, without barge-in, and keeps them as the words that the assent
// answers (E8: terms as spoken are evidence). Date is the first day on which the bank can get the debit if it
// is authorized now (E12); with a letter the terms say instead that it waits. Last is what the capture gave,
// four digits or two.
func sayTerms(_ context.Context, c *Call) Next {
	args := Args{
		"Amount": c.exact(c.Payment.Amount), "Name": c.holder(), "Type": c.bankTypeSpoken(), "Last": lastFour(c.Language.Tag, c.Payment.BankLast),
		"Phone": voiceprompts.Phone(c.Language.Tag, c.Policy.ServicePhone), "Today": voiceprompts.FullDay(c.Language.Tag, c.today()),
	}
	if c.Notice.Letter {
		c.sayUninterrupted("terms-letter", args)
	} else {
		args["Date"] = voiceprompts.FullDay(c.Language.Tag, c.Calendar.Filing(c.now))
		c.sayUninterrupted("terms", args)
	}
	if c.Policy.TELAssent == keyWithNotice {
		c.sayUninterrupted("say-authorize-or-press", nil)
	} else {
		c.sayUninterrupted("say-authorize", nil)
	}
	c.Consent = ConsentState{Terms: c.evidence()}
	return Proceed()
}

// keyWithNotice is the value of tel_assent that lets key 1 stand for the spoken words (E4).
const keyWithNotice = "key_with_written_notice"

// bankTypeSpoken names the kind of bank account as the terms do.
func (c *Call) bankTypeSpoken() voiceprompts.Speech {
	switch c.Payment.BankType {
	case payments.Savings:
		return c.phrase("savings-account")
	case payments.BusinessChecking:
		return c.phrase("business-checking-account")
	default:
		return c.phrase("checking-account")
	}
}

// assentHints returns the forms of assent that E4 lists for the language, to help the recogniser.
func (c *Call) assentHints() []string {
	return strings.Split(c.phrase("assent-hints").Text(), ", ")
}

// heardAssent decides by the grammar of E4: yes authorizes, no goes back, anything else is asked again, and
// after two failures a person is next (E5). Only yes charges anything. "Yes" and "ok" authorize nothing; nor
// does any key, but for 1 where policy lets it.
func heardAssent(ctx context.Context, c *Call, a Answer) Next {
	given := a.Speech
	result := payments.Assent(a.Speech, a.Confidence, c.Language.Tag, c.Policy.AssentMinConfidence)
	if a.Keys != "" {
		given, result = "key "+a.Keys, payments.AssentUnrecognised
		// Key 1 counts only where policy has the bank's written yes, and with the notice sent by text before settlement (E4).
		if a.Keys == "1" && c.Policy.TELAssent == keyWithNotice && c.Notice.TextTo != "" {
			result = payments.AssentYes
		}
	}
	switch result {
	case payments.AssentYes:
		return c.authorize(ctx, c.debit(given, a.Confidence))
	case payments.AssentNo:
		if next, ok := c.closeOfferAndSay(ctx, "assent-refused"); !ok {
			return next
		}
		if c.Guest.Paying || c.Batch.Confirmed {
			return c.afterPayment()
		}
		return Go(PayMenu)
	}
	c.Consent.Tries++
	if c.Consent.Tries < c.Policy.AssentMaxFailures {
		return Go(TermsAgain)
	}
	if next, ok := c.closeOfferAndSay(ctx, "assent-failed"); !ok { // E5: agent, or web or mail; nothing is charged
		return next
	}
	return c.toPerson("assent-failed", c.stepAfterPayment())
}

// debit returns the authorization of a bank debit with all its evidence (E8). given is what was understood or
// "key 1"; confidence is the recogniser's own, empty for a key.
func (c *Call) debit(given, confidence string) payments.Authorization {
	written := payments.TextCopy
	if c.Notice.Letter {
		written = payments.LetterCopy
	}
	return payments.Authorization{
		Key: c.Attempt, Copy: written, TextTo: c.Notice.TextTo, TextAsked: c.Notice.TextAsked,
		Consent: payments.Consent{
			Terms: c.Consent.Terms.Words, Version: c.Consent.Terms.Version, Language: c.Language.Tag, Given: given, Confidence: confidence,
			TermsAt: c.Consent.Terms.At, GivenAt: c.now,
		},
	}
}

// authorize records the consent and leads to the outcome; no question stands between them (design §5).
//
// A COMMIT whose reply is lost is not a failure: the consent may stand, and the charge job with it. The
// same key is sent again and gets the first result. Where the database cannot be asked, Settling goes
// on asking; a crash in between leaves the authorization in the database, where the next call finds it.
func (c *Call) authorize(ctx context.Context, a payments.Authorization) Next {
	a.Account, a.Kind, a.CallBegan = c.Account.Number, c.Account.Kind, c.StartedAt
	pending := a
	pending.Token = nil // a token is never kept in the session
	c.Consent.Pending = &pending
	got, err := c.Checkout.Authorize(ctx, a)
	for range 2 {
		if err == nil || isAnswer(err) {
			break
		}
		got, err = c.Checkout.Authorize(ctx, a)
	}
	if err != nil && !isAnswer(err) {
		c.Log.Warn("consent: not known whether it was recorded", "call", c.Session.Call, "attempt", c.Attempt, "error", err)
		c.OnHold = OnHold{}
		return Go(Settling)
	}
	return c.authorized(ctx, got, err)
}

// isAnswer says whether an error is a decision of Authorize, as opposed to a failure to reach the database.
// After an answer it is known whether anything was recorded; after any other error it is not.
func isAnswer(err error) bool {
	return errors.Is(err, payments.ErrAccountOpen) || errors.Is(err, payments.ErrClosed) ||
		errors.Is(err, payments.ErrLimit) || errors.Is(err, payments.ErrTooLate) || errors.Is(err, payments.ErrNoSuchAttempt)
}

// authorized goes on from what Authorize decided: to the wait for the outcome, or to why it refused. Pending
// ends here and nowhere else but in settle: from now on the attempt's row is what is believed.
func (c *Call) authorized(ctx context.Context, got payments.Attempt, err error) Next {
	c.Consent.Pending = nil
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
	c.saveMilestone(ctx, LostPlace)
	c.OnHold = OnHold{Since: c.now}
	if got.AwaitsLetter && got.NotBefore.IsZero() { // the debit waits for the letter: there is no hold
		return Go(TellOutcome)
	}
	return Go(Holding)
}

// anotherOpen says that another payment on the account is open and this one was not taken. Only the
// authorizing transaction can find that out, and it has: one open attempt an account (design §5). The offer
// of this call is closed before a word is said, so that "yours was not taken" stays true.
func (c *Call) anotherOpen(ctx context.Context) Next {
	if c.Guest.Paying {
		return c.refuseGuest(ctx)
	}
	if next, closed := c.closeOffer(ctx); !closed {
		return next
	}
	mine := Fact{Says: "not-charged", Account: c.Account.Number, Attempt: c.Attempt}
	other, err := c.Checkout.OpenAttempt(ctx, c.Account.Number)
	if err != nil { // settled within this moment: the standing tells
		c.say("not-taken", nil, mine)
		return c.afterNoPayment()
	}
	c.say("another-open", Args{"When": c.moment(other.AuthorizedAt)}, c.fact("in-flight", other), mine)
	return c.afterPayment()
}

// afterNoPayment goes back to what is owed. A guest must not hear that (I2), and a batch goes on with its
// next account. What is owed is read anew there, so that the caller hears it as it is after the refusal.
func (c *Call) afterNoPayment() Next {
	if c.Guest.Paying || c.Batch.Confirmed {
		return c.afterPayment()
	}
	return Go(TellStanding)
}

// closedMeanwhile says that nothing was taken, because the offer had been closed before the consent came.
func (c *Call) closedMeanwhile(ctx context.Context) Next {
	if next, ok := c.closeOfferAndSay(ctx, "not-taken"); !ok {
		return next
	}
	return c.afterNoPayment()
}

// settle asks again whether the consent was recorded, three times over as many turns. Then it says that we do
// not know, and not to pay again (design §1, promise P1: unknown is a state of its own). The pending
// authorization carries no token. Where the first COMMIT came through, its result is returned all the same;
// where it did not, a card's row has no token, so Authorize refuses it and nothing was charged.
func settle(ctx context.Context, c *Call, _ Answer) Next {
	if c.Consent.Pending == nil {
		return c.afterNoPayment()
	}
	got, err := c.Checkout.Authorize(ctx, *c.Consent.Pending)
	if err == nil || isAnswer(err) {
		return c.authorized(ctx, got, err)
	}
	if c.OnHold.Turns++; c.OnHold.Turns < 3 {
		return Go(Settling)
	}
	c.Consent.Pending = nil
	c.say("unsure", nil, Fact{Says: "unknown", Account: c.Account.Number, Attempt: c.Attempt})
	return Go(Goodbye)
}

// callerEnding returns the last digits of the number that the caller calls from.
func callerEnding(c *Call) Args { return Args{"Last": lastFour(c.Language.Tag, c.Caller)} }

// fact returns a statement about an attempt, for prompts that state one. Cents are without the fee, as in the
// ledger.
func (c *Call) fact(says string, a payments.Attempt) Fact {
	return Fact{Says: says, Account: a.Account, Cents: a.Cents.Cents(), Attempt: a.Key, Reference: a.Reference}
}

// notCharged returns the statement that an attempt moved no money. It may be said only of a state that is
// final.
func (c *Call) notCharged(a payments.Attempt) Fact { return c.fact("not-charged", a) }

// callBackAfter returns when to call again for an outcome: half an hour on, at the next quarter hour (L3). By
// then the look-ups of the first minutes are long over (design §5 (4)).
func callBackAfter(now time.Time, zone *time.Location) time.Time {
	later := now.In(zone).Add(30 * time.Minute)
	return later.Add(15*time.Minute - 1).Truncate(15 * time.Minute)
}
