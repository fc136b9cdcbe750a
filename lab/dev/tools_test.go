package dev_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An operator's commands in a shell that has read dev.env go by dev's clock: an opt-out of dev's day is of
// today, and taken out and in again it is the same one.
func TestCommandsGoByDevsClock(t *testing.T) {
	t.Parallel()
	p := launch(t, folder(t))
	if out, ok := p.run("", "clock", "until", "2027-06-01T09:30"); !ok {
		t.Fatal(out)
	}
	for name, value := range p.settings() {
		p.env = append(p.env, name+"="+value)
	}
	file := filepath.Join(p.dir, "opt-outs.csv")
	for _, c := range []struct {
		at   string
		ok   bool
		want string
	}{
		{"2027-06-01T09:00:00-04:00", true, "1 new, 1 consents ended"},
		{"2027-06-01T10:30:00-04:00", false, "lies in the future"},
	} {
		if err := os.WriteFile(file, []byte("number,at\n+15085550103,"+c.at+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, ok := p.run("", "import", file); ok != c.ok || !strings.Contains(out, c.want) {
			t.Errorf("at %s: %v, want %q:\n%s", c.at, ok, c.want, out)
		}
	}
	out, ok := p.run("", "export", "suppressions")
	if !ok || !strings.Contains(out, "+15085550103,sms,payments,import,2027-06-01T13:00:00Z,") {
		t.Errorf("exported: %v\n%s", ok, out)
	}
	if out, ok := p.run("", "export", "suppressions", "--out", file); !ok {
		t.Error(out)
	}
	if out, ok := p.run("", "import", file); !ok || !strings.Contains(out, "0 new, 0 consents ended") {
		t.Errorf("imported again: %v\n%s", ok, out)
	}
}
