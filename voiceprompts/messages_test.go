package voiceprompts

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"duebell/billing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func mustLoad(t *testing.T) *Catalog {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// samples fill the placeholders of what is spoken, as in the golden files. A name that
// is not here is shown in brackets, and so are all in a language whose money and dates
// cannot be read aloud yet.
func samples(t *testing.T, c *Catalog, lang string) map[string]any {
	t.Helper()
	if _, reads := readings[lang]; !reads {
		return nil
	}
	due := billing.Date{Year: 2027, Month: time.February, Day: 23}
	values := map[string]any{
		"Amount": MoneyExact(lang, 19800), "Total": Money(lang, 19800), "Late": Money(lang, 10000), "Rest": Money(lang, 9800),
		"Fee": MoneyExact(lang, 250), "Over": Money(lang, 150), "Least": Money(lang, 100), "Most": Money(lang, 39600),
		"Day": Day(lang, due), "When": Day(lang, due), "Date": FullDay(lang, due), "Today": FullDay(lang, due),
		"Month": MonthName(lang, time.March), "Time": TimeOfDay(lang, time.Date(2027, time.February, 23, 17, 0, 0, 0, time.UTC)),
		"From": TimeOfDay(lang, time.Date(2027, time.February, 23, 8, 0, 0, 0, time.UTC)), "Until": TimeOfDay(lang, time.Date(2027, time.February, 23, 8, 30, 0, 0, time.UTC)),
		"Last": LastFour(lang, "712345678"), "Number": Digits(lang, "123456789"), "Reference": Digits(lang, "123456789"),
		"Phone": Phone(lang, "+18776236765"), "Name": "Ana Sample", "Key": "1",
		"BillDay": ShortDay(lang, billing.Date{Year: 2027, Month: time.February, Day: 1}), "MailDay": ShortDay(lang, billing.Date{Year: 2027, Month: time.February, Day: 18}),
		"PaperDay": ShortDay(lang, billing.Date{Year: 2027, Month: time.February, Day: 10}),
		"Opens":    TimeOfDay(lang, time.Date(2027, time.February, 23, 8, 0, 0, 0, time.UTC)), "Closes": TimeOfDay(lang, time.Date(2027, time.February, 23, 18, 0, 0, 0, time.UTC)),
		"TTY": Phone(lang, "711"), "GroupPhone": Phone(lang, "+18888139220"), "DOIPhone": Phone(lang, "+16175217794"),
		"Places": "Boston, Springfield, Worcester", "Others": "Boston, Springfield", "LastPlace": "Worcester",
	}
	for name, key := range map[string]string{"Account": "health-account", "How": "from-checking", "Type": "checking-account"} {
		if piece, err := c.Say(lang, key, nil); err == nil {
			values[name] = piece
		}
	}
	return values
}

// textSamples fill the placeholders of a text at their longest (rules.md, section 10).
func textSamples(t *testing.T, c *Catalog, lang string) map[string]any {
	t.Helper()
	longest := func(args map[string]any, keys ...string) string {
		found := ""
		for _, key := range keys {
			piece, err := c.Say(lang, key, args)
			if err != nil {
				t.Fatal(err)
			}
			if len([]rune(piece.Text())) > len([]rune(found)) {
				found = piece.Text()
			}
		}
		return found
	}
	bank := longest(map[string]any{"Digits": "1234"}, "text-bank-checking", "text-bank-savings", "text-bank-business-checking")
	month := longestMonth(t, c, lang)
	date := longest(map[string]any{"Month": month, "Day": "23"}, "text-name-date")
	dated := longest(map[string]any{"Month": month, "Day": "23", "Year": "26"}, "text-name-date-year")
	day := longest(map[string]any{"Date": date}, "text-name-day-wed")
	sent := func(name string) string {
		return longest(map[string]any{"Name": longest(nil, name), "Date": date}, "text-name-sent")
	}
	hour := longest(map[string]any{"Hour": "5", "Zone": "ET"}, "text-name-time-am", "text-name-time-pm")
	return map[string]any{
		"Day": dated, "DebitDay": date, "Amount": "$12,345.67", "BankAccount": bank, "Digits": "1234",
		"Confirmation": "123456789", "Reference": "123456789", "Phone": "1-877-623-6765", "TTY": "711", "Cap": "4",
		"DueDay": day, "Time": hour, "DrawDay": day, "StopDay": date, "LastAmount": "$12,345.67", "Hour": "5", "Zone": "ET", "Date": date,
		"Texts": sent("text-name-autopay") + ", " + sent("text-name-payment") + ", " + sent("text-name-payment"),
		"Month": month, "Year": "26", "Name": longest(nil, "text-name-autopay"),
	}
}

