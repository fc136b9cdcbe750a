package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever wrote what we import is named, with the licence that lets us.
func TestLibrariesAreCredited(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "THIRD_PARTY.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	told := map[string]bool{}
	for _, s := range sources(t) {
		for _, path := range s.imports() {
			library := libraryOf(path)
			if library == "" || told[library] || strings.Contains(page, "["+library+"]") {
				continue
			}
			told[library] = true
			t.Errorf("%s imports %s, which is not credited in THIRD_PARTY.md", s.path, library)
		}
	}
}

// libraryOf names a library as the page does: owner and repository, or the address where that is not
// a repository's. The standard library and our own packages have no name.
func libraryOf(path string) string {
	parts := strings.Split(path, "/")
	switch {
	case !strings.Contains(parts[0], "."):
		return ""
	case parts[0] == "github.com" && len(parts) >= 3:
		return parts[1] + "/" + parts[2]
	case parts[0] == "golang.org" && len(parts) >= 3:
		return strings.Join(parts[:3], "/")
	case len(parts) >= 2:
		return strings.Join(parts[:2], "/")
	}
	return path
}
