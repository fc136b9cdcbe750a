package twilio

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const incoming = "/twilio/voice/incoming"

// menu is a Gather with a way on for silence.
func (p *product) menu(attrs, says, next string) string {
	return `<Gather ` + attrs + ` action="` + p.at(next) + `"><Say voice="Polly.Joanna-Neural">` + says + `</Say></Gather><Redirect>` + p.at("/silence") + `</Redirect>`
}

func TestCallPostsTwiliosParameters(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Say>Hello.</Say><Hangup/>`)
	tw := p.line(nil)
	c, err := tw.Call(context.Background(), CallOptions{From: callerPhone, Attestation: "A"})
	must(t, err)
	first := p.last(incoming)
	wantFields(t, first, map[string]string{
		"CallSid": c.SID, "AccountSid": DevAccountSID, "From": callerPhone, "To": ourNumber, "Caller": callerPhone, "Called": ourNumber,
		"CallStatus": "ringing", "ApiVersion": "2010-04-01", "Direction": "inbound", "StirVerstat": "TN-Validation-Passed-A", "FromCity": "",
	})
	if len(c.SID) != 34 || !strings.HasPrefix(c.SID, "CA") {
		t.Errorf("CallSid %q has not Twilio's shape", c.SID)
	}
	wantEnded(t, c, "hangup")
	wantFields(t, p.last("/twilio/voice/status"), map[string]string{"CallStatus": "completed", "SequenceNumber": "0", "CallSid": c.SID, "CallDuration": "0"})
	if got := c.Heard(); len(got) != 1 || got[0].Turn != incoming || got[0].During != "plain" || got[0].BargeIn {
		t.Errorf("heard %+v", got)
	}
}

func TestEqualSeedsGiveEqualSIDs(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Hangup/>`)
	if a, b := p.dial(p.line(nil)).SID, p.dial(p.line(nil)).SID; a != b {
		t.Errorf("SIDs %s and %s", a, b)
	}
}

func TestGather(t *testing.T) {
	tests := []struct {
		name  string
		attrs string
		act   func(context.Context, *Call) error
		want  map[string]string // posted to the action; nil = silence's way
	}{
		{"one key", `numDigits="1"`, func(ctx context.Context, c *Call) error { return c.Press(ctx, "1") }, map[string]string{"Digits": "1"}},
		{"terminated", ``, func(ctx context.Context, c *Call) error { return c.Press(ctx, "712345678#") }, map[string]string{"Digits": "712345678", "FinishedOnKey": "#"}},
		{"by time-out", ``, func(ctx context.Context, c *Call) error { return c.Press(ctx, "02139") }, map[string]string{"Digits": "02139", "FinishedOnKey": ""}},
		{"star is a key", `numDigits="1"`, func(ctx context.Context, c *Call) error { return c.Star(ctx) }, map[string]string{"Digits": "*"}},
		{"no terminator", `finishOnKey="" numDigits="2"`, func(ctx context.Context, c *Call) error { return c.Press(ctx, "1#") }, map[string]string{"Digits": "1#"}},
		{"key by key", ``, func(ctx context.Context, c *Call) error {
			return errors.Join(c.Key(ctx, "4"), c.Key(ctx, "2"), c.Key(ctx, "#"))
		}, map[string]string{"Digits": "42"}},
		{"key and silence", ``, func(ctx context.Context, c *Call) error { return errors.Join(c.Key(ctx, "0"), c.Silence(ctx)) }, map[string]string{"Digits": "0"}},
		{"bare terminator", ``, func(ctx context.Context, c *Call) error { return c.Press(ctx, "#") }, nil},
		{"silence", ``, func(ctx context.Context, c *Call) error { return c.Silence(ctx) }, nil},
		{"silence posted", `actionOnEmptyResult="true"`, func(ctx context.Context, c *Call) error { return c.Silence(ctx) }, map[string]string{"Digits": ""}},
		{"speech", `input="dtmf speech"`, func(ctx context.Context, c *Call) error { f := 0.4; return c.Say(ctx, "I authorize", &f) }, map[string]string{"SpeechResult": "I authorize", "Confidence": "0.4"}},
		{"keys win over speech", `input="dtmf speech" numDigits="1"`, func(ctx context.Context, c *Call) error { return c.Press(ctx, "0") }, map[string]string{"Digits": "0"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			p.says(incoming, p.menu(test.attrs, "Say or press.", "/next"))
			p.says("/next", `<Say>Next.</Say>`)
			p.says("/silence", `<Say>Nothing.</Say>`)
			c := p.dial(p.line(nil))
			wantHeard(t, c, "Say or press.")
			must(t, test.act(context.Background(), c))
			if test.want == nil {
				wantHeard(t, c, "Nothing.")
				return
			}
			wantHeard(t, c, "Next.")
			wantFields(t, p.last("/next"), test.want)
			wantFields(t, p.last("/next"), map[string]string{"CallStatus": "in-progress"})
		})
	}
}

