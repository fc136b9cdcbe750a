package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"duebell/billing"
	"duebell/cmd/internal/command"
	"duebell/internal/policyfile"
)

// policyCmd is `duebell policy`. It reads the policy file and no other setting.
type policyCmd struct {
	command.Format
	Policy  string `name:"policy" env:"DUEBELL_POLICY" type:"existingfile" placeholder:"FILE" help:"The operator's TOML file; without it the defaults are printed."`
	Changed bool   `help:"Only what differs from the defaults."`
}

// Run prints the policy in force as a TOML file that could be loaded again: each key with the rule
// that it belongs to, where that rule comes from, and its default where the value differs.
// A file with problems prints none of its keys: the error names them all.
func (p *policyCmd) Run() error {
	policy, err := policyfile.Load(p.Policy)
	if err != nil {
		return err
	}
	var keys []billing.PolicyKey
	for _, k := range policy.Keys() {
		if !p.Changed || k.Changed() {
			keys = append(keys, k)
		}
	}
	// The TOML may be saved and loaded again, so what is printed is what is in force.
	if !p.JSON {
		printTOML(os.Stdout, keys)
		return nil
	}
	return command.Table(os.Stdout, p.Format, time.UTC, keys, []command.Column[billing.PolicyKey]{
		{Key: "key", Cell: func(k billing.PolicyKey) any { return k.Key }},
		{Key: "value", Cell: func(k billing.PolicyKey) any { return k.Value }},
		{Key: "default", Cell: func(k billing.PolicyKey) any { return k.Default }},
		{Key: "rule", Cell: func(k billing.PolicyKey) any { return k.Rule }},
		{Key: "source", Cell: func(k billing.PolicyKey) any { return k.Source }},
		{Key: "note", Cell: func(k billing.PolicyKey) any { return k.Note }},
	})
}

// printTOML writes keys as TOML, each below a comment.
func printTOML(out io.Writer, keys []billing.PolicyKey) {
	for _, k := range keys {
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
}
