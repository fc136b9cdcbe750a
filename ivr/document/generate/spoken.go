package generate

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"duebell/ivr"
	"duebell/ivr/document"
)

// everywhere bounds the steps that are listed for one prompt. What more steps say is said anywhere. A list of
// more steps tells a reader nothing about where the words belong.
const everywhere = 12

// spoken returns which steps may say each prompt. That is written nowhere but in the functions of the
// conversation: it follows each step's functions, and those that they call, to the prompt keys in them. It
// reads the source as text and knows no types, so two functions of one name count as one. What it finds is at
// least what is said: a key in a function that a step reaches counts, whether or not that line runs there.
func spoken(root fs.FS, keys []string) (document.Spoken, error) {
	// All files are read before anything is asked: a step may use a function of another file.
	r := reader{keys: keys, says: map[string]found{}, steps: map[string]found{}, names: map[string]string{}}
	files, err := fs.Glob(root, "ivr/*.go")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		// Tests name prompts too, but say none.
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, fmt.Errorf("read the conversation: %w", err)
		}
		// Syntax alone: no types are resolved, so a checkout that does not build can still be read.
		file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			return nil, fmt.Errorf("read the conversation: %w", err)
		}
		r.read(file)
	}
	where := document.Spoken{}
	// The order of the steps is the reading order, in which the first step that says a prompt is its place.
	for _, s := range ivr.Conversation() {
		reached := r.reached(r.steps[string(s.Name)], map[string]bool{})
		for _, key := range slices.Sorted(maps.Keys(reached)) {
			where[key] = append(where[key], string(s.Name))
		}
	}
	// What nearly every step says would only repeat the list of steps.
	for key, steps := range where {
		if len(steps) > everywhere {
			where[key] = []string{document.Anywhere}
		}
	}
	return where, nil
}

// found is the prompts that a function, or a step, says by itself, and the functions that it uses. uses holds
// names alone, also of variables and types: those that are no function are skipped later.
type found struct{ keys, uses []string }

// reader collects what the source files say. It is filled file by file and then asked; it is used by one
// goroutine.
type reader struct {
	keys  []string
	says  map[string]found  // by function
	steps map[string]found  // by step
	names map[string]string // of the constants that name steps
}

// read takes a file's functions, steps and names of steps. Methods and functions of one name are joined.
// Constants are kept by name, because steps are named by constants.
func (r *reader) read(file *ast.File) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			// Methods that run the steps are left out, others count like functions.
			if d.Body == nil || (d.Recv != nil && engine[d.Name.Name]) {
				continue
			}
			f := r.collect(d.Body)
			r.says[d.Name.Name] = found{append(r.says[d.Name.Name].keys, f.keys...), append(r.says[d.Name.Name].uses, f.uses...)}
			// The steps are literals inside functions that return them.
			ast.Inspect(d.Body, r.step)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && len(v.Values) == 1 {
					if lit, ok := v.Values[0].(*ast.BasicLit); ok {
						// A constant that is no text gets "", which names no step.
						r.names[v.Names[0].Name], _ = strconv.Unquote(lit.Value)
					}
				}
			}
		}
	}
}

// engine names the methods that run steps. What they reach is every step's, so they are not followed.
// Otherwise every step would seem to say every prompt.
var engine = map[string]bool{"run": true, "ask": true, "Turn": true, "answer": true, "sayIn": true}

// step takes a Step literal of the conversation. It says false where it found one, to look no deeper. A Step
// is known by its field Name, whose value is one of the constants read so far; each file declares its names
// before its steps.
func (r *reader) step(n ast.Node) bool {
	lit, ok := n.(*ast.CompositeLit)
	if !ok {
		return true
	}
	for _, e := range lit.Elts {
		pair, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		if name, ok := pair.Key.(*ast.Ident); ok && name.Name == "Name" {
			if id, ok := pair.Value.(*ast.Ident); ok && r.names[id.Name] != "" {
				r.steps[r.names[id.Name]] = r.collect(lit)
				return false
			}
		}
	}
	return true
}

// collect finds prompt keys and names of functions. Words of facts, reasons and options are no prompts, even
// where they are spelled like one. A literal counts as a prompt where a message has that key.
func (r *reader) collect(n ast.Node) found {
	var f found
	var look func(n ast.Node) bool
	look = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok {
				f.uses = append(f.uses, s.Sel.Name)
				// The words inside such a call are left out, but the function itself is followed.
				if s.Sel.Name == "fact" || s.Sel.Name == "toPerson" { // their words are facts and reasons
					return false
				}
			}
		// The case's own words are options or reasons that are compared, not said; its body is looked at.
		case *ast.CaseClause:
			for _, s := range n.Body {
				ast.Inspect(s, look)
			}
			return false
		case *ast.CompositeLit:
			if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Fact" {
				return false
			}
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok && (id.Name == "Name" || id.Name == "LeadsTo" || id.Name == "OnSilence") {
				return false
			}
		// Any name may be a function that is handed on, as Before and Then are.
		case *ast.Ident:
			f.uses = append(f.uses, n.Name)
		// A text counts only where a message has exactly this key.
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && slices.Contains(r.keys, text) {
				f.keys = append(f.keys, text)
			}
		}
		return true
	}
	ast.Inspect(n, look)
	return f
}

// reached returns every prompt that may be said from here. seen ends the search where functions call one
// another in a circle. seen belongs to one step: the same function may be reached by many.
func (r *reader) reached(f found, seen map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, k := range f.keys {
		all[k] = true
	}
	for _, name := range f.uses {
		if next, known := r.says[name]; known && !seen[name] {
			seen[name] = true
			maps.Copy(all, r.reached(next, seen))
		}
	}
	return all
}
