package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/notify"
)

// remindersPlanCmd is `duebell reminders plan`.
type remindersPlanCmd struct {
	command.Settings
	command.Format
	command.Reveal
	At  string `placeholder:"2027-02-20T09:00" help:"At which instant: local time, or RFC 3339. Default: now."`
	CSV bool   `name:"csv" help:"Print CSV."`
}

// Run shows what the planner would do at an instant with the accounts as they are.
//
// It writes nothing, neither to the database nor to Twilio. Lines are printed as they come, because there may
// be millions; the summary goes to stderr. For a day ahead it shows what would go if nobody paid and no file
// came until then.
func (c *remindersPlanCmd) Run(ctx context.Context, log *slog.Logger) error {
	if c.CSV && c.JSON {
		return command.Usagef("--csv and --json exclude each other")
	}
	tool, err := openTool(ctx, c.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	zone, at := tool.Calendar.Zone(), tool.Clock.Now()
	if c.At != "" {
		if at, err = parseInstant("--at", c.At, zone); err != nil {
			return err
		}
	}
	// The same rules as the work role's, from the same policy and prompts: the preview cannot differ from the
	// plan.
	planner, err := app.NewPlanner(tool.Store, tool.Config.Policy, log)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	list := c.printer(out, zone)
	sum := planSummary{reasons: map[string]int{}}
	stale, err := planner.Preview(ctx, at,
		func(h notify.Recipient, send []notify.Reminder, held []notify.Withheld) error {
			for _, line := range sum.lines(c.Reveal, zone, h, send, held) {
				if err := list.add(line); err != nil {
					return err
				}
			}
			return nil
		})
	if err != nil {
		return err
	}
	if err := errors.Join(list.end(), out.Flush()); err != nil {
		return err
	}
	sum.print(os.Stderr, command.Instant(at, zone))
	if stale {
		fmt.Fprintln(os.Stderr, "The newest import is too old for that instant: unless billing's files are imported before it, nothing goes out.")
	}
	return nil
}

// parseInstant reads an instant with its offset, or a wall time of the business zone.
// A wall time that occurs twice, when the clocks go back, is one of the two; give the offset to be sure. An
// error is a usage error.
func parseInstant(flag, s string, zone *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(form, s, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, command.Usagef("%s: %q is no instant; give it as 2027-02-20T09:00 or 2027-02-20T09:00:00-05:00", flag, s)
}

// planLine is one account and the text it gets, or why it gets none. The zero instants stand for none.
type planLine struct {
	number, account, kind, language, coverage, why string
	from, until                                    time.Time
}

// planSummary counts while the lines go by: there may be millions.
type planSummary struct {
	texts, accounts int
	reasons         map[string]int // why nothing goes, how often
}

// lines counts what a recipient gets, or does not get, and returns it as lines, one for each account and
// kind.
func (s *planSummary) lines(r command.Reveal, zone *time.Location, h notify.Recipient, send []notify.Reminder, held []notify.Withheld) []planLine {
	var list []planLine
	number := r.Number(h.Number)
	for _, m := range send {
		s.texts++
		for _, c := range m.Reasons {
			s.accounts++
			// The planner gives no word for a text that goes; a due date says enough.
			why := "unpaid"
			if !c.DueAt.IsZero() {
				why += ", due " + command.Instant(c.DueAt, zone)
			}
			list = append(list, planLine{
				number: number, account: r.Number(c.Account), kind: kindName(c.Kind, c.DaysBefore), language: m.Language, coverage: c.Coverage.String(),
				from: m.NotBefore, until: m.NotAfter, why: why,
			})
		}
	}
	for _, w := range held {
		// One for each account and kind: a member may be counted several times.
		s.reasons[w.Why]++
		list = append(list, planLine{number: number, account: r.Number(w.Account), kind: kindName(w.Kind, w.DaysBefore), why: w.Why})
	}
	return list
}

// kindName returns a kind with its days before the due date, which tell two of one kind apart.
func kindName(k notify.Kind, days int) string {
	if days > 0 {
		return string(k) + " " + strconv.Itoa(days)
	}
	return string(k)
}

// print writes the counts, the most frequent reason first.
func (s *planSummary) print(w io.Writer, at string) {
	fmt.Fprintf(w, "At %s: %d texts for %d accounts.\n", at, s.texts, s.accounts)
	var reasons []string
	for why := range s.reasons {
		reasons = append(reasons, why)
	}
	slices.SortFunc(reasons, func(a, b string) int { return cmp.Or(s.reasons[b]-s.reasons[a], strings.Compare(a, b)) })
	for _, why := range reasons {
		fmt.Fprintf(w, "  nothing, or not this, %d times: %s\n", s.reasons[why], why)
	}
}

// planPrinter writes lines while they come.
// end must be called once after the last add.
type planPrinter struct {
	add func(planLine) error
	end func() error
}

// printer returns what prints in the form that the flags ask for.
func (c *remindersPlanCmd) printer(out io.Writer, zone *time.Location) planPrinter {
	switch {
	case c.JSON:
		array := command.NewArray(out)
		return planPrinter{func(l planLine) error { return array.Add(l.fields()) }, array.Close}
	case c.CSV:
		return planPrinter{planCSV(out), func() error { return nil }}
	}
	return planPrinter{planTable(out, zone), func() error { return nil }}
}

// fields returns the line as JSON. Its keys are the columns of the CSV.
func (l planLine) fields() command.Object {
	return command.Object{
		{Key: "number", Value: l.number}, {Key: "account", Value: l.account}, {Key: "text", Value: l.kind}, {Key: "language", Value: l.language},
		{Key: "coverage_month", Value: l.coverage}, {Key: "not_before", Value: l.from}, {Key: "not_after", Value: l.until}, {Key: "why", Value: l.why},
	}
}

// planTable has columns of fixed widths, because the widest line is known only at the end.
func planTable(w io.Writer, zone *time.Location) func(planLine) error {
	const form = "%-13s %-10s %-18s %-24s %s\n"
	fmt.Fprintf(w, form, "NUMBER", "ACCOUNT", "TEXT", "NOT BEFORE", "WHY")
	return func(l planLine) error {
		// Only a text that goes has a window; what is withheld has only its reason.
		if !l.from.IsZero() {
			l.why = fmt.Sprintf("%s; bill for %s, not after %s", l.why, l.coverage, command.Instant(l.until, zone))
		}
		_, err := fmt.Fprintf(w, form, command.Dash(l.number), command.Dash(l.account), command.Dash(l.kind), command.Instant(l.from, zone), l.why)
		return err
	}
}

// planCSV writes instants as JSON does: RFC 3339 in UTC.
// Each line is flushed by itself; an error in writing the header is told with the first line.
func planCSV(w io.Writer) func(planLine) error {
	out := csv.NewWriter(w)
	utc := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	write := func(cells ...string) error {
		if err := out.Write(cells); err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	}
	header := write("number", "account", "text", "language", "coverage_month", "not_before", "not_after", "why")
	return func(l planLine) error {
		return errors.Join(header, write(l.number, l.account, l.kind, l.language, l.coverage, utc(l.from), utc(l.until), l.why))
	}
}
