package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"duebell/lab/dev"
)

type callCmd struct {
	Scripts []string `arg:"" name:"script" help:"Files that tell a call, *.call."`
	Control string   `env:"DUEBELL_DEV_CONTROL" help:"The dev to play them against; otherwise the one that runs in this folder."`
}

// Run plays the scripts one after another and prints the conversations.
func (c *callCmd) Run(ctx context.Context) error {
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
		case errors.Is(err, dev.ErrNotAsTold):
			fmt.Printf("   FAILED: %s\n", path)
			fails++
		default:
			return err
		}
	}
	if fails > 0 {
		return fmt.Errorf("%d of %d scripts failed", fails, len(c.Scripts))
	}
	return nil
}
