// Package commandtest checks the commands that the documents show against the programs. Only tests import it.
package commandtest

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"duebell/cmd/internal/command"
)

// blocks are the places where documents show commands: fenced, or set in by four blanks.
var blocks = regexp.MustCompile("(?s)```(?:sh)?\n.*?```|(?:\n    [^\n]+)+")

// Manuals fails for every command of a program in README.md and docs/*.md that the program does not take, and if
// it finds fewer commands than least. The commands are parsed, not run.
//
// It changes the working directory for the rest of the test, so it cannot run in parallel. program must
// return a new Program at each call: parsing fills it in.
func Manuals(t *testing.T, program func() *command.Program, least int) {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	texts := map[string]string{}
	for _, page := range append(pages, "../../README.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(page)] = string(text)
	}
	// Alone on a line, after a prompt or a folder; a comment may follow.
	shown := regexp.MustCompile(`(?m)^(?:    )?(?:\$ )?(?:(?:\./)?bin/)?` + program().Name + ` ([a-z].*?)(?:\s+#.*)?$`)
	// The pages are in memory by now; example files are made here.
	t.Chdir(t.TempDir())
	found := 0
	for page, text := range texts {
		for _, block := range blocks.FindAllString(text, -1) {
			for _, m := range shown.FindAllStringSubmatch(block, -1) {
				found++
				if err := takes(t, program(), m[1]); err != nil {
					t.Errorf("%s: %s %s: %v", page, program().Name, m[1], err)
				}
			}
		}
	}
	// A changed layout of the pages must not make this test pass by finding nothing.
	if found < least {
		t.Errorf("only %d commands were found in the documents: does this test still see them?", found)
	}
}

// takes parses one command line; files of the examples are made, empty.
// A file that an example reads must exist, because the parser looks.
func takes(t *testing.T, p *command.Program, line string) error {
	t.Helper()
	words := csv.NewReader(strings.NewReader(line)) // words apart by blanks, some in quotation marks
	words.Comma, words.LazyQuotes = ' ', true
	args, err := words.Read()
	if err != nil {
		return err
	}
	for _, arg := range args {
		if strings.HasSuffix(arg, ".csv") {
			if err := os.WriteFile(arg, nil, 0o600); err != nil {
				return err
			}
		}
	}
	parser, err := p.Parser()
	if err != nil {
		return err
	}
	_, err = p.Parse(parser, args)
	return err
}
