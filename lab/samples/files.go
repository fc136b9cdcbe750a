package samples

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/store"
)

// Import imports the stories as billing has them at an instant: what dev and scripts do at the start, and again
// whenever the clock passes 02:00 local (B6: the import comes nightly). It is whole or not at all, and may be
// repeated.
func Import(ctx context.Context, st *store.Store, stories []Story, at time.Time, cal *billing.Calendar, rules feed.Rules) (store.ImportSummary, error) {
	accounts := make([]string, len(stories))
	for i, s := range stories {
		accounts[i] = s.Account
	}
	// What the line has taken meanwhile must be known: the files say what else was paid, so that the standing
	// is the story's.
	totals, err := st.AccountTotals(ctx, accounts)
	if err != nil {
		return store.ImportSummary{}, fmt.Errorf("sample members: %w", err)
	}
	sum, err := st.Import(ctx, Files(stories, at, cal, totals), store.ImportOptions{AsOf: at, At: at, Rules: rules})
	if err != nil {
		return store.ImportSummary{}, fmt.Errorf("sample members: %w", err)
	}
	return sum, nil
}

// Files are billing's four files at an instant, for a database that holds these totals of the accounts
// (nil: none yet). Delivered twice on the same day, or on another day of the same month, they
// change nothing.
//
// The current bill was issued on the 1st of the month. With each new one, what a story does not
// leave open has been paid on the web: everything billed, less what was paid already by telephone
// or otherwise, less what the story owes. So the standing is as the story made it, and money paid
// on the line stays counted: whoever paid it owes the new bill alone, even where the story was
// past due. Reversals, too, stay counted until the next bill comes.
func Files(stories []Story, at time.Time, cal *billing.Calendar, totals map[string]store.AccountTotals) []feed.Source {
	// The month whose bill is the newest at that instant.
	issued := billing.MonthOf(cal.DateOf(at))
	// Before this month's bill date the last one is still current (C2: issued on bill_day).
	if cal.DateOf(at).Before(cal.BillDate(issued)) {
		issued = issued.Add(-1)
	}
	w := &writer{cal: cal, issued: issued, rows: map[feed.Kind][][]string{}}
	for _, s := range stories {
		w.member(s)
		w.account(s)
		w.money(s, totals[s.Account])
	}
	files := make([]feed.Source, 0, len(feed.Kinds()))
	for _, kind := range feed.Kinds() {
		files = append(files, w.file(kind))
	}
	return files
}

// writer gathers the rows of the four files, for one delivery.
type writer struct {
	cal     *billing.Calendar
	issued  billing.Month // in which the current bills were issued
	members []string
	rows    map[feed.Kind][][]string
}

// add adds a row to a file, with the cells in the order of its columns.
func (w *writer) add(kind feed.Kind, cells ...string) { w.rows[kind] = append(w.rows[kind], cells) }

// phoneSince is long enough ago for a code to go to the number (I6: a minimum age on file).
const phoneSince = "2020-01-15"

// member adds the member of a story, once.
func (w *writer) member(s Story) {
	if slices.Contains(w.members, s.MemberID) {
		return // one member, several accounts (B2)
	}
	w.members = append(w.members, s.MemberID)
	// Consent comes with the number, as on the coverage application (O1: basis of consent).
	since, consent := phoneSince, feed.ConsentApplication
	if s.Phone == "" {
		since, consent = "", feed.ConsentNone
	}
	w.add(feed.Members, s.MemberID, s.Name, s.Phone, since, strconv.FormatBool(s.Phone != ""), s.Language, "America/New_York", string(consent),
		s.Born, s.ZIP, s.SSNLast4, s.Invoice, s.InvoicePrevious)
}

// account adds the account of a story. A day of AutoPay makes it an enrolment that billing draws.
func (w *writer) account(s Story) {
	day := ""
	if s.AutoPayDay != 0 {
		day = strconv.Itoa(s.AutoPayDay)
	}
	w.add(feed.Accounts, s.Account, s.MemberID, string(s.Kind), string(s.Status), string(s.Grace), day, s.AutoPayLast4)
}

// money adds the bills of a story, and a payment on the web where the standing needs one. Everything that was
// billed so far, less what was paid, less what the story owes, has been paid elsewhere. Bills of months gone by
// are not delivered again; the database has them.
func (w *writer) money(s Story, totals store.AccountTotals) {
	current := w.cal.CoverageMonth(w.issued)
	last := current.Add(-1)
	_, known := totals.Billed[current]
	billed := s.Billed
	for month, cents := range totals.Billed {
		if month != current {
			billed += cents
		}
	}
	// Only where the database has no such bill yet: at the first import, or after months in which the clock was
	// moved.
	if _, there := totals.Billed[last]; !there && s.PastDue > 0 {
		w.bill(s, last, s.PastDue, false)
		billed += s.PastDue
	}
	w.bill(s, current, s.Billed, s.First)
	if known {
		return // this month is settled: whatever happens in it stays
	}
	// Once, at the very first import: what is left of the credit after that is the ledger's to say.
	if s.Credit > 0 && len(totals.Billed) == 0 {
		w.pay(s, current, s.Credit)
	}
	if settled := billed - totals.Paid - s.owes(); settled > 0 {
		w.pay(s, current, settled)
	}
}

// bill adds a bill, revision 0, without a grace_ends_at of billing's own (G5: the regime decides).
func (w *writer) bill(s Story, coverage billing.Month, cents billing.Money, first bool) {
	w.add(feed.Bills, s.Account, coverage.String(), "0", strconv.FormatInt(cents.Cents(), 10), strconv.FormatBool(first), "")
}

// pay adds a row for money that came in on the web: a paid bill's when it was issued, that for earlier bills on
// the last day before the story's oldest open bill, so that no delinquency outlives it (G6: the oldest unpaid
// bill's clock). The id is made of account and month, so the same delivery again is the same payment.
func (w *writer) pay(s Story, current billing.Month, cents billing.Money) {
	received := w.cal.StartOfDay(w.cal.BillDate(w.issued))
	if !s.Paid {
		open := w.issued
		if s.PastDue > 0 {
			open = open.Add(-1)
		}
		received = w.cal.At(w.cal.BillDate(open).Add(-1), noon)
	}
	w.add(feed.Payments, "SAMPLE-"+s.Account+"-"+current.String(), s.Account, strconv.FormatInt(cents.Cents(), 10),
		received.Format(time.RFC3339), "web", "")
}

// noon is an hour at which no rule changes sides.
const noon = billing.LocalTime(12 * 60 * 60)

// file returns one of the four files, with its header line; its rows may be none.
func (w *writer) file(kind feed.Kind) feed.Source {
	var text strings.Builder
	out := csv.NewWriter(&text)
	// A strings.Builder takes whatever it is given.
	_ = out.Write(feed.Columns(kind))
	_ = out.WriteAll(w.rows[kind])
	return feed.Text("sample-"+string(kind)+".csv", text.String())
}
