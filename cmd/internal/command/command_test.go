package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duebell/billing"
	"duebell/internal/app"
)

// sample is a program with one command of each kind that matters here.
type sample struct {
	Things struct {
		List listCmd `cmd:"" help:"List things."`
		Drop dropCmd `cmd:"" help:"Drop one."`
	} `cmd:"" help:"Things."`
	Run runCmd `cmd:"" help:"Run."`

	Common
}

type listCmd struct {
	Settings
	Format
	State string `known:"state" help:"Only in one state."`
}

func (*listCmd) Run() error { return nil }

type dropCmd struct {
	Kind string `arg:"" known:"state" help:"Which."`
}

func (*dropCmd) Run() error { return errors.New("the thing is held") }

type runCmd struct{ Settings }

func (r *runCmd) Run() error {
	_, err := r.Load(app.NeedDatabase, app.NeedProcessor)
	return err
}

func sampleProgram() *Program {
	root := &sample{}
	return &Program{Name: "sample", Description: "A sample.", Root: root, Common: &root.Common, Known: map[string][]string{"state": {"open", "done"}}}
}

// unset clears every variable that this test's commands read.
func unset(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "DUEBELL_") || strings.HasPrefix(name, "TWILIO_") || strings.HasPrefix(name, "STRIPE_") ||
			strings.HasPrefix(name, "DATABASE_URL") || strings.HasPrefix(name, "REDIS_URL") {
			t.Setenv(name, "")
		}
	}
}

// A mistake is answered with what would be right, and with the code for it.
func TestMistakesAreAnswered(t *testing.T) {
	unset(t)
	for line, want := range map[string]struct {
		code int
		says []string
	}{
		"":                          {Misused, []string{"things, run", "See: sample --help"}},
		"thngs list":                {Misused, []string{`did you mean "things"?`}},
		"things lst":                {Misused, []string{`sample things: `, `did you mean "list"?`, "See: sample things --help"}},
		"things nothing":            {Misused, []string{"Commands: list, drop"}},
		"things list --stat open":   {Misused, []string{`did you mean "--state"?`}},
		"things list --state opn":   {Misused, []string{`--state: "opn" is not known; it must be one of open, done`, "See: sample things list --help"}},
		"things drop opn":           {Misused, []string{`<kind>: "opn" is not known`}},
		"things drop open":          {Failed, []string{"sample things drop: the thing is held"}},
		"things list --state open":  {Done, nil},
		"run":                       {Misused, []string{"DATABASE_URL is not set", "STRIPE_API_KEY is not set", "sample run --help-settings"}},
		"run --stripe-api-key sk_1": {Misused, []string{"unknown flag --stripe-api-key"}}, // a secret has no flag
		"--log-level loud run":      {Misused, []string{`"debug","info","warn","error"`}},
	} {
		var out bytes.Buffer
		if code := sampleProgram().Run(t.Context(), strings.Fields(line), &out); code != want.code {
			t.Errorf("%q: exit code %d, want %d:\n%s", line, code, want.code, &out)
		}
		for _, words := range want.says {
			if !strings.Contains(out.String(), words) {
				t.Errorf("%q does not say %q:\n%s", line, words, &out)
			}
		}
	}
}

// Everything wrong with the environment is told at once, also values that the parser cannot read, and a command
// that reads no settings does not mind.
func TestEveryWrongSettingAtOnce(t *testing.T) {
	unset(t)
	t.Setenv("DUEBELL_CLOCK_SHIFT", "soon")
	t.Setenv("DUEBELL_LINES", "many")
	t.Setenv("DUEBELL_PUBLIC_URL", "pay.example.org")
	t.Setenv("STRIPE_API_KEY", "sk_1")
	t.Setenv("STRIPE_API_KEY_FILE", "/nowhere/key")
	t.Setenv("DATABASE_URL_FILE", "/nowhere/dsn")
	var out bytes.Buffer
	if code := sampleProgram().Run(t.Context(), []string{"run"}, &out); code != Misused {
		t.Errorf("exit code %d", code)
	}
	for _, words := range []string{"DUEBELL_CLOCK_SHIFT: ", "DUEBELL_LINES: ", "DUEBELL_PUBLIC_URL is not", "STRIPE_API_KEY and STRIPE_API_KEY_FILE", "DATABASE_URL cannot be read from /nowhere/dsn"} {
		if strings.Count(out.String(), words) != 1 {
			t.Errorf("it is to say once: %s\n%s", words, &out)
		}
	}
	if strings.Contains(out.String(), "sk_1") {
		t.Errorf("a secret is shown:\n%s", &out)
	}
	if code := sampleProgram().Run(t.Context(), []string{"things", "drop", "open"}, &out); code != Failed {
		t.Errorf("a command without settings minds the environment: exit code %d\n%s", code, &out)
	}
}

// help returns what a command line prints that ends the program early.
func help(t *testing.T, args ...string) string {
	t.Helper()
	parser, err := sampleProgram().Parser()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	ended := errors.New("ended")
	parser.Stdout, parser.Exit = &out, func(int) { panic(ended) }
	func() {
		defer func() {
			r := recover()
			if err, ok := r.(error); !ok || !errors.Is(err, ended) {
				t.Errorf("%v did not end the program: %v", args, r)
			}
		}()
		_, _ = parser.Parse(args)
	}()
	return out.String()
}

