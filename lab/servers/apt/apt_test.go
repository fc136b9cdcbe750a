package apt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// program puts a shell script where PATH finds it first.
func program(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestInstall(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	asked := filepath.Join(dir, "asked")
	program(t, dir, "apt-get", `echo "$1 $DEBIAN_FRONTEND" >>`+asked)
	program(t, dir, "sudo", `shift; exec "$@"`) // for whoever runs this test and is not root

	var log strings.Builder
	if err := Install(t.Context(), &log, "redis-server"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(asked)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("update noninteractive\ninstall noninteractive\n", string(got)); diff != "" {
		t.Errorf("apt-get was asked otherwise:\n%s", diff)
	}
	if !strings.Contains(log.String(), "redis-server") {
		t.Errorf("the person was told %q", log.String())
	}
}

func TestInstallFails(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	program(t, dir, "apt-get", "echo 'E: no such package' >&2; exit 100")
	program(t, dir, "sudo", `shift; exec "$@"`)
	err := Install(t.Context(), nil, "no-such")
	if err == nil || !strings.Contains(err.Error(), "E: no such package") || errors.Is(err, ErrCannot) {
		t.Errorf("got %v, want apt-get's own words", err)
	}
}

func TestNoAptGet(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := Install(t.Context(), nil, "anything"); !errors.Is(err, ErrCannot) {
		t.Errorf("got %v, want ErrCannot", err)
	}
}
