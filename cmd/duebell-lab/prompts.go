package main

import (
	"context"
	"fmt"
	"os"

	"duebell/lab/pages"
)

type promptsCmd struct {
	Refresh promptsRefreshCmd `cmd:"" help:"Renew every generated page of a checkout: docs/call.md, the prompts read aloud, golden documents, the README's transcript."`
}

type promptsRefreshCmd struct{}

// Run renews the pages and prints those that changed, one a line.
func (*promptsRefreshCmd) Run(ctx context.Context) error {
	root, err := pages.Root(".")
	if err != nil {
		return err
	}
	changed, err := pages.Refresh(ctx, root, os.Stderr)
	for _, path := range changed {
		fmt.Println(path)
	}
	if err == nil && len(changed) == 0 {
		fmt.Fprintln(os.Stderr, "Every page was fresh already.")
	}
	return err
}
