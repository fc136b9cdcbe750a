package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"duebell/internal/app"
)

// Exit codes of both programs. docs/operating.md shows the same table, and a test keeps the two equal.
// Scripts of operators depend on them.
const (
	Done    = 0 // the command did what it says
	Failed  = 1 // something failed, or a check found something to mend
	Misused = 2 // the command line or a setting is wrong; nothing was done
)

// Common holds the flags and commands that both programs have; each embeds it in its root.
type Common struct {
	LogLevel string           `group:"every" name:"log-level" env:"DUEBELL_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" placeholder:"info" help:"debug, info, warn or error; logs are JSON on stderr."`
	Version  kong.VersionFlag `group:"every" help:"Print the version and exit."`

	Completion completionCmd `cmd:"" help:"Print a script that has the shell complete commands, flags and values."`
	Complete   completeCmd   `cmd:"" name:"complete-words" hidden:"" help:"Print what the last word may become; the completion scripts call this."`
}

// Program is duebell or duebell-lab.
// It is used for one run: parsing fills in Root.
type Program struct {
	Name        string
	Description string
	Root        any     // a pointer to the struct of its commands, which embeds Common
	Common      *Common // the one embedded there
	// Known holds the values that a flag or argument may have, by the word in its `known` tag.
	Known map[string][]string
}

// Parser returns the parser of the program's commands. Variables of the environment that hold nonsense are
// set aside for the command that reads its settings, so that it can report all of them at once.
// An error is a mistake in the commands' tags, which the first test shows.
func (p *Program) Parser() (*kong.Kong, error) {
	invalid := &invalidEnvironment{}
	// ctx is bound to a placeholder here so that kong accepts the commands' signatures; Run binds the real
	// one.
	parser, err := kong.New(p.Root,
		kong.Name(p.Name), kong.Description(p.Description), kong.Vars{"version": p.Name + " " + version()},
		kong.Help(printHelp), kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{{Key: everyGroup, Title: "Flags of every command:"}, {Key: settingsGroup}}),
		kong.BindTo(context.Background(), (*context.Context)(nil)), kong.Bind(p, invalid))
	if err != nil {
		return nil, fmt.Errorf("commands of %s: %w", p.Name, err)
	}
	invalid.problems = setAsideInvalid(parser.Model.Node)
	// kong makes --help by itself, without a group.
	parser.Model.HelpFlag.Group = parser.Model.Flags[1].Group // --help stands with the flags that every command has
	return parser, nil
}

// Main runs the command that the process's arguments name and ends the process with its exit code. It does not
// return.
//
// The first signal, Ctrl-C or what a supervisor or container sends, ends the command's context, and the command ends in
// its own order. Further signals change nothing until it has: dev must put everything away.
func (p *Program) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := p.Run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code) // runs no deferred functions, so stop is called by hand
}

// Run parses args, runs the command that they name and returns the exit code for the process. What went wrong
// is written to errOut, with what to do about it.
//
// Commands get ctx, a logger and the Program as arguments of their Run. When ctx ends, the command ends in
// its own order; Run waits for it.
func (p *Program) Run(ctx context.Context, args []string, errOut io.Writer) int {
	parser, err := p.Parser()
	if err != nil {
		fmt.Fprintln(errOut, err)
		return Failed
	}
	k, err := p.Parse(parser, args)
	if err != nil {
		// The help to point to is that of the last command that was understood.
		node := parser.Model.Node
		if k != nil && k.Selected() != nil {
			node = k.Selected()
		}
		fmt.Fprintf(errOut, "%s: %v%s\nSee: %s --help\n", node.FullPath(), err, commandsBelow(node), node.FullPath())
		return Misused
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(p.Common.LogLevel)) // the parser let only words pass that it knows
	log := app.NewLog(os.Stderr, level)
	// Libraries that log by themselves do so in the same form.
	slog.SetDefault(log)
	k.Bind(log)
	k.BindTo(ctx, (*context.Context)(nil))
	return report(errOut, k.Selected().FullPath(), k.Run(), ctx.Err() != nil)
}

// commandsBelow names the commands that might have been meant below a node that is none by itself.
func commandsBelow(node *kong.Node) string {
	var names []string
	for _, n := range node.Children {
		if !n.Hidden {
			names = append(names, n.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "\nCommands: " + strings.Join(names, ", ")
}

// report writes what a command's error says and returns the exit code.
func report(errOut io.Writer, path string, err error, interrupted bool) int {
	usage, settings := (*UsageError)(nil), (*app.SettingsError)(nil)
	switch {
	case err == nil:
		return Done
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "%s: %v\nSee: %s --help\n", path, err, path)
		return Misused
	// Settings are misuse, not failure: nothing was begun.
	case errors.As(err, &settings):
		fmt.Fprintf(errOut, "%s: %v\nEvery setting is explained by: %s --help-settings\n", path, err, path)
		return Misused
	// A signal is no failure of the command, but it is not done either.
	case interrupted && errors.Is(err, context.Canceled):
		fmt.Fprintf(errOut, "%s: interrupted before it was done; run it again\n", path)
	default:
		fmt.Fprintf(errOut, "%s: %v\n", path, err)
	}
	return Failed
}

// UsageError says what is wrong with the value of a flag or argument.
// It is for what the parser cannot see, such as two flags that exclude each other; Run answers it with
// Misused.
type UsageError struct{ Problem string }

// Error returns the problem as it was given.
func (e *UsageError) Error() string { return e.Problem }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// Parse parses args and refuses a value that a `known` tag does not allow, naming the known ones. With an error
// the context, if there is one, tells how far the command line was understood.
func (p *Program) Parse(parser *kong.Kong, args []string) (*kong.Context, error) {
	k, err := parser.Parse(args)
	if parse := (*kong.ParseError)(nil); errors.As(err, &parse) {
		return parse.Context, err
	}
	if err != nil {
		return nil, err
	}
	// kong's own enum would do, but its list must be known when the program is compiled.
	for _, v := range values(k.Selected()) {
		if err := p.checkKnown(v); err != nil {
			return k, err
		}
	}
	return k, nil
}

// values returns the flags and arguments of a command and of those above it.
func values(node *kong.Node) []*kong.Value {
	var list []*kong.Value
	for ; node != nil; node = node.Parent {
		list = append(list, node.Positional...)
		for _, f := range node.Flags {
			list = append(list, f.Value)
		}
	}
	return list
}

// checkKnown refuses a value that is not one of those that the tag `known` stands for.
func (p *Program) checkKnown(v *kong.Value) error {
	word := v.Tag.Get("known")
	if word == "" || v.Target.Kind() != reflect.String || v.Target.String() == "" {
		return nil
	}
	known, got := p.Known[word], v.Target.String()
	if slices.Contains(known, got) {
		return nil
	}
	return Usagef("%s: %q is not known; it must be one of %s", v.ShortSummary(), got, strings.Join(known, ", "))
}

// version returns the version of the build: the module's if it was installed as one, and the commit.
// It is what --version prints.
func version() string {
	// The toolchain writes it into the binary; nothing has to be passed to the build.
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(built without version information)"
	}
	var words []string
	if v := info.Main.Version; v != "" && v != "(devel)" {
		words = append(words, v)
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			words = append(words, "commit "+s.Value)
		case s.Key == "vcs.modified" && s.Value == "true":
			words = append(words, "with local changes")
		}
	}
	if len(words) == 0 {
		words = append(words, "built from a checkout, without a version")
	}
	return strings.Join(append(words, info.GoVersion), ", ")
}
