package ivr

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// verdict is what an input means at a step: an answer, a wish for a person, a wish to hear it again, or a
// failed try. Exactly one of them is set. The zero verdict is the answer to a Hold.
type verdict struct {
	answer Answer
	person bool
	repeat bool
	failed string // prompt key of what went wrong; counts as a try
}

// read compares an input with what the step accepts. The rules for 9, 0, # and silence stand here and nowhere
// else (V2): in menus 9 is again and 0 a person; while digits are data they are digits. It changes nothing
// but Tries.MoreTime; the tries are counted by again.
func (c *Call) read(step Step, in Input) verdict {
	switch a := step.Accepts.(type) {
	case Menu:
		return c.readMenu(a, in)
	case Digits:
		return c.readDigits(a, in)
	case Amount:
		if in.Kind == Silent || in.Keys == "" {
			return c.silence()
		}
		return verdict{answer: Answer{Keys: in.Keys}}
	case Words:
		return c.readWords(in)
	case Assent:
		return c.readAssent(in)
	case Pay:
		capture := in.Capture
		if capture == nil {
			capture = &Capture{} // Twilio went on behind <Pay>: the capture ended without a result
		}
		return verdict{answer: Answer{Capture: capture}}
	case Dial:
		transfer := in.Transfer
		if transfer == nil {
			transfer = &Transfer{Status: "failed"}
		}
		return verdict{answer: Answer{Transfer: transfer}}
	}
	return verdict{} // a Hold: any input only means that time has passed
}

// readMenu takes a key, a spoken word, or a silence that the caller was warned of (V3, V4). A key means the
// option at its place on the page that was offered; a word means the option wherever it stands.
func (c *Call) readMenu(m Menu, in Input) verdict {
	all := m.Options(c)
	options := c.offered(all)
	if in.Kind == Silent {
		if m.OnSilence != "" && c.Question.Warned == c.Step {
			return verdict{answer: Answer{Option: m.OnSilence}}
		}
		return c.silence()
	}
	if in.Kind == Spoke {
		if !c.confident(in.Confidence) {
			return verdict{failed: "not-understood"}
		}
		return c.readSpoken(all, in.Speech) // words choose what another page offers, too
	}
	switch in.Keys {
	case "0":
		return verdict{person: true}
	case "9":
		return verdict{repeat: true}
	}
	if len(in.Keys) == 1 && in.Keys[0] >= '1' && int(in.Keys[0]-'0') <= len(options) {
		return verdict{answer: Answer{Option: options[in.Keys[0]-'1'].Name}}
	}
	if option, ok := m.Also[in.Keys]; ok {
		return verdict{answer: Answer{Option: option}}
	}
	return verdict{failed: "not-a-choice"}
}

// somethingElse leads to the next page of a menu that has more options than one question may offer.
const somethingElse = "something-else"

// offered returns the part of a menu that one question offers: at most menu_max_options (V1: five options a
// menu), the last of which leads to the rest; behind the last page comes the first again. Page only counts
// up, so the page after the last is the first again, and 9 repeats the same page.
func (c *Call) offered(all []Option) []Option {
	if len(all) <= c.Policy.MenuMaxOptions {
		return all
	}
	size := c.Policy.MenuMaxOptions - 1
	pages := (len(all) + size - 1) / size
	first := c.Question.Page % pages * size
	page := slices.Clone(all[first:min(first+size, len(all))])
	return append(page, Option{Name: somethingElse, Says: "option-more-choices"})
}

// readSpoken takes an option's words where the whole utterance is one of them, besides those for a person and
// for "again". What else is said is a failed try: the keypad always works (V7). Only letters and digits
// count, in lower case: a recogniser adds full stops and capitals as it likes.
func (c *Call) readSpoken(options []Option, speech string) verdict {
	said := strings.Join(strings.FieldsFunc(strings.ToLower(speech), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }), " ")
	switch {
	case slices.Contains(c.words("hears-person"), said):
		return verdict{person: true}
	case slices.Contains(c.words("hears-again"), said):
		return verdict{repeat: true}
	}
	for _, o := range options {
		if o.Hears != "" && slices.Contains(c.words(o.Hears), said) {
			return verdict{answer: Answer{Option: o.Name}}
		}
	}
	return verdict{failed: "not-understood"}
}

// confident says whether the recogniser is sure enough; one that gives no confidence is believed. A consent
// has a stricter rule of its own (E4, payments.Assent). The floor is the policy's assent_min_confidence,
// inclusive. A value that is no number is not sure.
func (c *Call) confident(confidence string) bool {
	if confidence == "" {
		return true
	}
	got, err := strconv.ParseFloat(confidence, 64)
	return err == nil && got >= c.Policy.AssentMinConfidence
}

