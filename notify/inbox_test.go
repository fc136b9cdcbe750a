package notify_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/notify"
)

// fixed is a clock that stands still.
type fixed time.Time

func (f fixed) Now() time.Time { return time.Time(f) }

// inboundStore is a store that records what an inbox decides.
type inboundStore struct {
	facts  notify.NumberFacts
	kept   notify.InboundText
	effect notify.Effect
	err    error
}

func (d *inboundStore) ReceiveText(_ context.Context, t notify.InboundText, _ time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	if d.err != nil {
		return d.err
	}
	d.kept, d.effect = t, decide(d.facts)
	return nil
}

func (d *inboundStore) ChangeConsent(_ context.Context, _ string, _ time.Time, decide func(notify.NumberFacts) notify.Effect) error {
	d.effect = decide(d.facts)
	return d.err
}

func newInbox(t testing.TB, d *inboundStore, now time.Time, change ...func(*billing.Policy)) *notify.Inbox {
	t.Helper()
	p := billing.DefaultPolicy()
	for _, c := range change {
		c(&p)
	}
	cal, err := billing.NewCalendar(p)
	if err != nil {
		t.Fatal(err)
	}
	return notify.NewInbox(d, p, cal, fixed(now), slog.New(slog.DiscardHandler))
}

const mobile = "+16175550101"

// effectOf returns what the rules say of an effect, without times and causes.
func effectOf(e notify.Effect) map[string]string {
	got := map[string]string{}
	if e.Suppress != nil {
		got["suppressed by"] = string(e.Suppress.Source)
		if e.Suppress.All {
			got["suppressed for"] = "all"
		}
	}
	if e.Lift != nil {
		got["consent by"] = string(e.Lift.Source)
	}
	if e.Reply != nil {
		got["reply"] = string(e.Reply.Kind)
		if e.Reply.Asked {
			got["asked"] = "yes"
		}
	}
	if e.Task != nil {
		got["task"] = e.Task.Kind
	}
	return got
}

