// Command duebell-lab is the outside world to try duebell in: the whole product on one machine with
// stand-ins for Twilio and the processor, scripted calls, a clock that moves, and load. Nothing of it is
// part of the product.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"duebell/internal/app"
)

// cli holds the commands of duebell-lab. Each command has its own file.
type cli struct {
	LogLevel slog.Level `name:"log-level" env:"DUEBELL_LOG_LEVEL" default:"info" help:"debug, info, warn or error; logs are JSON on stderr."`

	Version kong.VersionFlag `help:"Print the version and end."`

	Dev     devCmd     `cmd:"" help:"The whole product on one machine: stores, stand-ins, sample members, and a phone in the browser."`
	Call    callCmd    `cmd:"" help:"Play scripted calls in a running 'duebell-lab dev', on data of their own."`
	Clock   clockCmd   `cmd:"" help:"Show or move the clock of a running 'duebell-lab dev'."`
	Bench   benchCmd   `cmd:"" help:"Load, with its baseline in the same run."`
	Prompts promptsCmd `cmd:"" help:"Renew the generated pages of a checkout."`
}

// Exit codes, the same as duebell's.
const (
	exitFailed = 1 // what was asked for was done, and failed: a script, a bench whose sums do not hold
	exitUsage  = 2 // it was asked for wrongly: nothing was done
)

// version names the build: the module's version, else the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "built from a checkout, without a version"
}

func main() {
	var c cli
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser := kong.Must(&c,
		kong.Name("duebell-lab"),
		kong.Description("Try duebell on this machine, without accounts anywhere: nothing leaves loopback.\n\nStart with: duebell-lab dev"),
		kong.ShortUsageOnError(),
		kong.Vars{"version": "duebell-lab " + version()},
		kong.Exit(func(code int) { // kong's own code of a usage error is 80
			if code != 0 {
				code = exitUsage
			}
			os.Exit(code)
		}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	k, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	log := app.NewLog(os.Stderr, c.LogLevel)
	slog.SetDefault(log)
	k.Bind(log)
	if err := k.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "duebell-lab %s: %v\n", k.Command(), err)
		stop()
		os.Exit(exitFailed) //nolint:gocritic // stop has run
	}
}
