package generate_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"duebell/ivr/document/generate"
)

var update = flag.Bool("update", false, "write the generated pages anew")

const root = "../../.."

// The pages in the tree are those that the source makes today.
func TestThePagesAreFresh(t *testing.T) {
	pages, err := generate.Pages(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range pages {
		file := filepath.Join(root, filepath.FromSlash(path))
		if *update {
			if err := os.WriteFile(file, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("%s is stale: duebell-lab prompts refresh", path)
		}
	}
}
