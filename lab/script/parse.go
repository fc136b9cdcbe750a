package script

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Script is one scripted call, read and checked: every word is known and has what it needs.
type Script struct {
	Name      string
	Proves    []string // what it is there for: the names of the coverage table
	Languages []string // in which it is told besides English
	Policy    string   // TOML of its policy lines
	Files     []string // files that it imports, beside it
	steps     []step
	words     []string // every word used, for those who choose a harness for it
}

// Uses says whether the script uses one of these words. "redis down" is a word with its first argument.
func (s Script) Uses(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(s.words, w) })
}

// step is one word of the script and what it does.
type step struct {
	line int
	text string
	do   action
}

// action moves the harness or checks it.
type action func(ctx context.Context, r *run) error

// Parse reads a script. Its error names every problem, each with its line.
func Parse(name, text string) (Script, error) {
	s := Script{Name: name}
	var problems []error
	called := false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if about, ok := strings.CutPrefix(strings.TrimSpace(line), "# proves:"); ok {
			s.Proves = append(s.Proves, strings.Fields(strings.ReplaceAll(about, ",", " "))...)
			continue
		}
		if tags, ok := strings.CutPrefix(strings.TrimSpace(line), "# languages: en "); ok {
			s.Languages = strings.Fields(tags)
			continue
		}
		p := parser{script: &s, line: i + 1, afterCall: &called}
		if err := p.read(line); err != nil {
			problems = append(problems, fmt.Errorf("%s:%d: %w", name, i+1, err))
		}
	}
	if len(problems) == 0 && len(s.steps) == 0 {
		problems = append(problems, fmt.Errorf("%s: there is nothing in it", name))
	}
	return s, errors.Join(problems...)
}

// parser reads one line into a script.
type parser struct {
	script    *Script
	line      int
	afterCall *bool // a call was placed on an earlier line: the policy stands
}

// read reads the words of one line, several if several stand on it, and repeats them as often as "times" says.
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

// policy takes a line of TOML. It must come before the first call: a line's rules do not change while it is called.
func (p *parser) policy(line string) error {
	if *p.afterCall {
		return errors.New("policy stands before the first call")
	}
	_, setting, _ := strings.Cut(line, "policy")
	p.script.Policy += strings.TrimSpace(setting) + "\n"
	return nil
}

// word reads one word with what belongs to it. Its error says how the word is written.
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
	if first := t.peek(); first != "" {
		p.script.words = append(p.script.words, name+" "+first)
	}
	if name == "call" {
		*p.afterCall = true
	}
	do, err := w.read(p, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; write: %s (for example: %s)", name, err, w.written(), w.example)
	}
	return do, nil
}
