package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"duebell/billing"
	"duebell/handoff"
	"duebell/internal/app"
)

type handoffsCmd struct {
	List handoffsListCmd `cmd:"" help:"Call-backs to make and callers whom nobody took, in the order in which to see to them."`
	Done handoffsDoneCmd `cmd:"" help:"Say that somebody saw to one."`
}

type handoffsListCmd struct {
	app.Settings
	Open    bool `help:"Only what somebody still has to see to."`
	Numbers bool `help:"Show phone and account numbers whole, to call back."`
	Most    int  `default:"50" help:"How many."`
}

// Run prints a table in the order of priority, earliest deadline first.
func (l *handoffsListCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := app.NewTool(ctx, l.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	calendar, err := billing.NewCalendar(tool.Config.Policy)
	if err != nil {
		return err
	}
	list, err := tool.Store.HandOffs(ctx, l.Open, l.Most)
	if err != nil {
		return err
	}
	return tellRequests(os.Stdout, list, calendar.Zone(), l.Numbers)
}

// tellRequests writes the table in the line's own time: slots were named to callers in it.
func tellRequests(out io.Writer, list []handoff.Request, zone *time.Location, numbers bool) error {
	show := lastFour
	if numbers {
		show = dash
	}
	local := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.In(zone).Format("2006-01-02 15:04")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tWHAT\tSTATE\tDEADLINE\tCALL BACK\tNUMBER\tLANGUAGE\tACCOUNT\tPROVEN\tWHY\tWHERE\tPAYMENT\tSINCE")
	for _, r := range list {
		slot := local(r.From)
		if !r.Until.IsZero() {
			slot += r.Until.In(zone).Format("–15:04")
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Kind, requestState(r), local(r.Deadline), slot,
			show(r.Number), dash(r.Lang), show(r.Account), dash(r.Tier), dash(r.Reason), dash(r.Doing), dash(string(r.Payment)), local(r.At))
	}
	return w.Flush()
}

// requestState is one word on what became of it.
func requestState(r handoff.Request) string {
	switch {
	case !r.DoneAt.IsZero():
		return "done"
	case r.Outcome != "":
		return string(r.Outcome)
	case r.Kind == handoff.HandOver:
		return "no-news" // it rings, or its end was never told
	}
	return "open"
}

// lastFour masks a number (D3).
func lastFour(number string) string {
	if len(number) <= 4 {
		return dash(number)
	}
	return "…" + number[len(number)-4:]
}

type handoffsDoneCmd struct {
	app.Settings
	ID int64 `arg:"" help:"The number in the first column of 'duebell handoffs list'."`
}

// Run records that somebody saw to a request; doing so twice changes nothing.
func (d *handoffsDoneCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := app.NewTool(ctx, d.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	since, err := tool.Store.HandOffDone(ctx, d.ID, tool.Clock.Now())
	if errors.Is(err, handoff.ErrNoRequest) {
		return fmt.Errorf("nothing has the number %d; 'duebell handoffs list --open' shows what is to be seen to", d.ID)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d was seen to: done since %s\n", d.ID, instant(since))
	return nil
}
