package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// allowance is a place where a rule does not hold, and why.
type allowance struct {
	place string // a folder or a file
	why   string
}

var readsMachineClock = []allowance{
	{"cmd", "the wiring decides what the clock is"},
	{"internal/app", "the wiring decides what the clock is"},
	{"internal/telemetry", "how long a request takes is machine time"},
	{"lab/bench", "load is measured by the machine's clock"},
	{"lab/testenv/cmd", "how long the tests have run is the machine's time"},
}

// Two clocks: the domain's, which dev and scripts move, comes in as an argument; the machine's is read
// where the list says.
func TestTimeIsPassedIn(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue // a test's deadline is the machine's
		}
		calls(s, "time", []string{"Now", "Since", "Until"}, func(n ast.Node, name string) {
			if slices.ContainsFunc(readsMachineClock, func(a allowance) bool { return under(s.path, a.place) }) {
				return
			}
			t.Errorf("%s: time.%s: take the time as an argument or a Clock; a clock that scripts cannot move is untestable, "+
				"and wrong on the day of a DST change", s.line(n), name)
		})
	}
	for _, a := range readsMachineClock {
		if a.why == "" {
			t.Errorf("%s may read the machine's clock: that needs a reason", a.place)
		}
	}
}

// In a bubble of testing/synctest time is the test's own, and sleeping is how it is moved.
func TestNobodySleeps(t *testing.T) {
	for _, s := range sources(t) {
		if s.test && slices.Contains(s.imports(), "testing/synctest") {
			continue
		}
		calls(s, "time", []string{"Sleep"}, func(n ast.Node, _ string) {
			t.Errorf("%s: time.Sleep: wait for what you are waiting for, or on a timer that a context can end", s.line(n))
		})
	}
}

// calls finds the uses of a package's functions, called or handed on.
func calls(s source, pkg string, names []string, found func(ast.Node, string)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == pkg && slices.Contains(names, sel.Sel.Name) {
			found(n, sel.Sel.Name)
		}
		return true
	})
}

// The database's own clock, in all its spellings.
var databaseTime = regexp.MustCompile(`(?i)\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(\s*\)|` +
	`\b(current_timestamp|current_date|current_time|localtimestamp|localtime)\b|'(now|today|tomorrow|yesterday)'`)

var sqlComment = regexp.MustCompile(`--[^\n]*`)

const passTime = "time is a parameter in SQL: the database's clock is neither the domain's nor moved by scripts"

func TestSQLTakesTimeAsAParameter(t *testing.T) {
	err := files(".sql", func(path string, text []byte) {
		// Comments are blanked, so that line numbers stay.
		sql := sqlComment.ReplaceAllString(string(text), "")
		for i, line := range strings.Split(sql, "\n") {
			if word := databaseTime.FindString(line); word != "" {
				t.Errorf("%s:%d: %s: %s", path, i+1, word, passTime)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

var statement = regexp.MustCompile(`(?i)\b(select|insert into|update|delete from)\b`)

func TestSQLInGoTakesTimeAsAParameter(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.generated {
			continue // what is generated comes from .sql files
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || !statement.MatchString(lit.Value) {
				return true
			}
			if word := databaseTime.FindString(sqlComment.ReplaceAllString(lit.Value, "")); word != "" {
				t.Errorf("%s: %s: %s", s.line(n), word, passTime)
			}
			return true
		})
	}
}

func TestDatabaseTimeIsRecognised(t *testing.T) {
	for sql, want := range map[string]bool{
		"at > now()": true, "AT > NOW ( )": true, "DEFAULT CURRENT_TIMESTAMP": true, "'now'::timestamptz": true,
		"at > @at": false, "known()": false, "snow_at": false, "unknown": false, "current_timestamps": false,
	} {
		if got := databaseTime.MatchString(sql); got != want {
			t.Errorf("%q: %v, want %v", sql, got, want)
		}
	}
}
