package main

import (
	"context"
	"fmt"
	"log/slog"

	"duebell/internal/app"
	"duebell/internal/telemetry"
	"duebell/lab/dev"
)

// devFolder is where dev keeps its state, in the working directory.
const devFolder = ".duebell"

// devCmd is `duebell-lab dev`. Its flags have the names of the product's variables; what is not among them
// (keys, the database) is dev's own.
type devCmd struct {
	Fresh bool   `help:"Empty .duebell first: no calls, no payments, the samples as they began."`
	Now   string `env:"DUEBELL_NOW" placeholder:"2027-02-10T10:00:00-05:00" help:"Where the clock starts, RFC 3339 with offset; it runs from there. Otherwise the machine's time, or later where the clock stood."`

	HTTPAddr      string `name:"http-addr" env:"DUEBELL_HTTP_ADDR" default:"127.0.0.1:8080" help:"Where webhooks and the browser phone are answered."`
	OpsAddr       string `name:"ops-addr" env:"DUEBELL_OPS_ADDR" help:"Metrics and pprof; 127.0.0.1:9090 if that is free."`
	PublicURL     string `name:"public-url" env:"DUEBELL_PUBLIC_URL" help:"What Twilio calls, where that is not the HTTP address."`
	ConnectorAddr string `name:"connector-addr" env:"DUEBELL_CONNECTOR_ADDR" help:"Where the bank connector listens; any free port."`
	TwilioAPIURL  string `name:"twilio-api-url" env:"TWILIO_API_URL" help:"Talk there instead of to a stand-in of dev's own."`
	StripeAPIURL  string `name:"stripe-api-url" env:"STRIPE_API_URL" help:"Talk there instead of to a stand-in of dev's own."`
	PolicyFile    string `name:"policy" env:"DUEBELL_POLICY" help:"TOML file with the operator's settings; dev's own lets 0 reach a person."`
}

// Help is shown below the flags.
func (*devCmd) Help() string {
	return `State is kept in .duebell of the working directory, and every setting of the running dev in .duebell/dev.env.

  duebell-lab dev
  duebell-lab dev --fresh
  DUEBELL_HTTP_ADDR=127.0.0.1:8090 DUEBELL_NOW=2027-02-10T10:00:00-05:00 duebell-lab dev
  set -a; . .duebell/dev.env; set +a; psql "$DATABASE_URL"; duebell payments list

Ctrl-C ends it and everything that it has started.`
}

// Run runs the whole product on this machine, until a signal comes. On stdout it says when a call can be
// placed, and nothing else: scripts and tests wait for that line. Logs go to stderr.
func (d *devCmd) Run(ctx context.Context, log *slog.Logger) error {
	// Traces go out only where the environment names a collector.
	end, err := telemetry.Traces(ctx, log, "duebell-dev")
	if err != nil {
		return err
	}
	defer end()
	return dev.Run(ctx, dev.Options{
		Dir: devFolder, Fresh: d.Fresh, Now: d.Now, Log: log,
		// Everything else is filled in by dev: keys and database are the folder's.
		Settings: app.Settings{
			HTTPAddr: d.HTTPAddr, OpsAddr: d.OpsAddr, PublicURL: d.PublicURL, ConnectorAddr: d.ConnectorAddr,
			TwilioAPIURL: d.TwilioAPIURL, StripeAPIURL: d.StripeAPIURL, PolicyFile: d.PolicyFile,
		},
		Ready: func(phone string) { fmt.Println("ready", phone) },
	})
}
