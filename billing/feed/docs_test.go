package feed_test

import (
	"os"
	"strings"
	"testing"

	"duebell/billing/feed"
)

// TestDocs holds docs/import.md to the code: every header stands there as it is, its examples can
// be imported, and every column is explained.
func TestDocs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, kind := range feed.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			_, after, found := strings.Cut(text, "    "+head(kind))
			if !found {
				t.Fatalf("the header is not there: %s", head(kind))
			}
			example := head(kind)
			for line := range strings.Lines(after) {
				row, indented := strings.CutPrefix(line, "    ")
				if !indented {
					break
				}
				example += row
			}
			_, rows, problems := read(t, example)
			if len(rows) < 2 || problems != nil {
				t.Errorf("%d rows in the example, problems %q", len(rows), problems)
			}
			for _, column := range feed.Columns(kind) {
				if !strings.Contains(after, "`"+column+"`") {
					t.Errorf("column %s is not explained", column)
				}
			}
		})
	}
}
