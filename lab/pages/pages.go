// Package pages renews what is generated from the product in a checkout: pages of docs, the prompts read aloud,
// golden documents, the README's transcript.
//
// Each page is made by a test, which also holds the page against what it makes: `go test` with -update writes it. So a
// page cannot be renewed in another way than it is checked, and the list of generators is the tests themselves: every
// test file that has a flag -update and tells whoever finds a page stale to run `duebell-lab prompts refresh`. What is
// no page has a command of its own: the schema and the hashes of migrations, which are frozen once they have landed.
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
	"regexp"
	"slices"
	"strings"
)

// Generator is a test file whose tests write pages when they are run with -update. All tests of the file are
// run: which of them write is theirs to know.
type Generator struct {
	File  string   // from the root of the checkout, with slashes
	Tests []string // its tests
}

// updateFlag is how a test file declares the flag. The brackets keep this line from being one.
var (
	updateFlag = regexp.MustCompile(`flag[.]Bool[(]"update"`)
	testName   = regexp.MustCompile(`(?m)^func (Test\w+)[(]t [*]testing[.]T[)]`)
)

// Generators returns the generators of the checkout at root, in the order of their paths. A test file counts
// that declares a flag -update and names `duebell-lab prompts refresh`; there is no list to forget one in.
func Generators(root fs.FS) (list []Generator, err error) {
	err = walk(root, func(path string) error {
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err != nil || !updateFlag.Match(text) || !bytes.Contains(text, []byte("duebell-lab prompts refresh")) {
			return err
		}
		g := Generator{File: path}
		for _, m := range testName.FindAllSubmatch(text, -1) {
			g.Tests = append(g.Tests, string(m[1]))
		}
		list = append(list, g)
		return nil
	})
	return list, err
}

// walk calls do for every file of the checkout but those that are built or kept by programs: bin, node_modules,
// and folders whose name begins with a point. Paths are from the root, with slashes. Links are passed over.
func walk(root fs.FS, do func(path string) error) error {
	return fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("look through the checkout: %w", err)
		case d.IsDir() && (d.Name() == "bin" || d.Name() == "node_modules" || len(path) > 1 && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		return do(path)
	})
}

// ErrNoCheckout means that the working directory is in no checkout of duebell.
var ErrNoCheckout = errors.New("pages are renewed in a checkout of duebell: go into one and try again")

// Root returns the root of the checkout that dir lies in: the folder with duebell's go.mod. ErrNoCheckout if
// there is none. Another module's go.mod on the way up is passed over.
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

// Refresh runs every generator in the checkout at root and returns the files that have changed, sorted, as
// paths from root. It says on log what it is doing. A generator that fails does not keep the others from
// running; their errors are joined, and what has changed is returned beside them. A file that was removed is
// not reported.
func Refresh(ctx context.Context, root string, log io.Writer) (changed []string, err error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, errors.New("go is needed to renew the pages: install Go 1.26 or newer (https://go.dev/dl) and put it on PATH")
	}
	generators, err := Generators(os.DirFS(root))
	if err != nil {
		return nil, err
	}
	// Compared by content: the generators write every page, fresh or not.
	before, err := sums(root)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, g := range generators {
		fmt.Fprintln(log, "running", g.File)
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

// run runs the generator's tests with -update, not cached. Its error holds what they printed.
func (g Generator) run(ctx context.Context, root string) error {
	// Only the file's own tests, by their exact names: others in the package may be slow.
	args := []string{"test", "-count=1", "-run", "^(" + strings.Join(g.Tests, "|") + ")$", "./" + filepath.ToSlash(filepath.Dir(g.File)), "-update"}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // G204: the tests of this checkout
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// sums returns a checksum of every file in the checkout, by its path from the root.
func sums(root string) (map[string][sha256.Size]byte, error) {
	found := map[string][sha256.Size]byte{}
	dir := os.DirFS(root)
	err := walk(dir, func(path string) error {
		text, err := fs.ReadFile(dir, path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		found[path] = sha256.Sum256(text)
		return nil
	})
	return found, err
}
