package voiceprompts

import (
	"strings"
	"testing"
)

func TestTextIsWhatIsHeard(t *testing.T) {
	for _, tt := range []struct {
		name   string
		speech Speech
		want   string
	}{
		{"plain", "you owe 198 dollars", "you owe 198 dollars"},
		{"entities are decoded", "Msg &amp; data, 2 &lt; 3", "Msg & data, 2 < 3"},
		{"spaces are folded", " one \n\t moment  ", "one moment"},
		{"a break parts words", `press 1<break time="300ms"/>or 2`, "press 1 or 2"},
		{"emphasis does not", `<emphasis level="strong">do not</emphasis>, please`, "do not, please"},
		{"sentences are parted", "<s>One.</s><s>Two.</s>", "One. Two."},
		{"say-as", `<say-as interpret-as="digits">123</say-as> <break time="300ms"/> <say-as interpret-as="digits">456</say-as>`, "123 456"},
		{"the alias is heard, not the text", `<sub alias="zip code">ZIP</sub>, please`, "zip code, please"},
		{"nested in an alias", `<sub alias="a">b<break/>c</sub> d`, "a d"},
		{"not ours: shown as it is", "a < b", "a < b"},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.speech.Text(); got != tt.want {
				t.Errorf("Text() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHeardRefusesWhatSayDoesNotTake(t *testing.T) {
	for _, fragment := range []string{
		"<Break/>",                       // names are lower case
		"<audio src='x'/>",               // not Twilio's
		`<break length="1s"/>`,           // no such attribute
		`<say-as interpretAs="digits"/>`, // the SDK's misspelling
		"<emphasis>open",
		"</Say><Hangup/><Say>",
		"</Say>",
		"Msg & data",
		"&nbsp;",
		"<!-- aside -->",
		"<?xml version='1.0'?>",
		`<x:break xmlns:x="y"/>`,
	} {
		if got, err := spokenText(fragment); err == nil {
			t.Errorf("heard(%q) = %q, want an error", fragment, got)
		}
	}
}

func TestPlainRefusesControlCharacters(t *testing.T) {
	for _, text := range []string{"a\x00b", "a\nb", "a\x1bb", "a\x7fb", "a\xffb", "\uFFFE"} {
		if got, err := Escape(text); err == nil {
			t.Errorf("Plain(%q) = %q, want an error", text, got)
		}
	}
}

func FuzzPlainSaysJustThat(f *testing.F) {
	for _, seed := range []string{"Ana", `<Hangup/>`, `a & "b" > c`, "</Say>", "José ]]> x", "&amp;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Escape(text)
		if err != nil {
			return
		}
		said, err := spokenText(string(s))
		if err != nil {
			t.Fatalf("Plain(%q) cannot be spoken: %v", text, err)
		}
		if want := strings.Join(strings.Fields(text), " "); said != want {
			t.Errorf("Plain(%q) is heard as %q", text, said)
		}
	})
}
