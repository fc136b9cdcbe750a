package ivr

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// verdict is what an input means at a step.
type verdict struct {
	answer Answer
	person bool
	repeat bool
	failed string // prompt key of what went wrong; counts as a try
}

// read fits an input to what the step accepts. The rules for 9, 0, # and silence live here and
// nowhere else (V2): in menus 9 is again and 0 a person; while digits are data they are digits.
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
			capture = &Capture{} // it fell through: the capture ended without a result
		}
		return verdict{answer: Answer{Capture: capture}}
	case Dial:
		transfer := in.Transfer
		if transfer == nil {
			transfer = &Transfer{Status: "failed"}
		}
		return verdict{answer: Answer{Transfer: transfer}}
	}
	return verdict{} // Hold: any input only means that time has passed
}

func (c *Call) readMenu(m Menu, in Input) verdict {
	all := m.Options(c)
	options := c.offered(all)
	if in.Kind == Silent {
		if m.OnSilence != "" && c.Warned == c.Step {
			return verdict{answer: Answer{Option: m.OnSilence}}
		}
		return c.silence()
	}
	if in.Kind == Spoke {
		if !c.sure(in.Confidence) {
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

// offered is the part of a menu that one question offers: at most menu_max_options (V1), the last of which
// leads to the rest; behind the last page comes the first again.
func (c *Call) offered(all []Option) []Option {
	if len(all) <= c.Policy.MenuMaxOptions {
		return all
	}
	size := c.Policy.MenuMaxOptions - 1
	pages := (len(all) + size - 1) / size
	first := c.MenuPage % pages * size
	page := slices.Clone(all[first:min(first+size, len(all))])
	return append(page, Option{Name: somethingElse, Says: "option-more-choices"})
}

// readSpoken takes the menu's words where they are heard; the keypad always works (V7).
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

// sure says whether the recogniser is; one that does not say how much is believed. A consent has a rule of its own (E4).
func (c *Call) sure(confidence string) bool {
	if confidence == "" {
		return true
	}
	got, err := strconv.ParseFloat(confidence, 64)
	return err == nil && got >= c.Policy.AssentMinConfidence
}

// words are the phrases of a message that is not spoken: separated by commas.
func (c *Call) words(key string) []string { return strings.Split(c.phrase(key).Text(), ", ") }

// menuHints help the recogniser where a menu understands words.
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

// readWords takes free speech; keys are not part of it, but 0 reaches a person.
func (c *Call) readWords(in Input) verdict {
	switch {
	case in.Keys == "0":
		return verdict{person: true}
	case in.Kind == Spoke && strings.TrimSpace(in.Speech) != "":
		return verdict{answer: Answer{Speech: strings.TrimSpace(in.Speech)}}
	}
	return c.silence()
}

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

// silence asks again; the first one in a call doubles every time-out and says so (V4).
func (c *Call) silence() verdict {
	if !c.Slow {
		c.Slow = true
		return verdict{failed: "more-time"}
	}
	return verdict{failed: "nothing-heard"}
}

// again asks the step once more after saying why, warns before the last try, and gives up after it (V3).
func (c *Call) again(step Step, why string, args Args) Next {
	c.Tries++
	c.TriesCall++
	limit := c.Policy.TriesField
	menu, isMenu := step.Accepts.(Menu)
	if isMenu {
		limit = c.Policy.TriesMenu
	}
	if c.Tries >= limit || c.TriesCall >= c.Policy.TriesCall {
		c.Tries = 0
		if step.GivesUpTo != "" {
			return Go(step.GivesUpTo)
		}
		return c.toPerson("tries", step.Name)
	}
	if why != "" {
		c.say(why, args)
	}
	if menu.Warns != "" {
		c.Warned = step.Name
		c.say(menu.Warns, nil)
	}
	if step.GivesUpTo == "" && (c.Tries == limit-1 || c.TriesCall == c.Policy.TriesCall-1) {
		c.say("last-try", nil)
	}
	return Go(step.Name)
}

// toPerson remembers why a person is wanted and where the caller was.
func (c *Call) toPerson(why string, from StepName) Next {
	c.PersonFor = why
	switch {
	case arranging(from):
		c.Callback.Settled = c.Callback.Settled || why == "tries"
	case from != Person:
		c.CameFrom = from
	}
	return Go(Person)
}
