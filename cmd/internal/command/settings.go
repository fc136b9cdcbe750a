package command

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"duebell/internal/app"
)

// Groups of flags that are not a command's own.
const (
	settingsGroup = "settings" // of the deployment; --help leaves them out
	everyGroup    = "every"    // that every command has; --help shows them last
)

// Settings are the settings of a command that needs any. They come from the environment; a flag of the same
// name overrides a variable, secrets aside. --help leaves them out, --help-settings lists them.
// It embeds app.Settings, so a command calls Load on itself.
type Settings struct {
	app.Settings `group:"settings"`
	HelpSettings helpSettings `group:"every" name:"help-settings" help:"List the variables of the environment that it reads, and exit."`
}

// AfterApply keeps what could not be read in the environment, for Load to report with the rest.
// kong calls it after parsing, with the value that Parser has bound.
func (s *Settings) AfterApply(invalid *invalidEnvironment) error {
	// A command without settings has no Settings, so nonsense in the environment does not stop it.
	s.Invalid = invalid.problems
	return nil
}

// invalidEnvironment holds the problems with variables whose values cannot be read.
type invalidEnvironment struct{ problems []error }

// setAsideInvalid tries every variable of a settings flag. One whose value cannot be read is reported and
// ignored: kong would stop at the first, and for every command, even one that reads no settings.
//
// It is decoded into a value that is thrown away. Clearing the flag's names keeps kong from reading the
// variable again. A variable of several commands is reported once.
func setAsideInvalid(node *kong.Node) []error {
	var problems []error
	seen := map[string]bool{}
	_ = kong.Visit(node, func(n kong.Visitable, next kong.Next) error { // next never fails here
		f, ok := n.(*kong.Flag)
		if !ok || f.Group == nil || f.Group.Key != settingsGroup {
			return next(nil)
		}
		for _, name := range f.Tag.Envs {
			text := os.Getenv(name)
			if text == "" {
				continue
			}
			// The flag's own decoder tells what it can read.
			scan := kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: text})
			err := f.Mapper.Decode(&kong.DecodeContext{Value: f.Value, Scan: scan}, reflect.New(f.Target.Type()).Elem())
			if err == nil {
				continue
			}
			if !seen[name] {
				problems = append(problems, fmt.Errorf("%s: %w", name, err))
			}
			seen[name], f.Tag.Envs, f.Envs = true, nil, nil
		}
		return next(nil)
	})
	return problems
}

// helpSettings is the flag --help-settings.
type helpSettings bool

// IgnoreDefault has kong not count the flag as given when it is not.
func (helpSettings) IgnoreDefault() {}

// BeforeReset prints the settings and exits, whatever else the command line lacks.
func (helpSettings) BeforeReset(k *kong.Kong, c *kong.Context) error {
	printSettings(k.Stdout, c.Selected())
	k.Exit(Done)
	return nil
}

// printSettings lists every variable that a command reads: those with a flag, then the secrets.
// Names stand with a dollar sign, as in a shell, so that they are found by searching the text.
func printSettings(out io.Writer, node *kong.Node) {
	fmt.Fprintf(out, "Settings of %s. Each is a variable of the environment; the flag overrides it.\n", node.FullPath())
	for _, level := range node.AllFlags(false) {
		for _, f := range level {
			if len(f.Tag.Envs) == 0 {
				continue
			}
			fmt.Fprintf(out, "\n  $%s  --%s\n      %s", strings.Join(f.Tag.Envs, " $"), f.Name, f.Help)
			if f.HasDefault {
				fmt.Fprintf(out, " Default: %s.", f.Default)
			}
			fmt.Fprintln(out)
		}
	}
	fmt.Fprint(out, "\nSecrets have no flag, because anybody on the machine can read a command line. Each is a variable, or a file that\nholds nothing else, named by the variable with _FILE.\n")
	for _, s := range app.Secrets() {
		fmt.Fprintf(out, "\n  $%s  $%s_FILE\n      %s\n", s.Name, s.Name, s.Help)
	}
}

// printHelp is kong's help without the settings, which would hide a command's own flags.
func printHelp(options kong.HelpOptions, k *kong.Context) error {
	_ = kong.Visit(k.Model.Node, func(n kong.Visitable, next kong.Next) error { // next never fails here
		if f, ok := n.(*kong.Flag); ok && f.Group != nil && f.Group.Key == settingsGroup {
			// Hidden only for this one page: the program ends after it.
			f.Hidden = true
		}
		return next(nil)
	})
	return kong.DefaultHelpPrinter(options, k)
}
