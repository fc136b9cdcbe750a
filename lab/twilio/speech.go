package twilio

import (
	"slices"
	"strings"
)

// spoken returns what a Say is heard as: its text without markup, an alias in place of what it stands for,
// spaces folded. Numbers stand as the document writes them.
func spoken(n *Node) string {
	var b strings.Builder
	addSpoken(&b, n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// addSpoken adds what a node is heard as. A break or the end of a sentence parts words; emphasis does not.
func addSpoken(b *strings.Builder, n *Node) {
	switch n.Name {
	case "":
		b.WriteString(n.Text)
		return
	case "sub":
		b.WriteString(n.Attr("alias", ""))
		return
	case "break", "p", "s":
		b.WriteByte(' ')
		defer b.WriteByte(' ')
	}
	for _, kid := range n.Kids {
		addSpoken(b, kid)
	}
}

// markup returns the inside of a Say again, SSML and all, with attributes in a fixed order, so that two equal
// prompts compare equal.
func markup(n *Node) string {
	var b strings.Builder
	for _, kid := range n.Kids {
		addMarkup(&b, kid)
	}
	return strings.TrimSpace(b.String())
}

// escape writes text so that it can stand in an element or an attribute.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// addMarkup adds a node with its markup.
func addMarkup(b *strings.Builder, n *Node) {
	if n.Name == "" {
		b.WriteString(escape.Replace(n.Text))
		return
	}
	b.WriteString("<" + n.Name)
	// Attributes have no order in XML, and none in the map.
	names := make([]string, 0, len(n.Attrs))
	for name := range n.Attrs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString(" " + name + `="` + escape.Replace(n.Attrs[name]) + `"`)
	}
	b.WriteString(">")
	for _, kid := range n.Kids {
		addMarkup(b, kid)
	}
	b.WriteString("</" + n.Name + ">")
}
