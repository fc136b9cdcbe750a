package voiceprompts

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Speech is a trusted fragment: text and the SSML elements that Twilio's <Say> accepts, already escaped. Only
// Escape and Say make it out of text from outside. Its words may be secret or personal (a name, digits), so
// it does not belong in a log.
type Speech string

// ssml is the allow-list of elements inside <Say>, each with its attributes (twilio.md §10). Twilio would
// speak anything else aloud or drop it, so a message that uses it is refused at start. A translator may use
// all of them, and nothing else: an element outside the list fails the start.
var ssml = map[string][]string{
	"break":    {"strength", "time"},
	"emphasis": {"level"},
	"lang":     {"xml:lang"},
	"p":        {},
	"s":        {},
	"phoneme":  {"alphabet", "ph"},
	"prosody":  {"volume", "rate", "pitch"},
	"say-as":   {"interpret-as", "format"},
	"sub":      {"alias"},
	"w":        {"role"},
}

// wordBreaks are the elements that separate words; the others stand inside a sentence.
var wordBreaks = []string{"break", "p", "s"}

// Text returns what is heard, as text: tags stripped, entities decoded, spaces folded. It is what a text
// message holds, what evidence stores and what scripts compare. Twilio reads the markup, a person reads this.
func (s Speech) Text() string {
	text, err := spokenText(string(s))
	if err != nil { // not made by this package: show it whole rather than hide a part of it
		return strings.Join(strings.Fields(string(s)), " ")
	}
	return text
}

// Escape returns text from outside, such as a name, as a fragment that says just that. Control characters are
// an error: they would break the document that carries them. Names come from the billing system's files,
// which are composed and cleaned at import; here they are checked once more.
func Escape(text string) (Speech, error) {
	for _, r := range text {
		if r < ' ' || r == 0x7f || r == '\uFFFD' || r == '\uFFFE' || r == '\uFFFF' {
			return "", errors.New("escape text for speech: control or invalid character")
		}
	}
	return Speech(escape.Replace(text)), nil
}

// escape covers attribute values too, although placeholders are refused in them.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// spokenText returns the words of a fragment, and an error if <Say> would not take it. It wraps the fragment
// in <Say> to parse it, so that a fragment which closes that element by itself is found out.
func spokenText(fragment string) (string, error) {
	// The decoder is strict: an entity that is not XML's own, or a tag left open, is an error.
	dec := xml.NewDecoder(strings.NewReader("<Say>" + fragment + "</Say>"))
	var words strings.Builder
	depth := 0
	aliasUntil := 0 // inside <sub> the alias is heard instead of the text
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return strings.Join(strings.Fields(words.String()), " "), nil
		}
		if err != nil {
			return "", fmt.Errorf("read speech: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			if depth == 1 {
				continue
			}
			if err := checkElement(t); err != nil {
				return "", err
			}
			if slices.Contains(wordBreaks, t.Name.Local) {
				words.WriteByte(' ')
			}
			if t.Name.Local == "sub" && aliasUntil == 0 {
				aliasUntil = depth
				words.WriteString(attribute(t, "alias"))
			}
		case xml.EndElement:
			if depth == aliasUntil {
				aliasUntil = 0
			}
			if slices.Contains(wordBreaks, t.Name.Local) {
				words.WriteByte(' ')
			}
			depth--
			// Text after the closing tag of the wrapper means that the fragment closed it by itself.
			if depth == 0 && int(dec.InputOffset()) != len("<Say>"+fragment+"</Say>") {
				return "", errors.New("read speech: a closing tag too many")
			}
		case xml.CharData:
			if aliasUntil == 0 {
				words.Write(t)
			}
		default:
			return "", errors.New("read speech: comments and instructions have no voice")
		}
	}
}

// checkElement checks one element against the allow-list. Names are matched exactly, in lower case, as Twilio
// matches them.
func checkElement(e xml.StartElement) error {
	attributes, ok := ssml[e.Name.Local]
	if !ok || e.Name.Space != "" {
		return fmt.Errorf("read speech: <%s> is not an element that can be spoken", e.Name.Local)
	}
	for _, a := range e.Attr {
		name := a.Name.Local
		if a.Name.Space != "" {
			name = a.Name.Space + ":" + name
		}
		if !slices.Contains(attributes, name) {
			return fmt.Errorf("read speech: <%s> takes no attribute %q", e.Name.Local, name)
		}
	}
	return nil
}

// attribute returns an attribute's value, or empty.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
