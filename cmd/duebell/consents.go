package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"duebell/billing/feed"
	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/store"
)

// exportSuppressionsCmd is `duebell export suppressions`.
type exportSuppressionsCmd struct {
	command.Settings
	Out string `placeholder:"FILE" help:"Write to this file instead of standard output."`
}

// Run writes who wants no texts or calls; it changes nothing.
// Numbers stand whole in the file, which is for another system, so it is written for its owner only.
func (e *exportSuppressionsCmd) Run(ctx context.Context, log *slog.Logger) error {
	return exportLedger(ctx, e.Settings, log, e.Out, "suppressions", (*store.Store).ExportSuppressions)
}

// exportConsentsCmd is `duebell export consents`.
type exportConsentsCmd struct {
	command.Settings
	Out string `placeholder:"FILE" help:"Write to this file instead of standard output."`
}

// Run writes who has agreed to texts and calls; it changes nothing.
func (e *exportConsentsCmd) Run(ctx context.Context, log *slog.Logger) error {
	return exportLedger(ctx, e.Settings, log, e.Out, "consents", (*store.Store).ExportConsents)
}

// exportLedger writes the ledger of opt-outs or of consents, and says how many rows of it are in force.
// The count goes to stderr, because the file may be on stdout.
func exportLedger(ctx context.Context, settings command.Settings, log *slog.Logger, out, what string,
	export func(*store.Store, context.Context, io.Writer) (int, error)) error {
	tool, err := openTool(ctx, settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	count := 0
	err = writeTo(out, func(w io.Writer) (err error) {
		count, err = export(tool.Store, ctx, w)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d %s in force\n", count, what)
	return nil
}

// importLedgers imports the files of opt-outs and consents among those of an import, each whole or not at all, and
// returns the paths of the others. Opt-outs come first: whoever is in both files wants nothing.
// A failure leaves the files before it loaded; running the command again changes nothing in those.
func importLedgers(ctx context.Context, tool *app.Tool, paths []string) (others []string, err error) {
	kinds := make([]feed.Kind, len(paths))
	for i, path := range paths {
		if kinds[i], err = feed.OwnKind(feed.File(path)); err != nil {
			return nil, err
		}
		if kinds[i] == "" {
			others = append(others, path)
		}
	}
	// Two passes over the paths, whatever their order on the command line.
	for _, kind := range []feed.Kind{feed.Suppressions, feed.Consents} {
		for i, path := range paths {
			if kinds[i] != kind {
				continue
			}
			if err := importLedger(ctx, tool, kind, feed.File(path)); err != nil {
				return nil, err
			}
		}
	}
	return others, nil
}

// importLedger imports one file of opt-outs or consents.
// Bad rows go to stderr, one a line, in the order of the file; the result to stdout.
func importLedger(ctx context.Context, tool *app.Tool, kind feed.Kind, file feed.Source) error {
	result, err := "", error(nil)
	if kind == feed.Suppressions {
		// An opt-out ends the consent that it revokes in the same transaction.
		var sum store.SuppressionSummary
		sum, err = tool.Store.ImportSuppressions(ctx, file, tool.Clock.Now())
		result = fmt.Sprintf("suppressions %6d read %9d new, %d consents ended", sum.Read, sum.New, sum.Consents)
	} else {
		// No file lifts an opt-out (O4: only its owner).
		var sum store.ConsentSummary
		sum, err = tool.Store.ImportConsents(ctx, file, tool.Clock.Now())
		result = fmt.Sprintf("consents %10d read %9d new, %d left out: opted out", sum.Read, sum.New, sum.OptedOut)
	}
	if bad := (*feed.BadRows)(nil); errors.As(err, &bad) {
		bad.Sort([]feed.Source{file})
		for _, p := range bad.Problems {
			fmt.Fprintln(os.Stderr, p)
		}
		return fmt.Errorf("%s: nothing of it was loaded, because of the problems listed above (%d), nor was any file after it; mend it and run the command again", file.Name, bad.Count)
	}
	if err != nil {
		return err
	}
	fmt.Println(result)
	return nil
}
