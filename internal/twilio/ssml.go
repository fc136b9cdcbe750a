package twilio

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxSpeech is Twilio's limit of text in one Say, in characters (twilio.md §3).
const maxSpeech = 4096

const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

// ssmlElement is what one SSML element may hold. Anything that is not listed is refused.
// The zero value allows text and no element inside.
type ssmlElement struct {
	attrs    map[string]*regexp.Regexp
	required string
	children map[string]bool
	noText   bool
}

// ssml is the allow-list by element name: Amazon Polly's elements as Twilio takes them (twilio.md
// §10).
var ssml = map[string]ssmlElement{
	"": {children: wordSet("break emphasis lang p phoneme prosody s say-as sub w")}, // the Say itself
	"break": {noText: true, attrs: map[string]*regexp.Regexp{
		"strength": oneWord("none x-weak weak medium strong x-strong"),
		"time":     regexp.MustCompile(`^[0-9]{1,5}m?s$`),
	}},
	"emphasis": {
		attrs:    map[string]*regexp.Regexp{"level": oneWord("strong moderate reduced")},
		children: wordSet("break emphasis lang phoneme prosody say-as sub w"),
	},
	"lang": {
		attrs: map[string]*regexp.Regexp{"xml:lang": regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)}, required: "xml:lang",
		children: wordSet("break emphasis lang p phoneme prosody s say-as sub w"),
	},
	"p": {children: wordSet("break emphasis lang phoneme prosody s say-as sub w")},
	"s": {children: wordSet("break emphasis lang phoneme prosody say-as sub w")},
	"prosody": {
		attrs: map[string]*regexp.Regexp{
			"volume": regexp.MustCompile(`^(silent|x-soft|soft|medium|loud|x-loud|[+-][0-9]{1,2}(\.[0-9])?dB)$`),
			"rate":   regexp.MustCompile(`^(x-slow|slow|medium|fast|x-fast|[1-9][0-9]{1,2}%)$`),
			"pitch":  regexp.MustCompile(`^(x-low|low|medium|high|x-high|[+-][0-9]{1,3}%)$`),
		},
		children: wordSet("break emphasis lang p phoneme prosody s say-as sub w"),
	},
	"phoneme": {required: "ph", attrs: map[string]*regexp.Regexp{
		"alphabet": oneWord("ipa x-sampa x-amazon-jyutping x-amazon-pinyin x-amazon-pron-kana x-amazon-yomigana"),
		"ph":       regexp.MustCompile(`^.+$`),
	}},
	"say-as": {required: "interpret-as", attrs: map[string]*regexp.Regexp{
		"interpret-as": oneWord("characters spell-out cardinal number ordinal digits fraction unit date time address expletive telephone"),
		"format":       oneWord("mdy dmy ymd md dm ym my d m y yyyymmdd"),
	}},
	"sub": {required: "alias", attrs: map[string]*regexp.Regexp{"alias": regexp.MustCompile(`^.+$`)}},
	"w": {
		attrs:    map[string]*regexp.Regexp{"role": regexp.MustCompile(`^[A-Za-z0-9:_-]+$`)},
		children: wordSet("break emphasis phoneme prosody say-as sub"),
	},
}

// oneWord returns the shape of exactly one of the listed words.
func oneWord(list string) *regexp.Regexp {
	return regexp.MustCompile(`^(` + strings.Join(strings.Fields(list), "|") + `)$`)
}

// speech writes a fragment inside a Say, or fails.
func (e *encoder) speech(fragment string) {
	if e.err != nil {
		return
	}
	tokens, err := parseSpeech(fragment)
	if err != nil {
		e.fail("Say", err.Error())
		return
	}
	for _, t := range tokens {
		e.token(t)
	}
}

