package twilio

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// grammar.json is what a document may hold: each element with its children,
// its kind of text and its attributes, each attribute with a word of values.go.
// A key such as "Dial/Sip" is the element Sip where its parent is Dial.
//
//go:embed grammar.json
var grammarJSON []byte

// voices.txt lists every voice name that Say takes, one a line (twilio.md §3, 900 names).
//
//go:embed voices.txt
var voicesText string

// element is one entry of the grammar: what may stand in an element of a document. What is not named is
// refused.
type element struct {
	// A word of values.go, or speech, optional, body; "" = no text but spaces.
	Text string `json:"text"`
	// Keys of the grammar, in no order.
	Children []string `json:"children"`
	// Attributes that must be there. Each is in Attributes too.
	Required []string `json:"required"`
	// Each attribute's kind of value, for checkValue.
	Attributes map[string]string `json:"attributes"`
}

// grammar is one dialect of TwiML, by the name of the element: voice, or messaging for answers to texts.
type grammar map[string]element

// child returns the grammar's key for an element called name inside parent. An element that means different
// things in two places has a key with its parent's name before it, as Dial/Sip and Refer/Sip. False: parent
// cannot hold it.
func (g grammar) child(parent, name string) (string, bool) {
	children := g[parent].Children
	if slices.Contains(children, name) {
		return name, true
	}
	_, bare, nested := strings.Cut(parent, "/")
	if !nested {
		bare = parent
	}
	if key := bare + "/" + name; slices.Contains(children, key) {
		return key, true
	}
	return "", false
}

// grammars reads the embedded files at the first use. They are part of the program, so a broken one panics.
var grammars = sync.OnceValue(func() (both struct {
	Voice, Messaging grammar
	voices           map[string]bool
}) {
	if err := json.Unmarshal(grammarJSON, &both); err != nil {
		panic(fmt.Sprintf("embedded TwiML grammar: %v", err)) // a broken build, not a broken document
	}
	both.voices = map[string]bool{}
	for name := range strings.Lines(voicesText) {
		both.voices[strings.TrimSpace(name)] = true
	}
	return both
})
