package script

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Script is one scripted call, read and checked: every word is known and has what it needs. It is not changed
// by a play and may be played many times, on several harnesses at once.
type Script struct {
	Name      string
	Proves    []string // what it is there for: the names of the coverage table
	Languages []string // in which it is told besides English
	Policy    string   // TOML of its policy lines
	Files     []string // files that it imports, beside it
	steps     []step
	words     []string // every word used, for those who choose a harness for it
}

// Uses reports whether the script uses one of these words. "redis down" is a word with its first argument. It
// serves those who choose how to play or judge a script without playing it.
func (s Script) Uses(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(s.words, w) })
}

// step is one word of the script and what it does. text is the word as it was written, for the error that names
// it.
type step struct {
	line int
	text string
	do   action
}

// action moves the harness or checks it. Its error says what is not as told, in words for whoever wrote the
// script. A line with times runs the same action several times, so it may not keep anything between two runs
// but in the run.
type action func(ctx context.Context, r *run) error

// Parse reads a script. Its error names every problem, each with its line, so that a supervisor mends all of
// them at once; the Script is not to be played then. name is for those errors and for Result; nothing is read
// from disk.
func Parse(name, text string) (Script, error) {
	s := Script{Name: name}
	var problems []error
	called := false
	for i, line := range strings.Split(text, "\n") {
		// Files written on Windows.
		line = strings.TrimSuffix(line, "\r")
		// Remarks with a meaning: which rows of the coverage table the script stands for, and in which
		// languages it is told. All other remarks are dropped by split.
		if about, ok := strings.CutPrefix(strings.TrimSpace(line), "# proves:"); ok {
			s.Proves = append(s.Proves, strings.Fields(strings.ReplaceAll(about, ",", " "))...)
			continue
		}
		if tags, ok := strings.CutPrefix(strings.TrimSpace(line), "# languages: en "); ok {
			s.Languages = strings.Fields(tags)
			continue
		}
		// Lines are counted from 1, as editors do.
		p := parser{script: &s, line: i + 1, afterCall: &called}
		if err := p.read(line); err != nil {
			problems = append(problems, fmt.Errorf("%s:%d: %w", name, i+1, err))
		}
	}
	// A story of remarks alone would pass by doing nothing.
	if len(problems) == 0 && len(s.steps) == 0 {
		problems = append(problems, fmt.Errorf("%s: there is nothing in it", name))
	}
	return s, errors.Join(problems...)
}

// parser reads one line into a script. There is one a line; what must be known across lines is shared by a
// pointer.
type parser struct {
	script    *Script
	line      int
	afterCall *bool // a call was placed on an earlier line: the policy stands
}

// read reads the words of one line, several if several stand on it, and repeats them as often as "times" says.
// The repetition is unrolled into steps, all with the same line; after an error nothing is played, so none is
// missed.
func (p *parser) read(line string) error {
	list, err := split(line)
	if err != nil {
		return err
	}
	t := &tokens{list: list}
	times, err := t.times()
	if err != nil {
		return err
	}
	before := len(p.script.steps)
	// Deferred, because a policy line and an error leave the loop early; neither has added steps of its own.
	defer func() {
		again := slices.Clone(p.script.steps[before:])
		for range times - 1 {
			p.script.steps = append(p.script.steps, again...)
		}
	}()
	for t.more() {
		if t.peek() == "policy" {
			return p.policy(line)
		}
		text := ""
		from := t.next
		do, err := p.word(t)
		if err != nil {
			return err
		}
		// What the word has taken, as it was written: the error of the step shows it.
		for _, tok := range t.list[from:t.next] {
			if tok.quoted {
				tok.text = `"` + tok.text + `"`
			}
			text = strings.TrimSpace(text + " " + tok.text)
		}
		p.script.steps = append(p.script.steps, step{p.line, text, do})
	}
	return nil
}

// policy takes a line of TOML. It must come before the first call: a line's rules do not change while it is
// called. The whole line is the setting, read again from its text, for TOML has quotation marks and signs of
// its own. What it says is judged when the policy is put in force.
func (p *parser) policy(line string) error {
	if *p.afterCall {
		return errors.New("policy stands before the first call")
	}
	_, setting, _ := strings.Cut(line, "policy")
	p.script.Policy += strings.TrimSpace(setting) + "\n"
	return nil
}

// word reads one word with what belongs to it. Its error says how the word is written. It calls itself by way
// of when, which holds another word.
func (p *parser) word(t *tokens) (action, error) {
	name, err := t.word("a word")
	if err != nil {
		return nil, errors.New("a line begins with a word, not with a quotation")
	}
	w, known := vocabulary[name]
	if !known {
		return nil, fmt.Errorf("unknown word %q%s", name, didYouMean(name))
	}
	p.script.words = append(p.script.words, name)
	// Kept for Uses, before the word takes its arguments.
	if first := t.peek(); first != "" {
		p.script.words = append(p.script.words, name+" "+first)
	}
	// Calls that the line places itself do not count: a script can hardly know at parsing when one comes.
	if name == "call" {
		*p.afterCall = true
	}
	do, err := w.read(p, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; write: %s (for example: %s)", name, err, w.written(), w.example)
	}
	return do, nil
}
