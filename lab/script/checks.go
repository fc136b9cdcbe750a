package script

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"duebell/lab/harness"
)

// readHear checks that words were heard since the caller last did something, and measures up to them. In
// another language it checks only that the language is the right one. It takes nothing away: the same words may
// be checked twice.
func readHear(_ *parser, t *tokens) (action, error) {
	pattern, err := t.quote()
	return func(_ context.Context, r *run) error {
		return r.withCaller(func(c *caller) error {
			if r.translated() {
				return r.checkLanguage(c)
			}
			heard := r.heardSinceInput(c)
			// Everything since the last answer as one text: a sentence may go over several utterances.
			missing, rest := firstMissing(pattern, heard)
			if missing != "" {
				return fmt.Errorf("expected to hear %q\nbut %q is not in what was heard%s\nheard: %s", pattern, missing, after(rest, heard), orNothing(heard))
			}
			// The time of talk up to the last word of the pattern, for within. What <Pay> said comes first and
			// is counted apart.
			c.upTo = max(0, speakingTime(heard)-speakingTime(rest)-speakingTimeInPay(c.HeardSinceInput()))
			return nil
		})
	}, err
}

// after returns where in what was heard the search for a missing part began, as a phrase for an error; "" when
// it began at the start.
func after(rest, heard string) string {
	if rest == normalize(heard) {
		return ""
	}
	return fmt.Sprintf(" after the words before it, which is: %s", orNothing(rest))
}

// orNothing returns the text, or says that there is none.
func orNothing(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "(nothing)"
	}
	return s
}

// readNotHeard checks that words were not heard since the caller last did something. In another language it
// checks nothing: the words would not be heard in any case.
func readNotHeard(_ *parser, t *tokens) (action, error) {
	pattern, err := t.quote()
	return func(_ context.Context, r *run) error {
		return r.withCaller(func(c *caller) error {
			if heard := r.heardSinceInput(c); !r.translated() && matches(pattern, heard) {
				return fmt.Errorf("%q should not have been heard\nheard: %s", pattern, heard)
			}
			return nil
		})
	}, err
}

// readWhole checks that words were said in one piece that nobody can talk over (V5: terms are not interrupted).
// One utterance must hold all of them, and every utterance that does must be closed to barge-in.
func readWhole(_ *parser, t *tokens) (action, error) {
	pattern, err := t.quote()
	return func(_ context.Context, r *run) error {
		return r.withCaller(func(c *caller) error {
			// In another telling the words differ; whether they are open to barge-in is checked in English.
			found := r.translated()
			for _, h := range c.HeardSinceInput() {
				// By utterance: "whole" means that no pause between two of them gives a key its chance.
				if matches(pattern, h.Text) {
					found = true
					if h.BargeIn {
						return fmt.Errorf("%q may be talked over", pattern)
					}
				}
			}
			if !found {
				return fmt.Errorf("%q was not heard in one piece", pattern)
			}
			return nil
		})
	}, err
}

// readTexted takes one text that no word has expected yet. Each use takes another text: two texts need two
// words. The oldest that fits is taken.
func readTexted(_ *parser, t *tokens) (action, error) {
	to, err := takePhone(t)
	if err != nil {
		return nil, err
	}
	pattern, err := t.quote()
	return func(ctx context.Context, r *run) error {
		if err := r.h.ProcessDue(ctx); err != nil {
			return err
		}
		for _, text := range r.unexpectedTexts() {
			if text.To == to && (r.translated() || matches(pattern, text.Body)) {
				r.expectedTexts[text.SID] = true
				r.h.Cover("text sent")
				return nil
			}
		}
		return fmt.Errorf("expected a text to %s: %q\nbut there is none%s", to, pattern, listTexts(r.unexpectedTexts()))
	}, err
}

// readMayText allows a text that races with what makes it untrue: it may be sent before, or dropped after. Any
// number of texts that fit are allowed, before and after this word.
func readMayText(_ *parser, t *tokens) (action, error) {
	to, err := takePhone(t)
	if err != nil {
		return nil, err
	}
	pattern, err := t.quote()
	return func(_ context.Context, r *run) error {
		r.optionalTexts = append(r.optionalTexts, harness.Text{To: to, Body: pattern})
		return nil
	}, err
}