// parseSpeech reads a fragment strictly and returns what is to be written: only elements and
// attributes of the allow-list, nested as Twilio takes them, white space folded to single spaces.
// Its errors name elements and attributes, never the words.
// The decoder is strict: a missing end tag or an entity that XML does not know is an error.
func parseSpeech(fragment string) ([]xml.Token, error) {
	if !utf8.ValidString(fragment) {
		return nil, errors.New("speech is not UTF-8")
	}
	d := xml.NewDecoder(strings.NewReader(fragment))
	p := speechParser{open: []string{""}} // "" stands for the Say around the fragment
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.New("speech is not well-formed") // the decoder's error is dropped: it may quote words
		}
		if err := p.token(t); err != nil {
			return nil, err
		}
	}
	switch {
	// A Say without words would be a silence that nobody planned.
	case !p.audible:
		return nil, errors.New("speech is empty")
	case p.length > maxSpeech:
		return nil, fmt.Errorf("speech is longer than %d characters", maxSpeech)
	}
	return p.tokens, nil
}

// speechParser collects the tokens of a fragment.
// length is the characters that are text, tags aside. audible says that something would be heard.
type speechParser struct {
	open    []string // names of the open elements, "" for the Say itself
	tokens  []xml.Token
	length  int
	audible bool
}

// token checks one token against the allow-list and keeps it.
func (p *speechParser) token(t xml.Token) error {
	parent := p.open[len(p.open)-1]
	switch t := t.(type) {
	case xml.StartElement:
		start, err := cleanStart(parent, t)
		if err != nil {
			return err
		}
		p.open = append(p.open, start.Name.Local)
		p.tokens = append(p.tokens, start)
		p.audible = p.audible || start.Name.Local == "sub" // its alias is spoken
	// The decoder has seen to it that the names fit.
	case xml.EndElement:
		p.open = p.open[:len(p.open)-1]
		p.tokens = append(p.tokens, xml.EndElement{Name: xml.Name{Local: parent}})
	case xml.CharData:
		text := foldSpace(string(t))
		blank := strings.TrimSpace(text) == ""
		if ssml[parent].noText && text != "" {
			return fmt.Errorf("text stands inside %s", parent)
		}
		if !validXML(text) {
			return errors.New("speech holds a control character")
		}
		p.audible = p.audible || !blank
		p.length += utf8.RuneCountInString(text)
		p.tokens = append(p.tokens, xml.CharData(text))
	default: // comments, processing instructions, directives
		return errors.New("speech holds something that is neither text nor an element")
	}
	return nil
}

// cleanStart returns a start element with plain names, or an error if element, attribute or value
// is not on the allow-list.
// Attributes come out in the order in which they stood, so that the same fragment gives the same bytes.
func cleanStart(parent string, t xml.StartElement) (xml.StartElement, error) {
	name := t.Name.Local
	allowed, known := ssml[name]
	// The empty name is the Say itself, which may not be nested.
	if t.Name.Space != "" || name == "" || !known || !ssml[parent].children[name] {
		return xml.StartElement{}, errors.New("speech holds an element that Twilio does not take there")
	}
	start := xml.StartElement{Name: xml.Name{Local: name}}
	seen := map[string]bool{}
	for _, a := range t.Attr {
		attr := a.Name.Local
		if a.Name.Space == xmlNamespace {
			attr = "xml:" + attr
		} else if a.Name.Space != "" {
			return xml.StartElement{}, fmt.Errorf("%s has an attribute in a namespace", name)
		}
		shape, ok := allowed.attrs[attr]
		if !ok || seen[attr] || !validXML(a.Value) || !shape.MatchString(a.Value) {
			return xml.StartElement{}, fmt.Errorf("%s has an attribute or value that Twilio does not take", name)
		}
		seen[attr] = true
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: attr}, Value: a.Value})
	}
	if allowed.required != "" && !seen[allowed.required] {
		return xml.StartElement{}, fmt.Errorf("%s lacks %s", name, allowed.required)
	}
	return start, nil
}

// foldSpace turns each run of spaces, tabs and line breaks into one space.
// Line breaks of a prompt file must not become part of what is spoken or counted.
func foldSpace(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if r == ' ' || r == '\t' || r == '\n' || r == '\r' {
			space = true
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	if space {
		b.WriteByte(' ')
	}
	return b.String()
}
