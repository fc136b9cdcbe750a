package script

import (
	"strings"
	"unicode"
)

// matches reports whether a text holds the pattern: its parts between "…" in this order, each as whole words.
// Case and spacing do not count, nor the shape of quotation marks. An empty pattern is in every text.
func matches(pattern, text string) bool {
	missing, _ := firstMissing(pattern, text)
	return missing == ""
}

// firstMissing returns the first part of the pattern that the text does not hold behind the parts before it,
// and the text that is left there, normalized; "" when nothing is missing, with what follows the last part as
// the rest. Each part is taken at its first place: no other choice could find more of the parts behind it.
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

// patternParts returns what stands between "…" (or "...", for keyboards without the sign), normalized. Parts
// without words are left out.
func patternParts(pattern string) []string {
	var list []string
	for _, p := range strings.Split(strings.ReplaceAll(pattern, "...", "…"), "…") {
		if p = normalize(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}

// normalize makes texts comparable: lower case, single spaces, straight quotation marks. Accents stay: "sí" is
// not "si", and a prompt that lost them would be read aloud wrong.
func normalize(s string) string {
	s = strings.NewReplacer("“", `"`, "”", `"`, "’", "'", "‘", "'", "\u00a0", " ").Replace(strings.ToLower(s))
	return strings.Join(strings.Fields(s), " ")
}

// findWords returns where part ends in text as whole words, or -1: "98 dollars" is not in "198 dollars". Both
// must be normalized. The place is in bytes.
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
		// The words were part of longer ones here; they may stand by themselves further on.
		from = start + 1
	}
}

// wordBoundary reports whether a word ends where part meets its neighbour before (or after) it. Where the part
// itself begins or ends with a sign, any neighbour will do.
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

// isWordRune reports whether a word may hold the character: a letter or digit of any script.
func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
