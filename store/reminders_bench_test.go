package store_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"duebell/notify"
	"duebell/store"
)

// BenchmarkPlanReminders plans D-3 for a population in which everybody owes, so that every number gets
// a text: the most that a day can ask for. Numbers lie in no order in the tables, and each account has a
// paid bill behind it. The last case plans for a tenth of ten million accounts, in pages as the whole
// would be. Once is enough: go test -run - -bench PlanReminders -benchtime 1x -timeout 60m ./store
func BenchmarkPlanReminders(b *testing.B) {
	for _, size := range []struct {
		name            string
		accounts, slice int
	}{{"100k", 100_000, 100_000}, {"1M", 1_000_000, 1_000_000}, {"slice of 10M", 10_000_000, 1_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			d := newReminderFixture(b)
			d.populate(size.accounts)
			runtime.GC()
			for b.Loop() {
				b.StopTimer()
				d.exec(`TRUNCATE notices, notice_reasons, reminder_runs`)
				b.StartTimer()
				planStore := slice{Store: d.store, pages: size.slice / 5000}
				p := notify.NewPlanner(&planStore, d.rules, discard, notify.PlannerOptions{})
				sum, err := p.Run(context.Background(), d.clock.Now())
				if err != nil {
					b.Fatal(err)
				}
				if sum.Texts != size.slice {
					b.Fatalf("%d texts planned for %d accounts", sum.Texts, size.slice)
				}
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(b.N*size.slice)/b.Elapsed().Seconds(), "accounts/s")
			b.ReportMetric(float64(m.Sys)/1e6, "MB-from-the-OS")
		})
	}
}

// slice is a store that ends after so many pages.
type slice struct {
	*store.Store
	pages int
}

func (s *slice) NextPage(ctx context.Context, after string, members int) (notify.Page, error) {
	if s.pages--; s.pages < 0 {
		return notify.Page{}, nil
	}
	return s.Store.NextPage(ctx, after, members)
}

// populate makes n members with a number, an account, a paid bill and one that is due in three days.
func (d *reminderFixture) populate(n int) {
	d.t.Helper()
	at := d.local("2027-02-20T07:00")
	d.clock.at, d.machine.at = at, at
	const million = 1_000_000
	for from := 0; from < n; from += million { // in steps, so that no statement holds everything
		to := min(n, from+million) - 1
		for _, fill := range []string{
			// 7919 is prime to n: every number once, in no order.
			fmt.Sprintf(`INSERT INTO members (member_id, name, phone, mobile, language, time_zone)
				SELECT (100000000000 + i)::text, 'Sample', '+1' || (6000000000 + i * 7919 %% %d), true, 'en', 'America/New_York' FROM generate_series($1::bigint, $2) i`, n),
			`INSERT INTO accounts (account, member_id, kind, status)
				SELECT (700000000 + i)::text, (100000000000 + i)::text, 'health', 'active' FROM generate_series($1::bigint, $2) i`,
			`INSERT INTO bills (account, coverage_month, revision, billed_cents)
				SELECT (700000000 + i)::text, m, 0, 10000 + i % 5000 FROM unnest('{2027-02-01, 2027-03-01}'::date[]) m, generate_series($1::bigint, $2) i`,
			`INSERT INTO ledger (account, kind, cents, external_id, received_at, recorded_at)
				SELECT (700000000 + i)::text, 'foreign', 10000 + i % 5000, 'WEB-' || i, '2027-01-15 12:00-05', '2027-01-15 12:00-05' FROM generate_series($1::bigint, $2) i`,
		} {
			d.exec(fill, from, to)
		}
	}
	d.exec(`INSERT INTO consents (number, channel, purpose, source, at) SELECT phone, 'sms', 'payments', 'application', $1 FROM members`, at)
	d.exec(`INSERT INTO import_runs (as_of, loaded_at, bills) VALUES ($1, $1, $2)`, at.Add(-5*time.Hour), n)
	d.exec(`VACUUM ANALYZE`)
}
