package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/cmd/internal/command"
	"duebell/internal/app"
)

// lettersCmd holds the commands about letters.
type lettersCmd struct {
	Posted lettersPostedCmd `cmd:"" help:"Record that letters were posted; their debits may then go."`
}

// lettersPostedCmd is `duebell letters posted`.
type lettersPostedCmd struct {
	command.Settings
	On   billing.Date `placeholder:"2027-02-12" help:"The day of posting. Default: today."`
	File string       `arg:"" type:"existingfile" help:"The exported file, or any CSV with a column reference."`
}

// Run records the letters of the file whole or not at all.
// The same file again changes nothing. A debit that waits for its letter gets its day here and goes by itself
// (E6: debit after letter).
func (l *lettersPostedCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, l.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	// Today is the date in the business zone, whatever zone the machine is in.
	now, on := tool.Clock.Now(), l.On
	if on.IsZero() {
		on = tool.Calendar.DateOf(now)
	}
	sum, err := tool.Store.LettersPosted(ctx, feed.File(l.File), on, tool.Calendar, now)
	var bad *feed.BadRows
	if errors.As(err, &bad) {
		for _, p := range bad.Problems {
			fmt.Fprintln(os.Stderr, p)
		}
		return fmt.Errorf("nothing was recorded, because of the problems listed above (%d); mend the file and run the command again", bad.Count)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d letters recorded as posted on %s, %d known already\n", sum.Recorded, on, sum.Again)
	if sum.Released > 0 {
		fmt.Printf("%d debits may go from %s\n", sum.Released, command.Instant(tool.Calendar.LetterNotBefore(on), tool.Calendar.Zone()))
	}
	return nil
}
