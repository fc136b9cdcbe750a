package archtest

import (
	"go/ast"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// A key that is printed as in force and that nobody reads deceives the operator who sets it. What the
// policy does with its own keys, checks at start included, is no reading, and neither is what the lab
// or a function that nobody calls does.
func TestEveryPolicyKeyIsRead(t *testing.T) {
	keys := policyFields(t)
	var production []source
	for _, s := range sources(t) {
		if !s.test && !s.generated && !under(s.pkg, "lab") && !under(s.pkg, "cmd/duebell-lab") && !strings.HasPrefix(s.path, "billing/policy") {
			production = append(production, s)
		}
	}
	uses := nameCounts(production)
	for _, s := range production {
		policies := policyNames(s.file)
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.Name != "main" && uses[fn.Name.Name] < 2 {
				continue // only its own declaration names it
			}
			for _, name := range fieldsRead(decl, policies) {
				delete(keys, name)
			}
		}
	}
	for field, key := range keys {
		t.Errorf("policy key %s: no production code reads Policy.%s: read it where it rules, or move the key to notBuilt in billing/policy_refused.go", key, field)
	}
}

// policyFields are the fields of billing.Policy, each with its key.
func policyFields(t *testing.T) map[string]string {
	t.Helper()
	keys := map[string]string{}
	for _, s := range sources(t) {
		if s.path != "billing/policy.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != "Policy" {
				return true
			}
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				tag, err := strconv.Unquote(field.Tag.Value)
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range field.Names {
					keys[name.Name] = reflect.StructTag(tag).Get("toml")
				}
			}
			return false
		})
	}
	if len(keys) == 0 {
		t.Fatal("found no field of billing.Policy in billing/policy.go")
	}
	return keys
}

// nameCounts says how often each name occurs in some files, declarations included.
func nameCounts(files []source) map[string]int {
	count := map[string]int{}
	for _, s := range files {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				count[id.Name]++
			}
			return true
		})
	}
	return count
}

// policyNames are the names under which a file holds a policy: of parameters, fields and variables of
// that type, and of what is assigned from such a one.
func policyNames(file *ast.File) map[string]bool {
	names := map[string]bool{"policy": true, "Policy": true}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if lastName(n.Type) == "Policy" {
				for _, name := range n.Names {
					names[name.Name] = true
				}
			}
		case *ast.ValueSpec:
			if n.Type != nil && lastName(n.Type) == "Policy" {
				for _, name := range n.Names {
					names[name.Name] = true
				}
			}
		case *ast.AssignStmt:
			for i, from := range n.Rhs {
				if to, ok := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.Ident); ok && names[lastName(from)] {
					names[to.Name] = true
				}
			}
		}
		return true
	})
	return names
}

// fieldsRead are the fields that a declaration reads of what is held under the names; setting one is no reading.
func fieldsRead(decl ast.Decl, policies map[string]bool) []string {
	set := map[ast.Node]bool{}
	var read []string
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				set[to] = true
			}
		case *ast.SelectorExpr:
			if !set[n] && policies[lastName(n.X)] {
				read = append(read, n.Sel.Name)
			}
		}
		return true
	})
	return read
}

// lastName is the last name of a chain such as h.cfg.Policy, or of the type it points to; empty for anything else.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.StarExpr:
		return lastName(e.X)
	}
	return ""
}
