package command

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd prints the script of one shell.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help tells how the script is used.
func (completionCmd) Help() string {
	return "For bash and zsh put into the shell's start-up file: source <(PROGRAM completion bash), or zsh. " +
		"For fish: PROGRAM completion fish | source."
}

// shellScripts complete by asking the program itself, so that they never go stale. PROGRAM is its name.
// An empty answer leaves the word to the shell, which then offers files.
var shellScripts = map[string]string{
	"bash": `_PROGRAM() {
	local IFS=$'\n'
	COMPREPLY=($(PROGRAM complete-words -- "${COMP_WORDS[@]:1:COMP_CWORD}"))
}
complete -o default -F _PROGRAM PROGRAM
`,
	"zsh": `_PROGRAM() {
	local -a found
	found=(${(f)"$(PROGRAM complete-words -- "${(@)words[2,CURRENT]}")"})
	if (( $#found )); then compadd -- $found; else _files; fi
}
compdef _PROGRAM PROGRAM
`,
	"fish": `complete -c PROGRAM -a '(PROGRAM complete-words -- (commandline -opc)[2..-1] (commandline -ct))'
`,
}

// Run prints the script.
func (c *completionCmd) Run(p *Program, k *kong.Kong) error {
	// A shell function may not be called duebell-lab in every shell: its dash becomes an underscore there.
	script := strings.ReplaceAll(shellScripts[c.Shell], "_PROGRAM", "_"+strings.ReplaceAll(p.Name, "-", "_"))
	_, err := io.WriteString(k.Stdout, strings.ReplaceAll(script, "PROGRAM", p.Name))
	return err
}

// completeCmd answers the completion scripts.
// It is hidden: only the scripts call it.
type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words after the program's name, the last one as far as it is typed."`
}

// Run prints one candidate a line; none leaves the word to the shell, which offers files.
func (c *completeCmd) Run(p *Program, k *kong.Kong) error {
	for _, w := range p.complete(k.Model.Node, c.Words) {
		fmt.Fprintln(os.Stdout, w)
	}
	return nil
}

// complete returns what the last word may become.
//
// words are those after the program's name; the last one may be empty or half typed. Words that make no sense
// are passed over, because the shell asks while a person is still typing. It returns nothing where a file or
// free text is wanted.
func (p *Program) complete(node *kong.Node, words []string) []string {
	// The scripts put -- before the words so that they are not read as flags of this command.
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "--" })
	if len(words) == 0 {
		words = []string{""}
	}
	last, before := words[len(words)-1], words[:len(words)-1]
	// Walk along the words as the parser would: commands lead deeper, a flag may take the next word, all else
	// is an argument.
	arguments := 0
	var waiting *kong.Value // a flag whose value comes next
	for _, w := range before {
		child := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == w })
		switch {
		case waiting != nil:
			waiting = nil
		// A flag in the form --flag=value takes no word behind it and matches no name here.
		case strings.HasPrefix(w, "--"):
			if f := flagNamed(node, w); f != nil && !f.IsBool() {
				waiting = f.Value
			}
		case child >= 0:
			node = node.Children[child]
		default:
			arguments++
		}
	}
	var candidates []string
	switch {
	case waiting != nil:
		candidates = p.valuesOf(waiting)
	case strings.HasPrefix(last, "-"):
		for _, f := range shownFlags(node) {
			candidates = append(candidates, "--"+f.Name)
		}
	default:
		for _, n := range node.Children {
			if !n.Hidden {
				candidates = append(candidates, n.Name)
			}
		}
		if arguments < len(node.Positional) {
			candidates = append(candidates, p.valuesOf(node.Positional[arguments])...)
		}
	}
	return slices.DeleteFunc(candidates, func(s string) bool { return !strings.HasPrefix(s, last) })
}

// valuesOf returns the values that a flag or argument may have, as far as they are a closed list.
func (p *Program) valuesOf(v *kong.Value) []string {
	if v.Enum != "" {
		return v.EnumSlice()
	}
	return slices.Clone(p.Known[v.Tag.Get("known")])
}

// flagNamed returns the flag that a word such as --state names, at this command or above it; nil: there is
// none.
func flagNamed(node *kong.Node, word string) *kong.Flag {
	for _, level := range node.AllFlags(false) {
		for _, f := range level {
			if "--"+f.Name == word {
				return f
			}
		}
	}
	return nil
}

// shownFlags returns the flags of a command without hidden ones and settings.
// Settings are many and belong into the environment; offering them would hide a command's own flags.
func shownFlags(node *kong.Node) []*kong.Flag {
	var list []*kong.Flag
	for _, level := range node.AllFlags(true) {
		for _, f := range level {
			if f.Group == nil || f.Group.Key != settingsGroup {
				list = append(list, f)
			}
		}
	}
	return list
}
