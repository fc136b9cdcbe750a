package ivr

import (
	"fmt"
	"strings"
)

// prompt says what the step says, or the shorter words after a miss. A step without Says speaks in its
// Before, or by its menu's options.
func (c *Call) prompt(step Step) {
	var args Args
	if step.Args != nil {
		args = step.Args(c)
	}
	switch {
	case step.Says == "":
	case c.Question.Misses > 0 && step.Again != "":
		c.say(step.Again, args)
	default:
		c.say(step.Says, args)
	}
}

// say says one prompt in the caller's language.
func (c *Call) say(key string, args Args, facts ...Fact) {
	c.sayIn(c.Language.Tag, key, args, facts...)
}

// sayIn says one prompt. The facts must be those that the prompt's "says:" tags name, no more and no fewer:
// else the turn fails, so that no statement goes unchecked (design §1, promise P2). The first error stays in
// c.err and fails the whole turn at its end, so the steps need not look after each prompt.
func (c *Call) sayIn(lang, key string, args Args, facts ...Fact) {
	speech, err := c.Prompts.Say(lang, key, args)
	if err == nil {
		err = factsMatch(c.Prompts.Facts(key), facts)
	}
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("prompt %s: %w", key, err)
	}
	c.said = append(c.said, Spoken{Key: key, Lang: lang, Speech: speech, Facts: facts})
}

// sayUninterrupted is say without barge-in (V5): terms, fees, recording notices. What was said before it in
// the same turn is then spoken without barge-in too, because Twilio begins to listen at one place of the
// document (webhook: draft.reply).
func (c *Call) sayUninterrupted(key string, args Args, facts ...Fact) {
	c.say(key, args, facts...)
	c.said[len(c.said)-1].NoBargeIn = true
}

// evidence returns what this turn has said so far, word for word, with the versions of its prompts (E8). A
// version names a hash of the prompt's wording (voiceprompts.Catalog.Version), so that the words can be found
// again after the files have changed.
func (c *Call) evidence() Transcript {
	words, versions := make([]string, len(c.said)), make([]string, len(c.said))
	for i, s := range c.said {
		words[i], versions[i] = s.Speech.Text(), s.Key+"@"+c.Prompts.Version(s.Lang, s.Key)
	}
	return Transcript{Words: strings.Join(words, " "), Version: strings.Join(versions, " "), At: c.now}
}

// factsMatch compares a prompt's tags with the facts that it is said with. It compares kinds only: account
// and amount are for the comparison with the database.
func factsMatch(tags []string, facts []Fact) error {
	have := map[string]bool{}
	for _, f := range facts {
		have[f.Says] = true
	}
	for _, t := range tags {
		if !have[t] {
			return fmt.Errorf("states %q without saying of what", t)
		}
		delete(have, t)
	}
	for extra := range have {
		return fmt.Errorf("is not tagged as stating %q", extra)
	}
	return nil
}
