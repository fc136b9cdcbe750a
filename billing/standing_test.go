package billing_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"duebell/billing"
)

// A story is one account's life up to an instant: bills and money in plain text.
type story struct {
	name    string
	account billing.Account
	policy  func(*billing.Policy)
	bills   []billing.Bill
	entries []billing.Entry
	at      string
	want    outcome
}

// outcome is what a story says of the standing, as text; empty = none.
type outcome struct {
	total, past           billing.Money
	oldest, clock, newest string
	grace                 string // "", "in", "after"
	ends                  string
	supplied, firstOpen   bool
	last                  billing.Money
}

func bill(t testing.TB, coverage string, billed billing.Money, change ...func(*billing.Bill)) billing.Bill {
	t.Helper()
	b := billing.Bill{Account: "734567890", Coverage: month(t, coverage), Billed: billed}
	for _, c := range change {
		c(&b)
	}
	return b
}

func revision(n int) func(*billing.Bill) { return func(b *billing.Bill) { b.Revision = n } }

func first(b *billing.Bill) { b.FirstBill = true }

func supplied(at time.Time) func(*billing.Bill) {
	return func(b *billing.Bill) { b.GraceEndsAt = at }
}

func money(t testing.TB, kind billing.EntryKind, c billing.Money, at, ref string) billing.Entry {
	t.Helper()
	return billing.Entry{Kind: kind, Cents: c, ReceivedAt: instant(t, at), Reference: ref}
}

