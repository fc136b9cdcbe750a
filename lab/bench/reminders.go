package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"duebell/internal/app"
	"duebell/store"
)

// ReminderOptions say how many are reminded, and whether things break meanwhile. Faults and a Slice exclude
// each other: of a slice nothing is sent.
type ReminderOptions struct {
	Accounts int
	Slice    int  // plan only for the first so many, and send nothing; 0: for all
	Sends    bool // drain what is planned; else only planning is measured
	Faults   bool // one reply in twenty is lost, and the worker is killed twenty times
	Log      io.Writer
}

// ReminderReport is the result of Reminders, one line of JSON. What was not measured is left out. Times are
// seconds, memory MiB at its peak; Postgres names the settings that the numbers depend on. Ratio compares texts
// with jobs of River that do nothing, at equal concurrency; RatioToMost with as many as River can work at all.
type ReminderReport struct {
	Accounts        int     `json:"accounts"`
	Slice           int     `json:"slice,omitempty"`
	Postgres        string  `json:"postgres"`
	ImportSeconds   float64 `json:"import_s"`
	PlanSeconds     float64 `json:"plan_s"`
	PlanMB          int     `json:"plan_peak_mb"`
	Planned         int     `json:"planned"`
	SendSeconds     float64 `json:"send_s,omitempty"`
	TextsPerS       float64 `json:"texts_per_s,omitempty"`
	WorkMB          int     `json:"work_peak_mb,omitempty"`
	TextsPerJob     int     `json:"texts_per_job,omitempty"`
	TextsInProgress int     `json:"texts_in_progress,omitempty"`     // requests of one worker at the carrier at once
	RiverPerS       float64 `json:"river_noop_jobs_per_s,omitempty"` // with as many jobs at once
	Ratio           float64 `json:"ratio_to_river,omitempty"`
	RiverMostPerS   float64 `json:"river_most_noop_jobs_per_s,omitempty"`
	RatioToMost     float64 `json:"ratio_to_river_most,omitempty"`
	*Sums
}

// Sums account for every text that was planned: sent once, sent twice, or not sent and why (promise P3: a text goes out
// once). The carrier's count decides, not our rows: those are compared with it. Never counts by state and
// reason; the key unaccounted is for rows in no final state.
type Sums struct {
	Once        int            `json:"sent_once"`
	Twice       int            `json:"sent_twice"`
	Never       map[string]int `json:"not_sent,omitempty"`                // by what their rows say
	Wrong       map[string]int `json:"rows_that_say_otherwise,omitempty"` // than the carrier, by what they say
	LostReplies int            `json:"lost_replies"`
	Kills       int            `json:"workers_killed"`
}

// String is the report as one line.
func (r ReminderReport) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Reminders plans a reminder for every account, sends them through a carrier that answers at once, and measures
// as the baseline how many jobs River works that do nothing: all in one run. An error is a sum that does not
// hold, never a time. On an error the report holds what was measured before it. Everything that it started has
// ended when it returns.
func Reminders(ctx context.Context, o ReminderOptions) (report ReminderReport, err error) {
	report.Accounts, report.Slice = o.Accounts, o.Slice
	s, err := openStores(ctx, io.Discard)
	if err != nil {
		return report, err
	}
	defer s.close()
	b := &reminderBench{o: o, stores: s, report: &report}
	if b.policy, err = s.writePolicy(); err != nil {
		return report, err
	}
	// Writing the rows of a slice is part of the time; a slice's import_s is no measure of an import.
	began := time.Now()
	if err := b.load(ctx); err != nil {
		return report, err
	}
	report.ImportSeconds = time.Since(began).Seconds()
	fmt.Fprintln(o.Log, "planning")
	if report.Postgres, err = s.settings(ctx); err != nil {
		return report, err
	}
	if err := b.plan(ctx); err != nil || !o.Sends || o.Slice > 0 {
		return report, err
	}
	// The product's own constants, so that a report says by which of them it came about.
	report.TextsPerJob, report.TextsInProgress = store.ReminderBatch, app.MaxTextsInProgress
	// After planning: the planner needs no carrier, and its memory should not hold one.
	if b.carrier, err = startCarrier(ctx, o.Faults); err != nil {
		return report, err
	}
	defer b.carrier.close()
	fmt.Fprintln(o.Log, "sending")
	if err := b.send(ctx); err != nil {
		return report, err
	}
	// With every process ended: nothing changes any more.
	if report.Sums, err = b.sums(ctx); err != nil {
		return report, err
	}
	if o.Faults { // a run that waits for leases says nothing about speed
		return report, report.hold(o)
	}
	fmt.Fprintln(o.Log, "River, doing nothing")
	if err := b.river(ctx); err != nil {
		return report, err
	}
	return report, report.hold(o)
}

