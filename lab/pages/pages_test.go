package pages

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whatever test can write a page with -update is in the list, its pages are there, and its failure message names
// the command that renews them.
func TestEveryGeneratorIsListed(t *testing.T) {
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), `flag.Bool("upd`+`ate"`) {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(Generators, func(g Generator) bool { return g.Package == "./"+filepath.ToSlash(dir) }) {
			t.Errorf("%s has a flag -update, and Generators does not list its package", path)
		}
		if !strings.Contains(string(text), "duebell-lab prompts refresh") {
			t.Errorf("%s: whoever reads that its page is stale should be told: duebell-lab prompts refresh", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range Generators {
		for _, pattern := range g.Writes {
			if found, err := fs.Glob(os.DirFS(root), pattern); err != nil || len(found) == 0 {
				t.Errorf("%s: nothing is called %s", g.Package, pattern)
			}
		}
	}
}

func TestRootIsFoundFromAnyFolder(t *testing.T) {
	here, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	if above, err := Root(filepath.Join(here, "docs")); err != nil || above != here {
		t.Errorf("from docs: %s, %v", above, err)
	}
	if _, err := Root(t.TempDir()); !errors.Is(err, ErrNoCheckout) {
		t.Errorf("outside of any: %v", err)
	}
}
