package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"

	"duebell/billing"
	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/internal/twilio"
	"duebell/notify"
	"duebell/store"
)

// remindersCmd holds the commands about reminders.
type remindersCmd struct {
	Plan   remindersPlanCmd   `cmd:"" help:"Show who would get which text, when and why, and who would not and why. Writes nothing."`
	Status remindersStatusCmd `cmd:"" help:"Count what became of the reminders, by kind."`
	Pause  remindersPauseCmd  `cmd:"" help:"Hold one kind of text back, also what is planned already."`
	Resume remindersResumeCmd `cmd:"" help:"Let a kind of text go again."`
}

// remindersStatusCmd is `duebell reminders status`.
type remindersStatusCmd struct {
	command.Settings
	command.Format
	Since billing.Date `placeholder:"2027-02-01" help:"Count what was planned since this day. Default: the 1st of this month."`
}

// kindCount is what became of the texts of one kind.
// pause is nil where the kind is sent.
type kindCount struct {
	kind   notify.Kind
	counts map[string]int // by statusColumns
	pause  *store.PausedKind
}

// statusColumns sorts the states of a text into the columns of the table.
// A state without an entry here would be counted under no column.
var statusColumns = map[notify.State]string{
	notify.Planned: "planned", notify.Claimed: "sending", notify.Unknown: "sending", notify.Accepted: "sent", notify.Sent: "sent",
	notify.Delivered: "delivered", notify.Undelivered: "not_delivered", notify.Failed: "not_delivered", notify.Dropped: "dropped", notify.Suppressed: "suppressed",
}

// Run prints a table of the kinds, and why what was dropped was dropped.
// The table counts texts, not members: one text may speak of several accounts.
func (s *remindersStatusCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, s.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	// Days are those of the business zone (C1: one zone).
	since := s.Since
	if since.IsZero() {
		since = billing.MonthOf(tool.Calendar.DateOf(tool.Clock.Now())).First()
	}
	// Counted where it is stored, so the numbers include what other processes have sent.
	counts, err := tool.Store.ReminderCounts(ctx, tool.Calendar.StartOfDay(since))
	if err != nil {
		return err
	}
	paused, err := tool.Store.PausedKinds(ctx)
	if err != nil {
		return err
	}
	if err := command.Table(os.Stdout, s.Format, tool.Calendar.Zone(), countByKind(counts, paused), statusTable()); err != nil || s.JSON {
		return err
	}
	for _, c := range counts {
		if c.Why != "" && c.State != notify.Planned {
			fmt.Printf("%s %s, %d times: %s\n", c.Kind, c.State, c.Texts, c.Why)
		}
	}
	for _, p := range paused {
		fmt.Printf("%s is paused since %s by %s: %s\n", kindWord(p.Kind), command.Instant(p.Since, tool.Calendar.Zone()), p.By, command.Dash(withCodeWords(p.Why)))
	}
	return nil
}

// carrierCode is an error code of Twilio's in the reason for a pause.
var carrierCode = regexp.MustCompile(`\bcode (\d+)`)

// withCodeWords adds what a carrier's code means to a reason that names one, or where to look it up.
func withCodeWords(why string) string {
	found := carrierCode.FindStringSubmatch(why)
	if found == nil {
		return why
	}
	code, _ := strconv.Atoi(found[1]) // digits; too many of them give a code that nobody knows
	if words := twilio.CodeWords(code); words != "" {
		return why + " (" + words + ")"
	}
	return why + " (see https://www.twilio.com/docs/api/errors/" + found[1] + ")"
}

// countByKind sums the counts, one row a kind, with its pause or that of all kinds.
// Every kind has a row, also without texts, so that a missing one is seen.
func countByKind(counts []store.ReminderCount, paused []store.PausedKind) []kindCount {
	var rows []kindCount
	for _, k := range notify.ReminderKinds() {
		row := kindCount{kind: k, counts: map[string]int{}}
		for _, c := range counts {
			if c.Kind == k {
				row.counts[statusColumns[c.State]] += c.Texts
			}
		}
		for _, p := range paused {
			if p.Kind == k || p.Kind == notify.AllKinds {
				row.pause = &p
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// statusTable returns the columns: the kind, one for each word of statusColumns, and whether it is paused.
func statusTable() []command.Column[kindCount] {
	table := []command.Column[kindCount]{{Key: "kind", Cell: func(c kindCount) any { return string(c.kind) }}}
	for _, column := range []string{"planned", "sending", "sent", "delivered", "not_delivered", "dropped", "suppressed"} {
		table = append(table, command.Column[kindCount]{Key: column, Cell: func(c kindCount) any { return c.counts[column] }})
	}
	return append(table, command.Column[kindCount]{Key: "paused", Cell: func(c kindCount) any { return c.pause != nil }})
}

// remindersPauseCmd is `duebell reminders pause`.
type remindersPauseCmd struct {
	command.Settings
	Kind string `arg:"" known:"text-kind" help:"A kind of text, or all."`
	Why  string `placeholder:"TEXT" help:"For whoever looks at the status."`
}

// Help lists what can be paused.
func (remindersPauseCmd) Help() string {
	return "Kinds that can be paused: " + strings.Join(pausable(), ", ") + "."
}

// Run stops a kind.
// Texts of that kind that are at Twilio already are not called back. A kind that was paused keeps its first
// reason.
func (p *remindersPauseCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, p.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	// Every claim reads the pause, so it counts for all processes from its commit on.
	isNew, err := tool.Store.PauseKind(ctx, kindNamed(p.Kind), p.Why, tool.Clock.Now())
	if err != nil {
		return err
	}
	if !isNew {
		fmt.Printf("%s was paused already\n", p.Kind)
		return nil
	}
	fmt.Printf("%s is paused: what is planned waits, and is dropped when its words are no longer true\n", p.Kind)
	return nil
}

// remindersResumeCmd is `duebell reminders resume`.
type remindersResumeCmd struct {
	command.Settings
	Kind string `arg:"" known:"text-kind" help:"A kind that is paused, or all."`
}

// Run lets a kind go again.
// A pause that a carrier caused is lifted too: the operator answers for it.
func (r *remindersResumeCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, r.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	was, err := tool.Store.ResumeKind(ctx, kindNamed(r.Kind))
	if err != nil {
		return err
	}
	if !was {
		fmt.Printf("%s was not paused; 'duebell reminders status' shows what is\n", r.Kind)
		return nil
	}
	fmt.Printf("%s goes again\n", r.Kind)
	return nil
}

// allKinds is how the command line calls notify.AllKinds.
const allKinds = "all"

// kindNamed returns the kind that a word of the command line stands for; the parser has refused unknown words.
func kindNamed(word string) notify.Kind {
	if word == allKinds {
		return notify.AllKinds
	}
	return notify.Kind(word)
}

// kindWord is the other way round.
func kindWord(k notify.Kind) string {
	if k == notify.AllKinds {
		return allKinds
	}
	return string(k)
}
