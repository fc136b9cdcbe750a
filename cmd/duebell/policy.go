package main

import (
	"fmt"
	"os"

	"duebell/internal/policyfile"
)

type policyCmd struct {
	Policy  string `name:"policy" env:"DUEBELL_POLICY" type:"existingfile" help:"The operator's TOML file; without it the defaults are printed."`
	Changed bool   `help:"Only what differs from the defaults."`
}

// Run prints the policy in force as a TOML file that could be loaded again: each key with the rule
// that it belongs to, where that rule comes from, and its default where the value differs.
func (p *policyCmd) Run() error {
	policy, err := policyfile.Load(p.Policy)
	if err != nil {
		return err
	}
	out := os.Stdout
	for _, k := range policy.Keys() {
		if p.Changed && !k.Changed() {
			continue
		}
		fmt.Fprintf(out, "# %s: %s", k.Rule, k.Source)
		if k.Note != "" {
			fmt.Fprintf(out, ". %s", k.Note)
		}
		if k.Changed() {
			fmt.Fprintf(out, " (default: %s)", k.Default)
		}
		fmt.Fprintln(out)
		if k.Value == "" { // a table without entries
			fmt.Fprintf(out, "# [[%s]]\n", k.Key)
			continue
		}
		fmt.Fprintf(out, "%s = %s\n", k.Key, k.Value)
	}
	return nil
}
