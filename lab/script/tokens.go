package script

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// token is one word of a line, or one text in quotation marks.
type token struct {
	text   string
	quoted bool
}

// split cuts a line into tokens. A # that begins a token begins a remark, except as the keys of press: "press
// #" is a caller's bare pound key. A # within a token is an ordinary sign ("press 02139#"). Its one error is a
// quotation mark that is not closed.
func split(line string) ([]token, error) {
	var list []token
	rest := strings.TrimSpace(line)
	for rest != "" {
		switch {
		case rest[0] == '#' && !(len(list) > 0 && list[len(list)-1].text == "press" && !list[len(list)-1].quoted):
			return list, nil
		// Any of the two may begin it, and any of the two end it.
		case strings.HasPrefix(rest, `"`), strings.HasPrefix(rest, "“"):
			text, after, err := quotation(rest)
			if err != nil {
				return nil, err
			}
			list, rest = append(list, token{text, true}), after
		default:
			end := strings.IndexAny(rest, " \t")
			if end < 0 {
				end = len(rest)
			}
			list, rest = append(list, token{text: rest[:end]}), rest[end:]
		}
		rest = strings.TrimSpace(rest)
	}
	return list, nil
}

// quotation reads a text in straight or curly quotation marks; a backslash keeps a straight mark within it.
// Word processors make marks curly, and people who write scripts use them. rest is what follows the closing
// mark.
func quotation(s string) (text, rest string, err error) {
	var b strings.Builder
	// By characters: a curly mark is three bytes.
	runes := []rune(s)
	for i := 1; i < len(runes); i++ {
		switch {
		case runes[i] == '\\' && i+1 < len(runes) && runes[i+1] == '"':
			i++
			b.WriteRune('"')
		case runes[i] == '"' || runes[i] == '”':
			return b.String(), string(runes[i+1:]), nil
		default:
			b.WriteRune(runes[i])
		}
	}
	return "", "", errors.New("a quotation mark is not closed")
}

// tokens is a line while it is read: its tokens and which comes next. The methods that take a token leave the
// place where it is when they return an error.
type tokens struct {
	list []token
	next int
}

// more says whether anything is left.
func (t *tokens) more() bool { return t.next < len(t.list) }

// peek returns the next token's text without taking it; "" at the end of the line. It does not tell a word from
// a quotation.
func (t *tokens) peek() string {
	if !t.more() {
		return ""
	}
	return t.list[t.next].text
}

// times takes the count before a line that is told several times ("times 50 call from …"); 1 when there is
// none. Counts go from 2 to 1000.
func (t *tokens) times() (int, error) {
	if !t.skip("times") {
		return 1, nil
	}
	s, err := t.word("how many times")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 2 || n > 1000 {
		return 0, fmt.Errorf("%q is no count such as 50", s)
	}
	return n, nil
}

// word takes the next token, which may not stand in quotation marks. what says, for the error, what is missing.
func (t *tokens) word(what string) (string, error) {
	// A quotation in the place of a word: what belongs before it is missing.
	if !t.more() || t.list[t.next].quoted {
		return "", fmt.Errorf("missing: %s", what)
	}
	t.next++
	return t.list[t.next-1].text, nil
}

// quote takes the next token, which must stand in quotation marks.
func (t *tokens) quote() (string, error) {
	if !t.more() || !t.list[t.next].quoted {
		return "", errors.New(`the words in quotation marks are missing`)
	}
	t.next++
	return t.list[t.next-1].text, nil
}

// text takes the next token, however it is written; what says what is missing. Secrets may stand in quotation
// marks.
func (t *tokens) text(what string) (string, error) {
	if !t.more() {
		return "", fmt.Errorf("missing: %s", what)
	}
	t.next++
	return t.list[t.next-1].text, nil
}

// skip takes the next token if it is this word, and reports whether it was.
func (t *tokens) skip(word string) bool {
	if t.more() && !t.list[t.next].quoted && t.list[t.next].text == word {
		t.next++
		return true
	}
	return false
}

// oneOf takes the next token, which must be one of the words; its error names them all, so that nobody has to
// look them up.
func (t *tokens) oneOf(words ...string) (string, error) {
	got, err := t.word(strings.Join(words, " or "))
	if err != nil {
		return "", err
	}
	for _, w := range words {
		if got == w {
			return got, nil
		}
	}
	return "", fmt.Errorf("%q is not one of: %s", got, strings.Join(words, ", "))
}

// pairs takes all following tokens of the form name=value; none is an empty map. The first token of another
// form ends them. Of a name that comes twice the later value counts.
func (t *tokens) pairs() map[string]string {
	got := map[string]string{}
	for t.more() && !t.list[t.next].quoted {
		key, value, ok := strings.Cut(t.list[t.next].text, "=")
		if !ok {
			break
		}
		got[key] = value
		t.next++
	}
	return got
}
