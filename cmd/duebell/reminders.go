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
	"text/tabwriter"
	"time"

	"duebell/billing"
	"duebell/internal/app"
	"duebell/notify"
)

type remindersCmd struct {
	Plan   remindersPlanCmd   `cmd:"" help:"Who would get which text, when and why, and who would not and why. Writes nothing."`
	Status remindersStatusCmd `cmd:"" help:"What became of the reminders, by kind."`
	Pause  remindersPauseCmd  `cmd:"" help:"Hold one kind of text back, also what stands in line."`
	Resume remindersResumeCmd `cmd:"" help:"Let a kind of text go again."`
}

type remindersPlanCmd struct {
	app.Settings
	At  string `placeholder:"2027-02-20T09:00" help:"At which instant: local time, or RFC 3339. Default: now."`
	CSV bool   `name:"csv" help:"As CSV."`
}

// Run shows what the planner would do at an instant with the books as they are.
func (c *remindersPlanCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := app.NewTool(ctx, c.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	calendar, err := billing.NewCalendar(tool.Config.Policy)
	if err != nil {
		return err
	}
	at := tool.Clock.Now()
	if c.At != "" {
		if at, err = instantOf(c.At, calendar.Zone()); err != nil {
			return err
		}
	}
	planner, err := app.NewPlanner(tool.Store, tool.Config.Policy, log)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	page := planTable(out, calendar.Zone())
	if c.CSV {
		page = planCSV(out, calendar.Zone())
	}
	sum := planSum{whys: map[string]int{}}
	stale, err := planner.Preview(ctx, at,
		func(h notify.Recipient, send []notify.Reminder, held []notify.Withheld) error {
			for _, line := range sum.lines(h, send, held) {
				if err := page(line); err != nil {
					return err
				}
			}
			return nil
		})
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	sum.tell(os.Stderr, at.In(calendar.Zone()))
	if stale {
		fmt.Fprintln(os.Stderr, "The newest import is too old for that instant: without another one before it, nothing goes out.")
	}
	return nil
}

// instantOf reads an instant with its offset, or a wall time of the business zone.
func instantOf(s string, zone *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(form, s, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("--at: want an instant as 2027-02-20T09:00 or 2027-02-20T09:00:00-05:00")
}

// planLine is one account and what it gets, or why not.
type planLine struct {
	number, account, kind, language, coverage, why string
	from, until                                    time.Time
}

// planSum counts while the lines go by.
type planSum struct {
	texts, accounts, silent int
	whys                    map[string]int
}

func (s *planSum) lines(h notify.Recipient, send []notify.Reminder, held []notify.Withheld) []planLine {
	var list []planLine
	number := "-"
	if h.Number != "" {
		number = "…" + h.Number[max(0, len(h.Number)-4):]
	}
	for _, m := range send {
		s.texts++
		for _, c := range m.Reasons {
			s.accounts++
			why := "unpaid"
			if !c.DueAt.IsZero() {
				why += ", due " + c.DueAt.Format("Mon 2006-01-02 15:04")
			}
			list = append(list, planLine{
				number: number, account: c.Account, kind: kindName(c.Kind, c.DaysBefore), language: m.Language, coverage: c.Coverage.String(),
				from: m.NotBefore, until: m.NotAfter, why: why,
			})
		}
	}
	for _, w := range held {
		s.silent++
		s.whys[w.Why]++
		list = append(list, planLine{number: number, account: w.Account, kind: kindName(w.Kind, w.DaysBefore), why: w.Why})
	}
	return list
}

func kindName(k notify.Kind, days int) string {
	if days > 0 {
		return string(k) + " " + strconv.Itoa(days)
	}
	return dash(string(k))
}

func (s *planSum) tell(w io.Writer, at time.Time) {
	fmt.Fprintf(w, "At %s: %d texts for %d accounts.\n", at.Format("Mon 2006-01-02 15:04 MST"), s.texts, s.accounts)
	var whys []string
	for why := range s.whys {
		whys = append(whys, why)
	}
	slices.SortFunc(whys, func(a, b string) int { return cmp.Or(s.whys[b]-s.whys[a], strings.Compare(a, b)) })
	for _, why := range whys {
		fmt.Fprintf(w, "  nothing, or not this, %d times: %s\n", s.whys[why], why)
	}
}

func planTable(w io.Writer, zone *time.Location) func(planLine) error {
	const form = "%-8s %-11s %-18s %-22s %s\n"
	fmt.Fprintf(w, form, "NUMBER", "ACCOUNT", "TEXT", "WHEN", "WHY")
	return func(l planLine) error {
		when := "-"
		if !l.from.IsZero() {
			when = l.from.In(zone).Format("2006-01-02 15:04 MST")
			l.why = fmt.Sprintf("%s; bill for %s, until %s", l.why, l.coverage, l.until.In(zone).Format("2006-01-02 15:04"))
		}
		_, err := fmt.Fprintf(w, form, l.number, l.account, l.kind, when, l.why)
		return err
	}
}

func planCSV(w io.Writer, zone *time.Location) func(planLine) error {
	out := csv.NewWriter(w)
	rfc := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format(time.RFC3339)
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
		return errors.Join(header, write(l.number, l.account, l.kind, l.language, l.coverage, rfc(l.from), rfc(l.until), l.why))
	}
}

type remindersStatusCmd struct {
	app.Settings
	Since billing.Date `placeholder:"2027-02-01" help:"Planned since this day. Default: the 1st of this month."`
}

// Run prints a table of the kinds, and why what was dropped was dropped.
func (s *remindersStatusCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := app.NewTool(ctx, s.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	calendar, err := billing.NewCalendar(tool.Config.Policy)
	if err != nil {
		return err
	}
	since := s.Since
	if since.IsZero() {
		since = billing.MonthOf(calendar.DateOf(tool.Clock.Now())).First()
	}
	counts, err := tool.Store.ReminderCounts(ctx, calendar.StartOfDay(since))
	if err != nil {
		return err
	}
	paused, err := tool.Store.PausedKinds(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tPLANNED\tIN HAND\tSENT\tDELIVERED\tNOT DELIVERED\tDROPPED\tSUPPRESSED")
	columns := map[notify.State]int{
		notify.Planned: 0, notify.Claimed: 1, notify.Unknown: 1, notify.Accepted: 2, notify.Sent: 2, notify.Delivered: 3,
		notify.Undelivered: 4, notify.Failed: 4, notify.Dropped: 5, notify.Suppressed: 6,
	}
	for _, k := range notify.ReminderKinds() {
		var n [7]int
		for _, c := range counts {
			if c.Kind == k {
				n[columns[c.State]] += c.Texts
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", k, n[0], n[1], n[2], n[3], n[4], n[5], n[6])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, c := range counts {
		if c.Why != "" && c.State != notify.Planned {
			fmt.Printf("%s %s, %d times: %s\n", c.Kind, c.State, c.Texts, c.Why)
		}
	}
	for _, p := range paused {
		fmt.Printf("%s is paused since %s by %s: %s\n", p.Kind, instant(p.Since), p.By, dash(p.Why))
	}
	return nil
}

type remindersPauseCmd struct {
	app.Settings
	Kind string `arg:"" help:"A kind of text, or all."`
	Why  string `help:"For whoever looks at the status."`
}

// Help lists what can be paused.
func (remindersPauseCmd) Help() string {
	return "Kinds that can be paused: " + kinds(notify.PausableKinds()) + "."
}

// Run stops a kind.
func (p *remindersPauseCmd) Run(ctx context.Context, log *slog.Logger) error {
	kind, err := campaign(p.Kind)
	if err != nil {
		return err
	}
	tool, err := app.NewTool(ctx, p.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	fresh, err := tool.Store.PauseKind(ctx, kind, p.Why, tool.Clock.Now())
	if err != nil {
		return err
	}
	if !fresh {
		fmt.Printf("%s was paused already\n", p.Kind)
		return nil
	}
	fmt.Printf("%s is paused: what is planned waits, and is dropped when its words are no longer true\n", p.Kind)
	return nil
}

type remindersResumeCmd struct {
	app.Settings
	Kind string `arg:"" help:"A kind that is paused, or all."`
}

// Run lets a kind go again.
func (r *remindersResumeCmd) Run(ctx context.Context, log *slog.Logger) error {
	kind, err := campaign(r.Kind)
	if err != nil {
		return err
	}
	tool, err := app.NewTool(ctx, r.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	was, err := tool.Store.ResumeKind(ctx, kind)
	if err != nil {
		return err
	}
	if !was {
		fmt.Printf("%s was not paused\n", r.Kind)
		return nil
	}
	fmt.Printf("%s goes again\n", r.Kind)
	return nil
}

// campaign is a kind that may be held back: one that nobody waits for.
func campaign(name string) (notify.Kind, error) {
	if name == "all" {
		return notify.AllKinds, nil
	}
	if !slices.Contains(notify.PausableKinds(), notify.Kind(name)) {
		return "", fmt.Errorf("%q cannot be paused; what can be: all, %s", name, kinds(notify.PausableKinds()))
	}
	return notify.Kind(name), nil
}

func kinds(list []notify.Kind) string {
	var names []string
	for _, k := range list {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}
