package notify_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/internal/twilio"
	"duebell/notify"
	"duebell/payments"
	"duebell/voiceprompts"
)

// newRules returns the rules of the default policy with the real words.
func newRules(t testing.TB, change ...func(*billing.Policy)) *notify.Rules {
	t.Helper()
	p := billing.DefaultPolicy()
	for _, c := range change {
		c(&p)
	}
	cal, err := billing.NewCalendar(p)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	return notify.NewRules(p, cal, notify.NewWords(catalog, []string{"en"}))
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// noon is on a Wednesday in Boston, the due date of the December bill.
const noon = "2026-12-23T12:00:00-05:00"

// facts returns the facts of a text that may go; its payment was made at noon.
func facts(t testing.TB, k notify.Kind, s payments.State) notify.Facts {
	f := notify.Facts{Kind: k, Language: "en", Zones: []string{"America/New_York"}, Consent: true}
	if spec, _ := k.Spec(); spec.Basis != notify.OnRequest {
		f.Reasons = []notify.Reason{{
			Account: "712345678", Owed: 19800,
			Payment: &notify.PaymentFacts{
				State: s, Cents: 1234567, BankType: payments.Checking, Last4: "1234", Reference: "123456789",
				AuthorizedAt: instant(t, noon), NotBefore: instant(t, noon), Submitted: true,
			},
		}}
	}
	return f
}

// TestTextsOfTheRuleBook holds every text to the wording of rules.md at its longest fill, and to one
// GSM-7 segment (N7).
func TestTextsOfTheRuleBook(t *testing.T) {
	standingAt := func(f notify.Facts) notify.Facts {
		f.Reasons[0].Payment.Submitted = false
		f.Reasons[0].Payment.NotBefore = instant(t, "2026-12-24T00:00:00-05:00")
		return f
	}
	bank := func(f notify.Facts, b payments.BankType) notify.Facts {
		f.Reasons[0].Payment.BankType = b
		return f
	}
	optedOut := func(f notify.Facts) notify.Facts {
		f.OptedOut, f.Consent = true, false
		return f
	}
	recent := func(k ...notify.Kind) notify.Facts {
		f := facts(t, notify.RealReply, "")
		for i, kind := range k {
			f.Recent = append(f.Recent, notify.SentText{Kind: kind, At: instant(t, noon).AddDate(0, 0, -i)})
		}
		return f
	}
	tests := []struct {
		name  string
		facts notify.Facts
		want  string
	}{
		{"receipt", facts(t, notify.PaymentReceived, payments.Taken),
			"Health Connector: payment received 12/23/26. Confirmation 123456789. Questions: 1-877-623-6765. STOP to opt out, HELP for help."},
		{"written notice", facts(t, notify.TelWrittenNotice, payments.Confirming),
			"Health Connector: on 12/23/26 you authorized one debit of $12,345.67 from checking ending 1234, on or after 12/24. Ref 123456789. Questions: 1-877-623-6765."},
		{"written notice, not yet submitted", standingAt(facts(t, notify.TelWrittenNotice, payments.Authorized)),
			"Health Connector: on 12/23/26 you authorized one debit of $12,345.67 from checking ending 1234, on or after 12/28. Ref 123456789. To cancel: 1-877-623-6765."},
		{"written notice, savings", bank(facts(t, notify.TelWrittenNotice, payments.Taken), payments.Savings),
			"Health Connector: on 12/23/26 you authorized one debit of $12,345.67 from savings ending 1234, on or after 12/24. Ref 123456789. Questions: 1-877-623-6765."},
		{"written notice, business", bank(facts(t, notify.TelWrittenNotice, payments.Taken), payments.BusinessChecking),
			"Health Connector: on 12/23/26 you authorized one debit of $12,345.67 from business checking 1234, on or after 12/24. Ref 123456789. Questions: 1-877-623-6765."},
		{"failed", facts(t, notify.PaymentFailed, payments.Declined),
			"Health Connector: your payment of 12/23/26 did not go through and nothing was charged. Call 1-877-623-6765 or reply PAY. STOP to opt out, HELP for help."},
		{"returned", facts(t, notify.PaymentReturned, payments.Returned),
			"Health Connector: a recent payment was returned by the bank, so your bill is still unpaid. Call 1-877-623-6765 or reply PAY. STOP to opt out, HELP for help."},
		{"opt-in", facts(t, notify.OptInConfirm, ""),
			"Health Connector: you will get payment reminders, up to 4 a month plus payment notices. Msg & data rates may apply. STOP to opt out, HELP for help."},
		{"opt-out", optedOut(facts(t, notify.OptOutConfirm, "")),
			"Health Connector: you will get no more texts from us. Your bills and due dates do not change. Help: 1-877-623-6765. Text START to get reminders again."},
		{"help", facts(t, notify.HelpReply, ""),
			"Health Connector payment reminders, up to 4 a month. Help: 1-877-623-6765, TTY 711. Msg & data rates may apply. Reply STOP to opt out, PAY for a call."},
		{"balance", facts(t, notify.BalanceReply, ""),
			"Health Connector: amounts are not sent by text. Hear your balance at 1-877-623-6765 or reply PAY for a call. STOP to opt out, HELP for help."},
		{"skip and move", facts(t, notify.AutoPayReply, ""),
			"Health Connector: AutoPay cannot be changed by text. To skip or move a draw call 1-877-623-6765 or reply PAY for a call. STOP to opt out, HELP for help."},
		{"real", recent(notify.PaymentFailed, notify.PaymentReturned, notify.AutoPayUpcoming),
			"Health Connector, last 7 days: AutoPay notice 12/21, payment notice 12/22, payment notice 12/23. We never ask for bank details by text. Help: 1-877-623-6765."},
		{"real, none sent", recent(),
			"Health Connector: we sent you no text in the last 7 days. If you got one, do not answer it. Help: 1-877-623-6765. STOP to opt out, HELP for help."},
		{"call acknowledged", facts(t, notify.CallAck, ""),
			"Health Connector: we are calling you now from 1-877-623-6765. We will never ask for bank details by text. STOP to opt out."},
		{"all lines busy", facts(t, notify.CallBusy, ""),
			"Health Connector: all our lines are busy and we could not call you. Please call 1-877-623-6765 or reply PAY again. STOP to opt out, HELP for help."},
	}
	rules := newRules(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := rules.Decide(tt.facts, instant(t, noon))
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

// TestK4OtherLanguagesGetEnglish: a language that is not in force is answered in English.
func TestK4OtherLanguagesGetEnglish(t *testing.T) {
	f := facts(t, notify.HelpReply, "")
	english, err := newRules(t).Decide(f, instant(t, noon))
	if err != nil {
		t.Fatal(err)
	}
	f.Language = "pt"
	other, err := newRules(t).Decide(f, instant(t, noon))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(english, other); diff != "" {
		t.Errorf("(-english +other):\n%s", diff)
	}
}

// TestWordsAreNeverSentWithAHole: a text that lacks a fact for its words is an error, not a text with a gap.
func TestWordsAreNeverSentWithAHole(t *testing.T) {
	f := facts(t, notify.TelWrittenNotice, payments.Taken)
	f.Reasons[0].Payment.Last4 = ""
	if v, err := newRules(t).Decide(f, instant(t, noon)); err == nil {
		t.Errorf("sent %q", v.Body)
	}
}
