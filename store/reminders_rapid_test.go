package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"duebell/billing"
	"duebell/notify"
)

// TestSQLCountsAsStandDoes: what a page says of an account, summed up by the database and cut off at
// the newest bills, is what billing.Stand says of its whole history: the same balance, and the same
// reminders on any day.
func TestSQLCountsAsStandDoes(t *testing.T) {
	t.Parallel()
	tolerant := func(p *billing.Policy) { p.PaidToleranceCents = 50 }
	moved := func(p *billing.Policy) {
		zone := time.FixedZone("", -5*3600)
		p.DueOverrides = []billing.DueOverride{
			{Scope: "all", BillMonth: billing.Month{Year: 2026, Month: time.December}, DueAt: billing.Instant{Time: time.Date(2027, 1, 4, 12, 0, 0, 0, zone)}},
			{Scope: "700000003", BillMonth: billing.Month{Year: 2027, Month: time.February}, DueAt: billing.Instant{Time: time.Date(2027, 2, 10, 9, 0, 0, 0, zone)}},
		}
	}
	for name, change := range map[string]func(*billing.Policy){"default": func(*billing.Policy) {}, "with a tolerance": tolerant, "moved deadlines": moved} {
		t.Run(name, func(t *testing.T) {
			d := newReminderFixture(t, change)
			d.exec(`ALTER TABLE ledger DISABLE TRIGGER USER`) // many lives in one database
			rapid.Check(t, func(rt *rapid.T) {
				write := &pgx.Batch{}
				for _, table := range []string{"ledger", "bills", "accounts", "members", "consents"} {
					write.Queue(`DELETE FROM ` + table)
				}
				accounts := map[string]*notify.History{}
				for i := range rapid.IntRange(1, 6).Draw(rt, "accounts") {
					number := fmt.Sprintf("70000000%d", i)
					accounts[number] = draw(rt, write, number)
				}
				if err := d.pool.SendBatch(context.Background(), write).Close(); err != nil {
					rt.Fatal(err)
				}
				for range 4 {
					d.compare(rt, accounts, feedAt.AddDate(0, 0, rapid.IntRange(-40, 60).Draw(rt, "day")).Add(time.Duration(rapid.IntRange(0, 23).Draw(rt, "hour"))*time.Hour))
				}
			})
		})
	}
}

// draw makes up an account and writes it down.
func draw(rt *rapid.T, write *pgx.Batch, number string) *notify.History {
	phone := fmt.Sprintf("+1617555010%d", rapid.IntRange(0, 3).Draw(rt, "phone"))
	write.Queue(`INSERT INTO members (member_id, name, phone, mobile, language, time_zone) VALUES ('100' || $1, 'Sample', $2, true, 'en', '')`, number, phone)
	write.Queue(`INSERT INTO consents (number, channel, purpose, source, at) VALUES ($1, 'sms', 'payments', 'application', $2) ON CONFLICT DO NOTHING`, phone, feedAt)
	regime := rapid.SampledFrom([]string{"", "month-end", "next-due", "third-due", "none"}).Draw(rt, "regime")
	write.Queue(`INSERT INTO accounts (account, member_id, kind, status, grace_regime) VALUES ($1, '100' || $1, 'health', 'active', nullif($2, ''))`, number, regime)
	h := &notify.History{}
	cents := rapid.SampledFrom([]int{0, 40, 10000, 10000, 10000, 20000})
	first := billing.Month{Year: 2026, Month: time.May}
	for m := range 12 {
		if rapid.IntRange(0, 9).Draw(rt, "no bill") == 0 {
			continue
		}
		for revision := range rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(rt, "revisions") {
			b := billing.Bill{Account: number, Coverage: first.Add(m), Revision: revision, Billed: billing.Money(cents.Draw(rt, "billed")), FirstBill: rapid.IntRange(0, 9).Draw(rt, "first") == 0}
			if rapid.IntRange(0, 9).Draw(rt, "supplied") == 0 {
				b.GraceEndsAt = time.Date(2026, time.Month(5+m), rapid.IntRange(1, 90).Draw(rt, "grace"), 4, 59, 59, 0, time.UTC)
			}
			h.Bills = append(h.Bills, b)
			var grace *time.Time
			if !b.GraceEndsAt.IsZero() {
				grace = &b.GraceEndsAt
			}
			write.Queue(`INSERT INTO bills (account, coverage_month, revision, billed_cents, first_bill, grace_ends_at) VALUES ($1, ($2 || '-01')::date, $3, $4, $5, $6)`,
				number, b.Coverage.String(), revision, b.Billed.Cents(), b.FirstBill, grace)
		}
	}
	paid := rapid.SampledFrom([]int{10000, 10000, 10000, 9960, 5000, 20000, 40, -10000})
	for i := range rapid.IntRange(0, 12).Draw(rt, "entries") {
		e := billing.Entry{Kind: billing.EntryForeign, Cents: billing.Money(paid.Draw(rt, "paid")), Reference: fmt.Sprintf("R%d", rapid.IntRange(0, 3).Draw(rt, "reference"))}
		e.ReceivedAt = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, 30*i+rapid.IntRange(0, 40).Draw(rt, "day"))
		h.Entries = append(h.Entries, e)
		write.Queue(`INSERT INTO ledger (account, kind, cents, reference, external_id, received_at, recorded_at) VALUES ($1, 'foreign', $2, $3, gen_random_uuid()::text, $4, $4)`,
			number, e.Cents.Cents(), e.Reference, e.ReceivedAt)
	}
	return h
}

// compare holds the pages' view of every household against that of whole histories.
func (d *reminderFixture) compare(rt *rapid.T, accounts map[string]*notify.History, now time.Time) {
	seen := 0
	_, err := d.planner.Preview(context.Background(), now, func(h notify.Recipient, send []notify.Reminder, held []notify.Withheld) error {
		whole := h
		whole.Accounts = nil
		for _, o := range h.Accounts {
			seen++
			history := accounts[o.Account.Number]
			if want := billing.Stand(o.Account, history.Bills, history.Entries, now, d.cal).TotalDue; o.Owed != want {
				rt.Errorf("account owes %s, Stand says %s", o.Owed, want)
			}
			whole.Accounts = append(whole.Accounts, notify.AccountFacts{Account: o.Account, Language: o.Language, InFlight: o.InFlight, History: history})
		}
		wantSend, wantHeld := d.rules.Reminders(whole, now)
		if diff := cmp.Diff(wantSend, send, cmpopts.EquateEmpty()); diff != "" {
			rt.Errorf("reminders at %s (-Stand +SQL):\n%s", now, diff)
		}
		if diff := cmp.Diff(wantHeld, held, cmpopts.EquateEmpty()); diff != "" {
			rt.Errorf("held back at %s (-Stand +SQL):\n%s", now, diff)
		}
		return nil
	})
	if err != nil {
		rt.Fatal(err)
	}
	if seen != len(accounts) {
		rt.Errorf("%d of %d accounts were looked at", seen, len(accounts))
	}
}
