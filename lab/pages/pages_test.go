package pages

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The generators of this checkout are found, each with its tests: what the prompts sound like, the page of the call,
// the README's transcript. The schema is not among them.
func TestGeneratorsAreFound(t *testing.T) {
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	list, err := Generators(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	under := map[string]bool{}
	for _, g := range list {
		top, _, _ := strings.Cut(g.File, "/")
		under[top] = true
		if len(g.Tests) == 0 {
			t.Errorf("%s has a flag -update, and no test that could use it", g.File)
		}
	}
	for top, want := range map[string]bool{"voiceprompts": true, "ivr": true, "lab": true, "store": false} {
		if under[top] != want {
			t.Errorf("generators in %s: %v, want %v", top, under[top], want)
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

// Refresh writes what a generator makes, says which files changed, and says nothing the second time.
func TestRefresh(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module duebell\n\ngo 1.26\n",
		"docs/page.md":   "old\n",
		"docs/doc.go":    "package docs\n",
		"docs/p_test.go": "package docs\n\nimport (\n\t\"flag\"\n\t\"os\"\n\t\"testing\"\n)\n\nvar update = flag.Bool(\"update\", false, \"\")\n\nfunc TestPage(t *testing.T) {\n\tif *update {\n\t\t// duebell-lab prompts refresh\n\t\tos.WriteFile(\"page.md\", []byte(\"new\\n\"), 0o600)\n\t}\n}\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range [][]string{{"docs/page.md"}, nil} {
		got, err := Refresh(t.Context(), root, t.Output())
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("changed: %v (%v), want %v", got, err, want)
		}
	}
}
