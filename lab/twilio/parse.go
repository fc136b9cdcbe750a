package twilio

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDocument is Twilio's limit on a TwiML body (error 11750).
const maxDocument = 64 << 10

// Node is one element of a document, or a piece of text when Name is empty. Only what the grammar allows is
// in the tree; the rest is among the problems.
type Node struct {
	Name  string
	Attrs map[string]string
	// Elements and text in their order, which matters inside a Say.
	Kids []*Node
	// Of a text node; an element's own is text().
	Text string
	// The line of the document on which it begins, from 1.
	Line int
	// Its entry in the grammar, such as Dial/Sip.
	key string
}

// Attr returns an attribute's value, or def where it is absent.
func (n *Node) Attr(name, def string) string {
	if value, ok := n.Attrs[name]; ok {
		return value
	}
	return def
}

// Has says whether an attribute is written, empty or not.
func (n *Node) Has(name string) bool {
	_, ok := n.Attrs[name]
	return ok
}

// Elements returns the children that are elements, in their order.
func (n *Node) Elements() []*Node {
	var found []*Node
	for _, kid := range n.Kids {
		if kid.Name != "" {
			found = append(found, kid)
		}
	}
	return found
}

// text joins the node's own text, trimmed: a URL, a number, a queue's name.
func (n *Node) text() string {
	var b strings.Builder
	for _, kid := range n.Kids {
		b.WriteString(kid.Text)
	}
	return strings.TrimSpace(b.String())
}

// Problem is one thing wrong with a document. What reads on after the element's name: "has nothing after it".
type Problem struct {
	Line  int
	Where string // the element, as Gather or Dial/Number
	What  string
}

// String names line, element and problem.
func (p Problem) String() string {
	return fmt.Sprintf("line %d, %s: %s", p.Line, p.Where, p.What)
}

// parser builds the tree and gathers every problem on the way, so that one look shows all of them.
type parser struct {
	grammar  grammar
	decoder  *xml.Decoder
	problems []Problem
}

// bad adds a problem.
func (p *parser) bad(line int, where, format string, args ...any) {
	p.problems = append(p.problems, Problem{line, where, fmt.Sprintf(format, args...)})
}

// parse reads a document by a grammar and returns its root with the problems met. The root is nil when the
// document is too long, not UTF-8, broken XML, or its root is not Response: then nothing in it can be judged.
func parse(doc []byte, g grammar) (*Node, []Problem) {
	p := &parser{grammar: g}
	if len(doc) > maxDocument {
		p.bad(1, "document", "is %d bytes long, more than 64 kB", len(doc))
		return nil, p.problems
	}
	if !utf8.Valid(doc) {
		p.bad(1, "document", "is not UTF-8")
		return nil, p.problems
	}
	// Strict, as encoding/xml is by default: entities other than XML's own, and unclosed tags, are errors.
	p.decoder = xml.NewDecoder(bytes.NewReader(doc))
	return p.document(), p.problems
}

// document reads prologue, root and what may follow it. Comments and a DOCTYPE are problems, because
// twilio.md §10 lists neither; Twilio itself may let them pass.
func (p *parser) document() *Node {
	var root *Node
	for {
		token, err := p.decoder.Token()
		line, _ := p.decoder.InputPos()
		if errors.Is(err, io.EOF) {
			if root == nil {
				p.bad(line, "document", "has no Response")
			}
			return root
		}
		if err != nil {
			p.bad(line, "document", "is not well-formed XML: %v", err)
			return nil
		}
		switch t := token.(type) {
		case xml.StartElement:
			if root != nil {
				p.bad(line, t.Name.Local, "stands after the root")
				return nil
			}
			if t.Name.Local != "Response" || t.Name.Space != "" {
				p.bad(line, t.Name.Local, "is not the root Response")
				return nil
			}
			// nil when the XML breaks off inside; the problem is noted there.
			if root = p.element(t, "Response", line); root == nil {
				return nil
			}
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				p.bad(line, "document", "has text outside the root")
			}
		// Only the XML declaration, and only at the start.
		case xml.ProcInst:
			if t.Target != "xml" || root != nil {
				p.bad(line, "document", "has a processing instruction")
			}
		default:
			p.bad(line, "document", "has a comment or a DOCTYPE")
		}
	}
}

