package script

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"duebell/billing"
	"duebell/lab/harness"
	"duebell/lab/twilio"
)

// readDueMoved moves the due instant of a month's bills in the middle of a script (C5: a dated override, for
// snow or an outage). The month is that in which the bills were issued. All roles are started again, with the
// script's policy and this setting; a second move replaces the first.
func readDueMoved(_ *parser, t *tokens) (action, error) {
	month, err := t.word("a bill month")
	if err != nil {
		return nil, err
	}
	if _, err := billing.ParseMonth(month); err != nil {
		return nil, fmt.Errorf("%q is no month such as 2027-02", month)
	}
	s, err := t.word("the new due instant")
	if err != nil {
		return nil, err
	}
	_, err = Instant(s, time.UTC)
	return func(ctx context.Context, r *run) error {
		at, err := Instant(s, r.h.Zone())
		if err != nil {
			return err
		}
		// With the script's policy lines, which MoveDue puts in force together with the new instant.
		return r.h.MoveDue(ctx, r.script.Policy, month, at)
	}, err
}

// readDelivered lets texts to a number arrive again, after undelivered or refused.
func readDelivered(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	return func(_ context.Context, r *run) error {
		return r.h.SetTextOutcome(number, twilio.Outcome{Final: "delivered"})
	}, err
}

// readUndelivered lets texts to a number fail with one of the carrier's codes from here on: Twilio takes them,
// and the status callback brings the code later (twilio.md §6). What the product makes of a code is N11's
// (undeliverable for good).
func readUndelivered(_ *parser, t *tokens) (action, error) {
	code, err := takeCarrierCode(t)
	if err != nil {
		return nil, err
	}
	number, err := takePhone(t)
	return func(_ context.Context, r *run) error {
		return r.h.SetTextOutcome(number, twilio.Outcome{Final: "undelivered", ErrorCode: code})
	}, err
}

// takeCarrierCode takes an error code of Twilio's messages, 20000 to 39999. A code that Twilio never documented
// is allowed: the product must have a branch for it.
func takeCarrierCode(t *tokens) (int, error) {
	s, err := t.word("the carrier's code, such as 30006")
	if err != nil {
		return 0, err
	}
	code, err := strconv.Atoi(s)
	if err != nil || code < 20000 || code > 39999 {
		return 0, fmt.Errorf("%q is no code such as 30006", s)
	}
	return code, nil
}

// readAccounts imports many accounts alike; their numbers, and those of their members' phones, rise by one. It
// is for stories about load and limits, where one import of a thousand is quicker than a thousand imports.
func readAccounts(p *parser, t *tokens) (action, error) {
	s, err := t.word("how many")
	if err != nil {
		return nil, err
	}
	many, err := strconv.Atoi(s)
	// A thousand is what a story can need; more would only be slow.
	if err != nil || many < 1 || many > 1000 {
		return nil, fmt.Errorf("%q is no number from 1 to 1000", s)
	}
	fields, err := takeAccountFields(t)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, r *run) error {
		return r.inScriptLanguage(ctx, r.h.ImportAccounts(ctx, many, fields))
	}, nil
}

// readAllTexted checks that so many numbers have got exactly one text each with these words, and takes those
// texts (promise P3: a text goes out once). Texts with other words stay for other words to take.
func readAllTexted(_ *parser, t *tokens) (action, error) {
	s, err := t.word("how many")
	if err != nil {
		return nil, err
	}
	want, err := strconv.Atoi(s)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", s)
	}
	pattern, err := t.quote()
	return func(ctx context.Context, r *run) error {
		if err := r.h.ProcessDue(ctx); err != nil {
			return err
		}
		// Texts by number: the same number twice is the double that this word is there to find.
		got := map[string]int{}
		for _, text := range r.unexpectedTexts() {
			if matches(pattern, text.Body) {
				r.expectedTexts[text.SID] = true
				got[text.To]++
			}
		}
		for number, n := range got {
			if n > 1 {
				return fmt.Errorf("%d texts to %s: %q", n, number, pattern)
			}
		}
		// Numbers and not texts: each has exactly one by now.
		if len(got) != want {
			return fmt.Errorf("%d numbers have got the text %q, not %d", len(got), pattern, want)
		}
		r.h.Cover("text sent")
		return nil
	}, err
}

// readKillWorker lets every worker die at its next text, after Twilio has it or before.
func readKillWorker(_ *parser, t *tokens) (action, error) {
	how, err := t.oneOf(harness.KillAfterText, harness.KillBeforeText)
	return func(_ context.Context, r *run) error { r.h.KillWorker(how); return nil }, err
}

// readPause holds texts of a kind back, as an operator does; * is every kind.
func readPause(_ *parser, t *tokens) (action, error) {
	kind, err := t.word("a kind of text, or *")
	return func(ctx context.Context, r *run) error { return r.h.PauseTexts(ctx, kind) }, err
}

// readResume lets texts of a kind go again. It fails when they were not held back.
func readResume(_ *parser, t *tokens) (action, error) {
	kind, err := t.word("a kind of text, or *")
	return func(ctx context.Context, r *run) error { return r.h.ResumeTexts(ctx, kind) }, err
}

// exported returns the reader of a check for words in what `duebell export suppressions` writes: that they are
// there if want, else that they are not. The words are compared exactly, unlike what is heard: a program reads
// that file.
func exported(want bool) func(*parser, *tokens) (action, error) {
	return func(_ *parser, t *tokens) (action, error) {
		words, err := t.quote()
		return func(ctx context.Context, r *run) error {
			text, err := r.h.ExportSuppressions(ctx)
			if err == nil && strings.Contains(text, words) != want {
				err = fmt.Errorf("is %q in the export? %v, in:\n%s", words, !want, text)
			}
			return err
		}, err
	}
}

// readLimits sets what the sender of texts or the telephone lines can bear (N9: pacing), and starts every role
// again. Which limits there are is the harness's to say; 0 is what the setting's own zero means.
func readLimits(_ *parser, t *tokens) (action, error) {
	what, err := t.oneOf(harness.SendLimitNames()...)
	if err != nil {
		return nil, err
	}
	s, err := t.word("a number")
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("%q is no number", s)
	}
	return func(ctx context.Context, r *run) error { return r.h.SetSendLimit(ctx, what, n) }, nil
}
