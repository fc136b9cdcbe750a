package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"duebell/billing/feed"
	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/store"
)

// importCmd is `duebell import`. It takes billing's files and our own lists of opt-outs and consents in one
// command; the headers tell them apart.
type importCmd struct {
	command.Settings
	command.Format
	AsOf  string   `name:"as-of" placeholder:"2027-02-10T02:00" help:"When billing made the files: local time, or RFC 3339. Default: now."`
	Files []string `arg:"" name:"file" type:"existingfile" help:"CSV files of members, accounts, bills and payments, or of opt-outs or consents; the header tells which. See docs/import.md."`
}

// Run loads the files whole or not at all. Every bad row is a line on stderr.
//
// Billing's files are one transaction; each of our own lists is one by itself and comes first, so that an
// opt-out counts before any new consent. The same command again changes nothing, so it may be repeated after
// any failure (B7: whole or not).
func (i *importCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, i.Settings, log, app.NeedDatabase, app.NeedHashKeys)
	if err != nil {
		return err
	}
	defer tool.Close()
	now := tool.Clock.Now()
	// Without --as-of the files count as made now, which is right only if they are loaded at once (B6: import
	// age).
	asOf := now
	if i.AsOf != "" {
		if asOf, err = parseInstant("--as-of", i.AsOf, tool.Calendar.Zone()); err != nil {
			return err
		}
	}
	paths, err := importLedgers(ctx, tool, i.Files)
	if err != nil || len(paths) == 0 {
		return err
	}
	files := make([]feed.Source, len(paths))
	for n, path := range paths {
		files[n] = feed.File(path)
	}
	show := newProgress(os.Stderr)
	// From here the line goes on with the old data until the merge commits.
	sum, err := tool.Store.Import(ctx, files, store.ImportOptions{
		AsOf: asOf, At: now, Rules: feed.RulesOf(tool.Config.Policy, tool.Calendar.DateOf(now)),
		Progress: show.importing, Report: func(p feed.Problem) { show.line(p.String()) },
	})
	show.end()
	var bad *feed.BadRows
	// Every problem was printed as it was found, so only their number is left to say.
	if errors.As(err, &bad) {
		return fmt.Errorf("nothing was loaded, because of the problems listed above (%d); mend the files and run the command again", bad.Count)
	}
	if err != nil {
		return err
	}
	if err := i.print(os.Stdout, sum, asOf, tool.Calendar.Zone()); err != nil {
		return err
	}
	// The files are loaded all the same: only these rows were left out, and each has a task. The error line
	// raises the alarm (B7: mismatch alarms).
	if sum.Mismatches > 0 {
		log.Error("payments of the billing system name entries of ours that do not fit; they were not counted", "mismatches", sum.Mismatches)
	}
	return nil
}

// print says how many rows were read and what of them was new.
// Kinds without a file are not named.
func (i *importCmd) print(out io.Writer, sum store.ImportSummary, asOf time.Time, zone *time.Location) error {
	var kinds []feed.Kind
	for _, kind := range feed.Kinds() {
		if _, came := sum.Read[kind]; came {
			kinds = append(kinds, kind)
		}
	}
	if i.JSON {
		rows := make([]command.Object, len(kinds))
		for n, kind := range kinds {
			rows[n] = command.Object{{Key: "kind", Value: string(kind)}, {Key: "read", Value: sum.Read[kind]}, {Key: "changed", Value: sum.Changed[kind]}}
		}
		return command.PrintJSON(out, command.Object{
			{Key: "as_of", Value: asOf}, {Key: "rows", Value: rows}, {Key: "payments_from_elsewhere", Value: sum.Foreign}, {Key: "payments_echoed", Value: sum.Echoes},
			{Key: "payments_mismatched", Value: sum.Mismatches}, {Key: "consents_given", Value: sum.ConsentsGiven}, {Key: "consents_withdrawn", Value: sum.ConsentsWithdrawn},
		})
	}
	for _, kind := range kinds {
		fmt.Fprintf(out, "%-9s %9d read %9d new or changed\n", kind, sum.Read[kind], sum.Changed[kind])
	}
	if _, came := sum.Read[feed.Payments]; came {
		fmt.Fprintf(out, "payments: %d external, %d echoes of ours, %d that claim to be ours and do not fit\n", sum.Foreign, sum.Echoes, sum.Mismatches)
	}
	if sum.ConsentsGiven+sum.ConsentsWithdrawn > 0 {
		fmt.Fprintf(out, "consents to texts: %d given, %d withdrawn\n", sum.ConsentsGiven, sum.ConsentsWithdrawn)
	}
	_, err := fmt.Fprintf(out, "loaded as of %s\n", command.Instant(asOf, zone))
	return err
}

// progress is one line of a terminal that is written over; on anything else it is silent.
// It is for one goroutine. On a pipe or in a log file nothing of it shows.
type progress struct {
	out      *os.File
	terminal bool
	shown    bool
}

// newProgress returns a progress line on out.
func newProgress(out *os.File) *progress {
	info, err := out.Stat()
	return &progress{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// Back to the line's beginning, and erase to its end (ANSI).
const clearLine = "\r\x1b[K"

// importing shows how far an import is.
func (p *progress) importing(at store.ImportProgress) {
	if !p.terminal {
		return
	}
	p.shown = true
	switch {
	case at.File == "":
		fmt.Fprint(p.out, clearLine+"checking and merging …")
	// Bytes, not rows, give the share: nobody knows the rows before the end.
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
