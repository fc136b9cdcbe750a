package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"duebell/billing/feed"
	"duebell/internal/app"
)

type exportSuppressionsCmd struct {
	app.Settings
	Out string `placeholder:"FILE" help:"Write to this file instead of standard output."`
}

// Run writes who wants no texts or calls; it changes nothing.
func (e *exportSuppressionsCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := app.NewTool(ctx, e.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	count := 0
	err = writeTo(e.Out, func(w io.Writer) (err error) {
		count, err = tool.Store.ExportSuppressions(ctx, w)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d suppressions in force\n", count)
	return nil
}

// takeSuppressions imports the files of opt-outs among those of an import, each whole or not at all, and
// gives back the others.
func takeSuppressions(ctx context.Context, tool *app.Tool, paths []string) (others []string, err error) {
	for i, path := range paths {
		file := feed.File(path)
		ours, err := feed.IsSuppressions(file)
		if err != nil {
			return nil, err
		}
		if !ours {
			others = append(others, path)
			continue
		}
		sum, err := tool.Store.ImportSuppressions(ctx, file, tool.Clock.Now())
		if bad := (*feed.BadRows)(nil); errors.As(err, &bad) {
			bad.Sort([]feed.Source{file})
			for _, p := range bad.Problems {
				fmt.Fprintln(os.Stderr, p)
			}
			return nil, fmt.Errorf("nothing of this file was loaded, and %d files were not looked at; problems listed above: %d", len(paths)-i-1, bad.Count)
		}
		if err != nil {
			return nil, err
		}
		fmt.Printf("suppressions %6d read %9d new, %d consents ended\n", sum.Read, sum.New, sum.Consents)
	}
	return slices.Clip(others), nil
}
