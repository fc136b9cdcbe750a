// Command with-services runs tests with a PostgreSQL and a Redis beside them:
//
//	with-services go test -json ./...
//
// Both are private, on free loopback ports, and gone when the command is; the browser that some tests
// drive is installed first. It ends with the command's own exit status. Where the command has the flag
// -json it shows the events as progress for people.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"duebell/lab/testenv"
)

// main ends with the command's exit status; 2 when it is called wrongly.
func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: with-services command [argument…]")
		os.Exit(2)
	}
	os.Exit(run(os.Args[1:]))
}

// run starts the services, runs the command given in words with their addresses in its environment, and takes
// them down again. It returns the exit status: the command's own where that failed, 1 where we did.
func run(words []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	services, err := testenv.Up(ctx, os.Stderr)
	// Also after an error of Up: it may have started one of the two. The status is decided by then; a service
	// that does not go away is told, and fails nothing.
	defer func() {
		if err := services.Down(); err != nil {
			fmt.Fprintln(os.Stderr, "with-services:", err)
		}
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "with-services:", err)
		return 1
	}
	// Only some tests need the browser; the others should run on a machine without.
	if _, err := testenv.InstallChromium(ctx, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "with-services: the tests of the phone page will fail:", err)
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // G204: running what we are told is the purpose
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), services.Env()...)
	// A Ctrl-C reaches the command by itself; told again it does no harm. Then it has a while to end.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 15 * time.Second
	err = runShown(cmd, slices.Contains(words, "-json"))
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "with-services:", err)
		return 1
	}
	return 0
}

// runShown runs the command; its standard output is read as the events of `go test -json` where it has that
// flag, else passed on as it is. The error is the command's.
func runShown(cmd *exec.Cmd, events bool) error {
	if !events {
		return cmd.Run()
	}
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	// Read to its end before Wait, which closes the pipe.
	follow(out, os.Stdout, time.Now(), beat.C)
	return cmd.Wait()
}
