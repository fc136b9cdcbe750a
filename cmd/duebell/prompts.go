package main

import (
	"os"

	"duebell/billing"
	"duebell/ivr"
	"duebell/ivr/document"
	"duebell/voiceprompts"
)

// promptsCmd holds the commands about what is said.
type promptsCmd struct {
	Export promptsExportCmd `cmd:"" help:"Every prompt as CSV: key, where it is spoken, facts it states, and its text in each language."`
}

// promptsExportCmd is `duebell prompts export`. It needs no setting.
type promptsExportCmd struct{}

// Run writes the table for translators and counsel to stdout.
func (promptsExportCmd) Run() error {
	prompts, err := voiceprompts.Load()
	if err != nil {
		return err
	}
	policy := billing.DefaultPolicy()
	// Only the list of steps is wanted, so the engine gets no store, no clock and no members.
	e, err := ivr.NewEngine(ivr.Services{Prompts: prompts, Policy: policy})
	if err != nil {
		return err
	}
	return document.New(e.Steps(), prompts, policy.Languages).Table(os.Stdout, prompts.Languages())
}