// longestMonth is the longest of the twelve that a language's texts name; there are twelve.
func longestMonth(t *testing.T, c *Catalog, lang string) string {
	t.Helper()
	list, err := c.Say(lang, "text-name-months", nil)
	if err != nil {
		t.Fatal(err)
	}
	months := strings.Split(list.Text(), ", ")
	if len(months) != 12 {
		t.Errorf("%s: texts know %d months", lang, len(months))
	}
	return slices.MaxFunc(months, func(a, b string) int { return len([]rune(a)) - len([]rune(b)) })
}

// SampleArgs are arguments for all placeholders of a message.
func SampleArgs(t *testing.T, c *Catalog, lang, key string, count int) map[string]any {
	t.Helper()
	known, args := samples(t, c, lang), map[string]any{}
	if IsText(c, key) {
		known = textSamples(t, c, lang)
	}
	if known != nil && key == "guest-read-back" {
		known["Account"] = Digits(lang, "712345678") // a guest's is a number, not a kind
	}
	if strings.HasPrefix(key, "text-name-date") {
		known["Day"] = "23" // the piece of a date, not the date
	}
	for _, name := range c.Placeholders(key) {
		switch value, ok := known[name]; {
		case name == countPlaceholder:
			args[name] = count
		case ok:
			args[name] = value
		default:
			args[name] = "[" + name + "]"
		}
	}
	return args
}

// IsText tells the texts, which have a file of their own, from what is spoken.
func IsText(c *Catalog, key string) bool {
	return c.messages[Reference].byKey[key].file == "texts.toml"
}

// TestGolden shows every sentence of every language as a caller gets it, in one
// file a language that a reviewer can read. Run with -update after a change.
func TestGolden(t *testing.T) {
	c := mustLoad(t)
	for lang, set := range c.messages {
		t.Run(lang, func(t *testing.T) {
			var page strings.Builder
			file := ""
			for _, key := range set.keys {
				m := set.byKey[key]
				if m.file != file {
					file = m.file
					fmt.Fprintf(&page, "== %s\n\n", file)
				}
				for _, count := range countsFor(m) {
					said, err := c.Say(lang, key, SampleArgs(t, c, lang, key, count))
					if err != nil {
						t.Fatal(err)
					}
					if _, err := spokenText(string(said)); err != nil {
						t.Errorf("%s: %v", key, err)
					}
					// Twilio takes 4 KB of text in one Say.
					if len(said) > 4000 {
						t.Errorf("%s has %d bytes, too long for one Say", key, len(said))
					}
					fmt.Fprintf(&page, "%s\n\t%s\n", key, said)
				}
				page.WriteByte('\n')
			}
			compareGolden(t, filepath.Join("testdata", lang+".golden"), page.String())
		})
	}
}

func countsFor(m message) []int {
	if m.plural {
		return []int{1, 2}
	}
	return []int{0}
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is stale; look at the change and run go test ./voiceprompts -update (-want +got):\n%s", path, diff)
	}
}

// An approved language that has a gap would silently vanish from the line (K4).
func TestReviewedLanguagesAreComplete(t *testing.T) {
	for _, l := range mustLoad(t).Languages() {
		if l.Reviewed && !l.Complete {
			t.Errorf("%s is marked as reviewed but is not complete", l.Name)
		}
	}
}

// A message that nothing speaks is dead weight for every translator. Keys are
// written whole in the code, never put together, so that they can be found.
func TestNoMessageIsUnused(t *testing.T) {
	used := stringLiterals(t, "..")
	for _, key := range mustLoad(t).Keys() {
		if !used[key] {
			t.Errorf("no Go file mentions the message %q", key)
		}
	}
}

// stringLiterals collects the string literals of all Go code below root but tests,
// the outside world's stand-ins and what is not code of this module.
func stringLiterals(t *testing.T, root string) map[string]bool {
	t.Helper()
	literals := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "vendor" || name == "standin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		// What does not parse is the compiler's to report; what does is still read.
		file, _ := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if file == nil {
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					literals[s] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return literals
}
