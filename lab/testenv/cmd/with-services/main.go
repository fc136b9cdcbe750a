// Command with-services runs a command with a PostgreSQL and a Redis for tests beside it:
//
//	with-services go test ./...
//
// Both are private, on free loopback ports, and gone when the command is. It ends with the command's
// own exit status.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"duebell/lab/testenv"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: with-services command [argument…]")
		os.Exit(2)
	}
	os.Exit(run(os.Args[1:]))
}

func run(words []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	services, err := testenv.Up(ctx, os.Stderr)
	defer func() {
		if err := services.Down(); err != nil {
			fmt.Fprintln(os.Stderr, "with-services:", err)
		}
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "with-services:", err)
		return 1
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // G204: running what we are told is the purpose
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), services.Env()...)
	// A Ctrl-C reaches the command by itself; told again it does no harm. Then it has a while to end.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 15 * time.Second
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "with-services:", err)
		return 1
	}
	return 0
}
