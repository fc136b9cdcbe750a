package main

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// A command as the manuals show it: alone on a line, fenced or set in by four blanks.
var shown = regexp.MustCompile(`(?m)^(?:    )?(?:\$ |\./bin/)?duebell ([a-z].*)$`)

var blocks = regexp.MustCompile("(?s)```(?:sh)?\n.*?```|(?:\n    [^\n]+)+")

// Every command in the manuals is one that the program takes.
func TestTheManualsCommandsAreTaken(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no manuals: %v", err)
	}
	texts := map[string]string{}
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(page)] = string(text)
	}
	t.Chdir(t.TempDir())
	found := 0
	for page, text := range texts {
		for _, block := range blocks.FindAllString(text, -1) {
			for _, m := range shown.FindAllStringSubmatch(block, -1) {
				found++
				if err := takes(t, m[1]); err != nil {
					t.Errorf("%s: duebell %s: %v", page, m[1], err)
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d commands were found in the manuals: does this test still see them?", found)
	}
}

func takes(t *testing.T, line string) error {
	t.Helper()
	words := csv.NewReader(strings.NewReader(line)) // words apart by blanks, some in quotation marks
	words.Comma, words.LazyQuotes = ' ', true
	args, err := words.Read()
	if err != nil {
		return err
	}
	for _, arg := range args {
		if strings.HasSuffix(arg, ".csv") { // the files of the examples
			if err := os.WriteFile(arg, nil, 0o600); err != nil {
				return err
			}
		}
	}
	var c cli
	parser, err := kong.New(&c, kong.BindTo(context.Background(), (*context.Context)(nil)))
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	return err
}