// --help shows a command's own flags, then those of every command, and no setting.
func TestHelpShowsOwnFlagsFirst(t *testing.T) {
	text := help(t, "things", "list", "--help")
	own, every := strings.Index(text, "--state"), strings.Index(text, "Flags of every command:")
	if own < 0 || every < own || strings.Index(text, "--log-level") < every || strings.Index(text, "--help-settings") < every {
		t.Errorf("the flags are not in order:\n%s", text)
	}
	if strings.Contains(text, "DUEBELL_HTTP_ADDR") || strings.Contains(text, "--http-addr") {
		t.Errorf("a setting is among the flags:\n%s", text)
	}
}

// --help-settings lists every variable, and of each secret the file as well.
func TestHelpSettingsListsEveryVariable(t *testing.T) {
	text := help(t, "run", "--help-settings")
	for _, name := range []string{"DUEBELL_HTTP_ADDR", "DUEBELL_PUBLIC_URL", "TWILIO_ACCOUNT_SID", "DUEBELL_LINES", "DUEBELL_POLICY", "DUEBELL_CLOCK_SHIFT"} {
		if !strings.Contains(text, "$"+name+" ") {
			t.Errorf("no $%s in:\n%s", name, text)
		}
	}
	for _, s := range app.Secrets() {
		if !strings.Contains(text, "$"+s.Name+"  $"+s.Name+"_FILE") || s.Help == "" {
			t.Errorf("no $%s, or without its file or help", s.Name)
		}
	}
}

func TestCompletion(t *testing.T) {
	p := sampleProgram()
	parser, err := p.Parser()
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"":                      "things run completion",
		"th":                    "things",
		"things ":               "list drop",
		"things list --st":      "--state",
		"things list --state ":  "open done",
		"things list --state o": "open",
		"things drop d":         "done",
		"completion ":           "bash zsh fish",
		"run --http":            "", // settings are no flags to complete
	} {
		words := strings.Split(line, " ")
		if got := strings.Join(p.complete(parser.Model.Node, words), " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	for shell, script := range shellScripts {
		if !strings.Contains(script, "PROGRAM complete-words --") {
			t.Errorf("the script for %s does not ask the program", shell)
		}
	}
}

type row struct {
	at    time.Time
	cents billing.Money
	text  string
	on    billing.Date
	ok    bool
}

// A table says the same to people, in the policy's time zone, and to programs, in UTC and cents.
func TestTable(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	rows := []row{{time.Date(2027, 7, 10, 15, 0, 0, 0, time.UTC), 19800, "a \"b\"", billing.Date{Year: 2027, Month: 7, Day: 1}, true}, {}}
	columns := []Column[row]{
		{Key: "authorized_at", Cell: func(r row) any { return r.at }}, {Key: "amount", JSON: "cents", Cell: func(r row) any { return r.cents }},
		{Key: "text", Cell: func(r row) any { return r.text }}, {Key: "on", Cell: func(r row) any { return r.on }}, {Key: "ok", Cell: func(r row) any { return r.ok }},
	}
	for _, tt := range []struct {
		json bool
		rows []row
		want string
	}{
		{false, rows, "AUTHORIZED AT            AMOUNT  TEXT   ON          OK\n2027-07-10 11:00:00 EDT  198.00  a \"b\"  2027-07-01  yes\n-                        0.00    -      -           no\n"},
		{true, rows, "[\n" + `{"authorized_at":"2027-07-10T15:00:00Z","cents":19800,"text":"a \"b\"","on":"2027-07-01","ok":true},` + "\n" +
			`{"authorized_at":null,"cents":0,"text":null,"on":null,"ok":false}` + "\n]\n"},
		{true, nil, "[]\n"},
	} {
		var out bytes.Buffer
		if err := Table(&out, Format{JSON: tt.json}, zone, tt.rows, columns); err != nil {
			t.Fatal(err)
		}
		if out.String() != tt.want {
			t.Errorf("json %t:\n%s\nwant:\n%s", tt.json, &out, tt.want)
		}
	}
}

// D3: account and phone numbers are shown as their last four.
func TestNumbersAreMasked(t *testing.T) {
	for number, want := range map[string]string{"712345678": "…5678", "+16175550101": "…0101", "": "", "4821": "4821", "…5678": "…5678"} {
		if got := (Reveal{}).Number(number); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
		if got := (Reveal{Reveal: true}).Number(number); got != number {
			t.Errorf("revealed: %s, want %s", got, number)
		}
	}
}

// docs/operating.md shows the exit codes that there are.
func TestExitCodesAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../../docs/operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"| 0 | done", "| 1 | failed", "| 2 | misused"} {
		if !strings.Contains(string(page), line) {
			t.Errorf("docs/operating.md does not say: %s", line)
		}
	}
	if Done != 0 || Failed != 1 || Misused != 2 {
		t.Error("an exit code changed: scripts of operators depend on them")
	}
}

// An interrupted command says so instead of naming a context.
func TestInterrupted(t *testing.T) {
	var out bytes.Buffer
	if code := report(&out, "sample run", context.Canceled, true); code != Failed || strings.Contains(out.String(), "context") {
		t.Errorf("%d: %s", code, &out)
	}
}
