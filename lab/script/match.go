package script

import (
	"strings"
	"unicode"
)

// matches says whether a text holds the pattern: its parts between "…" in this order, each as whole words. Case and
// spacing do not count.
func matches(pattern, text string) bool {
	missing, _ := firstMissing(pattern, text)
	return missing == ""
}

// firstMissing returns the first part of the pattern that the text does not hold behind the parts before it, and
// the text that is left there; "" when nothing is missing.
func firstMissing(pattern, text string) (part, rest string) {
	rest = normalize(text)
	for _, part := range patternParts(pattern) {
		end := findWords(rest, part)
		if end < 0 {
			return part, rest
		}
		rest = rest[end:]
	}
	return "", rest
}

// patternParts returns what stands between "…" (or "..."), normalized.
func patternParts(pattern string) []string {
	var list []string
	for _, p := range strings.Split(strings.ReplaceAll(pattern, "...", "…"), "…") {
		if p = normalize(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}

// normalize makes texts comparable: lower case, single spaces, straight quotation marks.
func normalize(s string) string {
	s = strings.NewReplacer("“", `"`, "”", `"`, "’", "'", "‘", "'", "\u00a0", " ").Replace(strings.ToLower(s))
	return strings.Join(strings.Fields(s), " ")
}

// findWords returns where part ends in text as whole words, or -1: "98 dollars" is not in "198 dollars".
func findWords(text, part string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], part)
		if i < 0 {
			return -1
		}
		start, end := from+i, from+i+len(part)
		if wordBoundary(text[:start], part, false) && wordBoundary(text[end:], part, true) {
			return end
		}
		from = start + 1
	}
}

// wordBoundary says whether a word ends where part meets its neighbour before (or after) it.
func wordBoundary(neighbour, part string, after bool) bool {
	if neighbour == "" {
		return true
	}
	n, p := []rune(neighbour), []rune(part)
	outside, inside := n[len(n)-1], p[0]
	if after {
		outside, inside = n[0], p[len(p)-1]
	}
	return !(isWordRune(outside) && isWordRune(inside))
}

// isWordRune says whether a word may hold the character.
func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
