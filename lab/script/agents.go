package script

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"duebell/lab/harness"
)

// People: what the person at the other end hears and does, and what people still have to see to.

// agents are what a person who is dialled may do: answered is a person who answers and presses nothing,
// declines one who presses another key than 1 (H5: accepted with key 1). The others are the carrier's ends of a
// call that nobody took.
var agents = []string{"accepts", "declines", "answered", "busy", "no-answer", "failed", "canceled"}

// readDial sets what the person does whom the line calls next, and everybody after that, until it is set again.
// Nobody needs to be on the line yet.
func readDial(_ *parser, t *tokens) (action, error) {
	outcome, err := t.oneOf(agents...)
	return func(_ context.Context, r *run) error { return r.h.SetAgent(outcome) }, err
}

// readWhisper checks what the person heard before taking the call (H3: what the transfer carries). It is in the
// agents' language, whatever the caller's is, and names the caller's: in another telling only that name is
// replaced. The last person whom this call rang counts.
func readWhisper(_ *parser, t *tokens) (action, error) {
	pattern, err := t.quote()
	return func(_ context.Context, r *run) error {
		return r.withCaller(func(c *caller) error {
			leg := c.Agent()
			if leg == nil {
				return errors.New("no person was dialled")
			}
			// A copy: the action may be run several times ("times"), and must not replace in what it has
			// replaced.
			pattern := pattern
			if r.translated() {
				pattern = strings.ReplaceAll(pattern, "speaks English", "speaks "+languageName[r.opts.Lang])
			}
			var texts []string
			for _, h := range leg.Heard() {
				texts = append(texts, h.Text)
			}
			heard := strings.Join(texts, " ")
			if missing, _ := firstMissing(pattern, heard); missing != "" {
				return fmt.Errorf("expected the person to hear %q\nbut %q is not in it\nheard: %s", pattern, missing, orNothing(heard))
			}
			return nil
		})
	}, err
}

// languageName is what people who take calls call a caller's language. A telling in a language that is missing
// here would expect no name at all.
var languageName = map[string]string{"en": "English", "es": "Spanish"}

// readCallBack checks the most urgent call-back that was promised to a number (H2: an appointment, never a dead
// end), open or not. Only the values that are named count, and the language, which always does: without
// language= it must be that of the telling. Instants are compared to the minute on the line's wall clock; none
// stands for no deadline.
func readCallBack(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	if err != nil {
		return nil, err
	}
	want := t.pairs()
	for key := range want {
		switch key {
		case "at", "reason", "account", "deadline", "language":
		default:
			return nil, fmt.Errorf("nothing is known of %s", key)
		}
	}
	return func(ctx context.Context, r *run) error {
		list, err := r.h.Requests(ctx)
		if err != nil {
			return err
		}
		for _, q := range list {
			if q.Number != number || !q.CallBack {
				continue
			}
			// To the minute: slots begin on whole minutes, deadlines are told to callers in minutes.
			local := func(at time.Time) string {
				if at.IsZero() {
					return "none"
				}
				return at.In(r.h.Zone()).Format("2006-01-02T15:04")
			}
			got := map[string]string{
				"at": local(q.From), "reason": q.Reason, "account": q.Account, "deadline": local(q.Deadline), "language": q.Lang,
			}
			// A call-back in the wrong language would be found out only when the member picks up, so it is
			// checked unasked.
			if _, told := want["language"]; !told {
				got["language"] = ""
				if lang := orEnglish(r.opts.Lang); q.Lang != lang {
					return fmt.Errorf("the call-back is to be made in %q, not %q", q.Lang, lang)
				}
			}
			for key, value := range want {
				if got[key] != value {
					return fmt.Errorf("the call-back has %s=%s, not %s", key, got[key], value)
				}
			}
			return nil
		}
		// Callers whom nobody took are in the same list; they were promised nothing.
		return fmt.Errorf("no call-back to %s was promised", number)
	}, nil
}

// orEnglish returns the language, English if none is named.
func orEnglish(lang string) string {
	if lang == "" {
		return "en"
	}
	return lang
}

