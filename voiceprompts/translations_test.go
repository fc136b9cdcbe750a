package voiceprompts

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"duebell/billing"
)

// reviewMark stands on top of the files of a language that is not offered yet (K4).
const reviewMark = "needs a translator's review"

// K4: what is only begun says so where it is read; putting a language in force takes the
// mark away. Whose approval that rests on is recorded in docs/languages.md.
func TestFilesOfLanguagesNotInForceSaySo(t *testing.T) {
	c := mustLoad(t)
	for lang := range c.messages {
		l, _ := c.Language(lang)
		files, err := fs.Glob(embedded, path.Join("messages", lang, "*.toml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := fs.ReadFile(embedded, file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			marked := strings.HasPrefix(first, "#") && strings.Contains(first, reviewMark)
			if marked == l.Reviewed {
				t.Errorf("%s: reviewed %t, but marked %t in its first line", file, l.Reviewed, marked)
			}
		}
	}
}

// K4: whose approval a language in force has, or that it has none yet, can be read in one place.
func TestApprovalsAreAccountedFor(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "languages.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range mustLoad(t).Languages() {
		offered := "no"
		if l.Reviewed {
			offered = "yes"
		}
		if row := "| " + l.Name + " (`" + l.Tag + "`) | " + offered; !strings.Contains(string(page), row) {
			t.Errorf("docs/languages.md has no row %q", row)
		}
	}
}

// K4: begun is not offered, whatever the policy says.
func TestBegunLanguagesAreNotOffered(t *testing.T) {
	c := mustLoad(t)
	var all []string
	for _, l := range c.Languages() {
		all = append(all, l.Tag)
	}
	for _, l := range c.Offered(all) {
		if !l.Complete || !l.Reviewed {
			t.Errorf("%s is offered", l.Name)
		}
	}
	for lang, set := range c.messages {
		for _, key := range set.keys {
			if !slices.Contains(c.Keys(), key) {
				t.Errorf("%s: %q is not a message of English", lang, key)
			}
			if !slices.Equal(set.byKey[key].placeholders, c.Placeholders(key)) {
				t.Errorf("%s: %q has other placeholders than English", lang, key)
			}
		}
	}
}

// TestSpanishIsWhole: a sentence or text added in English is added in Spanish in the same change (K1). Other
// languages may lag behind: they are not offered before they are complete, and their speakers get English (K4).
func TestSpanishIsWhole(t *testing.T) {
	c := mustLoad(t)
	for _, l := range c.Languages() {
		for _, key := range c.Keys() {
			if c.Version(l.Tag, key) == "" && l.Tag == "es" {
				t.Errorf("%q is missing in %s", key, l.Name)
			}
		}
	}
}

// The words that people and other programs rely on: each occurs where its step speaks.
func TestAnchorWords(t *testing.T) {
	c := mustLoad(t)
	for _, tt := range []struct{ lang, key, words string }{
		{"en", "option-language", "for english, press 1"},
		{"en", "option-balance-or-pay", "balance"},
		{"en", "ask-account", "account number or member id"},
		{"en", "ask-birth-date", "date of birth"},
		{"en", "ask-birth-date", "invoice number"},
		{"en", "ask-zip", "zip code"},
		{"en", "health-account", "health account"},
		{"en", "dental-account", "dental account"},
		{"en", "group-account", "group account"},
		{"en", "owes", "you owe 198 dollars"},
		{"en", "owes-part-late", "you owe 198 dollars"},
		{"en", "owes-all-late", "you owe 198 dollars"},
		{"en", "option-pay-all", "to pay all of it"},
		{"en", "option-bank", "bank account"},
		{"en", "option-card", "card"},
		{"en", "option-checking", "checking"},
		{"en", "option-savings", "savings"},
		{"en", "say-authorize", "say: i authorize"},
		{"en", "say-authorize-or-press", "say: i authorize"},
		{"en", "say-authorize-again", "say: i authorize"},
		{"en", "received", "confirmation number"},
		{"en", "accepted", "confirmation number"},

		{"es", "option-language", "para español, oprima 1"},
		{"es", "option-balance-or-pay", "saldo"},
		{"es", "ask-account", "número de cuenta"},
		{"es", "ask-birth-date", "fecha de nacimiento"},
		{"es", "ask-birth-date", "número de factura"},
		{"es", "guest-account", "número de cuenta"},
		{"es", "ask-zip", "código postal"},
		{"es", "owes", "usted debe 198 dólares"},
		{"es", "owes-part-late", "usted debe 198 dólares"},
		{"es", "owes-all-late", "usted debe 198 dólares"},
		{"es", "option-pay-all", "todo"},
		{"es", "option-bank", "cuenta bancaria"},
		{"es", "option-card", "tarjeta"},
		{"es", "option-checking", "cheques"},
		{"es", "option-savings", "ahorros"},
		{"es", "say-authorize", "diga: autorizo"},
		{"es", "say-authorize-or-press", "diga: autorizo"},
		{"es", "say-authorize-again", "diga: autorizo"},
		{"es", "received", "número de confirmación"},
		{"es", "accepted", "número de confirmación"},
	} {
		if said := spoken(t, c, tt.lang, tt.key, nil); !strings.Contains(strings.ToLower(said), tt.words) {
			t.Errorf("%s %s: %q is not in %q", tt.lang, tt.key, tt.words, said)
		}
	}
	for lang, ending := range map[string]string{"en": "if that is right, press 1.", "es": "si es correcto, oprima 1."} {
		for _, key := range []string{"read-back", "read-back-total", "guest-read-back", "guest-name-back", "callback-read-back"} {
			if said := spoken(t, c, lang, key, nil); !strings.HasSuffix(strings.ToLower(said), ending) {
				t.Errorf("%s: %s does not end %q: %q", lang, key, ending, said)
			}
		}
	}
}

