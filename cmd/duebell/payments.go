package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"duebell/cmd/internal/command"
	"duebell/internal/app"
	"duebell/payments"
	"duebell/store"
)

// paymentsCmd holds the commands about payments.
type paymentsCmd struct {
	List    paymentsListCmd    `cmd:"" help:"List the newest payments."`
	Show    paymentsShowCmd    `cmd:"" help:"Show all that is on record about one payment."`
	Resolve paymentsResolveCmd `cmd:"" help:"Settle an unknown payment with evidence. The processor is asked first."`
}

// paymentsListCmd is `duebell payments list`.
type paymentsListCmd struct {
	command.Settings
	command.Format
	command.Reveal
	State   string `known:"payment-state" placeholder:"STATE" help:"Only payments in one state: authorized, confirming, unknown, taken, declined, returned or voided."`
	Account string `placeholder:"712345678" help:"Only payments on one account."`
	Most    int    `default:"50" placeholder:"50" help:"List at most so many, the newest."`
}

// listedStates are the states of authorized payments, which the list shows; offers are none yet.
var listedStates = []payments.State{
	payments.Authorized, payments.Confirming, payments.Unknown, payments.Taken, payments.Declined, payments.Returned, payments.Voided,
}

// Run prints a table, newest first.
// Offers that were never authorized are no payments and are not listed.
func (l *paymentsListCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, l.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	// State and account are checked by the parser or compared as they are; an unknown account gives an empty
	// list.
	list, err := tool.Store.ListPayments(ctx, store.PaymentFilter{
		State: payments.State(l.State), Account: l.Account, Limit: l.Most, Reveal: l.Reveal.Reveal,
	})
	if err != nil {
		return err
	}
	return command.Table(os.Stdout, l.Format, tool.Calendar.Zone(), list, []command.Column[payments.Attempt]{
		{Key: "reference", Cell: func(a payments.Attempt) any { return a.Reference }},
		{Key: "account", Cell: func(a payments.Attempt) any { return l.Number(a.Account) }},
		// Without the fee, as it counts on the account.
		{Key: "amount", JSON: "cents", Cell: func(a payments.Attempt) any { return a.Cents }},
		{Key: "method", Cell: func(a payments.Attempt) any { return string(a.Method) }},
		{Key: "last4", Cell: func(a payments.Attempt) any { return a.Last4 }},
		{Key: "state", Cell: func(a payments.Attempt) any { return string(a.State) }},
		{Key: "authorized_at", Cell: func(a payments.Attempt) any { return a.AuthorizedAt }},
		{Key: "code", Cell: func(a payments.Attempt) any { return a.Code }},
	})
}

// paymentsShowCmd is `duebell payments show`.
type paymentsShowCmd struct {
	command.Settings
	command.Format
	command.Reveal
	Reference string `arg:"" help:"The nine digits that the caller was told."`
}

// Run prints all that is on record about one payment, and what to do about it.
func (s *paymentsShowCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, s.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	d, err := tool.Store.ShowPayment(ctx, s.Reference, s.Reveal.Reveal)
	if errors.Is(err, payments.ErrNoSuchAttempt) {
		return fmt.Errorf("no payment has the reference %s; 'duebell payments list' shows the newest", s.Reference)
	}
	if err != nil {
		return err
	}
	if s.JSON {
		return command.PrintJSON(os.Stdout, paymentFields(d, s.Reveal))
	}
	printPayment(os.Stdout, d, s.Reveal, tool.Calendar.Zone())
	return nil
}

// printPayment writes a payment for people.
// d is masked already unless the operator asked for whole numbers; r masks the account once more, which
// changes nothing.
func printPayment(out io.Writer, d store.PaymentDetail, r command.Reveal, zone *time.Location) {
	a := d.Payment
	// All instants in the business zone, with its name: members and staff speak of local time.
	when := func(at time.Time) string { return command.Instant(at, zone) }
	fmt.Fprintf(out, "payment %s: %s by %s ending %s for account %s is %s\n", a.Reference, a.Cents, a.Method, command.Dash(a.Last4), r.Number(a.Account), a.State)
	fmt.Fprintf(out, "what that means: %s\n", meaning(a))
	fmt.Fprintf(out, "offered %s, authorized %s, settled %s; processor's object %s\n",
		when(a.OfferedAt), when(a.AuthorizedAt), when(a.SettledAt), command.Dash(a.IntentID))
	for _, e := range d.Entries {
		echoed := "not echoed by billing yet"
		if e.Echoed {
			echoed = "echoed by billing"
		}
		fmt.Fprintf(out, "ledger: %s of %s, received %s, recorded %s, %s\n", e.Kind, e.Cents, when(e.ReceivedAt), when(e.RecordedAt), echoed)
	}
	for _, n := range d.Notices {
		fmt.Fprintf(out, "text: %s, %s, why: %s, written %s, sent %s\n", n.Kind, n.State, command.Dash(n.Why), when(n.CreatedAt), when(n.SentAt))
	}
	if l := d.Letter; l != nil {
		posted := "not posted yet"
		if !l.PostedOn.IsZero() {
			posted = "posted " + l.PostedOn.String()
		}
		fmt.Fprintf(out, "letter: %s, written %s, exported %s, %s\n", l.Kind, when(l.CreatedAt), when(l.ExportedAt), posted)
	}
	for _, t := range d.Tasks {
		fmt.Fprintf(out, "task: %s since %s, done %s: %s\n", t.Kind, when(t.At), when(t.DoneAt), t.Detail)
	}
	if e := d.Evidence; e != nil {
		fmt.Fprintf(out, "consent (%s, written copy: %s): %q, confidence %s, %s, after these words of %s:\n  %s\n",
			e.Language, e.WrittenCopy, e.Given, command.Dash(e.Confidence), when(e.GivenAt), when(e.TermsAt), e.Terms)
	}
}

