package vectors

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestCopyIsFresh holds the project's copy of the vectors to the rule book's, where that lies
// beside the project. A clone that stands alone has its copy and nothing to compare it with.
func TestCopyIsFresh(t *testing.T) {
	root, err := projectRoot()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(filepath.Dir(root), "shared", "vectors")
	want, err := readAll(source)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(folder(root))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range want {
		mine, ok := got[name]
		if !ok {
			t.Errorf("testdata/vectors/%s is missing: copy it from ../shared/vectors and make its rule's test pass", name)
		} else if !bytes.Equal(mine, content) {
			t.Errorf("testdata/vectors/%s differs from ../shared/vectors/%s: copy the new one and make its rule's test pass", name, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("testdata/vectors/%s is no longer in ../shared/vectors: remove it and the test that reads it", name)
		}
	}
}

func readAll(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte, len(entries))
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		files[entry.Name()] = content
	}
	return files, nil
}

func TestCSVKeepsTextAsItIs(t *testing.T) {
	rows := CSV(t, "assent.csv")
	for _, row := range rows {
		if row["note"] == "line break" && row["text"] != "I\nauthorize" {
			t.Errorf("the row with a line break reads %q", row["text"])
		}
		if row["note"] == "spaces" && row["text"] != "  I   authorize  " {
			t.Errorf("the row with outer spaces reads %q", row["text"])
		}
	}
	if len(rows) < 100 {
		t.Errorf("assent.csv gave %d rows", len(rows))
	}
}
