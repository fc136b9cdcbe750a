package voiceprompts

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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

// sampleArgs returns the catalog's own sample arguments.
func sampleArgs(t *testing.T, c *Catalog, lang, key string) map[string]any {
	t.Helper()
	args, err := c.SampleArgs(lang, key, 1)
	if err != nil {
		t.Fatal(err)
	}
	return args
}

// TestGolden: the pages in testdata show every sentence as it is heard or read today. Run with -update after a change of words,
// and look at the difference.
func TestGolden(t *testing.T) {
	pages, err := mustLoad(t).ReadAloud()
	if err != nil {
		t.Fatal(err)
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) { compareGolden(t, filepath.Join("testdata", name), page) })
	}
	kept, err := filepath.Glob(filepath.Join("testdata", "*.golden"))
	if err != nil || len(kept) != len(pages) {
		t.Errorf("%d pages are kept, %d are written: %v", len(kept), len(pages), err)
	}
}

// TestEveryMessageCanBeSpoken: filled with samples, each message is speech that Twilio takes, at most 4 KB in one Say.
func TestEveryMessageCanBeSpoken(t *testing.T) {
	c := mustLoad(t)
	for lang, set := range c.messages {
		for _, key := range set.keys {
			said, err := c.Say(lang, key, sampleArgs(t, c, lang, key))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := spokenText(string(said)); err != nil {
				t.Errorf("%s %s: %v", lang, key, err)
			}
			if len(said) > 4000 {
				t.Errorf("%s %s has %d bytes, too long for one Say", lang, key, len(said))
			}
		}
	}
}

// TestTwelveMonths: texts name the months of a date from one list.
func TestTwelveMonths(t *testing.T) {
	c := mustLoad(t)
	for _, l := range c.Languages() {
		list, err := c.Say(l.Tag, "text-name-months", nil)
		if err != nil || len(strings.Split(list.Text(), ", ")) != 12 {
			t.Errorf("%s: the months of texts are %q, %v", l.Name, list, err)
		}
	}
}

// compareGolden compares a page with the one that is kept, or with -update keeps it.
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
		t.Errorf("%s is stale; look at the change and run duebell-lab prompts refresh (-want +got):\n%s", path, diff)
	}
}

// TestReviewedLanguagesAreComplete: an approved language with a gap would silently not be offered (K4: complete or not offered).
func TestReviewedLanguagesAreComplete(t *testing.T) {
	for _, l := range mustLoad(t).Languages() {
		if l.Reviewed && !l.Complete {
			t.Errorf("%s is marked as reviewed but is not complete", l.Name)
		}
	}
}

// TestNoMessageIsUnused: a message that nothing speaks is work for every translator and of no use. Keys are written whole in the
// code, never put together, so that they can be found.
func TestNoMessageIsUnused(t *testing.T) {
	used := stringLiterals(t, "..")
	for _, key := range mustLoad(t).Keys() {
		if !used[key] {
			t.Errorf("no Go file mentions the message %q", key)
		}
	}
}

// stringLiterals returns the string literals of the product's Go code below root: without tests, the lab, and the samples of
// review.go.
func stringLiterals(t *testing.T, root string) map[string]bool {
	t.Helper()
	literals := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "lab") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || name == "review.go" {
			return nil
		}
		// A file that does not parse is the compiler's to report; what could be parsed is still read.
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
