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

// ContentType is the Content-Type header of every TwiML answer.
const ContentType = "text/xml; charset=utf-8"

// maxDocument is Twilio's limit of 64 kB (error 11750), taken as 64,000 bytes.
const maxDocument = 64_000

// xmlHeader is the first bytes of every document; encoding/xml's own header would end in a line break.
const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>`

// EmptyResponse returns the document without verbs: the answer to a text or a status callback, and
// the end of a whisper that connects the two sides. In a call it hangs up, so Encode refuses it.
func EmptyResponse() []byte { return []byte(xmlHeader + "<Response></Response>") }

// Encode returns the document as XML: attributes in a fixed order, the same bytes for the same
// document, so that a repeated turn can be answered byte for byte. It refuses what Twilio would
// reject or ignore and what breaks the rules of the flow (lint). Its errors name the element and
// the attribute, never the value, which may be a secret or a sentence.
//
// An error is a mistake of ours in the document, never a state of the call. It may be called by many
// goroutines at once; r is only read.
func Encode(r Response) ([]byte, error) {
	// First the order of the verbs, then each verb as it is written: the first error of either is
	// returned.
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
	// Only now is the length known, escapes included.
	if buf.Len() > maxDocument {
		return nil, errors.New("twiml: the document is larger than 64 kB")
	}
	return buf.Bytes(), nil
}

// encoder writes elements and keeps the first error; after it nothing more is written, so callers
// need not check each step.
type encoder struct {
	xml *xml.Encoder
	err error
}

// fail keeps a problem, unless there was one before. where names element and attribute.
func (e *encoder) fail(where, problem string) {
	if e.err == nil {
		e.err = fmt.Errorf("%s: %s", where, problem)
	}
}

// token writes one XML token; encoding/xml escapes text and values.
func (e *encoder) token(t xml.Token) {
	if e.err == nil {
		e.err = e.xml.EncodeToken(t)
	}
}

// element writes one element with its attributes and what inside writes; nil for an empty element.
func (e *encoder) element(a *attrs, inside func()) {
	// An element without content is written as a pair of tags.
	start := xml.StartElement{Name: xml.Name{Local: a.element}, Attr: a.list}
	e.token(start)
	if inside != nil {
		inside()
	}
	e.token(start.End())
}

// text writes character data. where names the element in an error.
func (e *encoder) text(where, s string) {
	// encoding/xml would write U+FFFD in its place, and the caller would hear something else than was meant.
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

// attrs begins the attributes of one element.
func (e *encoder) attrs(element string) *attrs { return &attrs{e: e, element: element} }

// fail keeps a problem with one attribute.
func (a *attrs) fail(name, problem string) { a.e.fail(a.element+" "+name, problem) }

// put writes an attribute whose value was checked.
func (a *attrs) put(name, value string) {
	if !validXML(value) {
		a.fail(name, "holds a control character")
	}
	a.list = append(a.list, xml.Attr{Name: xml.Name{Local: name}, Value: value})
}

// text writes a value of that shape; it leaves the attribute out when the value is empty.
func (a *attrs) text(name, value string, shape *regexp.Regexp) {
	if value == "" {
		return
	}
	if !shape.MatchString(value) {
		a.fail(name, "has a value that Twilio does not take")
	}
	a.put(name, value)
}

// optText is text for an attribute that may be set to an empty value.
func (a *attrs) optText(name string, value Optional[string], shape *regexp.Regexp) {
	if !value.set {
		return
	}
	if !shape.MatchString(value.value) {
		a.fail(name, "has a value that Twilio does not take")
	}
	a.put(name, value.value)
}

// oneOf writes one of the known words; it leaves the attribute out when the value is empty.
func (a *attrs) oneOf(name, value string, known map[string]bool) {
	if value == "" {
		return
	}
	if !known[value] {
		a.fail(name, "has a value that Twilio does not take")
	}
	a.put(name, value)
}

// mustOneOf is oneOf for an attribute that is always written.
func (a *attrs) mustOneOf(name, value string, known map[string]bool) {
	if value == "" {
		a.fail(name, "is missing")
	}
	a.oneOf(name, value, known)
}

// words writes known words separated by spaces. A repeated word is a mistake in the list.
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

// number writes a number within the limits; it leaves the attribute out when it is 0.
// 0 therefore means Twilio's default, which is never what a field of ours wants to say by 0.
func (a *attrs) number(name string, n, lowest, highest int) {
	if n != 0 {
		a.optNumber(name, Set(n), lowest, highest)
	}
}

// optNumber is number for an attribute that may be set to 0.
func (a *attrs) optNumber(name string, n Optional[int], lowest, highest int) {
	if !n.set {
		return
	}
	if n.value < lowest || n.value > highest {
		a.fail(name, "is out of range")
	}
	a.put(name, strconv.Itoa(n.value))
}

// flag writes "true" or nothing, for an attribute whose default is false.
func (a *attrs) flag(name string, on bool) {
	if on {
		a.put(name, "true")
	}
}

// optBool writes true or false, for an attribute whose default is not ours to rely on.
func (a *attrs) optBool(name string, b Optional[bool]) {
	if b.set {
		a.put(name, strconv.FormatBool(b.value))
	}
}

// voiceURL writes a URL as VoiceURL makes it; it leaves the attribute out when the value is empty.
func (a *attrs) voiceURL(name, value string) {
	if value == "" {
		return
	}
	// A URL without overrides would be asked once only, and a killed replica would end the call (twilio.md
	// §4.2).
	if err := checkVoiceURL(value); err != nil {
		a.fail(name, err.Error())
	}
	a.put(name, value)
}

// mustVoiceURL is voiceURL for an attribute that is always written.
func (a *attrs) mustVoiceURL(name, value string) {
	if value == "" {
		a.fail(name, "is missing")
	}
	a.voiceURL(name, value)
}

// post writes POST as an HTTP method. It is always written, so that nothing rests on a default.
func (a *attrs) post(name string) { a.put(name, "POST") }
