// Package pages renews what is generated from the product in a checkout: pages of docs, the read-aloud files of the
// prompts, golden documents. It owns the list of them.
//
// Each page is made by a test, which also holds the page against what it makes: `go test` with -update writes it.
// So a page cannot be renewed in another way than it is checked.
package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Generator is a package whose tests write pages when they are run with -update.
type Generator struct {
	Package string   // as go test takes it, from the root of the checkout
	Run     string   // the tests that do, as go test -run takes it; empty: all of them
	Writes  []string // patterns of the files, from the root
}

// Generators is every generator of this checkout. A test finds one that is missing here.
var Generators = []Generator{
	{Package: "./ivr/document", Writes: []string{"docs/call.md", "ivr/document/*.json"}},
	{Package: "./voiceprompts", Writes: []string{"voiceprompts/testdata/*.golden"}},
	{Package: "./ivr/webhook", Run: "Golden", Writes: []string{"ivr/webhook/testdata/*", "ivr/webhook/testdata/*/*"}},
	{Package: "./internal/twilio", Writes: []string{"internal/twilio/testdata/twiml/*"}},
	{Package: "./lab/script", Run: "README|Page", Writes: []string{"README.md", "docs/scripts.md"}},
}

// ErrNoCheckout means that the working directory is in no checkout of duebell.
var ErrNoCheckout = errors.New("pages are renewed in a checkout of duebell: go into one and try again")

// Root returns the root of the checkout that dir lies in: the folder with duebell's go.mod. ErrNoCheckout if there
// is none.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(text, []byte("module duebell\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", ErrNoCheckout
		}
		dir = parent
	}
}

// Refresh runs every generator in the checkout at root and returns the files that have changed, sorted. It says on
// log what it is doing. A generator that fails does not keep the others from running.
func Refresh(ctx context.Context, root string, log io.Writer) (changed []string, err error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, errors.New("go is needed to renew the pages: install Go 1.26 or newer (https://go.dev/dl) and put it on PATH")
	}
	before, err := sums(root)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, g := range Generators {
		fmt.Fprintf(log, "%s: %s\n", g.Package, strings.Join(g.Writes, ", "))
		failed = append(failed, g.run(ctx, root))
	}
	after, err := sums(root)
	if err != nil {
		return nil, err
	}
	for path, sum := range after {
		if before[path] != sum {
			changed = append(changed, path)
		}
	}
	slices.Sort(changed)
	return changed, errors.Join(failed...)
}

func (g Generator) run(ctx context.Context, root string) error {
	args := []string{"test", "-count=1", "-run", g.Run, g.Package, "-update"}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // G204: the packages of the list above
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	case bytes.Contains(out, []byte("no tests to run")):
		return fmt.Errorf("go %s: no test of that name is there any more: mend Generators in lab/pages", strings.Join(args, " "))
	}
	return nil
}

// sums returns a checksum of every file that a generator may write, by its path from the root.
func sums(root string) (map[string][sha256.Size]byte, error) {
	found := map[string][sha256.Size]byte{}
	for _, g := range Generators {
		for _, pattern := range g.Writes {
			paths, err := fs.Glob(os.DirFS(root), pattern)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", pattern, err)
			}
			for _, path := range paths {
				st, err := os.Stat(filepath.Join(root, path))
				if err != nil || st.IsDir() {
					continue
				}
				text, err := os.ReadFile(filepath.Join(root, path))
				if err != nil {
					return nil, fmt.Errorf("read a generated page: %w", err)
				}
				found[path] = sha256.Sum256(text)
			}
		}
	}
	return found, nil
}
