package archtest

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the import path that all of our own packages begin with.
const module = "duebell"

// source is one Go file of ours.
type source struct {
	path      string // from the root, with slashes
	pkg       string // its folder from the root: the import path without the module
	test      bool
	generated bool
	lines     int
	file      *ast.File
	fset      *token.FileSet
}

// imports are the paths that the file imports.
func (s source) imports() []string {
	var all []string
	for _, spec := range s.file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value) // it has been parsed: it is a quoted string
		all = append(all, path)
	}
	return all
}

func (s source) line(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// root is the module's folder; tests run in their package's.
const root = "../.."

// files walks everything that is ours: not what git, tools and builds keep beside it.
func files(ext string, visit func(path string, text []byte)) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ext {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		short, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(short), text)
		return nil
	})
}

var parsed = sync.OnceValues(func() (all []source, err error) {
	var problems []error
	walk := files(".go", func(path string, text []byte) {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			problems = append(problems, err)
			return
		}
		all = append(all, source{
			path: path, pkg: filepath.ToSlash(filepath.Dir(path)), test: strings.HasSuffix(path, "_test.go"),
			generated: ast.IsGenerated(f), lines: bytes.Count(text, []byte{'\n'}), file: f, fset: fset,
		})
	})
	return all, errors.Join(append(problems, walk)...)
})

// sources are all Go files of ours.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Error(err)
	}
	if len(all) == 0 {
		t.Fatal("found no Go files: is this test where it belongs?")
	}
	return all
}

// under says whether path is folder or lies in it.
func under(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func underAny(path string, folders []string) bool {
	for _, f := range folders {
		if under(path, f) {
			return true
		}
	}
	return false
}
