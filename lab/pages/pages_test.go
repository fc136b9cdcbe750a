package pages

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The generators of this checkout are found, each with its tests, and whoever reads that a page is stale is told the
// command that renews it.
func TestGeneratorsAreFound(t *testing.T) {
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := os.DirFS(root)
	list, err := Generators(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range list {
		text, err := fs.ReadFile(dir, g.File)
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Tests) == 0 {
			t.Errorf("%s has a flag -update, and no test that could use it", g.File)
		}
		if !bytes.Contains(text, []byte("duebell-lab prompts refresh")) {
			t.Errorf("%s does not say how a stale page is renewed: duebell-lab prompts refresh", g.File)
		}
	}
	if !slices.ContainsFunc(list, func(g Generator) bool { return filepath.Dir(g.File) == "voiceprompts" }) {
		t.Errorf("the prompts' generator is not among %v", list)
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
