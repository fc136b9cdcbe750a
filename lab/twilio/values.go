package twilio

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Patterns of attribute values that are neither numbers nor words of a list, by the kind that grammar.json
// names:
//
//   - key, keys: one key or none, and any number of them;
//   - tones: what Play's digits may hold; w and W are pauses of half a second and a second;
//   - pause: a break's time in seconds or milliseconds;
//   - volume, rate, pitch: prosody's words and relative values;
//   - attempts: the tries that a Prompt is for, 1 to 10, separated by spaces;
//   - postal: whether Pay asks for a ZIP, or the code itself, which is then not asked for;
//   - currency: three lower-case letters, as Pay has them;
//   - phone: E.164; a caller ID may be anything, a number to dial may not;
//   - sip: a URI with user and host.
var patterns = map[string]*regexp.Regexp{
	"key":      regexp.MustCompile(`^[0-9#*]?$`), // one key, or empty for none
	"keys":     regexp.MustCompile(`^[0-9#*]*$`),
	"tones":    regexp.MustCompile(`^[0-9A-DwW#*]+$`),
	"pause":    regexp.MustCompile(`^[0-9]{1,5}m?s$`),
	"volume":   regexp.MustCompile(`^(silent|x-soft|soft|medium|loud|x-loud|default|[+-][0-9]{1,2}(\.[0-9]+)?dB)$`),
	"rate":     regexp.MustCompile(`^(x-slow|slow|medium|fast|x-fast|default|[0-9]{1,3}%)$`),
	"pitch":    regexp.MustCompile(`^(x-low|low|medium|high|x-high|default|[+-][0-9]{1,2}%)$`),
	"attempts": regexp.MustCompile(`^([1-9]|10)( ([1-9]|10))*$`),
	"postal":   regexp.MustCompile(`^(true|false|[0-9A-Za-z -]{3,10})$`),
	"currency": regexp.MustCompile(`^[a-z]{3}$`),
	"phone":    regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`),
	"sip":      regexp.MustCompile(`^sips?:[^\s@]+@[^\s@]+$`),
}

// checkValue judges one attribute value, or an element's text, by its kind in the grammar: a word, and for
// some what is allowed after it, as in "range 1 600". It returns "" or what is wrong, to be read after the
// attribute's name; it never repeats the value, which may be a caller's.
func checkValue(kind, value string) string {
	word, rest, _ := strings.Cut(kind, " ")
	switch word {
	case "string":
		return ""
	case "bool":
		return oneOf(value, []string{"true", "false"})
	case "method":
		return oneOf(value, []string{"GET", "POST"})
	case "enum":
		return oneOf(value, strings.Fields(rest))
	case "list":
		return listOf(value, strings.Fields(rest))
	case "range":
		return inRange(value, rest)
	// Voices disappear at Twilio without notice; the list is that of the SDK (twilio.md §3).
	case "voice":
		if !grammars().voices[value] {
			return "is no voice"
		}
		return ""
	// Seconds, or auto; that auto excludes speechModel is the linter's to see.
	case "speechTimeout":
		if value == "auto" {
			return ""
		}
		return inRange(value, "1 60")
	case "hints":
		return checkHints(value)
	// They differ for the linter, which looks for the retry fragment on voice URLs, and for Play's empty
	// text.
	case "url", "voiceurl", "sound":
		return checkURL(value)
	case "maybeurl": // an empty waitUrl means silence
		if value == "" {
			return ""
		}
		return checkURL(value)
	case "name":
		if value == "" {
			return "is empty"
		}
		return ""
	case "json":
		if !json.Valid([]byte(value)) {
			return "is not JSON"
		}
		return ""
	}
	// A kind that nobody knows is a mistake in grammar.json; told as a problem, it fails the first test that
	// meets it.
	pattern, known := patterns[word]
	if !known {
		return "has the unknown kind " + word
	}
	if !pattern.MatchString(value) {
		return "has not the form of " + word
	}
	return ""
}

// oneOf returns "" for a word of a closed list, else what is wrong.
func oneOf(value string, words []string) string {
	if slices.Contains(words, value) {
		return ""
	}
	return "is not one of " + joinWords(words)
}

// listOf returns "" for a list separated by single spaces, each word at most once, else what is wrong.
func listOf(value string, words []string) string {
	given := strings.Split(value, " ")
	for i, word := range given {
		if !slices.Contains(words, word) {
			return "has a word that is not one of " + joinWords(words)
		}
		if slices.Contains(given[:i], word) {
			return "repeats a word"
		}
	}
	return ""
}

// joinWords returns a list of words for a sentence, or how many they are when they are too many to read.
func joinWords(words []string) string {
	if len(words) > 8 {
		return fmt.Sprintf("the %d allowed", len(words))
	}
	return strings.Join(words, ", ")
}

// inRange returns "" for a whole number without leading zeros within "low high", else what is wrong.
func inRange(value, bounds string) string {
	var low, high int
	if _, err := fmt.Sscan(bounds, &low, &high); err != nil {
		return "has the broken range " + bounds
	}
	n, err := strconv.Atoi(value)
	// Leading zeros and a plus are seen by writing the number again; they are no form that a program of ours
	// writes.
	if err != nil || strconv.Itoa(n) != value {
		return "is not a whole number"
	}
	if n < low || n > high {
		return fmt.Sprintf("is not in %d to %d", low, high)
	}
	return ""
}

// checkHints returns "" for a Gather's hints within Twilio's limits, 500 entries of 100 characters (twilio.md
// §3), else what is wrong.
func checkHints(value string) string {
	hints := strings.Split(value, ",")
	if len(hints) > 500 {
		return "has more than 500 entries"
	}
	for _, hint := range hints {
		if len([]rune(hint)) > 100 {
			return "has an entry of more than 100 characters"
		}
	}
	return ""
}

// checkURL returns "" for absolute http and https URLs and relative ones, else what is wrong.
func checkURL(value string) string {
	if value == "" {
		return "is empty"
	}
	// url.Parse would take a space in a path.
	if strings.TrimSpace(value) != value || strings.ContainsAny(value, " \t\r\n") {
		return "has spaces"
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return "is no URL"
	// Relative: it is taken against the document's URL when it is used.
	case u.Scheme == "" && u.Host == "":
		return ""
	case u.Scheme != "http" && u.Scheme != "https":
		return "is neither http nor https"
	case u.Host == "":
		return "has no host"
	}
	return ""
}
