package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/store"
)

// exportCmd holds the commands that write files for other systems.
type exportCmd struct {
	Payments exportPaymentsCmd `cmd:"" help:"The posting file: what we took and billing has not echoed yet, with control totals."`
	Letters  exportLettersCmd  `cmd:"" help:"The letters to post to callers who cannot be texted."`

	Suppressions exportSuppressionsCmd `cmd:"" help:"Who wants no texts or calls, and where none arrive."`
	Consents     exportConsentsCmd     `cmd:"" help:"Who has agreed to texts and calls, and in which words."`
}

// exportPaymentsCmd is `duebell export payments`.
type exportPaymentsCmd struct {
	command.Settings
	Out string `placeholder:"FILE" help:"Write to this file instead of standard output."`
}

// Run writes the posting file; it changes nothing.
// The totals on stderr are those of the file's trailer, to compare by eye.
func (e *exportPaymentsCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, e.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	var totals store.PostingTotals
	err = writeTo(e.Out, func(w io.Writer) (err error) {
		// Read in one snapshot, so the trailer fits the lines also while payments are being taken.
		totals, err = tool.Store.ExportPayments(ctx, w, tool.Clock.Now())
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d entries, sum %s dollars\n", totals.Count, totals.Cents)
	return nil
}

// exportLettersCmd is `duebell export letters`.
type exportLettersCmd struct {
	command.Settings
	Out string `placeholder:"FILE" help:"Write to this file instead of standard output."`
}

// Run lists the letters to post. They come again until 'letters posted' has reported them.
// A file that cannot be put in its place after the letters were marked is no loss: they come again, marked as
// exported before.
func (e *exportLettersCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, e.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	count := 0
	err = writeTo(e.Out, func(w io.Writer) (err error) {
		// The letters are marked as exported in the transaction in which they are written.
		count, err = tool.Store.ExportLetters(ctx, w, tool.Calendar, tool.Config.Policy.ServicePhone, tool.Clock.Now())
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d letters to post\n", count)
	return nil
}

// writeTo writes a file whole or not at all: it gets its name when it is complete. Without a path
// it is standard output. The file holds account numbers, so only its owner may read it.
//
// The temporary file lies in the same folder, because a rename works within one file system only. A crash
// leaves it behind under a name that begins with a dot.
func writeTo(path string, write func(io.Writer) error) error {
	// Standard output cannot be taken back: whoever redirects it looks at the exit code.
	if path == "" {
		return write(os.Stdout)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // made with 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already when it has got its name
	// The transaction of the export ends here; only then does the file get its name.
	err = write(file)
	if closing := file.Close(); err == nil && closing != nil {
		err = fmt.Errorf("write %s: %w", path, closing)
	}
	if err != nil {
		return err
	}
	// A file that was there before is replaced.
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
