package voiceprompts

import (
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const fixtureEnglish = `
[owe]
description = "says: owes, due. The standing."
other = """You owe {{.Amount}},
  due {{.Day}}."""

[accounts]
description = "How many accounts."
one = "You have {{.Count}} account, {{.Name}}."
other = "You have {{.Count}} accounts, {{.Name}}."

[hello]
description = "The greeting."
other = "Hello <break time=\"300ms\"/> &amp; welcome."
`

const fixtureSpanish = `
[owe]
other = "El {{.Day}} usted debe {{.Amount}}."

[accounts]
one = "Tiene {{.Count}} cuenta, {{.Name}}."
many = "Tiene {{.Count}} de cuentas, {{.Name}}."
other = "Tiene {{.Count}} cuentas, {{.Name}}."
`

func fixture(t *testing.T, files map[string]string) (*Catalog, error) {
	t.Helper()
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return load(root)
}

func mustFixture(t *testing.T) *Catalog {
	t.Helper()
	c, err := fixture(t, map[string]string{"en/a.toml": fixtureEnglish, "es/a.toml": fixtureSpanish})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSay(t *testing.T) {
	c := mustFixture(t)
	for _, tt := range []struct {
		name, lang, key string
		args            map[string]any
		want            Speech
	}{
		{"speech goes in as it is", "en", "owe", map[string]any{"Amount": Speech("<s>1</s>"), "Day": "today"}, "You owe <s>1</s>, due today."},
		{"a string is escaped", "en", "owe", map[string]any{"Amount": "<Hangup/>", "Day": "a & b"}, "You owe &lt;Hangup/&gt;, due a &amp; b."},
		{"braces in an argument mean nothing", "en", "owe", map[string]any{"Amount": "{{.Day}}", "Day": "x"}, "You owe {{.Day}}, due x."},
		{"another order of words", "es", "owe", map[string]any{"Amount": Money("es", 19800), "Day": "martes"}, "El martes usted debe 198 dólares."},
		{"one", "en", "accounts", map[string]any{"Count": 1, "Name": "Ana"}, "You have 1 account, Ana."},
		{"several", "en", "accounts", map[string]any{"Count": 3, "Name": "Ana"}, "You have 3 accounts, Ana."},
		{"none", "en", "accounts", map[string]any{"Count": 0, "Name": "Ana"}, "You have 0 accounts, Ana."},
		{"one in Spanish", "es", "accounts", map[string]any{"Count": 1, "Name": "Ana"}, "Tiene 1 cuenta, Ana."},
		{"many in Spanish", "es", "accounts", map[string]any{"Count": 1000000, "Name": "Ana"}, "Tiene 1000000 de cuentas, Ana."},
		{"no arguments", "en", "hello", nil, `Hello <break time="300ms"/> &amp; welcome.`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Say(tt.lang, tt.key, tt.args)
			if err != nil || got != tt.want {
				t.Errorf("Say = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestSayRefuses(t *testing.T) {
	c := mustFixture(t)
	for _, tt := range []struct {
		name, lang, key string
		args            map[string]any
		want            string
	}{
		{"an unknown key", "en", "nope", nil, "no such message"},
		{"a language without messages", "fr", "hello", nil, "no messages"},
		{"to fall back to English", "es", "hello", nil, "no such message"},
		{"a missing argument", "en", "owe", map[string]any{"Amount": "1"}, "Day is missing"},
		{"an unused argument", "en", "hello", map[string]any{"Name": "x"}, "Name is not used"},
		{"another type", "en", "owe", map[string]any{"Amount": 1.5, "Day": "x"}, "Amount is a float64"},
		{"no value", "en", "owe", map[string]any{"Amount": nil, "Day": "x"}, "Amount is a <nil>"},
		{"a count that is not a number", "en", "accounts", map[string]any{"Count": "2", "Name": "x"}, "must be an int"},
		{"control characters", "en", "owe", map[string]any{"Amount": "1", "Day": "secret\x00"}, "control"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Say(tt.lang, tt.key, tt.args)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Say = %q, %v, want an error with %q", got, err, tt.want)
			}
			if got != "" {
				t.Errorf("a refused sentence is spoken all the same: %q", got)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	en := func(text string) map[string]string { return map[string]string{"en/a.toml": text} }
	entry := func(other string) map[string]string {
		return en("[a]\ndescription = \"x\"\nother = '" + other + "'\n")
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no English", map[string]string{"es/a.toml": "[a]\nother = 'x'\n"}, "none of"},
		{"a language that is not in the table", map[string]string{"en/a.toml": fixtureEnglish, "xx/a.toml": ""}, "there is no language.toml"},
		{"a key that English lacks", map[string]string{"en/a.toml": fixtureEnglish, "es/a.toml": "[hola]\nother = 'x'\n"}, "not a message of"},
		{"other placeholders", map[string]string{"en/a.toml": fixtureEnglish, "es/a.toml": "[owe]\nother = 'Debe {{.Amount}}.'\n"}, "placeholders"},
		{"a key twice", map[string]string{"en/a.toml": fixtureEnglish, "en/b.toml": fixtureEnglish}, "already in a.toml"},
		{"a misspelt field", en("[a]\ndescription = 'x'\nother = 'x'\nohter = 'y'\n"), "not a field"},
		{"no text", en("[a]\ndescription = 'x'\n"), `"other" is missing`},
		{"no description", en("[a]\nother = 'x'\n"), "description"},
		{"a key that is not words", en("[Ask_Account]\ndescription = 'x'\nother = 'x'\n"), "hyphens"},
		{"a nested key", en("[a.b]\ndescription = 'x'\nother = 'x'\n"), "not a field"},
		{"other delimiters", en("[a]\ndescription = 'x'\nother = 'x'\nleftDelim = '<<'\n"), "placeholders are written"},
		{"an unknown fact", en("[a]\ndescription = 'says: owed. x'\nother = 'x'\n"), "not one of the facts"},
		{"facts without an end", en("[a]\ndescription = 'says: owes'\nother = 'x'\n"), "full stop"},
		{"a clever template", entry("{{if .A}}x{{end}}"), "placeholder"},
		{"a placeholder with spaces", entry("{{ .Amount }}"), "placeholder"},
		{"a placeholder in small letters", entry("{{.amount}}"), "placeholder"},
		{"a placeholder inside a tag", entry(`<break time="{{.Time}}"/>`), "read speech"},
		{"an element that cannot be spoken", entry("<b>x</b>"), "not an element"},
		{"a bare ampersand", entry("terms & data"), "read speech"},
		{"not TOML", en("[a"), "a.toml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := fixture(t, tt.files)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("load: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestCatalogTellsOfItsMessages(t *testing.T) {
	c := mustFixture(t)
	if diff := cmp.Diff([]string{"owe", "accounts", "hello"}, c.Keys()); diff != "" {
		t.Errorf("Keys are not in the order of the file (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"owes", "due"}, c.Facts("owe")); diff != "" {
		t.Errorf("Facts (-want +got):\n%s", diff)
	}
	if got := c.Facts("hello"); len(got) != 0 {
		t.Errorf("Facts of a message without any = %v", got)
	}
	if diff := cmp.Diff([]string{"Count", "Name"}, c.Placeholders("accounts")); diff != "" {
		t.Errorf("Placeholders (-want +got):\n%s", diff)
	}
}

// E8: the version kept with an assent changes with the wording, and with nothing else.
func TestVersionNamesTheWording(t *testing.T) {
	c := mustFixture(t)
	changed, err := fixture(t, map[string]string{"en/a.toml": strings.Replace(fixtureEnglish, "You owe", "You still owe", 1)})
	if err != nil {
		t.Fatal(err)
	}
	if c.Version("en", "owe") == changed.Version("en", "owe") {
		t.Error("another wording has the same version")
	}
	if c.Version("en", "hello") != changed.Version("en", "hello") {
		t.Error("the same wording has another version")
	}
	if c.Version("en", "owe") == c.Version("es", "owe") {
		t.Error("two languages have the same version")
	}
	if got := c.Version("es", "hello"); got != "" {
		t.Errorf("the version of a missing message = %q, want none", got)
	}
}

// K4: whole and approved, or not offered.
func TestInForce(t *testing.T) {
	before := languages
	t.Cleanup(func() { languages = before })
	approve := func(tags ...string) {
		languages = append([]Language(nil), before...)
		for i := range languages {
			languages[i].Reviewed = strings.Contains(strings.Join(tags, " "), languages[i].Tag)
		}
	}
	whole := fixtureSpanish + "\n[hello]\nother = 'Hola'\n"

	for _, tt := range []struct {
		name     string
		spanish  string
		approved []string
		policy   []string
		want     []string
	}{
		{"both", whole, []string{"en", "es"}, []string{"en", "es"}, []string{"en", "es"}},
		{"in the policy's order", whole, []string{"en", "es"}, []string{"es", "en"}, []string{"es", "en"}},
		{"switched off", whole, []string{"en", "es"}, []string{"en"}, []string{"en"}},
		{"a message is missing", fixtureSpanish, []string{"en", "es"}, []string{"en", "es"}, []string{"en"}},
		{"not approved", whole, []string{"en"}, []string{"en", "es"}, []string{"en"}},
		{"named twice", whole, []string{"en", "es"}, []string{"en", "en"}, []string{"en"}},
		{"none is left: English", fixtureSpanish, []string{"en", "es"}, []string{"es"}, []string{"en"}},
		{"unknown", whole, []string{"en", "es"}, []string{"xx"}, []string{"en"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			approve(tt.approved...)
			c, err := fixture(t, map[string]string{"en/a.toml": fixtureEnglish, "es/a.toml": tt.spanish})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range c.Offered(tt.policy) {
				got = append(got, l.Tag)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("InForce (-want +got):\n%s", diff)
			}
		})
	}
}

// Many calls are spoken at once from one catalog (run with -race to see it proved).
func TestSayFromManyCallsAtOnce(t *testing.T) {
	c := mustFixture(t)
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			for range 50 {
				if _, err := c.Say("en", "accounts", map[string]any{"Count": 2, "Name": "x"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
}