// readToDo checks which callers wait for a person, all of them, in the order of `duebell handoffs list`.
// Without a number it says that nobody waits. A number that waits twice must be named twice.
func readToDo(_ *parser, t *tokens) (action, error) {
	var want []string
	// What does not begin with + is the next word of the line.
	for t.more() && strings.HasPrefix(t.peek(), "+") {
		number, err := takePhone(t)
		if err != nil {
			return nil, err
		}
		want = append(want, number)
	}
	return func(ctx context.Context, r *run) error {
		list, err := r.h.Requests(ctx)
		if err != nil {
			return err
		}
		var got []string
		for _, q := range list {
			if q.Open {
				got = append(got, q.Number)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			return fmt.Errorf("people have to see to: %s", orNothing(strings.Join(got, " ")))
		}
		return nil
	}, nil
}

// readSeenTo closes what is open for a number, as an agent does at the end. It fails when nothing is open.
func readSeenTo(_ *parser, t *tokens) (action, error) {
	number, err := takePhone(t)
	return func(ctx context.Context, r *run) error { return r.h.CloseRequests(ctx, number) }, err
}

// readAlike compares what was said since the last answer with what was said where the name was used before:
// text, language, voice and interruptibility must be equal (I1: one failure line for every cause). The first
// use of a name only remembers. The markup is compared, not the words alone: a pause that is longer would give
// the cause away.
func readAlike(_ *parser, t *tokens) (action, error) {
	name, err := t.quote()
	return func(_ context.Context, r *run) error {
		return r.withCaller(func(c *caller) error {
			var said strings.Builder
			for _, h := range c.HeardSinceInput() {
				// One line an utterance; text and pauses are both in the markup.
				fmt.Fprintf(&said, "%s %s %s %t\n", h.Language, h.Voice, h.SSML, h.BargeIn)
			}
			before, known := r.saidBefore[name]
			if known && before != said.String() {
				return fmt.Errorf("it does not sound the same as before\nbefore: %s\nnow: %s", before, said.String())
			}
			r.saidBefore[name] = said.String()
			return nil
		})
	}, err
}

// readSpeaks checks the language of texts and letters to a member (K2: carried to texts and letters), named by
// one of the member's accounts.
func readSpeaks(_ *parser, t *tokens) (action, error) {
	number, err := takeAccount(t)
	if err != nil {
		return nil, err
	}
	want, err := t.word("a language")
	return func(ctx context.Context, r *run) error {
		got, err := r.h.Language(ctx, number)
		if err == nil && got != want {
			err = fmt.Errorf("whoever has %s is written to in %q, not %q", number, got, want)
		}
		return err
	}, err
}

// readHandedOver checks what was written down when the caller was given to a person. Only the values that are
// named count; to= is the number that was dialled, the others are the row's.
func readHandedOver(_ *parser, t *tokens) (action, error) {
	want := t.pairs()
	for key := range want {
		if key != "reason" && key != "verified" && key != "account" && key != "outcome" && key != "to" {
			return nil, fmt.Errorf("nothing is known of %s", key)
		}
	}
	return func(ctx context.Context, r *run) error {
		return r.withCaller(func(c *caller) error { return r.handedOver(ctx, c, want) })
	}, nil
}

// handedOver looks for a transfer of this call with all the wanted values; one of several is enough. Both must
// be there: the row that was written, and a person whom the line has really dialled.
func (r *run) handedOver(ctx context.Context, c *caller, want map[string]string) error {
	list, err := r.h.HandOvers(ctx, c.SID)
	if err != nil {
		return err
	}
	// Written down and not dialled is what happens where no transfer is possible (H2): that is no hand-over
	// here.
	if c.Agent() == nil {
		return errors.New("no person was dialled")
	}
	for _, h := range list {
		if matchesHandOver(h, c.Agent().To, want) {
			r.h.Cover("handed-over")
			return nil
		}
	}
	return fmt.Errorf("handed over is not %v, but: %+v", want, list)
}

// matchesHandOver reports whether a transfer, to this number, has all the wanted values.
func matchesHandOver(h harness.HandOver, to string, want map[string]string) bool {
	got := map[string]string{"reason": h.Reason, "verified": "no", "account": h.Account, "outcome": h.Outcome, "to": to}
	if h.Verified {
		got["verified"] = "yes"
	}
	for key, value := range want {
		if got[key] != value {
			return false
		}
	}
	return true
}
