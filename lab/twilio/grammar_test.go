package twilio

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// sdkElement is an element as twilio-node declares it.
type sdkElement struct {
	Children   []string
	Attributes map[string]struct {
		Type   string
		List   bool
		Values []string
	}
}

// Attributes and values that Twilio's documentation has and its library lacks,
// or that may be written for one that the library calls free text.
var beyondSDK = map[string]bool{
	"Dial@callReason": true,
}

var widerThanSDK = map[string][]string{
	"Prompt@errorType": {"invalid-postal-code", "invalid-bank-routing-number", "invalid-bank-account-number"},
	"Pay@language":     {"es-MX"},
	"Dial@record":      {"true", "false"}, // aliases
}

// TestGrammarStaysInsideTheSDK holds the embedded grammar against the elements
// of Twilio's own library: no element, child, attribute or value beyond it but
// the named ones.
func TestGrammarStaysInsideTheSDK(t *testing.T) {
	raw, err := os.ReadFile("testdata/twiml-grammar.json")
	if err != nil {
		t.Fatal(err)
	}
	var sdk struct{ Voice, Messaging map[string]sdkElement }
	if err := json.Unmarshal(raw, &sdk); err != nil {
		t.Fatal(err)
	}
	for key, ours := range grammars().Voice {
		name := key[strings.IndexByte(key, '/')+1:]
		theirs, known := sdk.Voice[name]
		if !known {
			t.Errorf("%s is no element of the SDK", key)
			continue
		}
		compareElement(t, key, ours, theirs, nestedNames(sdk.Voice, name))
	}
	for key, ours := range grammars().Messaging {
		compareElement(t, key, ours, sdk.Messaging[key], sdk.Messaging[key].Children)
	}
}

// nestedNames returns what an element may hold; SSML elements have their children
// under another entry.
func nestedNames(all map[string]sdkElement, name string) []string {
	ssml := map[string]string{"break": "SsmlBreak", "emphasis": "SsmlEmphasis", "lang": "SsmlLang", "p": "SsmlP", "phoneme": "SsmlPhoneme",
		"prosody": "SsmlProsody", "s": "SsmlS", "say-as": "SsmlSayAs", "sub": "SsmlSub", "w": "SsmlW"}
	return append(slices.Clone(all[name].Children), all[ssml[name]].Children...)
}

func compareElement(t *testing.T, key string, ours element, theirs sdkElement, children []string) {
	t.Helper()
	for _, child := range ours.Children {
		if bare := child[strings.IndexByte(child, '/')+1:]; !slices.Contains(children, bare) {
			t.Errorf("%s holds %s, which the SDK does not offer", key, child)
		}
	}
	for name, kind := range ours.Attributes {
		at := key + "@" + name
		theirAttr, known := theirs.Attributes[name]
		if !known {
			if !beyondSDK[at] {
				t.Errorf("%s is no attribute of the SDK", at)
			}
			continue
		}
		if len(theirAttr.Values) == 0 || kind == "voice" || kind == "method" {
			continue
		}
		word, rest, _ := strings.Cut(kind, " ")
		if word != "enum" && word != "list" || theirAttr.List != (word == "list") {
			t.Errorf("%s is %q, in the SDK a closed list (several: %v)", at, word, theirAttr.List)
		}
		for value := range strings.FieldsSeq(rest) {
			if !slices.Contains(theirAttr.Values, value) && !slices.Contains(widerThanSDK[at], value) {
				t.Errorf("%s takes %s, which the SDK does not know", at, value)
			}
		}
	}
}

func TestVoicesAreTheSDKs(t *testing.T) {
	if n := len(grammars().voices); n != 900 {
		t.Errorf("%d voices, want 900", n)
	}
	for kind := range allKinds() {
		if what := checkValue(kind, "\x00"); strings.Contains(what, "unknown kind") {
			t.Errorf("kind %q of the grammar is not implemented", kind)
		}
	}
}

// allKinds returns every kind of value that the grammar names.
func allKinds() map[string]bool {
	kinds := map[string]bool{}
	for _, g := range []grammar{grammars().Voice, grammars().Messaging} {
		for _, e := range g {
			switch e.Text {
			case "", "speech", "optional", "body":
			default:
				kinds[e.Text] = true
			}
			for _, kind := range e.Attributes {
				kinds[kind] = true
			}
		}
	}
	return kinds
}
