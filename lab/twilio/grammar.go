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

// voices.txt lists every voice name that Say takes, one a line.
//
//go:embed voices.txt
var voicesText string

// element is one entry of the grammar.
type element struct {
	Text       string            `json:"text"` // "" = no text but spaces
	Children   []string          `json:"children"`
	Required   []string          `json:"required"`
	Attributes map[string]string `json:"attributes"`
}

// grammar is one dialect of TwiML.
type grammar map[string]element

// child finds the grammar's key for an element called name inside parent.
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

// grammars reads the embedded files once.
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
