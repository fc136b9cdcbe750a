// Command duebell is the telephone line where members of a health exchange hear what they owe and pay it. One
// binary, one small file a command; a command reads its settings, calls the package that does the work, and
// prints.
package main

import (
	"duebell/cmd/internal/command"
	"duebell/notify"
)

// cli holds the commands, in the order in which --help lists them. Each has its own file.
// A field's type holds its flags and its Run; package command finds both by their tags.
type cli struct {
	Serve     serveCmd     `cmd:"" help:"Answer webhooks. Stateless: run as many as you like."`
	Work      workCmd      `cmd:"" help:"Charge, look up, text and sweep. Run as many as you like."`
	Connector connectorCmd `cmd:"" help:"The bank connector: bank numbers in, the processor's token out. Runs apart from everything else."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database schema up to date."`
	Import    importCmd    `cmd:"" help:"Load members, accounts, bills and payments from the billing system, whole or not at all."`
	Export    exportCmd    `cmd:"" help:"Payments to post to billing; letters to post."`
	Letters   lettersCmd   `cmd:"" help:"Record that letters were posted."`
	Payments  paymentsCmd  `cmd:"" help:"Look at payments; settle an unknown one with evidence."`
	Handoffs  handoffsCmd  `cmd:"" help:"Call-backs to make, and callers whom nobody took."`
	Reminders remindersCmd `cmd:"" help:"Who gets which text and why; what became of them; hold a kind back."`
	Prompts   promptsCmd   `cmd:"" help:"Everything that is said, as a table for translators and counsel."`
	Policy    policyCmd    `cmd:"" help:"Print the policy in force, with defaults and sources."`
	Doctor    doctorCmd    `cmd:"" help:"Check configuration, stores, Twilio, processor and clock; say what to mend."`
	Twilio    twilioCmd    `cmd:"" help:"Set the webhooks of the phone number and the messaging service."`

	command.Common
}

// program returns duebell with its commands.
// It is new at each call: parsing writes into the structs, and tests parse many lines.
func program() *command.Program {
	root := &cli{}
	return &command.Program{
		Name:        "duebell",
		Description: "A health exchange's phone line: members hear what they owe and pay it, once.\n\nTo try it on this machine: duebell-lab dev",
		Root:        root,
		Common:      &root.Common,
		Known: map[string][]string{
			// The parser refuses any other value and names these (design §2: unknown values refused).
			"payment-state": words(listedStates),
			"text-kind":     pausable(),
		},
	}
}

// pausable returns the words of the command line for texts that can be held back: nobody waits for them.
func pausable() []string { return append(words(notify.PausableKinds()), allKinds) }

// words returns named strings as plain ones.
func words[S ~string](list []S) []string {
	plain := make([]string, len(list))
	for i, s := range list {
		plain[i] = string(s)
	}
	return plain
}

// main runs one command and ends the process with its exit code.
func main() { program().Main() }
