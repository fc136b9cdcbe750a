// Command duebell-lab is the outside world to try duebell in: the whole product on one machine with
// stand-ins for Twilio and the processor, scripted calls, a clock that moves, and load. Nothing of it is
// part of the product.
package main

import "duebell/cmd/internal/command"

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

// main runs one command and ends the process with its exit code.
func main() { program().Main() }