// TestO2WhoAnswers: what a text changes, and whether Twilio or we answer it (O2).
func TestO2WhoAnswers(t *testing.T) {
	always := func(p *billing.Policy) { p.TwilioDefaultReplies = false }
	hourAgo := notify.NumberFacts{LastHelp: instant(t, noon).Add(-time.Hour)}
	dayAgo := notify.NumberFacts{LastHelp: instant(t, noon).Add(-24 * time.Hour)}
	type effect = map[string]string
	tests := []struct {
		name   string
		body   string
		opt    string
		facts  notify.NumberFacts
		policy func(*billing.Policy)
		want   effect
	}{
		{name: "Twilio's word", body: " Stop ", want: effect{"suppressed by": "twilio"}},
		{name: "Twilio's word, answered by us", body: "STOP", policy: always, want: effect{"suppressed by": "text", "reply": "optout_confirm", "asked": "yes"}},
		{name: "not quite Twilio's word", body: "Stop.", want: effect{"suppressed by": "text", "reply": "optout_confirm", "asked": "yes"}},
		{name: "another language", body: "alto", want: effect{"suppressed by": "text", "reply": "optout_confirm", "asked": "yes"}},
		{name: "Twilio acted on other words", body: "alto", opt: "STOP", want: effect{"suppressed by": "twilio"}},
		{name: "Twilio acted, whoever replies by default", body: "alto", opt: "STOP", policy: always, want: effect{"suppressed by": "twilio"}},
		{name: "a sentence", body: "please do not text me again", want: effect{"suppressed by": "text", "reply": "optout_confirm"}},
		{name: "START", body: "START", facts: notify.NumberFacts{Suppressed: notify.FromTwilio}, want: effect{"consent by": "twilio"}},
		{name: "our own word to start", body: "subscribe", facts: notify.NumberFacts{Suppressed: notify.FromKey},
			want: effect{"consent by": "text", "reply": "optin_confirm", "asked": "yes"}},
		{name: "our own word cannot lift Twilio's block", body: "subscribe", facts: notify.NumberFacts{Suppressed: notify.FromTwilio}, want: effect{}},
		{name: "our own word cannot lift a carrier's block", body: "subscribe", facts: notify.NumberFacts{Suppressed: notify.FromCarrier}, want: effect{}},
		{name: "HELP", body: "help", want: effect{}},
		{name: "help, answered by us", body: "ayuda", facts: hourAgo, want: effect{"reply": "help_reply", "asked": "yes"}},
		{name: "help somewhere in it", body: "can somebody help with this", want: effect{"reply": "help_reply"}},
		{name: "help somewhere in it, within a day", body: "can somebody help with this", facts: hourAgo, want: effect{}},
		{name: "anything else", body: "good morning", want: effect{"reply": "help_reply"}},
		{name: "anything else, within a day", body: "good morning", facts: hourAgo, want: effect{}},
		{name: "anything else, a day later", body: "good morning", facts: dayAgo, want: effect{"reply": "help_reply"}},
		{name: "about a payment (O9)", body: "stop payment on my bill", want: effect{"task": "text-to-read"}},
		{name: "PAY", body: "PAY", want: effect{"reply": "help_reply", "asked": "yes", "task": "call-requested"}},
		{name: "balance", body: "how much do i owe?", want: effect{"reply": "balance_reply", "asked": "yes"}},
		{name: "skip", body: "skip", want: effect{"reply": "autopay_reply", "asked": "yes"}},
		{name: "move", body: "change date", want: effect{"reply": "autopay_reply", "asked": "yes"}},
		{name: "real", body: "is this real?", want: effect{"reply": "real_reply", "asked": "yes"}},
		{name: "no words at all", body: "", want: effect{"reply": "help_reply"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &inboundStore{facts: tt.facts}
			change := []func(*billing.Policy){}
			if tt.policy != nil {
				change = append(change, tt.policy)
			}
			err := newInbox(t, d, instant(t, noon), change...).Receive(context.Background(),
				notify.Incoming{SID: "SM1", From: mobile, Body: tt.body, OptOutType: tt.opt})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, effectOf(d.effect)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestO3FromTheSwitchDateOn: STOP ends every purpose and the calls as well.
func TestO3FromTheSwitchDateOn(t *testing.T) {
	for at, all := range map[string]bool{"2027-01-30T23:59:59-05:00": false, "2027-01-31T00:00:00-05:00": true} {
		d := &inboundStore{}
		if err := newInbox(t, d, instant(t, at)).Receive(context.Background(), notify.Incoming{SID: "SM1", From: mobile, Body: "stop"}); err != nil {
			t.Fatal(err)
		}
		if d.effect.Suppress.All != all {
			t.Errorf("at %s everything ends: %v, want %v", at, d.effect.Suppress.All, all)
		}
	}
}

// TestO9DueByTheNextBusinessDay: a text of Friday is read by Monday's close, over a long weekend by Tuesday's.
func TestO9DueByTheNextBusinessDay(t *testing.T) {
	for at, due := range map[string]string{
		"2027-02-10T10:00:00-05:00": "2027-02-11T18:00:00-05:00",
		"2027-02-05T20:00:00-05:00": "2027-02-08T18:00:00-05:00",
		"2027-02-12T10:00:00-05:00": "2027-02-16T18:00:00-05:00",
	} {
		d := &inboundStore{}
		if err := newInbox(t, d, instant(t, at)).Receive(context.Background(), notify.Incoming{SID: "SM1", From: mobile, Body: "cancel autopay"}); err != nil {
			t.Fatal(err)
		}
		if !d.effect.Task.Due.Equal(instant(t, due)) {
			t.Errorf("text of %s is due %s, want %s", at, d.effect.Task.Due, due)
		}
	}
}

// TestD1NoDigitIsKept: people text what they should not, and none of its digits is stored.
func TestD1NoDigitIsKept(t *testing.T) {
	d := &inboundStore{}
	body := "my ssn is 123-45-6789, card ４２４２ 4242\n"
	if err := newInbox(t, d, instant(t, noon)).Receive(context.Background(), notify.Incoming{SID: "SM1", From: mobile, Body: body}); err != nil {
		t.Fatal(err)
	}
	if want := "my ssn is ###-##-####, card #### #### "; d.kept.Words != want {
		t.Errorf("kept %q", d.kept.Words)
	}
}

// TestO1OptOutAndInByPhone: off for anyone who asks, on where Twilio does not stand in the way.
func TestO1OptOutAndInByPhone(t *testing.T) {
	ctx := context.Background()
	d := &inboundStore{}
	in := newInbox(t, d, instant(t, noon))
	if err := in.OptOut(ctx, mobile, notify.FromKey, "key 2", "CA1/7"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"suppressed by": "key", "reply": "optout_confirm"}, effectOf(d.effect)); diff != "" {
		t.Errorf("opt-out (-want +got):\n%s", diff)
	}
	if !d.effect.Reply.IfSuppressed || !d.effect.Reply.NotAfter.Equal(instant(t, noon).Add(5*time.Minute)) {
		t.Errorf("the confirmation goes once and within five minutes: %+v", d.effect.Reply)
	}
	if err := in.OptIn(ctx, mobile, notify.FromCall, "key 1", "CA1/8"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"consent by": "call", "reply": "optin_confirm", "asked": "yes"}, effectOf(d.effect)); diff != "" {
		t.Errorf("opt-in (-want +got):\n%s", diff)
	}
	d.facts.Suppressed = notify.FromTwilio
	if err := in.OptIn(ctx, mobile, notify.FromCall, "key 1", "CA1/9"); !errors.Is(err, notify.ErrTextStart) {
		t.Errorf("opt-in against Twilio's block: %v", err)
	}
}

// TestReceiveTwice: the same text again is no error and changes nothing.
func TestReceiveTwice(t *testing.T) {
	d := &inboundStore{err: notify.ErrDuplicateText}
	if err := newInbox(t, d, instant(t, noon)).Receive(context.Background(), notify.Incoming{SID: "SM1", From: mobile, Body: "STOP"}); err != nil {
		t.Error(err)
	}
}