// words returns the phrases of a message that is not spoken but listened for; it separates them by commas.
// Such a message is never said; translators edit it like any other (voiceprompts).
func (c *Call) words(key string) []string { return strings.Split(c.phrase(key).Text(), ", ") }

// menuHints returns the words that a menu understands, to help the recogniser; none where it takes keys only.
func (c *Call) menuHints(options []Option) []string {
	var hints []string
	for _, o := range options {
		if o.Hears != "" {
			hints = append(hints, c.words(o.Hears)...)
		}
	}
	if len(hints) == 0 {
		return nil
	}
	return append(append(hints, c.words("hears-person")...), c.words("hears-again")...)
}

// readWords takes free speech; keys are not part of it, but 0 reaches a person. Any other key is taken for
// silence, because a name has none.
func (c *Call) readWords(in Input) verdict {
	switch {
	case in.Keys == "0":
		return verdict{person: true}
	case in.Kind == Spoke && strings.TrimSpace(in.Speech) != "":
		return verdict{answer: Answer{Speech: strings.TrimSpace(in.Speech)}}
	}
	return c.silence()
}

// readDigits takes digits of a right count. A format error may be named; whether the number exists may not
// (I1: only format errors are told apart). Nobody listens for speech here: an input without keys counts as silence.
func (c *Call) readDigits(d Digits, in Input) verdict {
	switch {
	case in.Kind == Silent || in.Keys == "":
		return c.silence()
	case in.Keys == "0":
		return verdict{person: true}
	case strings.Trim(in.Keys, "0123456789") != "":
		return verdict{failed: d.Reject}
	case !slices.Contains(d.Lengths, len(in.Keys)), d.Check != nil && !d.Check(c, in.Keys):
		return verdict{failed: d.Reject}
	}
	return verdict{answer: Answer{Keys: in.Keys}}
}

// readAssent takes what was said, or a key, which heardAssent weighs. Silence comes as an empty speech:
// it is never assent (E4).
func (c *Call) readAssent(in Input) verdict {
	if in.Kind == Keyed {
		if in.Keys == "0" {
			return verdict{person: true}
		}
		// No other key means anything here, except where policy lets key 1 count (E4).
		return verdict{answer: Answer{Keys: in.Keys}}
	}
	return verdict{answer: Answer{Speech: in.Speech, Confidence: in.Confidence}}
}

// silence asks again. The first one in a call doubles every time-out for the rest of it and says so (V4).
// Either way it is a failed try, counted by again.
func (c *Call) silence() verdict {
	if !c.Tries.MoreTime {
		c.Tries.MoreTime = true
		return verdict{failed: "more-time"}
	}
	return verdict{failed: "nothing-heard"}
}

// again asks the step once more after saying why, warns before the last try, and gives up after it (V3: three
// tries a question, eight a call). Giving up leads where the step says, else to a person. The counts of the
// question begin anew when it gives up; those of the call do not. A menu that silence answers says so after
// every miss, because only then may silence count (Question.Warned).
func (c *Call) again(step Step, why string, args Args) Next {
	c.Question.Misses++
	c.Tries.Misses++
	limit := c.Policy.TriesField
	menu, isMenu := step.Accepts.(Menu)
	if isMenu {
		limit = c.Policy.TriesMenu
	}
	if c.Question.Misses >= limit || c.Tries.Misses >= c.Policy.TriesCall {
		c.Question = Question{}
		if step.GivesUpTo != "" {
			return Go(step.GivesUpTo)
		}
		return c.toPerson("tries", step.Name)
	}
	// Said before the question is asked again: what was wrong, then what silence will mean, then that it is
	// the last.
	if why != "" {
		c.say(why, args)
	}
	if menu.Warns != "" {
		c.Question.Warned = step.Name
		c.say(menu.Warns, nil)
	}
	if step.GivesUpTo == "" && (c.Question.Misses == limit-1 || c.Tries.Misses == c.Policy.TriesCall-1) {
		c.say("last-try", nil)
	}
	return Go(step.Name)
}

// toPerson leads to a person, and keeps why and from where, so that the caller can go back to there. Who asks
// for a person while an appointment is arranged goes back to where the call was before it: From stays. Misses
// there settle the appointment, so that it is not offered once more.
func (c *Call) toPerson(why string, from StepName) Next {
	c.ToPerson.Reason = why
	switch {
	case arrangesCallback(from):
		c.Callback.Settled = c.Callback.Settled || why == "tries"
	case from != Person: // who asks again while being connected still came from elsewhere
		c.ToPerson.From = from
	}
	return Go(Person)
}
