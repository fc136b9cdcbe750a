package main

import (
	"context"
	"fmt"

	"duebell/lab/dev"
)

// clockCmd is `duebell-lab clock`; without more words it shows the clock.
type clockCmd struct {
	Control string `env:"DUEBELL_DEV_CONTROL" help:"The dev whose clock it is; otherwise the one that runs in this folder."`

	Show    clockShowCmd    `cmd:"" default:"1" hidden:"" help:"Show the clock."`
	Advance clockAdvanceCmd `cmd:"" help:"Move the clock forward by a span, such as 2h or 3d."`
	Until   clockUntilCmd   `cmd:"" help:"Move the clock forward to an instant, such as 2027-02-20T10:00."`
}

// Help is shown below the flags.
func (*clockCmd) Help() string {
	return `Everything due on the way is done: imports at 02:00, reminders, charges, returns. The clock does not go back.

  duebell-lab clock
  duebell-lab clock advance 2h
  duebell-lab clock until 2027-02-23T16:55

Commands of duebell in a shell that has read .duebell/dev.env go by this clock; read it again after a move.`
}

// clockShowCmd is the command without more words.
type clockShowCmd struct{}

// Run prints dev's time on the line's wall clock. Nothing is moved.
func (*clockShowCmd) Run(ctx context.Context, c *clockCmd) error {
	return c.move(ctx, "", "")
}

// clockAdvanceCmd moves the clock by a span, in the form of scripts.
type clockAdvanceCmd struct {
	Span string `arg:"" help:"2h, 30m, 3d."`
}

// Run returns when nothing that is due is left undone, and prints the time then.
func (a *clockAdvanceCmd) Run(ctx context.Context, c *clockCmd) error {
	return c.move(ctx, a.Span, "")
}

// clockUntilCmd moves the clock to an instant, in the form of scripts.
type clockUntilCmd struct {
	At string `arg:"" help:"On the line's wall clock, or with an offset."`
}

// Run returns when nothing that is due is left undone, and prints the time then. An instant that is past is
// refused.
func (u *clockUntilCmd) Run(ctx context.Context, c *clockCmd) error {
	return c.move(ctx, "", u.At)
}

// move moves the clock, if it is to be moved, and prints where it stands. The forms are judged by dev, which
// knows the line's time zone.
func (c *clockCmd) move(ctx context.Context, advance, until string) error {
	control, err := dev.ControlURL(c.Control, devFolder)
	if err != nil {
		return err
	}
	shown := ""
	// Without a request to move, nothing is sent that could move it.
	if advance == "" && until == "" {
		shown, err = dev.Clock(ctx, control)
	} else {
		shown, err = dev.MoveClock(ctx, control, advance, until)
	}
	if err != nil {
		return err
	}
	fmt.Println(shown)
	return nil
}