// unexpectedTexts returns the texts that no word has expected or allowed so far, oldest first. In another
// telling a text is known by its number alone.
func (r *run) unexpectedTexts() []harness.Text {
	var list []harness.Text
	for _, t := range r.h.Texts() {
		allowed := slices.ContainsFunc(r.optionalTexts, func(m harness.Text) bool { return m.To == t.To && (r.translated() || matches(m.Body, t.Body)) })
		if !r.expectedTexts[t.SID] && !allowed {
			list = append(list, t)
		}
	}
	return list
}

// listTexts shows them, one a line.
func listTexts(list []harness.Text) string {
	var b strings.Builder
	for _, t := range list {
		fmt.Fprintf(&b, "\n  to %s: %s", t.To, t.Body)
	}
	return b.String()
}

// noTexts fails when a text has gone that no word has expected. It looks once everything due is done, for
// otherwise it would pass only because it looked too early.
func noTexts(ctx context.Context, r *run) error {
	if err := r.h.ProcessDue(ctx); err != nil {
		return err
	}
	return r.anyTexts()
}

// anyTexts fails when there is a text that no word has expected.
func (r *run) anyTexts() error {
	if list := r.unexpectedTexts(); len(list) > 0 {
		return fmt.Errorf("no text was expected, but there is:%s", listTexts(list))
	}
	return nil
}

// readCharged takes one charge that no word has expected yet. CCD: a business account is never debited as a
// person's, nor the other way round (E1: the entry class fits the account). Two equal charges need two words;
// so a double charge fails the script (promise P1: money moves once).
func readCharged(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	if err != nil {
		return nil, err
	}
	cents, err := takeAmount(t)
	if err != nil {
		return nil, err
	}
	method, err := t.oneOf("card", "bank")
	company := t.skip("CCD") // a business account is never debited as a person's, nor the other way round (E1)
	return func(ctx context.Context, r *run) error {
		if err := r.h.ProcessDue(ctx); err != nil {
			return err
		}
		list, err := r.unexpectedCharges(ctx)
		if err != nil {
			return err
		}
		for _, c := range list {
			// All four: a right amount on the wrong account is what this word is there to find.
			if c.Account == number && c.Cents == cents && c.Method == method && c.Company == company {
				r.expectedCharges[c.Reference] = true
				return nil
			}
		}
		return fmt.Errorf("expected a charge of %s on %s by %s\nbut there is none%s", formatCents(cents), number, method, listCharges(list))
	}, err
}

// unexpectedCharges returns the charges that no word has expected so far, oldest first, returned ones included.
func (r *run) unexpectedCharges(ctx context.Context) ([]harness.Charge, error) {
	all, err := r.h.Charges(ctx)
	var list []harness.Charge
	for _, c := range all {
		if !r.expectedCharges[c.Reference] {
			list = append(list, c)
		}
	}
	return list, err
}

// listCharges shows them, one a line.
func listCharges(list []harness.Charge) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "\n  %s on %s by %s", formatCents(c.Cents), orNothing(c.Account), c.Method)
		if c.Company {
			b.WriteString(" CCD")
		}
	}
	return b.String()
}

// chargedNothing fails when something was charged that no word has expected, once everything due is done.
func chargedNothing(ctx context.Context, r *run) error {
	if err := r.h.ProcessDue(ctx); err != nil {
		return err
	}
	return r.anyCharges(ctx)
}

// anyCharges fails when there is a charge that no word has expected. It also fails where the processor is an
// external program: what was charged there is not known.
func (r *run) anyCharges(ctx context.Context) error {
	list, err := r.unexpectedCharges(ctx)
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("nothing should have been charged, but there is:%s", listCharges(list))
	}
	return err
}