func TestConfidenceMayBeAbsent(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, p.menu(`input="speech"`, "Speak.", "/next"))
	p.says("/next", ``)
	c := p.dial(p.line(nil))
	must(t, c.Say(context.Background(), "yes", nil))
	if got := p.last("/next"); got.Has("Confidence") || got.Has("Digits") {
		t.Errorf("posted %v", got)
	}
}

func TestTheLineRefuses(t *testing.T) {
	ctx := context.Background()
	tests := []struct {
		name, attrs string
		act         func(*Call) error
	}{
		{"too many keys", `numDigits="1"`, func(c *Call) error { return c.Press(ctx, "12") }},
		{"keys after the terminator", ``, func(c *Call) error { return c.Press(ctx, "1#2") }},
		{"keys into speech", `input="speech"`, func(c *Call) error { return c.Press(ctx, "1") }},
		{"speech into keys", ``, func(c *Call) error { return c.Say(ctx, "yes", nil) }},
		{"no keys", ``, func(c *Call) error { return c.Press(ctx, "x") }},
		{"a card into Gather", ``, func(c *Call) error { return c.PayCard(ctx, "4242424242424242", "12/29", "123", "02139") }},
		{"a token into Gather", ``, func(c *Call) error { return c.PayToken(ctx, "pm_card_visa", nil) }},
		{"an agent who is not there", ``, func(c *Call) error { return c.AgentHangsUp(ctx) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			p.says(incoming, p.menu(test.attrs, "Choose.", "/next"))
			c := p.dial(p.line(nil))
			if err := test.act(c); !errors.Is(err, ErrRefused) {
				t.Errorf("error %v, want ErrRefused", err)
			}
			if len(p.got("/next"))+len(p.got("/silence")) > 0 {
				t.Error("a refused act reached the product")
			}
			wantHeard(t, c, "Choose.") // the question still stands
		})
	}
}

func TestNothingIsTakenAfterTheEnd(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, ``)
	c := p.dial(p.line(nil))
	wantEnded(t, c, "end of document")
	if err := c.Press(context.Background(), "1"); !errors.Is(err, ErrEnded) {
		t.Errorf("error %v, want ErrEnded", err)
	}
	must(t, c.HangUp(context.Background()))
}

func TestPauseAndHooks(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Pause length="3"/><Gather action="`+p.at("/next")+`"><Say>One.</Say><Pause/></Gather><Redirect>`+p.at("/next")+`</Redirect>`)
	var waited time.Duration
	var spoken []string
	tw := p.line(func(c *Config) {
		c.OnPause = func(_ context.Context, d time.Duration) { waited += d }
		c.OnSpoken = func(_, path string, doc []byte) { spoken = append(spoken, path+" "+string(doc[:10])) }
	})
	p.dial(tw)
	if waited != 4*time.Second {
		t.Errorf("paused %v, want 4s", waited)
	}
	if len(spoken) != 1 || spoken[0] != incoming+" <Response>" {
		t.Errorf("spoken %q", spoken)
	}
}

func TestRedirects(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Redirect>`+p.at("/loop")+`</Redirect>`)
	p.says("/loop", `<Redirect method="POST">loop`+retry+`</Redirect>`)
	c, err := p.line(nil).Call(context.Background(), CallOptions{From: callerPhone})
	var fault Fault
	if !errors.As(err, &fault) || fault.Kind != FaultLoop {
		t.Errorf("error %v, want a loop", err)
	}
	if n := len(p.got("/loop")); n != 9 {
		t.Errorf("%d fetches, want 9 (ten with the first)", n)
	}
	wantEnded(t, c, "fault")
}

