package twilio

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ContentType is the Content-Type of every TwiML answer.
const ContentType = "text/xml; charset=utf-8"

// maxDocument is Twilio's limit of 64 kB (error 11750), read the narrow way.
const maxDocument = 64_000

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>`

// EmptyResponse is the document without verbs: the answer to a text or a status callback, and the
// end of a whisper that connects the two sides. In a call it hangs up, so Encode refuses it.
func EmptyResponse() []byte { return []byte(xmlHeader + "<Response></Response>") }

// Encode writes the document, attributes in a fixed order, the same bytes for the same document.
// It refuses what Twilio would reject or ignore and what breaks the rules of the flow. Its errors
// name the element and the attribute, never the value.
func Encode(r Response) ([]byte, error) {
	if err := lint(r.Verbs); err != nil {
		return nil, fmt.Errorf("twiml: %w", err)
	}
	var buf bytes.Buffer
	buf.WriteString(xmlHeader)
	e := &encoder{xml: xml.NewEncoder(&buf)}
	e.element(e.attrs("Response"), func() {
		for _, v := range r.Verbs {
			v.encode(e)
		}
	})
	if e.err == nil {
		e.err = e.xml.Flush()
	}
	if e.err != nil {
		return nil, fmt.Errorf("twiml: %w", e.err)
	}
	if buf.Len() > maxDocument {
		return nil, errors.New("twiml: the document is larger than 64 kB")
	}
	return buf.Bytes(), nil
}

// encoder keeps the first fault; after it nothing more is written.
type encoder struct {
	xml *xml.Encoder
	err error
}

func (e *encoder) fail(where, problem string) {
	if e.err == nil {
		e.err = fmt.Errorf("%s: %s", where, problem)
	}
}

func (e *encoder) token(t xml.Token) {
	if e.err == nil {
		e.err = e.xml.EncodeToken(t)
	}
}

func (e *encoder) element(a *attrs, inside func()) {
	start := xml.StartElement{Name: xml.Name{Local: a.element}, Attr: a.list}
	e.token(start)
	if inside != nil {
		inside()
	}
	e.token(start.End())
}

func (e *encoder) text(where, s string) {
	if !validXML(s) {
		e.fail(where, "text holds a control character")
	}
	e.token(xml.CharData(s))
}

// attrs collects the attributes of one element in the order in which they are written.
type attrs struct {
	e       *encoder
	element string
	list    []xml.Attr
}

func (e *encoder) attrs(element string) *attrs { return &attrs{e: e, element: element} }

func (a *attrs) fail(name, problem string) { a.e.fail(a.element+" "+name, problem) }

func (a *attrs) put(name, value string) {
	if !validXML(value) {
		a.fail(name, "holds a control character")
	}
	a.list = append(a.list, xml.Attr{Name: xml.Name{Local: name}, Value: value})
}

// text leaves the attribute out when empty and otherwise wants the shape.
func (a *attrs) text(name, value string, shape *regexp.Regexp) {
	if value == "" {
		return
	}
	if !shape.MatchString(value) {
		a.fail(name, "has a value that Twilio does not take")
	}
	a.put(name, value)
}

func (a *attrs) optText(name string, value Optional[string], shape *regexp.Regexp) {
	if !value.set {
		return
	}
	if !shape.MatchString(value.value) {
		a.fail(name, "has a value that Twilio does not take")
	}
	a.put(name, value.value)
}

// oneOf leaves the attribute out when empty and otherwise wants a known word.
func (a *attrs) oneOf(name, value string, known map[string]bool) {
	if value == "" {
		return
	}
	if !known[value] {
		a.fail(name, "has a value that Twilio does not take")
	}
	a.put(name, value)
}

// mustOneOf is for attributes that are always written.
func (a *attrs) mustOneOf(name, value string, known map[string]bool) {
	if value == "" {
		a.fail(name, "is missing")
	}
	a.oneOf(name, value, known)
}

// words writes known words separated by spaces.
func (a *attrs) words(name string, values []string, known map[string]bool) {
	if len(values) == 0 {
		return
	}
	seen := map[string]bool{}
	for _, v := range values {
		if !known[v] || seen[v] {
			a.fail(name, "has an unknown or repeated value")
		}
		seen[v] = true
	}
	a.put(name, strings.Join(values, " "))
}

// number leaves the attribute out when 0.
func (a *attrs) number(name string, n, lowest, highest int) {
	if n != 0 {
		a.optNumber(name, Set(n), lowest, highest)
	}
}

func (a *attrs) optNumber(name string, n Optional[int], lowest, highest int) {
	if !n.set {
		return
	}
	if n.value < lowest || n.value > highest {
		a.fail(name, "is out of range")
	}
	a.put(name, strconv.Itoa(n.value))
}

// yes writes "true" or nothing: for attributes whose default is false.
func (a *attrs) flag(name string, on bool) {
	if on {
		a.put(name, "true")
	}
}

func (a *attrs) optBool(name string, b Optional[bool]) {
	if b.set {
		a.put(name, strconv.FormatBool(b.value))
	}
}

// voiceURL wants a URL as VoiceURL makes it, and leaves the attribute out when empty.
func (a *attrs) voiceURL(name, value string) {
	if value == "" {
		return
	}
	if err := checkVoiceURL(value); err != nil {
		a.fail(name, err.Error())
	}
	a.put(name, value)
}

func (a *attrs) mustVoiceURL(name, value string) {
	if value == "" {
		a.fail(name, "is missing")
	}
	a.voiceURL(name, value)
}

func (a *attrs) post(name string) { a.put(name, "POST") }
