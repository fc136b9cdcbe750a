package notify_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/internal/twilio"
	"duebell/notify"
)

// december is the bill that was issued on December 1st, 2026 and is due on Wednesday the 23rd.
var december = billing.Month{Year: 2027, Month: time.January}

// owing is an account that has paid nothing of that bill.
func owing(regime billing.Regime) notify.AccountFacts {
	return notify.AccountFacts{
		Account:  billing.Account{Number: "712345678", Kind: billing.KindHealth, Status: billing.StatusActive, Regime: regime},
		Language: "en", Owed: 19800,
		Bills: []billing.Bill{{Account: "712345678", Coverage: december, Billed: 19800}},
	}
}

// reminder is a planned one of that account, its import as fresh as can be.
func reminder(t testing.TB, k notify.Kind, days int, o notify.AccountFacts, at string) notify.Facts {
	t.Helper()
	return notify.Facts{
		Kind: k, Language: "en", Number: "+16175550101", Zones: []string{"America/New_York"}, Consent: true,
		Reasons: []notify.Reason{{Account: o.Account.Number, DaysBefore: days, Coverage: december}},
		Recipient: &notify.Recipient{
			Number: "+16175550101", Zones: []string{"America/New_York"}, Mobile: true, Consent: true, ImportedAt: instant(t, at), Accounts: []notify.AccountFacts{o},
		},
	}
}

// TestReminderTextsOfTheRuleBook holds every reminder to the wording of rules.md §10 and to one GSM-7
// segment (N7).
func TestReminderTextsOfTheRuleBook(t *testing.T) {
	autoPay := func(agreed bool, last billing.Money) notify.AccountFacts {
		o := owing("")
		o.Account.AutoPayDay, o.Account.AutoPayLast4 = 23, "1234"
		o.Owed, o.AmountsAgreed, o.LastDrawn = 1234567, agreed, last
		o.Bills[0].Billed = 1234567
		return o
	}
	failed := autoPay(false, 0)
	failed.DrawFailedAt = instant(t, noon)
	tests := []struct {
		kind  notify.Kind
		days  int
		owing notify.AccountFacts
		at    string
		want  string
	}{
		{notify.BillReady, 0, owing(""), "2026-12-01T12:00:00-05:00",
			"Health Connector: your new bill is ready, due Wed 12/23 by 5 PM ET. Pay 24/7 at 1-877-623-6765 or reply PAY for a call. STOP to opt out, HELP for help."},
		{notify.DueSoon, 3, owing(""), "2026-12-20T12:00:00-05:00",
			"Health Connector payment reminder: your bill is due Wed 12/23 by 5 PM ET. Pay 24/7 at 1-877-623-6765 or reply PAY for a call. STOP to opt out, HELP for help."},
		{notify.DueToday, 0, owing(""), noon,
			"Health Connector payment reminder: your bill is due today by 5 PM ET. Pay now at 1-877-623-6765 or reply PAY for a call. STOP to opt out, HELP for help."},
		{notify.PastDue, 0, owing(""), "2026-12-24T12:00:00-05:00",
			"Health Connector payment reminder: your payment has not arrived. Please see the notice we sent. Pay 24/7 at 1-877-623-6765 or reply PAY. STOP to opt out."},
		{notify.GraceEnding, 0, owing(""), "2026-12-28T12:00:00-05:00",
			"Health Connector payment reminder: a payment is still needed. Please pay now: 1-877-623-6765 or reply PAY for a call. STOP to opt out, HELP for help."},
		{notify.AutoPayUpcoming, 0, autoPay(false, 0), "2026-12-02T12:00:00-05:00",
			"Health Connector: AutoPay will draw your payment on Wed 12/23. To stop or change it, call 1-877-623-6765 by Fri 12/18. STOP to opt out, HELP for help."},
		{notify.AutoPayUpcoming, 0, autoPay(true, 1234567), "2026-12-02T12:00:00-05:00",
			"Health Connector: AutoPay will draw $12,345.67 on Wed 12/23 from the account ending 1234. To stop or change it call 1-877-623-6765 by 12/18. STOP to opt out."},
		{notify.AutoPayUpcoming, 0, autoPay(true, 1234500), "2026-12-02T12:00:00-05:00",
			"Health Connector: AutoPay will draw $12,345.67 (last time $12,345.00) on Wed 12/23. To stop or change it call 1-877-623-6765 by 12/18. STOP to opt out."},
		{notify.AutoPayFailed, 0, failed, "2026-12-24T12:00:00-05:00",
			"Health Connector: your AutoPay payment did not go through; your bill is still unpaid. Call 1-877-623-6765 or reply PAY. STOP to opt out, HELP for help."},
	}
	rules := newRules(t, func(p *billing.Policy) { p.ReminderCapPerMonth = 9 }) // a new bill goes, too
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s", tt.kind, tt.at[:10]), func(t *testing.T) {
			v, err := rules.Decide(reminder(t, tt.kind, tt.days, tt.owing, tt.at), instant(t, tt.at))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(notify.Decision{Action: notify.ActionSend, Body: tt.want}, v); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if encoding, units, segments := twilio.Segments(v.Body); encoding != twilio.GSM7 || segments != 1 {
				t.Errorf("%d segments of %s, %d units", segments, encoding, units)
			}
		})
	}
}