func TestDocumentsWithoutEnd(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Say>Hold.</Say><Redirect>`+p.at(incoming)+`</Redirect>`)
	_, err := p.line(nil).Call(context.Background(), CallOptions{From: callerPhone})
	var fault Fault
	if !errors.As(err, &fault) || fault.Kind != FaultLoop {
		t.Errorf("error %v, want a loop", err)
	}
}

func TestWrongAnswersAreFaults(t *testing.T) {
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			if kind != "" {
				w.Header().Set("Content-Type", kind)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	tests := []struct {
		name string
		h    http.HandlerFunc
		kind FaultKind
	}{
		{"403", answer(403, "text/xml", "<Response/>"), FaultReply},
		{"redirect", answer(302, "text/xml", "<Response/>"), FaultReply},
		{"201", answer(201, "text/xml", "<Response/>"), FaultReply},
		{"html type", answer(200, "text/html", "<Response/>"), FaultReply},
		{"text type", answer(200, "text/plain", "<Response/>"), FaultReply},
		{"no type", answer(200, "", "<Response/>"), FaultReply},
		{"charset", answer(200, "text/xml; charset=iso-8859-1", "<Response/>"), FaultReply},
		{"not TwiML", answer(200, "text/xml", "<html/>"), FaultTwiML},
		{"unsupported", answer(200, "application/xml", "<Response><Enqueue>q</Enqueue></Response>"), FaultUnsupported},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			p.handles(incoming, test.h)
			tw := p.line(nil)
			c, err := tw.Call(context.Background(), CallOptions{From: callerPhone})
			var fault Fault
			if !errors.As(err, &fault) || fault.Kind != test.kind || fault.CallSID != c.SID {
				t.Errorf("error %v, want a fault of kind %s", err, test.kind)
			}
			if len(tw.Faults()) != 1 || len(c.Faults()) != 1 {
				t.Errorf("recorded %v and %v", tw.Faults(), c.Faults())
			}
			wantEnded(t, c, "fault")
		})
	}
}

func TestHangUp(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, p.menu("", "Choose.", "/next"))
	c := p.dial(p.line(nil))
	must(t, c.HangUp(context.Background()))
	wantEnded(t, c, "caller hung up")
	wantFields(t, p.last("/twilio/voice/status"), map[string]string{"CallStatus": "completed"})
}

func TestHangUpInTheMiddleOfAHold(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, p.menu(`numDigits="1"`, "Choose.", "/hold"))
	p.says("/hold", `<Say>One moment.</Say><Redirect>`+p.at("/after")+`</Redirect>`)
	p.says("/after", `<Say>Done.</Say>`)
	c := p.dial(p.line(nil))
	c.HangUpWhen(func(h Heard) bool { return strings.Contains(h.Text, "One moment") })
	must(t, c.Press(context.Background(), "1"))
	wantEnded(t, c, "caller hung up")
	if n := len(p.got("/after")); n != 0 {
		t.Errorf("%d requests after the hang-up", n)
	}
}

func TestPlayFetchesOurOwnSounds(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Play>`+p.public+`/clips/a.wav</Play><Play digits="1"/>`)
	p.handles("/clips/a.wav", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "audio/wav") })
	c := p.dial(p.line(nil))
	wantHeard(t, c, "[sound /clips/a.wav] | [tones]")

	p.says(incoming, `<Play>`+p.public+`/clips/gone.wav</Play>`)
	if _, err := p.line(nil).Call(context.Background(), CallOptions{From: callerPhone}); err == nil {
		t.Error("a missing sound was played")
	}
}

func TestGetActionPutsParametersIntoTheQuery(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Gather method="GET" numDigits="1" action="`+p.at("/next?a=b")+`"><Say>A.</Say></Gather><Hangup/>`)
	p.says("/next", `<Say>Got.</Say>`)
	c := p.dial(p.line(nil))
	must(t, c.Press(context.Background(), "7"))
	wantHeard(t, c, "Got.")
	wantFields(t, p.last("/next"), map[string]string{"Digits": "7", "a": "b"})
}

func TestRecordAndReject(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Record action="`+p.at("/recorded")+`"/>`)
	p.says("/recorded", `<Say>Thanks.</Say>`)
	c := p.dial(p.line(nil))
	wantHeard(t, c, "Thanks.")
	if !strings.HasPrefix(p.last("/recorded").Get("RecordingUrl"), p.public) {
		t.Error("no RecordingUrl")
	}
	p.says(incoming, `<Reject reason="busy"/>`)
	c = p.dial(p.line(nil))
	if got := c.State(); got != (Ended{Reason: "rejected", Status: "busy"}) {
		t.Errorf("state %v", got)
	}
}

