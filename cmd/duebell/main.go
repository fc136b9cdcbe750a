// Command duebell is the telephone line where members of a health exchange hear what they owe and
// pay it. One binary, one small file a command; nothing here decides anything.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"duebell/internal/app"
)

// cli is everything that the binary can do. Each command has its own file.
type cli struct {
	LogLevel slog.Level `name:"log-level" env:"DUEBELL_LOG_LEVEL" default:"info" help:"debug, info, warn or error; logs are JSON on stderr."`

	Serve     serveCmd     `cmd:"" help:"Answer webhooks. Stateless: run as many as you like."`
	Work      workCmd      `cmd:"" help:"Charge, look up, text and sweep. Run as many as you like."`
	Connector connectorCmd `cmd:"" help:"The bank connector: bank numbers in, the processor's token out. Runs apart from everything else."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database schema up to date."`
	Import    importCmd    `cmd:"" help:"Load members, accounts, bills and payments from the billing system, whole or not at all."`
	Export    exportCmd    `cmd:"" help:"Payments to post to billing; letters to post."`
	Letters   lettersCmd   `cmd:"" help:"Say that letters were posted."`
	Payments  paymentsCmd  `cmd:"" help:"Look at payments; settle an unknown one with evidence."`
	Handoffs  handoffsCmd  `cmd:"" help:"Call-backs to make, and callers whom nobody took."`
	Reminders remindersCmd `cmd:"" help:"Who gets which text and why; what became of them; hold a kind back."`
	Prompts   promptsCmd   `cmd:"" help:"Everything that is said, as a table for translators and counsel."`
	Policy    policyCmd    `cmd:"" help:"Print the policy in force, with defaults and sources."`
	Doctor    doctorCmd    `cmd:"" help:"Check configuration, stores, Twilio, processor and clock; say what to mend."`
	Twilio    twilioCmd    `cmd:"" help:"Set the webhooks of the phone number and the messaging service."`
}

func main() {
	var c cli
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser := kong.Must(&c,
		kong.Name("duebell"),
		kong.Description("A health exchange's phone line: members hear what they owe and pay it, once.\n\nTo try it on this machine: duebell-lab dev"),
		kong.ShortUsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	k, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	log := app.NewLog(os.Stderr, c.LogLevel)
	slog.SetDefault(log)
	k.Bind(log)
	if err := k.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "duebell %s: %v\n", k.Command(), err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}
