package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/notify"
	"duebell/voiceprompts"
)

// reminderFixture is a textFixture with a planner, through whole months: billing's import comes at 02:00 each night
// and brings a bill on the 1st, everything ticks some times a day, and what went out is written down.
type reminderFixture struct {
	*textFixture
	policy   billing.Policy
	cal      *billing.Calendar
	planner  *notify.Planner
	accounts []string // that are billed
	outage   bool     // nobody plans and nobody sends
	noImport bool
	at       map[string]func() // what happens at "2027-02-20T10:00", before the tick of that hour
}

// billedEach is what every account is billed a month.
const billedEach = 10000

func newReminderFixture(t testing.TB, change ...func(*billing.Policy)) *reminderFixture {
	t.Helper()
	d := &reminderFixture{textFixture: newTextFixture(t), policy: billing.DefaultPolicy(), at: map[string]func(){}}
	d.exec(`TRUNCATE members, accounts, bills, ledger, consents, import_runs CASCADE`)
	for _, c := range change {
		c(&d.policy)
	}
	var err error
	if d.cal, err = billing.NewCalendar(d.policy); err != nil {
		t.Fatal(err)
	}
	d.apply()
	return d
}

// apply reads the policy again, as a restart does.
func (d *reminderFixture) apply() {
	d.t.Helper()
	cal, err := billing.NewCalendar(d.policy)
	if err != nil {
		d.t.Fatal(err)
	}
	catalog, err := voiceprompts.Load()
	if err != nil {
		d.t.Fatal(err)
	}
	d.cal = cal
	d.rules = notify.NewRules(d.policy, cal, notify.NewWords(catalog, []string{"en"}))
	d.sender = d.newSender(d.store)
	d.planner = notify.NewPlanner(d.store, d.rules, discard, notify.PlannerOptions{Page: 2})
}

// member is somebody with a mobile number, consent and one health account.
func (d *reminderFixture) member(account, number, regime string) {
	d.t.Helper()
	d.exec(`INSERT INTO members (member_id, name, phone, mobile, language, time_zone) VALUES ('100' || $1, 'Sample', $2, true, 'en', 'America/New_York')`, account, number)
	d.exec(`INSERT INTO accounts (account, member_id, kind, status, grace_regime) VALUES ($1, '100' || $1, 'health', 'active', nullif($2, ''))`, account, regime)
	if err := d.store.GrantConsent(context.Background(), notify.Consent{Number: number, Source: notify.FromApplication}, d.clock.Now()); err != nil {
		d.t.Fatal(err)
	}
	d.accounts = append(d.accounts, account)
}

func (d *reminderFixture) bill(account, coverage string, revision, cents int) {
	d.t.Helper()
	d.exec(`INSERT INTO bills (account, coverage_month, revision, billed_cents) VALUES ($1, ($2 || '-01')::date, $3, $4)
		ON CONFLICT DO NOTHING`, account, coverage, revision, cents)
}

// books is money that came another way.
func (d *reminderFixture) books(account string, cents int, at time.Time) {
	d.t.Helper()
	d.exec(`INSERT INTO ledger (account, kind, cents, external_id, received_at, recorded_at) VALUES ($1, 'foreign', $2, gen_random_uuid()::text, $3, $3)`,
		account, cents, at)
}

func (d *reminderFixture) local(at string) time.Time {
	d.t.Helper()
	t, err := time.ParseInLocation("2006-01-02T15:04", at, d.cal.Zone())
	if err != nil {
		d.t.Fatal(err)
	}
	return t
}

// imports is billing's delivery: of the 1st with the new bills.
func (d *reminderFixture) imports(now time.Time) {
	d.t.Helper()
	if d.noImport {
		return
	}
	today := d.cal.DateOf(now)
	if today.Day == 1 {
		for _, a := range d.accounts {
			d.bill(a, billing.MonthOf(today).Add(1).String(), 0, billedEach)
		}
	}
	d.exec(`INSERT INTO import_runs (as_of, loaded_at, bills) VALUES ($1, $1, 0)`, now)
}

// walk goes from one day to another, both whole: past the import at 02:00, just before the window, and through it (N4:
// daytime only). It stops at other hours where the test has something happen then.
func (d *reminderFixture) walk(from, to string) {
	d.t.Helper()
	last, err := billing.ParseDate(to)
	if err != nil {
		d.t.Fatal(err)
	}
	day, err := billing.ParseDate(from)
	if err != nil {
		d.t.Fatal(err)
	}
	for ; !day.After(last); day = day.Add(1) {
		for hour := range 24 {
			happens := d.at[fmt.Sprintf("%sT%02d:00", day, hour)]
			if happens == nil && !slices.Contains([]int{2, 8, 9, 20}, hour) {
				continue
			}
			now := d.cal.At(day, billing.LocalTime(hour*3600))
			d.clock.at, d.machine.at = now, now
			if happens != nil {
				happens()
			}
			if hour == 2 {
				d.imports(now)
			}
			d.tickAll()
		}
	}
}

// tickAll is what the workers do all the time.
func (d *reminderFixture) tickAll() {
	d.t.Helper()
	if d.outage {
		return
	}
	if _, err := d.planner.Tick(context.Background(), d.clock.Now()); err != nil {
		d.t.Fatalf("plan: %v", err)
	}
	d.tick()
}

// sent lists what went out: when it went, to whom, what, for how many accounts.
func (d *reminderFixture) sent() []string {
	d.t.Helper()
	return d.lines(`SELECT to_char(timezone('America/New_York', n.tried_at), 'YYYY-MM-DD HH24:MI'), right(n.number, 4),
			n.kind || CASE WHEN max(r.days_before) > 0 THEN ' ' || max(r.days_before) ELSE '' END || CASE WHEN count(*) > 1 THEN ' for ' || count(*) ELSE '' END
		FROM notices n JOIN notice_reasons r ON r.notice_id = n.id AND r.dropped_why IS NULL
		WHERE n.tried_at IS NOT NULL GROUP BY n.id ORDER BY n.tried_at, n.number, n.kind`)
}

func (d *reminderFixture) want(list ...string) {
	d.t.Helper()
	if diff := cmp.Diff(append([]string{}, list...), d.sent()); diff != "" {
		d.t.Errorf("texts (-want +got):\n%s", diff)
	}
	if got := d.carrier.sent(); got != len(d.sent()) {
		d.t.Errorf("%d texts at the carrier, %d in the database", got, len(d.sent()))
	}
}

const (
	one = "700000001"
	two = "700000002"
	cel = "+16175550111"
	del = "+16175550112"
)