// readOwes checks what an account owes, once everything due is done. Less than zero is a credit. What is in
// flight is not taken off.
func readOwes(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	if err != nil {
		return nil, err
	}
	want, err := takeAmount(t)
	return func(ctx context.Context, r *run) error {
		if err := r.h.ProcessDue(ctx); err != nil {
			return err
		}
		got, err := r.h.Owes(ctx, number)
		if err == nil && got != want {
			err = fmt.Errorf("%s owes %s, not %s", number, formatCents(got), formatCents(want))
		}
		return err
	}, err
}

// readPayment checks the state of the newest payment on an account (design §5), once everything due is done.
// Payments that were never authorized do not count.
func readPayment(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	if err != nil {
		return nil, err
	}
	want, err := t.oneOf("authorized", "confirming", "unknown", "taken", "declined", "returned", "voided")
	return func(ctx context.Context, r *run) error {
		if err := r.h.ProcessDue(ctx); err != nil {
			return err
		}
		p, err := r.h.NewestPayment(ctx, number)
		if err == nil && p.State != want {
			err = fmt.Errorf("the newest payment on %s is %s, not %s", number, p.State, want)
		}
		return err
	}, err
}

// readReceived checks the instant from which the newest payment counts (C6: from its authorization). The
// instant is read twice: at parsing, so that a mistake is told with its line, and at the play, in the zone of
// the policy in force.
func readReceived(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	if err != nil {
		return nil, err
	}
	s, err := t.word("an instant")
	if err != nil {
		return nil, err
	}
	_, err = Instant(s, time.UTC)
	return func(ctx context.Context, r *run) error {
		want, err := Instant(s, r.h.Zone())
		if err != nil {
			return err
		}
		p, err := r.h.NewestPayment(ctx, number)
		if err != nil {
			return err
		}
		got, err := r.h.ReceivedAt(ctx, p)
		if err == nil && !got.Equal(want) {
			err = fmt.Errorf("the newest payment on %s was received at %s", number, got.In(r.h.Zone()).Format("2006-01-02T15:04:05"))
		}
		return err
	}, err
}

// numberSpoken finds a confirmation number as it is spoken: nine digits in threes (L4).
var numberSpoken = regexp.MustCompile(`\b(\d{3}) (\d{3}) (\d{3})\b`)

// receipt checks that the last confirmation number spoken in the call is the one stored and the one texted. The
// number must be that of the call's newest payment. Numbers are compared as digits and never printed: a
// transcript may be passed on.
func receipt(ctx context.Context, r *run) error {
	return r.withCaller(func(c *caller) error {
		if err := r.h.ProcessDue(ctx); err != nil {
			return err
		}
		list, err := r.h.CallPayments(ctx, c.SID)
		if err != nil {
			return err
		}
		// Everything of the call, not since the last answer: the number may have been said before a later
		// question.
		var texts []string
		for _, h := range c.Heard() {
			texts = append(texts, h.Text)
		}
		spoken := numberSpoken.FindAllStringSubmatch(strings.Join(texts, " "), -1)
		if len(spoken) == 0 {
			return errors.New("no confirmation number was spoken")
		}
		// It may be said twice (L4: twice, in threes) and again when asked for.
		last := spoken[len(spoken)-1]
		number := last[1] + last[2] + last[3]
		// A payment that is not taken has no confirmation number, so nothing spoken can be equal to it.
		if len(list) == 0 || list[0].Confirmation != number {
			return errors.New("the confirmation number spoken is not the one stored")
		}
		// Handed to Twilio is enough; whether it arrived is another word's to check.
		sent, err := r.h.ReceiptSent(ctx, number)
		if err == nil && !sent {
			err = errors.New("the confirmation number was not texted")
		}
		return err
	})
}

// readLogs allows, and demands, a line of the log, of any level. It counts for the whole script, lines before
// it included; it is judged at the end.
func readLogs(_ *parser, t *tokens) (action, error) {
	pattern, err := t.quote()
	return func(_ context.Context, r *run) error {
		r.logsExpected = append(r.logsExpected, pattern)
		return nil
	}, err
}
