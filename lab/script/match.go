package script

import (
	"strings"
	"unicode"
)

// heardIn says whether the pattern is in the text: its parts between '…' in this order, each as
// whole words; case and spacing do not count.
func heardIn(pattern, text string) bool {
	missing, _ := firstMissing(pattern, text)
	return missing == ""
}

// firstMissing is the first part of the pattern that the text does not have after the parts before
// it, and the text behind those.
func firstMissing(pattern, text string) (part, rest string) {
	rest = fold(text)
	for _, part := range parts(pattern) {
		end := findWords(rest, part)
		if end < 0 {
			return part, rest
		}
		rest = rest[end:]
	}
	return "", rest
}

func parts(pattern string) []string {
	var list []string
	for _, p := range strings.Split(strings.ReplaceAll(pattern, "...", "…"), "…") {
		if p = fold(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}

// fold makes texts comparable: lower case, single spaces, straight quotation marks.
func fold(s string) string {
	s = strings.NewReplacer("“", `"`, "”", `"`, "’", "'", "‘", "'", "\u00a0", " ").Replace(strings.ToLower(s))
	return strings.Join(strings.Fields(s), " ")
}

// findWords is where part ends in text, as whole words, or -1: "98 dollars" is not in "198 dollars".
func findWords(text, part string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], part)
		if i < 0 {
			return -1
		}
		start, end := from+i, from+i+len(part)
		if edge(text[:start], part, false) && edge(text[end:], part, true) {
			return end
		}
		from = start + 1
	}
}

// edge says whether a word ends where part meets its neighbour before (or after) it.
func edge(neighbour, part string, after bool) bool {
	if neighbour == "" {
		return true
	}
	n, p := []rune(neighbour), []rune(part)
	outside, inside := n[len(n)-1], p[0]
	if after {
		outside, inside = n[0], p[len(p)-1]
	}
	return !(wordy(outside) && wordy(inside))
}

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
