package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
)

// doctorCmd is `duebell doctor`.
type doctorCmd struct {
	command.Settings
	command.Format
}

// Run checks everything that the line stands on and says what to mend. It changes nothing.
//
// It exits 1 while anything is wrong, so that a roll-out can wait for it. The findings are printed in either
// case.
func (d *doctorCmd) Run(ctx context.Context, log *slog.Logger) error {
	findings := app.Doctor(ctx, d.Settings.Settings, log)
	bad := 0
	for _, f := range findings {
		if f.Problem != "" {
			bad++
		}
	}
	// JSON holds the checks that found nothing as well: a program counts on a fixed list.
	if d.JSON {
		if err := command.Table(os.Stdout, d.Format, time.UTC, findings, []command.Column[app.Finding]{
			{Key: "check", Cell: func(f app.Finding) any { return f.What }},
			{Key: "ok", Cell: func(f app.Finding) any { return f.Problem == "" }},
			{Key: "problem", Cell: func(f app.Finding) any { return f.Problem }},
			{Key: "mend", Cell: func(f app.Finding) any { return f.Mend }},
		}); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			if f.Problem == "" {
				fmt.Printf("ok     %s\n", f.What)
				continue
			}
			fmt.Printf("MEND   %s: %s\n       %s\n", f.What, f.Problem, f.Mend)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks failed; what to mend stands above", bad, len(findings))
	}
	return nil
}

// twilioCmd holds the commands that change settings at Twilio.
type twilioCmd struct {
	Apply twilioApplyCmd `cmd:"" help:"Say which webhooks differ from the configuration; with --yes, set them."`
}

// twilioApplyCmd is `duebell twilio apply`.
type twilioApplyCmd struct {
	command.Settings
	Yes bool `help:"Change it. Without this flag the command only says what would change."`
}

// Run says which webhooks of the phone number and the messaging service differ from the configuration and, with
// --yes, sets them.
// What was set before a failure is printed too. Running it again changes nothing more.
func (t *twilioApplyCmd) Run(ctx context.Context) error {
	// The database is not needed: this works before anything else is set up.
	cfg, err := t.Load(app.NeedTwilio, app.NeedPublic)
	if err != nil {
		return err
	}
	lines, err := app.ApplyTwilio(ctx, cfg, t.Yes)
	for _, line := range lines {
		fmt.Println(line)
	}
	return err
}
