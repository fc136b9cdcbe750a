package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/lab/bench"
)

// benchCmd groups the measurements. Each is one run with its baseline, on stores of its own.
type benchCmd struct {
	Calls benchCallsCmd `cmd:"" help:"Simulated callers pay bills; one line of JSON, with the measurements of a bare handler from the same run."`

	Reminders benchRemindersCmd `cmd:"" help:"Every account is reminded; one line of JSON, with what River does in the same run when it does nothing."`
	Import    benchImportCmd    `cmd:"" help:"Members, accounts and bills are imported; one line of JSON, with PostgreSQL's own COPY in the same run."`
	Planner   benchPlannerCmd   `cmd:"" hidden:"" help:"Plan once; a part of bench reminders."`
}

// Help is shown below the flags.
func (*benchCmd) Help() string {
	return `Real duebell processes on a private PostgreSQL and Redis, loopback only; nothing is left afterwards.

  duebell-lab bench calls --rate 20 --duration 20s
  duebell-lab bench reminders --accounts 5000 --faults
  duebell-lab bench import --accounts 50000

stdout gets one line of JSON. It exits with 1 when a sum does not hold (a text sent twice, a charge without a
confirmation), never because of a time.`
}

// benchCallsCmd is `duebell-lab bench calls`.
type benchCallsCmd struct {
	Rate       float64       `default:"20" help:"New calls a second."`
	Concurrent int           `default:"200" help:"Calls at once: callers think as long as it takes to reach it."`
	Duration   time.Duration `default:"20s" help:"How long calls begin."`
	Saturate   time.Duration `default:"10s" help:"How long callers who never think push afterwards."`
}

// Run prints one line of JSON, and fails when a call failed or when charges, ledger entries and confirmations
// differ; never on a time. The line is printed after a failure too: it says how far the run came.
func (b *benchCallsCmd) Run(ctx context.Context) error {
	report, err := bench.Calls(ctx, bench.CallOptions{
		Rate: b.Rate, Concurrent: b.Concurrent, Duration: b.Duration, Saturate: b.Saturate, Log: os.Stderr,
	})
	// Before the error: the sums are in it.
	fmt.Println(report)
	return err
}

// benchRemindersCmd is `duebell-lab bench reminders`. With a Slice nothing is sent, whatever the other flags
// say.
type benchRemindersCmd struct {
	Accounts int  `default:"5000" help:"Accounts that are to be reminded."`
	Faults   bool `help:"One reply in twenty is lost and the worker is killed twenty times."`
	PlanOnly bool `help:"Measure planning alone."`
	Slice    int  `help:"Measure planning for the first so many accounts only."`
}

// Run prints one line of JSON, and fails when a text went twice or cannot be accounted for; never on a
// time.
func (b *benchRemindersCmd) Run(ctx context.Context) error {
	report, err := bench.Reminders(ctx, bench.ReminderOptions{
		Accounts: b.Accounts, Slice: b.Slice, Sends: !b.PlanOnly, Faults: b.Faults, Log: os.Stderr,
	})
	fmt.Println(report)
	return err
}

// benchImportCmd is `duebell-lab bench import`.
type benchImportCmd struct {
	Accounts int `default:"50000" help:"Accounts to import, a member and a bill each."`
}

// Run prints one line of JSON, and fails when the import did.
func (b *benchImportCmd) Run(ctx context.Context) error {
	report, err := bench.Import(ctx, bench.ImportOptions{Accounts: b.Accounts, Log: os.Stderr})
	fmt.Println(report)
	return err
}

// benchPlannerCmd is the process in which bench reminders plans, so that the planner's memory can be told from
// its own. It is hidden, because by itself it plans into whatever database the environment names.
type benchPlannerCmd struct {
	command.Settings
	Slice int `help:"Plan for the first so many members only; 0: for all."`
}

// Run plans once and prints a bench.Plan as JSON. Settings are the product's own, from the environment.
func (b *benchPlannerCmd) Run(ctx context.Context, log *slog.Logger) error {
	// No Twilio and no processor: planning sends nothing.
	cfg, err := b.Load(app.NeedDatabase, app.NeedDataKeys, app.NeedHashKeys)
	if err != nil {
		return err
	}
	plan, err := bench.PlanOnce(ctx, cfg, log, b.Slice)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(plan)
}
