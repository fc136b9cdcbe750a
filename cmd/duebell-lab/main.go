// Command duebell-lab is the outside world to try duebell in: the whole product on one machine with
// stand-ins for Twilio and the processor, scripted calls, a clock that moves, and load. Nothing of it is
// part of the product.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"duebell/cmd/internal/command"
)

// cli holds the commands of duebell-lab. Each command has its own file, and does no more than read its flags
// and call a package of the lab.
type cli struct {
	Dev     devCmd     `cmd:"" help:"The whole product on one machine: stores, stand-ins, sample members, and a phone in the browser."`
	Call    callCmd    `cmd:"" help:"Play scripted calls in a running 'duebell-lab dev', on data of their own."`
	Clock   clockCmd   `cmd:"" help:"Show or move the clock of a running 'duebell-lab dev'."`
	Bench   benchCmd   `cmd:"" help:"Load, with its baseline in the same run."`
	Prompts promptsCmd `cmd:"" help:"Renew the generated pages of a checkout."`

	command.Common
}

// program returns duebell-lab with its commands.
func program() *command.Program {
	root := &cli{}
	return &command.Program{
		Name:        "duebell-lab",
		Description: "Try duebell on this machine, without accounts anywhere: nothing leaves loopback.\n\nStart with: duebell-lab dev",
		Root:        root,
		Common:      &root.Common,
	}
}

// main runs one command. The first signal asks it to end in order; stop gives signals their usual meaning back
// only when it has, so a second Ctrl-C changes nothing while dev puts everything away.
func main() {
	// Ctrl-C, and what a supervisor or a container sends.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// os.Exit runs no deferred functions, so stop is called by hand.
	code := program().Run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}