// element reads one element to its end tag. It returns nil when the XML breaks off. A child that may not
// stand here is a problem and skipped with all that it holds.
func (p *parser) element(start xml.StartElement, key string, line int) *Node {
	n := &Node{Name: start.Name.Local, Attrs: map[string]string{}, Line: line, key: key}
	p.attributes(n, start.Attr)
	for {
		token, err := p.decoder.Token()
		at, _ := p.decoder.InputPos()
		if err != nil {
			p.bad(at, key, "is not well-formed XML: %v", err)
			return nil
		}
		switch t := token.(type) {
		case xml.EndElement:
			p.content(n)
			return n
		case xml.CharData:
			n.Kids = append(n.Kids, &Node{Text: string(t), Line: at})
		case xml.StartElement:
			childKey, allowed := p.grammar.child(key, t.Name.Local)
			// An element of another name space is no element of TwiML, whatever its local name.
			if !allowed || t.Name.Space != "" {
				p.bad(at, key, "cannot hold the element %s", t.Name.Local)
				if err := p.decoder.Skip(); err != nil {
					p.bad(at, key, "is not well-formed XML: %v", err)
					return nil
				}
				continue
			}
			kid := p.element(t, childKey, at)
			if kid == nil {
				return nil
			}
			n.Kids = append(n.Kids, kid)
		default:
			p.bad(at, key, "has a comment, a directive or a processing instruction")
		}
	}
}

// xmlSpace is the name space that the prefix xml stands for.
const xmlSpace = "http://www.w3.org/XML/1998/namespace"

// attributes reads an element's attributes and judges each by the grammar. Names are case-sensitive; a name
// space other than xml's is part of the name, and so unknown.
func (p *parser) attributes(n *Node, attrs []xml.Attr) {
	rules := p.grammar[n.key]
	for _, a := range attrs {
		name := a.Name.Local
		switch a.Name.Space {
		case "":
		case xmlSpace:
			name = "xml:" + name
		default:
			// A prefixed name is unknown to the grammar, and so is a plain xmlns (twilio.md §10: no xmlns).
			name = a.Name.Space + ":" + name
		}
		kind, known := rules.Attributes[name]
		switch {
		case name == "chargeAmount":
			// Pay without it tokenizes; with it Twilio itself would move money.
			p.bad(n.Line, n.key, "has chargeAmount, which is never allowed")
			continue
		case !known:
			p.bad(n.Line, n.key, "has the unknown attribute %s", name)
			continue
		case n.Has(name):
			p.bad(n.Line, n.key, "has the attribute %s twice", name)
			continue
		}
		// Kept also when the value is wrong: later checks should not report it as missing.
		n.Attrs[name] = a.Value
		if what := checkValue(kind, a.Value); what != "" {
			p.bad(n.Line, n.key, "attribute %s %s", name, what)
		}
	}
	for _, name := range rules.Required {
		if !n.Has(name) {
			p.bad(n.Line, n.key, "lacks the attribute %s", name)
		}
	}
}

// content judges the text of an element whose children are read.
func (p *parser) content(n *Node) {
	kind, text := p.grammar[n.key].Text, n.text()
	elements := len(n.Elements())
	switch kind {
	case "speech", "optional": // judged as a whole by the document checks
	case "":
		if text != "" {
			p.bad(n.Line, n.key, "has text between its elements")
		}
	case "body":
		if text == "" {
			p.bad(n.Line, n.key, "is empty")
		}
	// A Play holds a URL, or nothing where it plays tones.
	case "sound":
		if text == "" && n.Has("digits") {
			return
		}
		p.checkText(n, kind, text)
	// A Dial holds either one number or elements.
	case "phone":
		if n.Name == "Dial" && elements > 0 {
			if text != "" {
				p.bad(n.Line, n.key, "has both a number and elements")
			}
			return
		}
		p.checkText(n, kind, text)
	default:
		p.checkText(n, kind, text)
	}
}

// checkText judges an element's own text by its kind.
func (p *parser) checkText(n *Node, kind, text string) {
	if what := checkValue(kind, text); what != "" {
		p.bad(n.Line, n.key, "its text %s", what)
	}
}

// sortProblems puts problems in reading order, stably: the parser has found its own before the linter began.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
}
