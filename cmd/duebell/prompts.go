package main

import (
	"os"

	"duebell/billing"
	"duebell/ivr"
	"duebell/ivr/document"
	"duebell/voiceprompts"
)

type promptsCmd struct {
	Export promptsExportCmd `cmd:"" help:"Every prompt as CSV: key, where it is spoken, facts it states, and its text in each language."`
}

type promptsExportCmd struct{}

// Run writes the table for translators and counsel to stdout.
func (promptsExportCmd) Run() error {
	prompts, err := voiceprompts.Load()
	if err != nil {
		return err
	}
	policy := billing.DefaultPolicy()
	e, err := ivr.NewEngine(ivr.Services{Prompts: prompts, Policy: policy})
	if err != nil {
		return err
	}
	return document.New(e.Steps(), prompts, policy.Languages).Table(os.Stdout, prompts.Languages())
}