// TestN6Windows: the first and the last instant at which each kind's words are true, and the seconds
// around them. Where the night is longer than the window, it waits or is dropped.
func TestN6Windows(t *testing.T) {
	snow := func(p *billing.Policy) {
		p.DueOverrides = []billing.DueOverride{{Scope: "712345678", BillMonth: billing.Month{Year: 2026, Month: time.December},
			DueAt: billing.Instant{Time: time.Date(2026, 12, 30, 17, 0, 0, 0, time.UTC)}}} // noon in Boston
	}
	first := owing("")
	first.Bills[0].FirstBill = true
	supplied := owing("")
	supplied.Bills[0].GraceEndsAt = time.Date(2027, 1, 11, 4, 59, 59, 0, time.UTC) // the 10th in Boston
	stranger := owing("")
	stranger.Account.Number = "799999999"
	tests := []struct {
		name                         string
		kind                         notify.Kind
		days                         int
		owing                        notify.AccountFacts
		change                       func(*billing.Policy)
		before, first, latest, after string // "2006-01-02T15:04:05", Boston; empty: not asked
	}{
		{"bill ready", notify.BillReady, 0, owing(""), nil, "2026-11-30T19:29:59", "2026-12-01T09:00:00", "2026-12-05T19:29:59", "2026-12-06T09:00:00"},
		{"D-10", notify.DueSoon, 10, owing(""), nil, "2026-12-12T19:29:59", "2026-12-13T09:00:00", "2026-12-19T19:29:59", "2026-12-20T09:00:00"},
		{"D-3", notify.DueSoon, 3, owing(""), nil, "2026-12-19T19:29:59", "2026-12-20T09:00:00", "2026-12-21T19:29:59", "2026-12-22T09:00:00"},
		{"D-1", notify.DueSoon, 1, owing(""), nil, "2026-12-21T19:29:59", "2026-12-22T09:00:00", "2026-12-22T19:29:59", "2026-12-23T09:00:00"},
		{"due today", notify.DueToday, 0, owing(""), nil, "2026-12-22T19:29:59", "2026-12-23T09:00:00", "2026-12-23T14:59:59", "2026-12-23T15:00:00"},
		{"past due", notify.PastDue, 0, owing(""), nil, "2026-12-23T17:00:01", "2026-12-24T09:00:00", "2026-12-26T19:29:59", "2026-12-27T09:00:00"},
		{"month-end", notify.GraceEnding, 0, owing(billing.MonthEnd), nil, "2026-12-27T19:29:59", "2026-12-28T09:00:00", "2026-12-30T19:29:59", "2026-12-31T09:00:00"},
		{"next-due", notify.GraceEnding, 0, owing(billing.NextDue), nil, "2027-01-19T19:29:59", "2027-01-20T09:00:00", "2027-01-22T19:29:59", "2027-01-23T09:00:00"},
		{"third-due", notify.GraceEnding, 0, owing(billing.ThirdDue), nil, "2027-03-19T19:29:59", "2027-03-20T09:00:00", "2027-03-22T19:29:59", "2027-03-23T09:00:00"},
		{"grace that billing gave (G5)", notify.GraceEnding, 0, supplied, nil, "2027-01-06T19:29:59", "2027-01-07T09:00:00", "2027-01-09T19:29:59", "2027-01-10T09:00:00"},
		{"no grace: not past due", notify.PastDue, 0, owing(billing.NoGrace), nil, "2026-12-24T12:00:00", "", "", "2026-12-25T12:00:00"},
		{"no grace: none ends", notify.GraceEnding, 0, owing(billing.NoGrace), nil, "2026-12-22T12:00:00", "", "", "2026-12-28T12:00:00"},
		{"a first bill has none (G4)", notify.PastDue, 0, first, nil, "2026-12-24T12:00:00", "", "", "2026-12-25T12:00:00"},
		{"moved: today", notify.DueToday, 0, owing(""), snow, "2026-12-23T12:00:00", "2026-12-30T09:00:00", "2026-12-30T12:00:00", "2026-12-30T12:00:01"},
		{"moved: D-10", notify.DueSoon, 10, owing(""), snow, "2026-12-19T12:00:00", "2026-12-20T09:00:00", "2026-12-26T19:29:59", "2026-12-27T09:00:00"},
		{"moved: past due", notify.PastDue, 0, owing(""), snow, "2026-12-24T12:00:00", "2026-12-31T09:00:00", "2027-01-02T19:29:59", "2027-01-03T09:00:00"},
		{"moved to where no day is left for grace", notify.GraceEnding, 0, owing(""), snow, "2026-12-28T12:00:00", "", "", "2026-12-30T13:00:00"},
		{"moved for another account", notify.DueToday, 0, stranger, snow, "2026-12-22T12:00:00", "2026-12-23T09:00:00", "2026-12-23T14:59:59", "2026-12-30T09:00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			change := tt.change
			if change == nil {
				change = func(*billing.Policy) {}
			}
			rules := newRules(t, change, func(p *billing.Policy) { p.ReminderCapPerMonth = 9 })
			for _, look := range []struct {
				at   string
				want notify.Action
			}{{tt.before, notify.ActionDrop}, {tt.first, notify.ActionSend}, {tt.latest, notify.ActionSend}, {tt.after, notify.ActionDrop}} {
				if look.at == "" {
					continue
				}
				at, err := time.ParseInLocation("2006-01-02T15:04:05", look.at, boston(t))
				if err != nil {
					t.Fatal(err)
				}
				f := reminder(t, tt.kind, tt.days, tt.owing, at.Format(time.RFC3339))
				v, err := rules.Decide(f, at)
				if err != nil {
					t.Fatal(err)
				}
				if v.Action != look.want {
					t.Errorf("at %s: %s %q, want %s", look.at, v.Action, v.Why, look.want)
				}
			}
		})
	}
}

func boston(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
