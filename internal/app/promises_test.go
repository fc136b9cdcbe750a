package app

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	promise   = regexp.MustCompile(`(?m)^## (P\d)\. `)
	namedCall = regexp.MustCompile("`([a-z0-9-]+\\.call)`")
	namedTest = regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")
	provesOf  = regexp.MustCompile(`(?m)^# proves:(.*)$`)
)

// docs/promises.md names what fails when a promise is broken: each script is there and says itself
// what it proves, each test is there.
func TestThePromisesAreHeldByWhatThereIs(t *testing.T) {
	page, err := os.ReadFile("../../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	heads := promise.FindAllStringSubmatchIndex(string(page), -1)
	if len(heads) != 6 {
		t.Fatalf("%d promises, want 6", len(heads))
	}
	for i, h := range heads {
		name, end := string(page[h[2]:h[3]]), len(page)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		section := string(page[h[0]:end])
		scripts := namedCall.FindAllStringSubmatch(section, -1)
		tests := namedTest.FindAllStringSubmatch(section, -1)
		if len(scripts) == 0 || len(tests) == 0 {
			t.Errorf("%s is held by %d scripts and %d tests", name, len(scripts), len(tests))
		}
		for _, s := range scripts {
			if !slices.Contains(provenBy(t, s[1]), name) {
				t.Errorf("%s: %s is not there, or does not say that it proves it", name, s[1])
			}
		}
		for _, s := range tests {
			if !slices.Contains(testsIn(t, s[1]), s[2]) {
				t.Errorf("%s: there is no %s in %s", name, s[2], s[1])
			}
		}
	}
}

// provenBy is what a script's own lines say that it proves.
func provenBy(t *testing.T, script string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../ivr/testdata/calls", script))
	if err != nil {
		return nil
	}
	var list []string
	for _, m := range provesOf.FindAllStringSubmatch(string(text), -1) {
		list = append(list, strings.Fields(strings.ReplaceAll(m[1], ",", " "))...)
	}
	return list
}

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)

// testsIn are the tests of one folder.
func testsIn(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			list = append(list, m[1])
		}
	}
	return list
}