// spoken returns a message as text, with sample values, some of them changed.
func spoken(t *testing.T, c *Catalog, lang, key string, changed map[string]any) string {
	t.Helper()
	args := sampleArgs(t, c, lang, key)
	for name, value := range changed {
		if _, wanted := args[name]; wanted {
			args[name] = value
		}
	}
	said, err := c.Say(lang, key, args)
	if err != nil {
		t.Fatal(err)
	}
	return said.Text()
}

// clumsy finds where a Spanish sentence and the words put into it do not fit: an article
// twice or not contracted, one where none is said, a day or an hour without one, and "o"
// or "y" before the same sound.
var clumsy = regexp.MustCompile(`(?i) (de|a) el | (el|la|las|lo) (el|la|las) | (el|la|las|del|al|de) hace |` +
	` (es|fue|de|y|a|recibió|tardar|vuelven|autorizado|dada),? (lunes|martes|miércoles|jueves|viernes|sábado|domingo) |` +
	` (a|para|de) \d+ (de la|del) (mañana|mediodía|tarde|noche) | o (8|11|o\S*|ho\S*) | y (i\S*|hi\S*) `)

func TestClumsySpanishIsFound(t *testing.T) {
	for _, said := range []string{
		" se recibió el el martes ", " antes de el lunes ", " debe pagar a el banco ", " a la las 5 de la tarde, ", " se recibió el hace un momento ",
		" La fecha límite es martes 23 de febrero ", " autorizado lunes primero de marzo, ", " después de 5 de la tarde ", " 7 o 8 ", " o oprima 1 ", " pague y inicie ",
	} {
		if !clumsy.MatchString(said) {
			t.Errorf("not found: %q", said)
		}
	}
	for _, said := range []string{" todavía el banco ", " La fecha límite es el martes 23 ", " u oprima 1 ", " después de las 5 de la tarde ", " o 9 para oír "} {
		if found := clumsy.FindString(said); found != "" {
			t.Errorf("%q in %q", found, said)
		}
	}
}

func TestSpanishFitsTogether(t *testing.T) {
	c := mustLoad(t)
	clock := func(hour int) Speech { return TimeOfDay("es", time.Date(2027, time.March, 1, hour, 0, 0, 0, time.UTC)) }
	day := func(d int) Speech { return Day("es", billing.Date{Year: 2027, Month: time.May, Day: d}) }
	ago, err := c.Say("es", "a-moment-ago", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, changed := range []map[string]any{
		{"Time": clock(13), "Day": day(1), "When": ago},
		{"Time": clock(12), "Day": day(22), "When": day(1)},
		{"Time": clock(17), "Day": day(11), "When": day(31)},
	} {
		for _, key := range c.messages["es"].keys {
			if c.IsText(key) {
				continue
			}
			said := spoken(t, c, "es", key, changed)
			// What is right all the same: today's date, and days and hours from one to another.
			rest := strings.NewReplacer("Hoy es ", "", "de lunes a viernes", "", "de 8 de la mañana a 6 de la tarde", "").Replace(" " + said + " ")
			if found := clumsy.FindString(rest); found != "" {
				t.Errorf("%s: %q in %q", key, found, said)
			}
		}
	}
}