// TestStanding: B5, B7, B8, B9, G1-G7, L5, M1. The bill of coverage month 2027-02 is due on
// 2027-01-23, that of 2027-03 on 2027-02-23.
func TestStanding(t *testing.T) {
	third := billing.Account{Number: "734567890", Kind: billing.KindHealth, Status: billing.StatusActive, Regime: billing.ThirdDue}
	plain := billing.Account{Number: "734567890", Kind: billing.KindHealth, Status: billing.StatusActive}
	pay := func(c billing.Money, at string) billing.Entry {
		return money(t, billing.EntryPayment, c, at, "123456782")
	}
	back := func(c billing.Money, at string) billing.Entry {
		return money(t, billing.EntryReversal, -c, at, "123456782")
	}
	web := func(c billing.Money, at string) billing.Entry { return money(t, billing.EntryForeign, c, at, "web-1") }
	two := []billing.Bill{bill(t, "2027-02", 23500), bill(t, "2027-03", 23500)}
	const thirdEnds = "2027-04-23T17:00:00-04:00" // of the bill due 2027-01-23

	stories := []story{
		{name: "nothing was ever billed", account: plain, at: "2027-02-10T10:00:00-05:00", want: outcome{}},
		{
			name: "one bill, not due yet", account: plain, bills: two[1:], at: "2027-02-10T10:00:00-05:00",
			want: outcome{total: 23500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", ends: "2027-02-28T23:59:59-05:00"},
		},
		{
			name: "the due instant is still in time", account: plain, bills: two[1:], at: "2027-02-23T17:00:00.9-05:00",
			want: outcome{total: 23500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", ends: "2027-02-28T23:59:59-05:00"},
		},
		{
			name: "a second later it is past due", account: plain, bills: two[1:], at: "2027-02-23T17:00:01-05:00",
			want: outcome{total: 23500, past: 23500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", grace: "in", ends: "2027-02-28T23:59:59-05:00"},
		},
		{
			name: "last second of month-end grace", account: plain, bills: two[1:], at: "2027-02-28T23:59:59-05:00",
			want: outcome{total: 23500, past: 23500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", grace: "in", ends: "2027-02-28T23:59:59-05:00"},
		},
		{
			name: "after grace", account: plain, bills: two[1:], at: "2027-03-01T00:00:00-05:00",
			want: outcome{total: 23500, past: 23500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", grace: "after", ends: "2027-02-28T23:59:59-05:00"},
		},
		{
			name: "past due and now, grace third-due", account: third, bills: []billing.Bill{two[1], two[0]}, at: "2027-02-10T10:00:00-05:00",
			want: outcome{total: 47000, past: 23500, oldest: "2027-02", clock: "2027-02", newest: "2027-03", grace: "in", ends: thirdEnds},
		},
		{
			name: "G6: a part that covers the old bill does not restart the clock", account: third, bills: two,
			entries: []billing.Entry{pay(23500, "2027-02-10T10:00:00-05:00")}, at: "2027-02-24T10:00:00-05:00",
			want: outcome{total: 23500, past: 23500, oldest: "2027-03", clock: "2027-02", newest: "2027-03", grace: "in", ends: thirdEnds, last: 23500},
		},
		{
			name: "G6: the same part in time leaves no clock behind", account: third, bills: two,
			entries: []billing.Entry{pay(23500, "2027-01-23T17:00:00-05:00")}, at: "2027-02-24T10:00:00-05:00",
			want: outcome{total: 23500, past: 23500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", grace: "in", ends: "2027-05-23T17:00:00-04:00", last: 23500},
		},
		{
			name: "G6: curing took the newest bill too", account: third, bills: append(two, bill(t, "2027-04", 23500)),
			entries: []billing.Entry{pay(47000, "2027-02-10T10:00:00-05:00")}, at: "2027-03-24T10:00:00-04:00",
			want: outcome{total: 23500, past: 23500, oldest: "2027-04", clock: "2027-04", newest: "2027-04", grace: "in", ends: "2027-06-23T17:00:00-04:00", last: 47000},
		},
		{
			name: "G6: paid before the next bill was issued cures alone", account: third, bills: two,
			entries: []billing.Entry{pay(23500, "2027-01-31T23:59:59-05:00")}, at: "2027-02-24T10:00:00-05:00",
			want: outcome{total: 23500, past: 23500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", grace: "in", ends: "2027-05-23T17:00:00-04:00", last: 23500},
		},
		{
			name: "L5: a returned payment brings the old clock back", account: third, bills: two,
			entries: []billing.Entry{pay(47000, "2027-02-10T10:00:00-05:00"), back(47000, "2027-02-12T10:00:00-05:00")}, at: "2027-02-24T10:00:00-05:00",
			want: outcome{total: 47000, past: 47000, oldest: "2027-02", clock: "2027-02", newest: "2027-03", grace: "in", ends: thirdEnds},
		},
		{
			name: "L5: what was paid beside it stays, also when it came first", account: third, bills: two,
			entries: []billing.Entry{
				back(23500, "2027-01-25T10:00:00-05:00"), web(23500, "2027-01-21T10:00:00-05:00"), pay(23500, "2027-01-20T10:00:00-05:00"),
			},
			at:   "2027-02-10T10:00:00-05:00",
			want: outcome{total: 23500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", ends: "2027-05-23T17:00:00-04:00", last: 23500},
		},
		{
			name: "B7: a reversal of billing's that names nothing takes back the newest money", account: third, bills: two,
			entries: []billing.Entry{
				web(23500, "2027-01-20T10:00:00-05:00"), pay(23500, "2027-02-09T10:00:00-05:00"),
				money(t, billing.EntryForeign, -23500, "2027-02-10T10:00:00-05:00", "nsf-7"),
			},
			at:   "2027-02-11T10:00:00-05:00",
			want: outcome{total: 23500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", ends: "2027-05-23T17:00:00-04:00", last: 23500},
		},
		{
			name: "B7: more came back than was ever paid", account: plain, bills: two[1:],
			entries: []billing.Entry{money(t, billing.EntryForeign, -1000, "2027-02-05T10:00:00-05:00", "nsf-8")}, at: "2027-02-10T10:00:00-05:00",
			want: outcome{total: 24500, oldest: "2027-03", clock: "2027-03", newest: "2027-03", ends: "2027-02-28T23:59:59-05:00"},
		},
		{
			name: "a partly returned payment is not named as the last one", account: plain, bills: two[1:],
			entries: []billing.Entry{
				web(500, "2027-02-04T10:00:00-05:00"), pay(3000, "2027-02-05T10:00:00-05:00"), back(1000, "2027-02-08T10:00:00-05:00"),
			},
			at:   "2027-02-10T10:00:00-05:00",
			want: outcome{total: 21000, oldest: "2027-03", clock: "2027-03", newest: "2027-03", ends: "2027-02-28T23:59:59-05:00", last: 500},
		},
		{
			name: "B5: the highest revision counts; below what was paid is credit", account: plain,
			bills:   []billing.Bill{bill(t, "2027-03", 15000, revision(2)), bill(t, "2027-03", 23500), bill(t, "2027-03", 30000, revision(1))},
			entries: []billing.Entry{pay(23500, "2027-02-02T10:00:00-05:00")}, at: "2027-02-10T10:00:00-05:00",
			want: outcome{total: -8500, newest: "2027-03", last: 23500},
		},
		{
			name: "B9: paid, nothing due", account: plain, bills: two[1:],
			entries: []billing.Entry{pay(23500, "2027-02-02T10:00:00-05:00")}, at: "2027-03-10T10:00:00-05:00",
			want: outcome{newest: "2027-03", last: 23500},
		},
		{
			name: "B8: a first bill has no grace whatever billing says of the account", account: third,
			bills: []billing.Bill{bill(t, "2027-03", 15200, first)}, at: "2027-02-23T17:00:01-05:00",
			want: outcome{total: 15200, past: 15200, oldest: "2027-03", clock: "2027-03", newest: "2027-03", grace: "after", ends: "2027-02-23T17:00:00-05:00", firstOpen: true},
		},
		{
			name: "B8: part paid is still open", account: plain, bills: []billing.Bill{bill(t, "2027-03", 15200, first)},
			entries: []billing.Entry{pay(15100, "2027-02-02T10:00:00-05:00")}, at: "2027-02-10T10:00:00-05:00",
			want: outcome{total: 100, oldest: "2027-03", clock: "2027-03", newest: "2027-03", ends: "2027-02-23T17:00:00-05:00", firstOpen: true, last: 15100},
		},
		{
			name: "G5: billing's own date wins over all", account: third,
			bills: []billing.Bill{bill(t, "2027-03", 15200, first, supplied(instant(t, "2027-03-02T12:00:00-05:00")))}, at: "2027-02-25T10:00:00-05:00",
			want: outcome{total: 15200, past: 15200, oldest: "2027-03", clock: "2027-03", newest: "2027-03", grace: "in", ends: "2027-03-02T12:00:00-05:00", supplied: true, firstOpen: true},
		},
		{
			name: "C5: billing's date before a moved due instant is out of date", account: plain,
			policy: func(p *billing.Policy) {
				p.DueOverrides = []billing.DueOverride{{Scope: "all", BillMonth: month(t, "2027-02"), DueAt: billing.Instant{Time: instant(t, "2027-03-05T17:00:00-05:00")}}}
			},
			bills: []billing.Bill{bill(t, "2027-03", 15200, supplied(instant(t, "2027-02-28T23:59:59-05:00")))}, at: "2027-03-04T10:00:00-05:00",
			want: outcome{total: 15200, oldest: "2027-03", clock: "2027-03", newest: "2027-03", ends: "2027-03-31T23:59:59-04:00"},
		},
		{
			name: "C5: an older bill moved past a newer one is not past due", account: plain,
			policy: func(p *billing.Policy) {
				p.DueOverrides = []billing.DueOverride{{Scope: "734567890", BillMonth: month(t, "2027-01"), DueAt: billing.Instant{Time: instant(t, "2027-03-05T17:00:00-05:00")}}}
			},
			bills: []billing.Bill{bill(t, "2027-02", 10000), bill(t, "2027-03", 500)}, at: "2027-02-24T10:00:00-05:00",
			want: outcome{total: 10500, past: 500, oldest: "2027-02", clock: "2027-03", newest: "2027-03", grace: "in", ends: "2027-02-28T23:59:59-05:00"},
		},
		{
			name: "M1: within the tolerance is paid", account: plain, policy: func(p *billing.Policy) { p.PaidToleranceCents = 5 }, bills: two,
			entries: []billing.Entry{web(46995, "2027-02-02T10:00:00-05:00")}, at: "2027-02-24T10:00:00-05:00",
			want: outcome{total: 5, newest: "2027-03", last: 46995},
		},
		{
			name: "M1: beyond it is not", account: plain, policy: func(p *billing.Policy) { p.PaidToleranceCents = 5 }, bills: two[1:],
			entries: []billing.Entry{web(23494, "2027-02-02T10:00:00-05:00")}, at: "2027-02-24T10:00:00-05:00",
			want: outcome{total: 6, past: 6, oldest: "2027-03", clock: "2027-03", newest: "2027-03", grace: "in", ends: "2027-02-28T23:59:59-05:00", last: 23494},
		},
	}
	for _, tt := range stories {
		t.Run(tt.name, func(t *testing.T) { tt.check(t) })
	}
}

func (s story) check(t *testing.T) {
	if s.policy == nil {
		s.policy = func(*billing.Policy) {}
	}
	got := billing.Stand(s.account, s.bills, s.entries, instant(t, s.at), newCalendar(t, s.policy))
	coverage := func(b *billing.Bill) string {
		if b == nil {
			return ""
		}
		return b.Coverage.String()
	}
	heard := outcome{
		total: got.TotalDue, past: got.PastDue,
		oldest: coverage(got.OldestUnpaid), clock: coverage(got.Clock), newest: coverage(got.Newest),
		supplied: got.GraceEndsSupplied, firstOpen: got.FirstBillOpen,
	}
	if got.InGrace {
		heard.grace = "in"
	}
	if got.AfterGrace {
		heard.grace += "after"
	}
	if !got.GraceEndsAt.IsZero() {
		heard.ends = got.GraceEndsAt.Format(time.RFC3339)
	}
	if got.LastPayment != nil {
		heard.last = got.LastPayment.Cents
	}
	if heard != s.want {
		t.Errorf("got  %+v\nwant %+v", heard, s.want)
	}
	if got.NothingDue != (got.OldestUnpaid == nil) {
		t.Errorf("nothing due = %t, oldest unpaid %q", got.NothingDue, heard.oldest)
	}
	if got.Newest != nil && got.LatestCharge != got.Newest.Billed {
		t.Errorf("latest charge %s, newest bill %s", got.LatestCharge, got.Newest.Billed)
	}
}

// TestStandingHolds: whatever was billed and booked, in whatever order, the parts of a standing
// agree with each other.
func TestStandingHolds(t *testing.T) {
	cal := newCalendar(t)
	start := instant(t, "2026-10-15T10:00:00-04:00")
	rapid.Check(t, func(t *rapid.T) {
		account := billing.Account{Number: "734567890", Kind: billing.KindHealth, Regime: billing.ThirdDue}
		var bills []billing.Bill
		var total billing.Money
		for i := range rapid.IntRange(0, 6).Draw(t, "bills") {
			b := billing.Bill{Coverage: billing.Month{Year: 2026, Month: 11}.Add(i), Billed: billing.Money(rapid.Int64Range(0, 300).Draw(t, "billed"))}
			bills = append(bills, b)
			total += b.Billed
		}
		var entries []billing.Entry
		for range rapid.IntRange(0, 8).Draw(t, "entries") {
			e := billing.Entry{
				Kind: billing.EntryForeign, Cents: billing.Money(rapid.Int64Range(-200, 400).Draw(t, "cents")),
				ReceivedAt: start.Add(time.Duration(rapid.IntRange(0, 150*24).Draw(t, "hour")) * time.Hour),
				Reference:  rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "reference"),
			}
			entries = append(entries, e)
			total -= e.Cents
		}
		at := start.Add(time.Duration(rapid.IntRange(150, 200).Draw(t, "day")) * 24 * time.Hour)
		s := billing.Stand(account, bills, entries, at, cal)

		if s.TotalDue != total {
			t.Fatalf("total due %s, billed less booked %s", s.TotalDue, total)
		}
		if s.NothingDue != (total <= 0) || len(bills) > 0 && s.NothingDue != (s.OldestUnpaid == nil) || (s.Clock == nil) != (s.OldestUnpaid == nil) {
			t.Fatalf("nothing due %t, oldest %v, clock %v", s.NothingDue, s.OldestUnpaid, s.Clock)
		}
		if s.PastDue < 0 || s.PastDue > max(0, total) || (s.PastDue > 0) != (s.InGrace || s.AfterGrace) {
			t.Fatalf("past due %s of %s, in grace %t, after %t", s.PastDue, total, s.InGrace, s.AfterGrace)
		}
		if s.Clock != nil && s.OldestUnpaid.Coverage.Before(s.Clock.Coverage) {
			t.Fatalf("clock %v, oldest unpaid %v", s.Clock, s.OldestUnpaid)
		}
		if !s.NothingDue && len(bills) > 0 {
			// Paying everything clears everything (G6).
			paid := append(entries, billing.Entry{Kind: billing.EntryPayment, Cents: s.TotalDue, ReceivedAt: at})
			if after := billing.Stand(account, bills, paid, at, cal); !after.NothingDue || after.Clock != nil || after.PastDue != 0 {
				t.Fatalf("paid in full: %+v", after)
			}
		}
		slip := append([]billing.Entry(nil), entries...)
		for i := range slip { // turned round
			slip[i] = entries[len(entries)-1-i]
		}
		if turned := billing.Stand(account, bills, slip, at, cal); turned.TotalDue != s.TotalDue || turned.PastDue != s.PastDue {
			t.Fatalf("the order of entries counts: %+v, %+v", s, turned)
		}
	})
}
