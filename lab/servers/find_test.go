package servers

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duebell/lab/servers/apt"
)

// fake makes folders of server programs that only tell their version.
func fake(t *testing.T, versions ...string) string {
	t.Helper()
	base := t.TempDir()
	for _, v := range versions {
		bin := filepath.Join(base, v, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, program := range []string{"initdb", "postgres"} {
			script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + v + ".4 (Debian)'\n"
			if err := os.WriteFile(filepath.Join(bin, program), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	usual := usualFolders
	t.Cleanup(func() { usualFolders = usual })
	usualFolders = []string{filepath.Join(base, "*", "bin")}
	t.Setenv("PATH", t.TempDir())
	return base
}

func TestFindPicksAVersion(t *testing.T) {
	base := fake(t, "9", "12", "14", "17")
	for _, c := range []struct {
		major int
		path  string // set as PATH
		want  string
	}{
		{0, "", "17"},
		{14, "", "14"},
		{0, "14", "14"}, // whoever set PATH meant it
		{17, "14", "17"},
		{0, "9", "17"}, // too old
	} {
		if c.path != "" {
			t.Setenv("PATH", filepath.Join(base, c.path, "bin"))
		} else {
			t.Setenv("PATH", "")
		}
		got, err := find(t.Context(), c.major, t.Output())
		if want := filepath.Join(base, c.want, "bin"); err != nil || got.bin != want {
			t.Errorf("version %d, PATH %q: %s, %v; want %s", c.major, c.path, got.bin, err, want)
		}
	}
	_, err := find(t.Context(), 12, t.Output())
	if err == nil || !strings.Contains(err.Error(), "made by PostgreSQL 12 and this machine has 17") {
		t.Errorf("data of a version that is not there: %v", err)
	}
}

func TestNothingFoundAndNothingToInstallWith(t *testing.T) {
	fake(t)
	_, err := find(t.Context(), 0, t.Output())
	if !errors.Is(err, apt.ErrCannot) || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("got %v, want what to do", err)
	}
}
