package archtest

import (
	"go/ast"
	"go/token"
	"testing"
)

// One sentence on every exported name. How it begins is the author's; that it is there is not.
func TestExportedNamesHaveASentence(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.generated {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && receiverIsExported(d) && !isPlain(d) {
					t.Errorf("%s: %s has no comment", s.line(d), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					checkSpec(t, s, d, spec)
				}
			}
		}
	}
}

func receiverIsExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// isPlain says whether a method's name and shape are known to everybody who reads Go.
func isPlain(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return false
	}
	switch d.Name.Name {
	case "Error", "String", "Unwrap", "Is", "As", "Len", "Less", "Swap", "Close", "Read", "Write", "ServeHTTP", "LogValue",
		"MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "MarshalXML", "UnmarshalXML", "Scan", "Value":
		return true
	}
	return false
}

func checkSpec(t *testing.T, s source, d *ast.GenDecl, spec ast.Spec) {
	t.Helper()
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
			t.Errorf("%s: %s has no comment", s.line(spec), spec.Name.Name)
		}
	case *ast.ValueSpec:
		// The words of a typed list speak for themselves beside their type's comment; so does a block
		// with one comment for all.
		if spec.Doc != nil || spec.Comment != nil || d.Doc != nil || (d.Tok == token.CONST && spec.Type != nil) {
			return
		}
		for _, name := range spec.Names {
			// The members of an iota list after the first have no type of their own.
			if name.IsExported() && !(d.Tok == token.CONST && len(spec.Values) == 0) {
				t.Errorf("%s: %s has no comment", s.line(name), name.Name)
			}
		}
	}
}
