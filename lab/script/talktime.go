package script

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"duebell/lab/twilio"
)

// TalkTime is how long a caller listens and how much they key in one call (nobody should listen for long). It
// is computed from words, not measured: a voice is taken to say 150 words a minute, so that the same script
// always gives the same time. Pauses and the caller's own time are not in it.
type TalkTime struct {
	Phone string // whose call it is
	// Heard is what a caller listens to who takes an option as soon as it is said: what may be interrupted
	// counts up to the end of that option, what may not counts whole.
	Heard      time.Duration
	Full       time.Duration // everything that was said, whole
	InPay      time.Duration // said by <Pay>, in neither of the two
	Keys       int           // pressed outside <Pay>
	Utterances int           // outside <Pay>
}

// timePerWord is how long a voice takes for a word: it says 150 a minute.
const timePerWord = time.Minute / 150

// speakingTime returns how long a voice takes for a text. Numbers in digits count as one word each, so long
// ones come out too short.
func speakingTime(text string) time.Duration {
	return time.Duration(len(strings.Fields(text))) * timePerWord
}

// speakingTimeInPay returns how long <Pay> has spoken, which comes before whatever is said of its outcome. Its
// prompts are Twilio's capture and outside what the line promises about its own talk.
func speakingTimeInPay(list []twilio.Heard) time.Duration {
	var sum time.Duration
	for _, h := range list {
		if h.During == "pay" {
			sum += speakingTime(h.Text)
		}
	}
	return sum
}

// listened adds what was said since the caller last did something. Keys are what the caller presses now; empty
// when they do something else. A caller who knows the option presses as soon as it was said, so of what may be
// interrupted only that much counts, and nothing after it; what may not be interrupted is heard to its end.
func (t *TalkTime) listened(list []twilio.Heard, keys string) {
	t.Keys += len(keys)
	over := false // the option was taken: nothing more of what may be interrupted is heard
	for _, h := range list {
		took := speakingTime(h.Text)
		if h.During == "pay" {
			t.InPay += took
			continue
		}
		t.Full += took
		t.Utterances++
		switch end := optionEnd(h.Text, keys); {
		// No barge-in (V5: recording notice, terms, card fee): heard whole, whatever was pressed.
		case !h.BargeIn:
			t.Heard += took
		// Interruptible, and after the option: cut off.
		case over:
		case end > 0:
			t.Heard += speakingTime(h.Text[:end])
			over = true
		default:
			t.Heard += took
		}
	}
}

// optionWords matches how the languages say which key takes an option; they are anchor words (design §2).
var optionWords = regexp.MustCompile(`(?i)\b(?:press|oprima) (\d)\b`)

// optionEnd returns where in a text the option of a key has been said, or 0. Entries of several digits are no
// option.
func optionEnd(text, key string) int {
	for _, at := range optionWords.FindAllStringSubmatchIndex(text, -1) {
		if text[at[2]:at[3]] == key {
			return at[1]
		}
	}
	return 0
}

// String returns the times in seconds, rounded, and the number of keys.
func (t TalkTime) String() string {
	s := fmt.Sprintf("%.0f s of talk, %.0f s unabridged", t.Heard.Seconds(), t.Full.Seconds())
	if t.InPay > 0 {
		s += fmt.Sprintf(", and %.0f s inside <Pay>", t.InPay.Seconds())
	}
	return fmt.Sprintf("%s; %d keys", s, t.Keys)
}

// readWithin bounds what a caller has listened to and pressed, up to the words that were last expected: the
// call so far and, of what is being said, the part up to those words. In another language nothing is compared;
// the tests compare tellings with each other.
func readWithin(_ *parser, t *tokens) (action, error) {
	s, err := t.word("how long")
	if err != nil {
		return nil, err
	}
	most, err := Span(s)
	if err != nil {
		return nil, err
	}
	n, err := t.word("how many keys")
	if err != nil {
		return nil, err
	}
	keys, err := strconv.Atoi(n)
	if err != nil || !t.skip("keys") {
		return nil, errors.New("within 35s 18 keys")
	}
	return func(_ context.Context, r *run) error {
		return r.withCaller(func(c *caller) error {
			if took := c.talkTime.Heard + c.upTo; !r.translated() && (took > most || c.talkTime.Keys > keys) {
				return fmt.Errorf("%.1f s of talk and %d keys so far", took.Seconds(), c.talkTime.Keys)
			}
			return nil
		})
	}, nil
}
