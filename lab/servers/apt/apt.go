// Package apt installs a program that is missing, where the distribution's package manager can do it unasked.
// It refuses to ask for a password and to fetch anything from elsewhere.
package apt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// ErrCannot means that this machine has no apt-get, or that we may not use it. Nothing was tried; it is
// wrapped with the reason, and the caller says what to type instead.
var ErrCannot = errors.New("cannot install packages here")

// Install installs the packages from the distribution, saying so on log, which may be nil. Packages that are
// there already do no harm. It waits up to five minutes for another apt-get to end. The error carries the
// last lines of what apt-get said, or is ErrCannot.
func Install(ctx context.Context, log io.Writer, packages ...string) error {
	if log == nil {
		log = io.Discard
	}
	prefix, err := asRoot(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "installing %s with apt-get\n", strings.Join(packages, " "))
	install := append([]string{"apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}, packages...)
	// A fresh machine has no package lists yet, and an old one has stale ones: the lists come first.
	for _, words := range [][]string{{"apt-get", "update", "-q", "-o", "DPkg::Lock::Timeout=300"}, install} {
		words = append(append([]string{}, prefix...), words...)
		cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // G204: fixed words and package names of our own
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, lastLines(string(out), 5))
		}
	}
	return nil
}

// asRoot returns the words to put before a command so that it runs as root: none, or sudo that asks nothing.
// ErrCannot where there is no way.
func asRoot(ctx context.Context) ([]string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, fmt.Errorf("%w: there is no apt-get", ErrCannot)
	}
	if os.Geteuid() == 0 {
		return nil, nil
	}
	if exec.CommandContext(ctx, "sudo", "-n", "true").Run() != nil {
		return nil, fmt.Errorf("%w: not root, and sudo would ask for a password", ErrCannot)
	}
	// env, because sudo drops our environment.
	return []string{"sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"}, nil
}

// lastLines returns the last n lines of s, for an error message.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
