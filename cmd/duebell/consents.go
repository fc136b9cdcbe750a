package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"duebell/billing/feed"
	"duebell/internal/app"
	"duebell/store"
)

type exportSuppressionsCmd struct {
	app.Settings
	Out string `placeholder:"FILE" help:"Write to this file instead of standard output."`
}

// Run writes who wants no texts or calls; it changes nothing.
func (e *exportSuppressionsCmd) Run(ctx context.Context, log *slog.Logger) error {
	return exportOwn(ctx, e.Settings, log, e.Out, "suppressions", (*store.Store).ExportSuppressions)
}

type exportConsentsCmd struct {
	app.Settings
	Out string `placeholder:"FILE" help:"Write to this file instead of standard output."`
}

// Run writes who has agreed to texts and calls; it changes nothing.
func (e *exportConsentsCmd) Run(ctx context.Context, log *slog.Logger) error {
	return exportOwn(ctx, e.Settings, log, e.Out, "consents", (*store.Store).ExportConsents)
}

// exportOwn writes one of the ledgers of wishes, and says how many rows of it are in force.
func exportOwn(ctx context.Context, settings app.Settings, log *slog.Logger, out, what string,
	export func(*store.Store, context.Context, io.Writer) (int, error)) error {
	tool, err := app.NewTool(ctx, settings, log, app.NeedDatabase)
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

// takeOwn imports the files of opt-outs and consents among those of an import, each whole or not at all, and
// gives back the others. Opt-outs come first: whoever is in both wants nothing.
func takeOwn(ctx context.Context, tool *app.Tool, paths []string) (others []string, err error) {
	kinds := make([]feed.Kind, len(paths))
	for i, path := range paths {
		if kinds[i], err = feed.OwnKind(feed.File(path)); err != nil {
			return nil, err
		}
		if kinds[i] == "" {
			others = append(others, path)
		}
	}
	for _, kind := range []feed.Kind{feed.Suppressions, feed.Consents} {
		for i, path := range paths {
			if kinds[i] != kind {
				continue
			}
			if err := takeFile(ctx, tool, kind, feed.File(path)); err != nil {
				return nil, err
			}
		}
	}
	return others, nil
}

// takeFile imports one of them.
func takeFile(ctx context.Context, tool *app.Tool, kind feed.Kind, file feed.Source) error {
	said, err := "", error(nil)
	if kind == feed.Suppressions {
		var sum store.SuppressionSummary
		sum, err = tool.Store.ImportSuppressions(ctx, file, tool.Clock.Now())
		said = fmt.Sprintf("suppressions %6d read %9d new, %d consents ended", sum.Read, sum.New, sum.Consents)
	} else {
		var sum store.ConsentSummary
		sum, err = tool.Store.ImportConsents(ctx, file, tool.Clock.Now())
		said = fmt.Sprintf("consents %10d read %9d new, %d left out: opted out", sum.Read, sum.New, sum.OptedOut)
	}
	if bad := (*feed.BadRows)(nil); errors.As(err, &bad) {
		bad.Sort([]feed.Source{file})
		for _, p := range bad.Problems {
			fmt.Fprintln(os.Stderr, p)
		}
		return fmt.Errorf("nothing of this file was loaded, and what was to come after it was not looked at; problems listed above: %d", bad.Count)
	}
	if err != nil {
		return err
	}
	fmt.Println(said)
	return nil
}
