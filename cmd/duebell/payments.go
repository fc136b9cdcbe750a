package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"duebell/internal/app"
	"duebell/payments"
	"duebell/store"
)

type paymentsCmd struct {
	List    paymentsListCmd    `cmd:"" help:"The newest payments."`
	Show    paymentsShowCmd    `cmd:"" help:"All that is known of one payment."`
	Resolve paymentsResolveCmd `cmd:"" help:"Settle an unknown payment with evidence. The processor is asked first."`
}

type paymentsListCmd struct {
	app.Settings
	State   payments.State `help:"Only one state: authorized, confirming, unknown, taken, declined, returned, voided …"`
	Account string         `help:"Only one account."`
	Most    int            `default:"50" help:"How many."`
}

// Run prints a table, newest first, masked.
func (l *paymentsListCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := app.NewTool(ctx, l.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	list, err := tool.Store.ListPayments(ctx, store.PaymentFilter{State: l.State, Account: l.Account, Limit: l.Most})
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REFERENCE\tACCOUNT\tAMOUNT\tMETHOD\tSTATE\tAUTHORIZED\tCODE")
	for _, a := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s %s\t%s\t%s\t%s\n", a.Reference, a.Account, a.Cents, a.Method, a.Last4, a.State, instant(a.AuthorizedAt), a.Code)
	}
	return w.Flush()
}

type paymentsShowCmd struct {
	app.Settings
	Reference string `arg:"" help:"The nine digits that the caller was told."`
}

// Run prints all that is on record about one payment.
func (s *paymentsShowCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := app.NewTool(ctx, s.Settings, log, app.NeedDatabase)
	if err != nil {
		return err
	}
	defer tool.Close()
	d, err := tool.Store.ShowPayment(ctx, s.Reference)
	if errors.Is(err, payments.ErrNoSuchAttempt) {
		return fmt.Errorf("no payment has the reference %s; 'duebell payments list' shows the newest", s.Reference)
	}
	if err != nil {
		return err
	}
	tell(d)
	return nil
}

func tell(d store.PaymentDetail) {
	a := d.Payment
	fmt.Printf("payment %s: %s by %s ending %s for account %s is %s %s\n", a.Reference, a.Cents, a.Method, a.Last4, a.Account, a.State, a.Code)
	fmt.Printf("offered %s, authorized %s, settled %s; processor's object %s\n",
		instant(a.OfferedAt), instant(a.AuthorizedAt), instant(a.SettledAt), dash(a.IntentID))
	for _, e := range d.Entries {
		fmt.Printf("ledger: %s of %s, received %s, recorded %s, echoed by billing: %t\n", e.Kind, e.Cents, instant(e.ReceivedAt), instant(e.RecordedAt), e.Echoed)
	}
	for _, n := range d.Notices {
		fmt.Printf("text: %s, %s %s, written %s, sent %s\n", n.Kind, n.State, n.Why, instant(n.CreatedAt), instant(n.SentAt))
	}
	if l := d.Letter; l != nil {
		fmt.Printf("letter: %s, written %s, exported %s, posted %s\n", l.Kind, instant(l.CreatedAt), instant(l.ExportedAt), l.PostedOn)
	}
	for _, t := range d.Tasks {
		fmt.Printf("task: %s since %s, done %s: %s\n", t.Kind, instant(t.At), instant(t.DoneAt), t.Detail)
	}
	if e := d.Evidence; e != nil {
		fmt.Printf("consent (%s, written copy: %s): %q, confidence %s, %s, after these words of %s:\n  %s\n",
			e.Language, e.WrittenCopy, e.Given, dash(e.Confidence), instant(e.GivenAt), instant(e.TermsAt), e.Terms)
	}
}

type paymentsResolveCmd struct {
	app.Settings
	Reference string           `arg:"" help:"The nine digits that the caller was told."`
	Verdict   payments.Verdict `arg:"" enum:"taken,not-charged" help:"taken or not-charged."`
	Evidence  string           `required:"" help:"What was seen, and where."`
	By        string           `required:"" help:"Who looked."`
}

// Run settles one payment, or says why it may not.
func (r *paymentsResolveCmd) Run(ctx context.Context, log *slog.Logger) error {
	tool, err := app.NewTool(ctx, r.Settings, log, app.NeedDatabase, app.NeedProcessor, app.NeedDataKeys)
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

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
