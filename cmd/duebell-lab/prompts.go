package main

import (
	"context"
	"fmt"
	"os"

	"duebell/lab/pages"
)

// promptsCmd groups what is done to prompts in a checkout.
type promptsCmd struct {
	Refresh promptsRefreshCmd `cmd:"" help:"Renew every generated page of a checkout: docs/call.md, the prompts read aloud, golden documents, the README's transcript."`
}

// promptsRefreshCmd is `duebell-lab prompts refresh`, for people who change the product.
type promptsRefreshCmd struct{}

// Help is shown below the flags.
func (*promptsRefreshCmd) Help() string {
	return `After a change of prompts, steps or script words, in the checkout:

  duebell-lab prompts refresh && git diff

It prints the pages that changed, one a line. The tests of the product fail while one of them is stale.`
}

// Run renews the pages and prints those that changed, one a line, on stdout; what it is doing goes to stderr.
// Pages that could be renewed are renewed even if it fails.
func (*promptsRefreshCmd) Run(ctx context.Context) error {
	// From any folder of the checkout.
	root, err := pages.Root(".")
	if err != nil {
		return err
	}
	// Both may be there at once: pages that have changed, and the error of one that could not be made.
	changed, err := pages.Refresh(ctx, root, os.Stderr)
	for _, path := range changed {
		fmt.Println(path)
	}
	if err == nil && len(changed) == 0 {
		fmt.Fprintln(os.Stderr, "Every page was fresh already.")
	}
	return err
}
