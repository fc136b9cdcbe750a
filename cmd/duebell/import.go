package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/internal/app"
	"duebell/store"
)

type importCmd struct {
	app.Settings
	AsOf  time.Time `name:"as-of" format:"2006-01-02T15:04:05Z07:00" help:"When billing made the files (RFC 3339 with offset). Default: now."`
	Files []string  `arg:"" name:"file" type:"existingfile" help:"CSV files of members, accounts, bills and payments, or of opt-outs or consents; the header tells which. See docs/import.md."`
}

// Run loads the files whole or not at all. Every bad row is a line on stderr.
func (i *importCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := app.NewTool(ctx, i.Settings, log, app.NeedDatabase, app.NeedHashKeys)
	if err != nil {
		return err
	}
	defer tool.Close()
	calendar, err := billing.NewCalendar(tool.Config.Policy)
	if err != nil {
		return err
	}
	now := tool.Clock.Now()
	asOf := i.AsOf
	if asOf.IsZero() {
		asOf = now
	}
	paths, err := takeOwn(ctx, tool, i.Files)
	if err != nil || len(paths) == 0 {
		return err
	}
	files := make([]feed.Source, len(paths))
	for n, path := range paths {
		files[n] = feed.File(path)
	}
	show := newProgress(os.Stderr)
	sum, err := tool.Store.Import(ctx, files, store.ImportOptions{
		AsOf: asOf, At: now, Rules: feed.RulesOf(tool.Config.Policy, calendar.DateOf(now)),
		Progress: show.importing, Report: func(p feed.Problem) { show.line(p.String()) },
	})
	show.end()
	var bad *feed.BadRows
	if errors.As(err, &bad) {
		return fmt.Errorf("nothing was loaded; problems listed above: %d", bad.Count)
	}
	if err != nil {
		return err
	}
	printImport(sum, asOf)
	if sum.Mismatches > 0 {
		log.Error("payments of the billing system name entries of ours that do not fit; they were not counted", "mismatches", sum.Mismatches)
	}
	return nil
}

func printImport(sum store.ImportSummary, asOf time.Time) {
	for _, kind := range feed.Kinds() {
		if read, came := sum.Read[kind]; came {
			fmt.Printf("%-9s %9d read %9d new or changed\n", kind, read, sum.Changed[kind])
		}
	}
	if _, came := sum.Read[feed.Payments]; came {
		fmt.Printf("payments: %d from elsewhere, %d echoes of ours, %d that claim to be ours and do not fit\n", sum.Foreign, sum.Echoes, sum.Mismatches)
	}
	if sum.ConsentsGiven+sum.ConsentsWithdrawn > 0 {
		fmt.Printf("consents to texts: %d given, %d withdrawn\n", sum.ConsentsGiven, sum.ConsentsWithdrawn)
	}
	fmt.Printf("loaded as of %s\n", asOf.Format(time.RFC3339))
}

// progress is one line of a terminal that is written over; on anything else it is silent.
type progress struct {
	out      *os.File
	terminal bool
	shown    bool
}

func newProgress(out *os.File) *progress {
	info, err := out.Stat()
	return &progress{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

const clearLine = "\r\x1b[K"

func (p *progress) importing(at store.ImportProgress) {
	if !p.terminal {
		return
	}
	p.shown = true
	switch {
	case at.File == "":
		fmt.Fprint(p.out, clearLine+"checking and merging …")
	case at.Size > 0:
		fmt.Fprintf(p.out, "%s%s: %d %s, %d %%", clearLine, at.File, at.Rows, at.Kind, 100*at.Bytes/at.Size)
	default:
		fmt.Fprintf(p.out, "%s%s: %d %s", clearLine, at.File, at.Rows, at.Kind)
	}
}

// line writes a line that stays.
func (p *progress) line(text string) {
	p.end()
	fmt.Fprintln(p.out, text)
}

// end takes the progress away.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.out, clearLine)
		p.shown = false
	}
}