// load imports the accounts. Of a slice's only some are imported, and the others written straight into the
// tables: what matters there is how large the tables are, not how they were filled.
func (b *reminderBench) load(ctx context.Context) error {
	imported := b.o.Accounts
	if b.o.Slice > 0 {
		imported = min(imported, 10_000)
	}
	fmt.Fprintf(b.o.Log, "importing %d accounts\n", imported)
	if _, err := b.stores.load(ctx, imported); err != nil || imported == b.o.Accounts {
		return err
	}
	fmt.Fprintf(b.o.Log, "writing %d more\n", b.o.Accounts-imported)
	return b.stores.fill(ctx, imported, b.o.Accounts)
}

// hold returns which sum does not hold; nil when all do. With faults a text may end unsent (its lookups found
// nothing twice), but never unaccounted for. A text that went twice is the worst of them, so it is named first.
func (r ReminderReport) hold(o ReminderOptions) error {
	never := 0
	for _, n := range r.Never {
		never += n
	}
	switch {
	case r.Planned == 0:
		return errors.New("nothing was planned")
	case r.Twice > 0:
		return fmt.Errorf("%d texts were sent twice", r.Twice)
	case len(r.Wrong) > 0:
		return fmt.Errorf("rows say otherwise than the carrier: %v", r.Wrong)
	// Planned is what the planner said; the others are counted from the rows. A row that is missing shows here.
	case r.Once+never != r.Planned:
		return fmt.Errorf("%d planned, %d sent, %d accounted for: they must add up", r.Planned, r.Once, never)
	case !o.Faults && never > 0:
		return fmt.Errorf("%d texts were not sent, and nothing was broken", never)
	case o.Faults && r.Never["unaccounted"] > 0:
		return fmt.Errorf("%d texts are in no final state", r.Never["unaccounted"])
	}
	return nil
}

// reminderBench is one run of Reminders: its options and stores, the policy file that all its processes read,
// the carrier once it is there, and the report that its steps fill in.
type reminderBench struct {
	o       ReminderOptions
	stores  *stores
	policy  string // its file
	carrier *carrier
	report  *ReminderReport
}

// env returns the environment of the run's processes. Addresses that nothing may reach name port 1, where
// nobody listens: a request that should not be made fails at once instead of going out.
func (b *reminderBench) env() []string {
	// Later entries win: what the shell has set of these does not count.
	env := append(os.Environ(), "DATABASE_URL="+b.stores.dsn, "REDIS_URL="+b.stores.redisURL, "DUEBELL_DATA_KEYS="+b.stores.dataKeys,
		"DUEBELL_HASH_KEYS="+b.stores.hashKeys, "DUEBELL_LOG_LEVEL=error", "DUEBELL_POLICY="+b.policy, "DUEBELL_PUBLIC_URL=http://127.0.0.1:1",
		"TWILIO_ACCOUNT_SID="+benchSID, "TWILIO_AUTH_TOKEN=bench", "TWILIO_PHONE_NUMBER=+18776236765", "TWILIO_MESSAGING_SERVICE_SID=",
		"STRIPE_API_KEY="+stripeKey, "STRIPE_API_URL=http://127.0.0.1:1", "STRIPE_WEBHOOK_SECRET=whsec_bench")
	// Planning is done without one.
	if b.carrier != nil {
		env = append(env, "TWILIO_API_URL="+b.carrier.url)
	}
	return env
}

// benchSID is the account that the carrier of a run knows. Twilio's ids are two letters and 32 hexadecimal
// digits.
const benchSID = "ACbe000000000000000000000000000000"
