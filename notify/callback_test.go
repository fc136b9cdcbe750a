package notify_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/notify"
)

// TestN8WhoIsCalled: which numbers that text PAY or CALL are called back, and which get the help text (N8).
func TestN8WhoIsCalled(t *testing.T) {
	now := instant(t, noon)
	ago := func(list ...time.Duration) notify.NumberFacts {
		f := notify.NumberFacts{Language: "es"}
		for _, d := range list {
			f.Calls = append(f.Calls, now.Add(-d))
		}
		return f
	}
	helped := ago(time.Minute)
	helped.LastHelp = now.Add(-time.Hour)
	type effect = map[string]string
	called, helps := effect{"reply": "call_back", "asked": "yes"}, effect{"reply": "help_reply", "asked": "yes"}
	for _, c := range []struct {
		name  string
		body  string
		from  string
		facts notify.NumberFacts
		at    string
		want  effect
	}{
		{name: "PAY", body: "PAY", want: called},
		{name: "CALL", body: "call", want: called},
		{name: "in another language", body: "llámame por favor", want: called},
		{name: "digits are ignored", body: "PAY 198", want: called},
		{name: "in the night", body: "PAY", at: "2026-12-23T03:00:00-05:00", want: called},
		{name: "a stranger", body: "PAY", from: "+16045550199", want: called},
		{name: "who wants no texts", body: "PAY", facts: notify.NumberFacts{Suppressed: notify.FromTwilio}, want: called},
		{name: "a call is on its way", body: "PAY", facts: notify.NumberFacts{CallPending: true}, want: effect{}},
		{name: "ten minutes after the last", body: "PAY", facts: ago(10 * time.Minute), want: called},
		{name: "before that", body: "PAY", facts: ago(10*time.Minute - time.Second), want: helps},
		{name: "before that, and helped today", body: "PAY", facts: helped, want: effect{}},
		{name: "the third of the day", body: "PAY", facts: ago(time.Hour, 2*time.Hour), want: called},
		{name: "the fourth", body: "PAY", facts: ago(time.Hour, 2*time.Hour, 3*time.Hour), want: helps},
		{name: "yesterday's do not count", body: "PAY", facts: ago(time.Hour, 13*time.Hour, 14*time.Hour), want: called},
		{name: "a number that costs more than a call", body: "PAY", from: "+19005550101", want: helps},
		{name: "abroad", body: "PAY", from: "+442071838750", want: helps},
		{name: "not PAY", body: "pay my sister", want: effect{"reply": "help_reply"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, from := now, mobile
			if c.at != "" {
				at = instant(t, c.at)
			}
			if c.from != "" {
				from = c.from
			}
			d := &inboundStore{facts: c.facts}
			if err := newInbox(t, d, at).WithCallBacks().Receive(context.Background(), notify.Incoming{SID: "SM1", From: from, Body: c.body}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, effectOf(d.effect)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if r := d.effect.Reply; r != nil && r.Kind == notify.CallBack && (r.Channel != notify.Voice || r.NotAfter.Sub(at) != 30*time.Minute || r.Cause != "SM1") {
				t.Errorf("the call: %+v", r)
			}
		})
	}
}

// TestLoopsEnd: a number gets at most ten answers a day, whatever it says; what it asks for still counts.
func TestLoopsEnd(t *testing.T) {
	tired := notify.NumberFacts{Answers: 10}
	for body, want := range map[string]map[string]string{
		"balance": {}, "is this real": {}, "ayuda": {}, "skip": {}, "PAY": {}, "good morning": {},
		"subscribe": {"consent by": "text"}, "alto": {"suppressed by": "text", "reply": "optout_confirm", "asked": "yes"},
		"cancel payment": {"task": "text-to-read"},
	} {
		d := &inboundStore{facts: tired}
		if err := newInbox(t, d, instant(t, noon)).WithCallBacks().Receive(context.Background(), notify.Incoming{SID: "SM1", From: mobile, Body: body}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, effectOf(d.effect)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

// TestO5WrongNumber: it is an opt-out, the number is detached, and an agent looks for the right one (O5).
func TestO5WrongNumber(t *testing.T) {
	for body, wrong := range map[string]bool{
		"wrong number": true, "You have the WRONG PERSON, stop": true, "Número equivocado, por favor": true, "move nimewo": true,
		"sai số rồi": true, "打错了": true, "this is not the wrong number": false, "stop": false, "leave me alone": false,
	} {
		d := &inboundStore{}
		if err := newInbox(t, d, instant(t, noon)).Receive(context.Background(), notify.Incoming{SID: "SM1", From: mobile, Body: body}); err != nil {
			t.Fatal(err)
		}
		task := ""
		if d.effect.Task != nil {
			task = d.effect.Task.Kind
		}
		if d.effect.Detach != wrong || (task == "wrong-number") != wrong || wrong && d.effect.Suppress == nil {
			t.Errorf("%q: detached %v, task %q", body, d.effect.Detach, task)
		}
	}
}

// TestN10NoMoreCalls: the key ends calls; from the switch date on everything, with one confirmation (O2, O3).
func TestN10NoMoreCalls(t *testing.T) {
	for _, c := range []struct {
		at    string
		calls bool
		want  map[string]string
	}{
		{"2027-01-30T23:59:59-05:00", true, map[string]string{"suppressed by": "key"}},
		{"2027-01-31T00:00:00-05:00", false, map[string]string{"suppressed by": "key", "suppressed for": "all", "reply": "optout_confirm"}},
	} {
		d := &inboundStore{}
		if err := newInbox(t, d, instant(t, c.at)).NoMoreCalls(context.Background(), mobile, "CA1/1"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, effectOf(d.effect)); diff != "" || d.effect.Suppress.CallsOnly != c.calls {
			t.Errorf("%s: calls only %v (-want +got):\n%s", c.at, d.effect.Suppress.CallsOnly, diff)
		}
	}
}

// TestN11NoConfirmationWhereNoTextArrives: a key on a landline counts, and no text confirms it (N11).
func TestN11NoConfirmationWhereNoTextArrives(t *testing.T) {
	d := &inboundStore{facts: notify.NumberFacts{Suppressed: notify.FromUnreachable}}
	in := newInbox(t, d, instant(t, "2027-02-10T12:00:00-05:00"))
	if err := in.NoMoreCalls(context.Background(), mobile, "CA1/1"); err != nil || d.effect.Reply != nil || !d.effect.Suppress.All {
		t.Errorf("key 7: %v, %+v", err, d.effect)
	}
	if err := in.OptOut(context.Background(), mobile, notify.FromKey, "key 2", "CA1/2"); err != nil || d.effect.Reply != nil || d.effect.Suppress == nil {
		t.Errorf("key 2: %v, %+v", err, d.effect)
	}
}

// TestN2DecideCalls: the decisions on our own calls.
func TestN2DecideCalls(t *testing.T) {
	night := "2026-12-24T03:00:00-05:00"
	for _, c := range []struct {
		name   string
		kind   notify.Kind
		change func(*notify.Facts)
		policy func(*billing.Policy)
		do     notify.Action
		why    string
	}{
		{name: "asked for, at night", kind: notify.CallBack, do: notify.ActionSend},
		{name: "asked for, in spite of an opt-out", kind: notify.CallBack, change: func(f *notify.Facts) { f.OptedOut, f.ByRequest = true, true }, do: notify.ActionSend},
		{name: "every kind is stopped", kind: notify.CallBack, change: func(f *notify.Facts) { f.Paused = true }, do: notify.ActionWait},
		{name: "a reminder, where policy has none", kind: notify.DueSoon, change: func(f *notify.Facts) { f.Consent = true }, do: notify.ActionDrop, why: notify.WhyNoVoice},
		{name: "a reminder without consent to calls", kind: notify.DueSoon, policy: func(p *billing.Policy) { p.VoiceReminders = true },
			change: func(f *notify.Facts) { f.Consent = false }, do: notify.ActionDrop, why: notify.WhyNoConsent},
		{name: "a reminder to somebody who wants no calls", kind: notify.DueSoon, policy: func(p *billing.Policy) { p.VoiceReminders = true },
			change: func(f *notify.Facts) { f.OptedOut = true }, do: notify.ActionSuppress, why: notify.WhyOptedOut},
	} {
		t.Run(c.name, func(t *testing.T) {
			change := func(*billing.Policy) {}
			if c.policy != nil {
				change = c.policy
			}
			f := facts(t, c.kind, "")
			f.Channel = notify.Voice
			if c.change != nil {
				c.change(&f)
			}
			v, err := newRules(t, change).Decide(f, instant(t, night))
			if err != nil || v.Action != c.do || v.Why != c.why || v.Body != "" {
				t.Errorf("%s %q %q, %v", v.Action, v.Why, v.Body, err)
			}
		})
	}
}
