package document_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duebell/ivr"
	"duebell/voiceprompts"
)

// Which step speaks which prompt stands in the functions of the conversation. It is read out of their
// source here, and kept beside the package for the binary, which has no source.

const spokenFile = "spoken.json"

// everywhere bounds the steps that are listed for one prompt; what more steps say is said anywhere.
const everywhere = 12

func TestWhereEachPromptIsSpokenIsFresh(t *testing.T) {
	_, prompts := open(t)
	got, err := json.MarshalIndent(spokenAt(t, prompts), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(spokenFile, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(spokenFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != string(got) {
		t.Error(spokenFile + " is stale: duebell-lab prompts refresh")
	}
}

// spokenAt gives the steps that may speak each prompt, in reading order.
func spokenAt(t *testing.T, prompts *voiceprompts.Catalog) map[string][]string {
	t.Helper()
	r := reader{keys: prompts.Keys(), says: map[string]found{}, steps: map[string]found{}, names: map[string]string{}}
	files, err := filepath.Glob("../../ivr/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), f, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			r.read(file)
		}
	}
	where := map[string][]string{}
	for _, s := range ivr.Conversation() {
		spoken := r.reached(r.steps[string(s.Name)], map[string]bool{})
		for _, key := range slices.Sorted(maps.Keys(spoken)) {
			where[key] = append(where[key], string(s.Name))
		}
	}
	for key, steps := range where {
		if len(steps) > everywhere {
			where[key] = []string{"anywhere"}
		}
	}
	return where
}

// found is what a function, or a step, says by itself, and which functions it uses.
type found struct{ keys, uses []string }

type reader struct {
	keys  []string
	says  map[string]found  // by function
	steps map[string]found  // by step
	names map[string]string // of the constants that name steps
}

func (r *reader) read(file *ast.File) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Body == nil || (d.Recv != nil && engineRoom[d.Name.Name]) {
				continue
			}
			f := r.collect(d.Body)
			r.says[d.Name.Name] = found{append(r.says[d.Name.Name].keys, f.keys...), append(r.says[d.Name.Name].uses, f.uses...)}
			ast.Inspect(d.Body, r.step)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && len(v.Values) == 1 {
					if lit, ok := v.Values[0].(*ast.BasicLit); ok {
						r.names[v.Names[0].Name], _ = strconv.Unquote(lit.Value)
					}
				}
			}
		}
	}
}

// engineRoom are the methods that run steps: what they reach is every step's.
var engineRoom = map[string]bool{"run": true, "ask": true, "Turn": true, "answer": true, "sayIn": true}

// step takes a Step literal of the list.
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

// collect finds prompt keys and names of functions. A fact is no prompt, whatever it is called.
func (r *reader) collect(n ast.Node) found {
	var f found
	var look func(n ast.Node) bool
	look = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok {
				f.uses = append(f.uses, s.Sel.Name)
				if s.Sel.Name == "fact" || s.Sel.Name == "toPerson" { // their words are facts and reasons
					return false
				}
			}
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
		case *ast.Ident:
			f.uses = append(f.uses, n.Name)
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

// reached is everything that may be said from here.
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
