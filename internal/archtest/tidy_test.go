package archtest

import (
	"go/ast"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A test's tables are looked up, not followed: they may be longer than what has to be understood.
const longestFile, longestTest = 400, 500

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		limit := longestFile
		if s.test {
			limit = longestTest
		}
		if !s.generated && s.lines > limit {
			t.Errorf("%s has %d lines: past %d a file holds two things; part them", s.path, s.lines, limit)
		}
	}
}

// goesFurther are the packages that do less under -short, as make test runs them; make long, which CI runs, has them do
// all. Libraries look at the flag too: rapid draws a fifth of the cases.
var goesFurther = []string{"lab/script"}

// What a test needs, the test command starts: a skipped test is a promise that nobody keeps.
func TestNoTestIsSkipped(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, receiver := range []string{"t", "b", "tb", "f"} {
			calls(s, receiver, []string{"Skip", "Skipf", "SkipNow"}, func(n ast.Node, name string) {
				t.Errorf("%s: %s.%s: let the test command start what is missing", s.line(n), receiver, name)
			})
		}
		calls(s, "testing", []string{"Short"}, func(n ast.Node, _ string) {
			if !slices.ContainsFunc(goesFurther, func(dir string) bool { return under(s.path, dir) }) {
				t.Errorf("%s: testing.Short: everybody runs all tests; what takes too long goes to make long and on the list goesFurther", s.line(n))
			}
		})
	}
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func TestNothingIsLeftForLater(t *testing.T) {
	for _, s := range sources(t) {
		if s.generated || under(s.path, "internal/archtest") {
			continue
		}
		for _, group := range s.file.Comments {
			if word := unfinished.FindString(group.Text()); word != "" {
				t.Errorf("%s: %s: finish it, or write an issue", s.line(group), word)
			}
		}
	}
}

// Every package says what it owns and what it refuses, in one of its files.
func TestPackagesIntroduceThemselves(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			said[s.pkg] = said[s.pkg] || s.file.Doc != nil || s.generated
		}
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment: what does it own, what does it refuse?", pkg)
		}
	}
}

var (
	link      = regexp.MustCompile(`\]\(([^)\s]+)(?:\s+"[^"]*")?\)`)
	heading   = regexp.MustCompile(`(?m)^#{1,6}\s+(.+?)\s*#*\s*$`)
	codeBlock = regexp.MustCompile("(?ms)^```.*?^```|`[^`\n]*`")
	notAnchor = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// Links between our documents, and from them to files, lead somewhere; so do those to headings.
func TestLinksLeadSomewhere(t *testing.T) {
	err := files(".md", func(path string, text []byte) {
		prose := codeBlock.ReplaceAllString(string(text), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			u, err := url.Parse(m[1])
			if err != nil || u.Scheme != "" {
				continue // an address outside this repository: not ours to check
			}
			target := filepath.Join(root, path)
			if u.Path != "" {
				// The copied documents stood beside the vectors before they were copied.
				if vector, ok := strings.CutPrefix(u.Path, "vectors/"); ok && slices.Contains(copied, path) {
					u.Path = "../testdata/vectors/" + vector
				}
				target = filepath.Join(filepath.Dir(target), filepath.FromSlash(u.Path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if u.Fragment != "" && filepath.Ext(target) == ".md" && !hasHeading(t, target, u.Fragment) {
				t.Errorf("%s links to %s, and there is no such heading", path, m[1])
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// hasHeading looks for the heading whose anchor, by the rule of code-hosting sites, is this one.
func hasHeading(t *testing.T, file, anchor string) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return false
	}
	for _, m := range heading.FindAllStringSubmatch(string(text), -1) {
		made := strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		if made == strings.ToLower(anchor) {
			return true
		}
	}
	return false
}
