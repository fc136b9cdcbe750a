package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notLinked are packages that may not be part of the product, and why.
var notLinked = []struct{ packages, why string }{
	{`^duebell/lab(/|$)`, "the stand-ins, private servers and faults of the lab would be in reach of a line that people call"},
	{`^duebell/cmd/internal/commandtest$`, "it is for tests"},
	{`^testing(/|$)|^net/http/httptest$`, "a package that only tests need came along"},
	{`alicebob/miniredis`, "a Redis in memory forgets every call; production names a real one"},
}

// devControl is the variable by which lab programs find a running dev. The product asks nobody for the time.
const devControl = "DUEBELL_DEV" + "_CONTROL"

// The product links nothing of the lab and knows no address of it.
func TestTheProductLinksNoLab(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}} {{if .Module}}{{if .Module.Main}}{{.Dir}}{{end}}{{end}} {{join .GoFiles " "}}`, ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 200 {
		t.Fatalf("only %d packages are linked: does this test still see them?", len(lines))
	}
	for _, line := range lines {
		fields := strings.Split(line, " ")
		for _, ban := range notLinked {
			if regexp.MustCompile(ban.packages).MatchString(fields[0]) {
				t.Errorf("duebell links %s: %s", fields[0], ban.why)
			}
		}
		for _, file := range fields[2:] {
			if fields[1] == "" || file == "" {
				continue // not ours
			}
			text, err := os.ReadFile(filepath.Join(fields[1], file))
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{devControl, "apt-get"} {
				if strings.Contains(string(text), word) {
					t.Errorf("%s/%s knows %s, which is the lab's", fields[0], file, word)
				}
			}
		}
	}
}
