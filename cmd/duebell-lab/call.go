package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"duebell/lab/dev"
)

// callCmd is `duebell-lab call`. The files are read here and played in dev's process.
type callCmd struct {
	Scripts []string `arg:"" name:"script" help:"Files that tell a call, *.call."`
	Control string   `env:"DUEBELL_DEV_CONTROL" help:"The dev to play them against; otherwise the one that runs in this folder."`
}

// Help is shown below the flags.
func (*callCmd) Help() string {
	return `A script is a text file, one story of a call; docs/scripts.md has its words. It plays in dev's own process on a
database, a Redis, stand-ins and a clock of its own: dev's calls, payments and time stay as they are.

  duebell-lab call ivr/testdata/calls/pays-the-whole-bill-by-card.call
  duebell-lab call story.call       # copied from the phone's page: "Show the script"

It exits with 1 when a script failed, and says at which line and what was heard instead.`
}

// Run plays the scripts one after another and prints the conversations. A script that fails does not keep the
// others from being played; a dev that cannot be reached, or that ends, does. Its error makes the exit code 1.
func (c *callCmd) Run(ctx context.Context) error {
	// Named by the flag or the variable, else the dev of this folder.
	control, err := dev.ControlURL(c.Control, devFolder)
	if err != nil {
		return err
	}
	fails := 0
	for _, path := range c.Scripts {
		fmt.Printf("── %s\n", path)
		err := dev.Play(ctx, control, path, os.Stdout)
		switch {
		case err == nil:
			fmt.Printf("   passed: %s\n", path)
		// The conversation's last lines have said where and why.
		case errors.Is(err, dev.ErrNotAsTold):
			fmt.Printf("   FAILED: %s\n", path)
			fails++
		// Not the script's failure: dev is gone, or the file cannot be read. The scripts after it would fare no
		// better.
		default:
			return err
		}
	}
	// After all scripts, so that one run shows every failure.
	if fails > 0 {
		return fmt.Errorf("%d of %d scripts failed", fails, len(c.Scripts))
	}
	return nil
}