// meaning says what a payment's state and code mean for whoever looks at it, and what to do.
// It is for a person on duty who does not know the states. The words must stay true for cards and bank debits
// alike.
func meaning(a payments.Attempt) string {
	code := ""
	if a.Code != "" {
		code = fmt.Sprintf(" (the processor's code is %s)", a.Code)
	}
	switch a.State {
	// A debit that waits for its letter stays here for days: then the letter says so below.
	case payments.Authorized:
		return "the member has paid in time; a worker charges it at its next chance. If it stays so for minutes, look whether 'duebell work' runs"
	case payments.Confirming:
		return "a worker is charging it or looks it up; nothing to do"
	case payments.Unknown:
		return "a charge was sent and its outcome is not known; it is looked up again by itself. With evidence from the processor's own page: duebell payments resolve"
	case payments.Taken:
		return "the money was taken; nothing to do"
	case payments.Declined:
		return "nothing was charged" + code + "; the member may pay again, by another card or account"
	case payments.Returned:
		return "it was taken and came back" + code + "; the bill is open again as of its first due date"
	case payments.Voided:
		return "the member cancelled it before it was charged; nothing to do"
	}
	return "the member never authorized it; nothing was charged"
}

// paymentsResolveCmd is `duebell payments resolve`.
type paymentsResolveCmd struct {
	command.Settings
	Reference string           `arg:"" help:"The nine digits that the caller was told."`
	Verdict   payments.Verdict `arg:"" enum:"taken,not-charged" help:"taken or not-charged."`
	Evidence  string           `required:"" placeholder:"TEXT" help:"What was seen, and where."`
	By        string           `required:"" placeholder:"NAME" help:"Who looked."`
}

// Run settles one payment, or says why it may not.
//
// The processor is asked first, and what contradicts it is refused (L3: only evidence ends it). A payment
// that a worker holds right now is refused as well; try again a minute later.
func (r *paymentsResolveCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := openTool(ctx, r.Settings, log, app.NeedDatabase, app.NeedProcessor, app.NeedDataKeys)
	if err != nil {
		return err
	}
	defer tool.Close()
	a, err := tool.Resolver().Resolve(ctx, payments.Resolution{Reference: r.Reference, Verdict: r.Verdict, Evidence: r.Evidence, By: r.By})
	if errors.Is(err, payments.ErrNoSuchAttempt) {
		return fmt.Errorf("no payment has the reference %s; 'duebell payments list --state unknown' shows those that wait", r.Reference)
	}
	if err != nil {
		return err
	}
	fmt.Printf("payment %s is %s\n", a.Reference, a.State)
	return nil
}

// paymentFields is a payment as JSON.
// Keys are part of what other programs rely on: add, never rename. The holder's name and the key of the
// attempt are not in it.
func paymentFields(d store.PaymentDetail, r command.Reveal) command.Object {
	a := d.Payment
	entries, notices, tasks := []command.Object{}, []command.Object{}, []command.Object{}
	for _, e := range d.Entries {
		entries = append(entries, command.Object{
			{Key: "kind", Value: string(e.Kind)}, {Key: "cents", Value: e.Cents}, {Key: "received_at", Value: e.ReceivedAt},
			{Key: "recorded_at", Value: e.RecordedAt}, {Key: "echoed_by_billing", Value: e.Echoed},
		})
	}
	for _, n := range d.Notices {
		notices = append(notices, command.Object{
			{Key: "kind", Value: n.Kind}, {Key: "state", Value: n.State}, {Key: "why", Value: n.Why},
			{Key: "created_at", Value: n.CreatedAt}, {Key: "sent_at", Value: n.SentAt},
		})
	}
	for _, t := range d.Tasks {
		tasks = append(tasks, command.Object{
			{Key: "kind", Value: t.Kind}, {Key: "since", Value: t.At}, {Key: "done_at", Value: t.DoneAt}, {Key: "detail", Value: t.Detail},
		})
	}
	fields := command.Object{
		{Key: "reference", Value: a.Reference}, {Key: "account", Value: r.Number(a.Account)}, {Key: "cents", Value: a.Cents}, {Key: "method", Value: string(a.Method)},
		{Key: "last4", Value: a.Last4}, {Key: "state", Value: string(a.State)}, {Key: "code", Value: a.Code}, {Key: "meaning", Value: meaning(a)},
		{Key: "offered_at", Value: a.OfferedAt}, {Key: "authorized_at", Value: a.AuthorizedAt}, {Key: "settled_at", Value: a.SettledAt},
		{Key: "processor_object", Value: a.IntentID}, {Key: "ledger", Value: entries}, {Key: "texts", Value: notices}, {Key: "tasks", Value: tasks},
	}
	if l := d.Letter; l != nil {
		fields = append(fields, command.Member{Key: "letter", Value: command.Object{
			{Key: "kind", Value: l.Kind}, {Key: "created_at", Value: l.CreatedAt}, {Key: "exported_at", Value: l.ExportedAt}, {Key: "posted_on", Value: l.PostedOn},
		}})
	}
	if e := d.Evidence; e != nil {
		fields = append(fields, command.Member{Key: "consent", Value: command.Object{
			{Key: "language", Value: e.Language}, {Key: "given", Value: e.Given}, {Key: "confidence", Value: e.Confidence}, {Key: "given_at", Value: e.GivenAt},
			{Key: "terms", Value: e.Terms}, {Key: "terms_at", Value: e.TermsAt}, {Key: "written_copy", Value: e.WrittenCopy},
		}})
	}
	return fields
}