func TestNumberMustCarryOverrides(t *testing.T) {
	p := newProduct(t)
	tw := p.line(func(c *Config) { c.Numbers[0].VoiceURL = p.public + incoming })
	if _, err := tw.Call(context.Background(), CallOptions{From: callerPhone}); err == nil {
		t.Error("a number without overrides was called")
	}
}

func TestDialPlans(t *testing.T) {
	tests := []struct {
		name    string
		plan    AgentPlan
		talks   bool
		want    map[string]string
		whisper string
	}{
		{"accepted", AgentPlan{Keys: []string{"1"}}, true, map[string]string{"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "0"}, "Press 1 to take it."},
		{"silent", AgentPlan{}, false, map[string]string{"DialCallStatus": "completed", "DialBridged": "false"}, "Press 1 to take it."},
		{"declined", AgentPlan{Keys: []string{"2"}}, false, map[string]string{"DialCallStatus": "completed", "DialBridged": "false"}, "Press 1 to take it."},
		{"busy", AgentPlan{Outcome: "busy"}, false, map[string]string{"DialCallStatus": "busy", "DialBridged": "false"}, ""},
		{"no answer", AgentPlan{Outcome: "no-answer"}, false, map[string]string{"DialCallStatus": "no-answer"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			p.says(incoming, `<Dial action="`+p.at("/dialed")+`"><Number url="`+p.at("/whisper/r1")+`" statusCallback="`+p.public+`/leg/status" statusCallbackEvent="initiated completed">+16175559999</Number></Dial>`)
			p.says("/whisper/r1", `<Gather numDigits="1" action="`+p.at("/whisper/r1/key")+`"><Say>Press 1 to take it.</Say></Gather><Hangup/>`)
			p.answers("/whisper/r1/key", func(f url.Values) string {
				if f.Get("Digits") == "1" {
					return ``
				}
				return `<Hangup/>`
			})
			p.says("/dialed", `<Say>Goodbye.</Say>`)
			tw := p.line(nil)
			tw.SetAgent(test.plan)
			c := p.dial(tw)
			if test.talks {
				ask, ok := c.State().(AskDial)
				if !ok || ask.To != "+16175559999" {
					t.Fatalf("state %#v", c.State())
				}
				must(t, c.AgentHangsUp(context.Background()))
			}
			wantFields(t, p.last("/dialed"), test.want)
			wantFields(t, p.last("/dialed"), map[string]string{"CallSid": c.SID, "DialCallSid": c.Agent().SID})
			wantEnded(t, c, "end of document")
			if test.whisper != "" {
				wantFields(t, p.got("/whisper/r1")[0].form, map[string]string{"CallSid": c.Agent().SID, "ParentCallSid": c.SID, "Direction": "outbound-dial", "To": "+16175559999"})
				if got := c.Agent().Heard()[0].Text; got != test.whisper {
					t.Errorf("whispered %q", got)
				}
			}
			if n := len(p.got("/leg/status")); n != 2 {
				t.Errorf("%d leg callbacks, want 2", n)
			}
		})
	}
}

func TestALostWhisperLosesOnlyTheAgent(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Dial action="`+p.at("/dialed")+`"><Number url="`+p.at("/whisper")+`">+16175559999</Number></Dial>`)
	p.handles("/whisper", status(500))
	p.says("/dialed", `<Say>Nobody.</Say>`)
	tw := p.line(nil)
	c := p.dial(tw)
	wantHeard(t, c, "Nobody.")
	wantFields(t, p.last("/dialed"), map[string]string{"DialBridged": "false"})
	if len(tw.Faults()) > 0 {
		t.Errorf("faults %v", tw.Faults())
	}
}

func TestHangUpWhileTalking(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, `<Dial action="`+p.at("/dialed")+`">+16175559999</Dial>`)
	p.says("/dialed", `<Say>Nobody hears this.</Say>`)
	c := p.dial(p.line(nil))
	must(t, c.HangUp(context.Background()))
	wantFields(t, p.last("/dialed"), map[string]string{"CallStatus": "completed", "DialBridged": "true"})
	wantEnded(t, c, "caller hung up")
	if len(c.Heard()) != 0 {
		t.Errorf("heard %v", c.Heard())
	}
}
