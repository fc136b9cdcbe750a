package archtest

import (
	"bytes"
	"errors"
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rule book and its two companions are equal copies of what the founders share, so that a clone
// holds everything that its comments cite.
var copied = []string{"docs/rules.md", "docs/design.md", "docs/twilio.md"}

func TestCopiedDocumentsAreFresh(t *testing.T) {
	for _, path := range copied {
		mine, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
			continue
		}
		source := filepath.Join(root, "..", "shared", filepath.Base(path))
		theirs, err := os.ReadFile(source)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a clone that stands alone has nothing to compare with
		}
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(mine, theirs) {
			t.Errorf("%s differs from ../shared/%s: copy the new one, then see which code must follow", path, filepath.Base(path))
		}
	}
}

// notYet are rules that nothing cites, and why. A rule that gets its first citation leaves the list.
var notYet = func() map[string]string {
	list := map[string]string{}
	for why, ids := range map[string]string{
		"bills delivered early or wrong are part of the next change of the import":                            "B11 B12 B13 B14 B15 B16",
		"the books end at taken so far: refunds, disputes, matching and the chain of evidence come with them": "L6 L8 L9 L10 L11 L12 L13 L14",
		"database roles, transport, free text and the trail of acts come with the work on the doors":          "D5 D6 D7 D8",
		"listed words only are understood so far; length of talk and repeats come with understanding":         "V10 V11",
		"AutoPay can only be heard so far: enrolment, draws, recording and dates of one's own come with it":   "A4 A9 A10 A11 A12 E7 E9 E14 R1 H6",
		"agents get their pages, and call-backs their dialer, with the console":                               "H7 H8",
		"a target of scale, or its basis: measured in docs/performance.md, held by no single place":           "Z1 Z2 Z3 Z4 Z5 Z6",
	} {
		for id := range strings.FieldsSeq(ids) {
			list[id] = why
		}
	}
	return list
}()

var (
	// A rule's id: one letter and its number, without leading zeros. R01 to R29 and C01 to C07 are ACH
	// codes, T0 to T3 identity tiers, X1 and X2 marks of the seed's trace.
	ruleID  = regexp.MustCompile(`\b([A-Z])([1-9]\d?)\b`)
	ruleRow = regexp.MustCompile(`(?m)^\| \**([A-Z][1-9]\d?)\** \|`)
	ruleTag = regexp.MustCompile(`(?:^|\W)\**(Z[1-9])\** [A-Z]`)
	// In the names of tests ids stand beside other words: TestN6Windows, TestO8Classify.
	testID = regexp.MustCompile(`^(?:Test|Fuzz|Benchmark|Example)([A-Z][1-9]\d?)(?:[A-Z_]|$)`)
)

// notRules are words of the shape of an id that mean something else, by letter.
var notRules = map[string]*regexp.Regexp{
	"R": regexp.MustCompile(`^R\d\d$`), // ACH return codes
	"T": regexp.MustCompile(`^T\d$`),   // identity tiers
	"X": regexp.MustCompile(`^X\d$`),   // marks of the rule book's seed trace
	"U": regexp.MustCompile(`^U\d+$`),  // code points
	"S": regexp.MustCompile(`^S\d$`),   // storage
	"F": regexp.MustCompile(`^F\d+$`),  // field reports
	"Q": regexp.MustCompile(`^Q\d$`),   // quarters
	"W": regexp.MustCompile(`^W\d$`),   // tax forms
}

// ruleIDs reads the ids that the rule book defines.
func ruleIDs(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, form := range []*regexp.Regexp{ruleRow, ruleTag} {
		for _, m := range form.FindAllStringSubmatch(string(text), -1) {
			if other, ok := notRules[m[1][:1]]; !ok || !other.MatchString(m[1]) {
				ids[m[1]] = true
			}
		}
	}
	if len(ids) < 100 {
		t.Fatalf("only %d rules were found in docs/rules.md: does this test still read its tables?", len(ids))
	}
	return ids
}

// citation is a place that names a rule.
type citation struct{ id, where string }

func cited(text, where string) (all []citation) {
	for _, m := range ruleID.FindAllStringSubmatch(text, -1) {
		if other, ok := notRules[m[1]]; ok && other.MatchString(m[0]) {
			continue
		}
		all = append(all, citation{m[0], where})
	}
	return all
}

// citations are all places in comments, test names, scripts, SQL, alerts and documents.
func citations(t *testing.T) (all []citation) {
	t.Helper()
	for _, s := range sources(t) {
		if s.generated || under(s.path, "internal/archtest") {
			continue
		}
		for _, group := range s.file.Comments {
			all = append(all, cited(group.Text(), s.line(group))...)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test {
				if m := testID.FindStringSubmatch(f.Name.Name); m != nil {
					all = append(all, cited(m[1], s.line(f))...)
				}
			}
		}
	}
	for _, ext := range []string{".call", ".sql", ".md", ".yml", ".toml"} {
		err := files(ext, func(path string, text []byte) {
			if slices.Contains(copied, path) || strings.HasPrefix(path, "lab/twilio/testdata") {
				return
			}
			all = append(all, cited(string(text), path)...)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestCitedRulesExist(t *testing.T) {
	ids := ruleIDs(t)
	for _, c := range citations(t) {
		if !ids[c.id] {
			t.Errorf("%s cites %s, and docs/rules.md has no such rule", c.where, c.id)
		}
	}
}

func TestEveryRuleIsCited(t *testing.T) {
	ids := ruleIDs(t)
	used := map[string]bool{}
	for _, c := range citations(t) {
		if filepath.Ext(c.where) != ".md" { // a manual explains a rule, it does not hold it
			used[c.id] = true
		}
	}
	for id := range ids {
		why, excused := notYet[id]
		switch {
		case used[id] && excused:
			t.Errorf("%s is cited now: take it off the list notYet", id)
		case !used[id] && !excused:
			t.Errorf("%s is cited nowhere: which code or test holds it? If none does, say why in notYet", id)
		case excused && why == "":
			t.Errorf("%s: notYet needs a reason", id)
		}
	}
	for id := range notYet {
		if !ids[id] {
			t.Errorf("notYet names %s, and docs/rules.md has no such rule", id)
		}
	}
}
