package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"duebell/cmd/internal/command"
	"duebell/handoff"
	"duebell/internal/app"
)

// handoffsCmd holds the commands about callers who wanted a person.
type handoffsCmd struct {
	List handoffsListCmd `cmd:"" help:"List call-backs to make and callers whom nobody took, the most urgent first."`
	Done handoffsDoneCmd `cmd:"" help:"Record that somebody saw to one."`
}

// handoffsListCmd is `duebell handoffs list`.
type handoffsListCmd struct {
	command.Settings
	command.Format
	command.Reveal
	Open bool `help:"Only what somebody still has to see to."`
	Most int  `default:"50" placeholder:"50" help:"List at most so many."`
}

// Run prints a table in the order of priority, earliest deadline first.
func (l *handoffsListCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, l.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	list, err := tool.Store.HandOffs(ctx, l.Open, l.Most)
	if err != nil {
		return err
	}
	return command.Table(os.Stdout, l.Format, tool.Calendar.Zone(), list, handoffColumns(l.Reveal))
}

// handoffColumns are the table of hand-offs. Numbers are shown as their last four unless revealed, to call back
// (D3: account and phone as last four).
func handoffColumns(r command.Reveal) []command.Column[handoff.Request] {
	return []command.Column[handoff.Request]{
		{Key: "id", Cell: func(q handoff.Request) any { return q.ID }},
		{Key: "what", Cell: func(q handoff.Request) any { return string(q.Kind) }},
		{Key: "state", Cell: func(q handoff.Request) any { return requestState(q) }},
		{Key: "deadline", Cell: func(q handoff.Request) any { return q.Deadline }},
		{Key: "call_from", Cell: func(q handoff.Request) any { return q.From }},
		{Key: "call_until", Cell: func(q handoff.Request) any { return q.Until }},
		{Key: "number", Cell: func(q handoff.Request) any { return r.Number(q.Number) }},
		{Key: "language", Cell: func(q handoff.Request) any { return q.Lang }},
		{Key: "account", Cell: func(q handoff.Request) any { return r.Number(q.Account) }},
		{Key: "proven", Cell: func(q handoff.Request) any { return q.Tier }},
		{Key: "why", Cell: func(q handoff.Request) any { return q.Reason }},
		{Key: "where", Cell: func(q handoff.Request) any { return q.Doing }},
		{Key: "payment", Cell: func(q handoff.Request) any { return string(q.Payment) }},
		{Key: "since", Cell: func(q handoff.Request) any { return q.At }},
	}
}

// requestState returns one word on what became of a request.
// Done wins over the outcome: a call that nobody took may have been seen to since.
func requestState(r handoff.Request) string {
	switch {
	case !r.DoneAt.IsZero():
		return "done"
	case r.Outcome != "":
		return string(r.Outcome)
	case r.Kind == handoff.HandOver:
		return "no-news" // it rings, or Twilio never told its end
	}
	return "open"
}

// handoffsDoneCmd is `duebell handoffs done`.
type handoffsDoneCmd struct {
	command.Settings
	ID int64 `arg:"" help:"The number in the first column of 'duebell handoffs list'."`
}

// Run records that somebody saw to a request; doing so twice changes nothing.
func (d *handoffsDoneCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, d.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	// The number may be of a transfer or of a call-back: both share one sequence.
	since, err := tool.Store.HandOffDone(ctx, d.ID, tool.Clock.Now())
	if errors.Is(err, handoff.ErrNoRequest) {
		return fmt.Errorf("nothing has the number %d; 'duebell handoffs list --open' shows what is to be seen to", d.ID)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d was seen to: done since %s\n", d.ID, command.Instant(since, tool.Calendar.Zone()))
	return nil
}
