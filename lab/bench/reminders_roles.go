package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"duebell/billing"
	"duebell/internal/app"
	"duebell/lab/servers"
	"duebell/lab/servers/child"
	"duebell/notify"
	"duebell/store"
)

// The roles of a run are processes of their own, so that their memory can be told apart: `duebell work`, and for
// planning this very binary, asked to plan once and end, because no command of the product plans a part of the
// members, or writes a plan and ends.

// Plan is the result of planning once, as the planner's process prints it: seconds, texts that were planned,
// and the peak of its memory in MiB.
type Plan struct {
	Seconds float64 `json:"seconds"`
	Texts   int     `json:"texts"`
	PeakMB  int     `json:"peak_mb"` // told by itself: a parent's memory counts as a child's until it has become another program
}

// slice is a store whose members end after so many: a planner that pages through it sees a small population in
// large tables. left counts down.
type slice struct {
	notify.PlanStore
	left int
}

// NextPage returns the next page of numbers, as long as it lies in the slice; after that an empty one, which
// ends the planner's run. The last page may be short.
func (s *slice) NextPage(ctx context.Context, after string, members int) (notify.Page, error) {
	if s.left <= 0 {
		return notify.Page{}, nil
	}
	members = min(members, s.left)
	s.left -= members
	return s.PlanStore.NextPage(ctx, after, members)
}

// PlanOnce plans everybody's reminders once, or those of the first so many members if members is not 0, and
// returns how long that took. It runs in the calling process and measures that process's memory. Planning again
// plans nothing new (N1: a reason is unique), and takes less time.
func PlanOnce(ctx context.Context, cfg app.Config, log *slog.Logger, members int) (Plan, error) {
	pool, err := openPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return Plan{}, err
	}
	defer pool.Close()
	// The machine's: the planner's day is today.
	clock := app.SystemClock{}
	// Without Redis, which planning does not touch.
	var book notify.PlanStore = store.New(pool, nil, cfg.Data, cfg.Hash, clock)
	if members > 0 {
		book = &slice{book, members}
	}
	planner, err := app.NewPlanner(book, cfg.Policy, log)
	if err != nil {
		return Plan{}, err
	}
	began := time.Now()
	sum, err := planner.Run(ctx, clock.Now())
	return Plan{Seconds: time.Since(began).Seconds(), Texts: sum.Texts, PeakMB: peakMB(os.Getpid())}, err
}

// writePolicy writes a policy into the run's folder and returns its path. It makes every bill due in three
// days, so that each account is to be reminded now (N6: due minus three days), at whatever hour of whatever day
// this is: the send window is open all day.
func (s *stores) writePolicy() (file string, err error) {
	calendar, err := billing.NewCalendar(billing.DefaultPolicy())
	if err != nil {
		return "", err
	}
	now := app.SystemClock{}.Now()
	today := calendar.DateOf(now)
	// At 17:00 local, as always (C3: due at five).
	due := calendar.At(today.Add(3), billing.LocalTime(17*60*60))
	text := fmt.Sprintf("send_open_local = \"00:00:00\"\nsend_close_local = \"23:59:59\"\ndue_overrides = [{scope = \"all\", bill_month = %q, due_at = %q, reason = \"bench\", announced_at = %q}]\n",
		billing.MonthOf(today), due.Format(time.RFC3339), now.In(calendar.Zone()).Format(time.RFC3339))
	file = filepath.Join(s.dir, "policy.toml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// plan runs the planner as a process of its own, to know its memory, and puts its answer into the report.
func (b *reminderBench) plan(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "bench", "planner", "--slice", strconv.Itoa(b.o.Slice)) //nolint:gosec // G204: this very program
	// stdout carries the one line of JSON, and nothing else.
	cmd.Env, cmd.Dir, cmd.Stderr = b.env(), b.stores.dir, b.o.Log
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the planner: %w", err)
	}
	var plan Plan
	if err := json.Unmarshal(out.Bytes(), &plan); err != nil {
		return fmt.Errorf("the planner's answer: %w", err)
	}
	b.report.PlanSeconds, b.report.Planned, b.report.PlanMB = plan.Seconds, plan.Texts, plan.PeakMB
	return nil
}

// worker starts `duebell work` with its clock ahead of the machine's. It works from the start on, and dies with
// this process. Callers end it. Its leases go by the machine's clock, which is not moved.
func (b *reminderBench) worker(ahead time.Duration) (*child.Child, error) {
	product, err := servers.Program("duebell")
	if err != nil {
		return nil, err
	}
	return child.Start(child.Spec{
		Path: product, Args: []string{"work"}, Env: append(b.env(), "DUEBELL_CLOCK_SHIFT="+ahead.String(), "DUEBELL_OPS_ADDR=127.0.0.1:0"),
		Dir: b.stores.dir, Output: b.o.Log, OnOurDeath: syscall.SIGKILL,
	})
}
