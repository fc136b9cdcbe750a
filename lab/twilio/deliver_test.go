package twilio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestOverrides(t *testing.T) {
	tests := []struct {
		fragment string
		want     string // "" = refused
	}{
		{"", "5s 15s 15s 1 [ct]"},
		{Overrides, "2s 6.5s 15s 1 [ct rt 5xx]"},
		{"rc=0", "5s 15s 15s 0 [ct]"},
		{"tt=100&rp=all&e=ashburn,dublin&sni=y", "5s 15s 100ms 1 [all]"},
		{"rc=6", ""}, {"ct=99", ""}, {"ct=10001", ""}, {"rt=15001", ""}, {"rt=x", ""}, {"rp=3xx", ""}, {"rc", ""}, {"zz=1", ""},
	}
	for _, test := range tests {
		o, err := parseOverrides(test.fragment)
		got := fmt.Sprint(o.connect, o.read, o.total, o.retries, o.on)
		if (err == nil) != (test.want != "") || err == nil && got != test.want {
			t.Errorf("%q gives %v, %v; want %s", test.fragment, got, err, test.want)
		}
	}
}

// flaky answers with each of these in turn, the last for ever.
func flaky(answers ...http.HandlerFunc) (http.HandlerFunc, *atomic.Int32) {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		i := min(int(n.Add(1)), len(answers)) - 1
		answers[i](w, r)
	}, &n
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func twiml(inside string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, "<Response>"+inside+"</Response>")
	}
}

func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestRetriesAndFallback(t *testing.T) {
	const short = "ct=2000&rt=500&rc=1&rp=ct,rt,5xx"
	tests := []struct {
		name     string
		fragment string
		answers  []http.HandlerFunc
		heard    string
		asked    int32
	}{
		{"500, then good", Overrides, []http.HandlerFunc{status(500), twiml("<Say>Good.</Say>")}, "Good.", 2},
		{"cut, then good", Overrides, []http.HandlerFunc{cut, twiml("<Say>Good.</Say>")}, "Good.", 2},
		{"slow, then good", short, []http.HandlerFunc{hang, twiml("<Say>Good.</Say>")}, "Good.", 2},
		{"500 twice", Overrides, []http.HandlerFunc{status(500)}, "Fallback.", 2},
		{"500 by default rules", "", []http.HandlerFunc{status(500), twiml("<Say>Good.</Say>")}, "Fallback.", 1},
		{"cut by default rules", "", []http.HandlerFunc{cut, twiml("<Say>Good.</Say>")}, "Fallback.", 1},
		{"five retries", "rc=5&rp=all", []http.HandlerFunc{status(500)}, "Fallback.", 6},
		{"total time", "rc=5&rp=all&tt=100", []http.HandlerFunc{hang}, "Fallback.", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			h, asked := flaky(test.answers...)
			p.handles(incoming, h)
			p.says("/twilio/voice/fallback", `<Say>Fallback.</Say>`)
			tw := p.line(func(c *Config) {
				c.OverridesRequired = false
				c.Numbers[0].VoiceURL = p.public + incoming + "#" + test.fragment
			})
			c := p.dial(tw)
			wantHeard(t, c, test.heard)
			if n := asked.Load(); n != test.asked {
				t.Errorf("asked %d times, want %d", n, test.asked)
			}
			if test.heard == "Fallback." {
				wantFields(t, p.last("/twilio/voice/fallback"), map[string]string{"ErrorCode": "11200", "ErrorUrl": p.public + incoming, "CallSid": c.SID})
			}
			token := p.got(incoming)[0].header.Get("I-Twilio-Idempotency-Token")
			for _, h := range p.got(incoming) {
				if h.header.Get("I-Twilio-Idempotency-Token") != token {
					t.Error("a retry has another idempotency token")
				}
			}
		})
	}
}

func TestApplicationError(t *testing.T) {
	p := newProduct(t)
	p.handles(incoming, status(503))
	p.handles("/twilio/voice/fallback", status(503))
	tw := p.line(nil)
	c, err := tw.Call(context.Background(), CallOptions{From: callerPhone})
	var fault Fault
	if !errors.As(err, &fault) || fault.Kind != FaultApplicationError {
		t.Errorf("error %v", err)
	}
	wantEnded(t, c, "application error")
	if !strings.Contains(heard(c), "application error has occurred") {
		t.Errorf("heard %q", heard(c))
	}
}

func TestNobodyListens(t *testing.T) {
	p := newProduct(t)
	tw := p.line(nil)
	p.server.Close()
	c, err := tw.Call(context.Background(), CallOptions{From: callerPhone})
	if err == nil {
		t.Fatal("a call without a product")
	}
	wantEnded(t, c, "application error")
}

func TestRepeats(t *testing.T) {
	for _, mode := range []Mode{ModeRepeats, ModeRepeatsAtOnce} {
		t.Run(string(mode), func(t *testing.T) {
			p := newProduct(t)
			p.says(incoming, p.menu(`numDigits="1"`, "Choose.", "/next"))
			var n atomic.Int32
			p.answers("/next", func(url.Values) string { return fmt.Sprintf("<Say>Answer %d.</Say>", n.Add(1)) })
			tw := p.line(nil)
			must(t, tw.SetMode(mode))
			c := p.dial(tw)
			if len(tw.Faults()) > 0 {
				t.Errorf("equal replies are at fault: %v", tw.Faults())
			}
			if got := len(p.got(incoming)); got < 2 || got > 3 {
				t.Errorf("delivered %d times", got)
			}
			must(t, c.Press(context.Background(), "1"))
			faults := tw.Faults()
			if len(faults) == 0 || faults[0].Kind != FaultUnequalReplies || faults[0].Path != "/next" {
				t.Errorf("faults %v", faults)
			}
			if tw.ModeCounts()[mode] == 0 {
				t.Error("the mode is not counted")
			}
			must(t, tw.SetMode(ModeNormal))
			before := len(p.got(incoming))
			p.dial(tw)
			if got := len(p.got(incoming)) - before; got != 1 {
				t.Errorf("delivered %d times in normal mode", got)
			}
		})
	}
}

func TestDropsNextReply(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, p.menu(`numDigits="1"`, "Choose.", "/next"))
	p.says("/next", `<Say>Next.</Say>`)
	tw := p.line(nil)
	c := p.dial(tw)
	must(t, tw.SetMode(ModeDropsNextReply))
	must(t, c.Press(context.Background(), "1"))
	wantHeard(t, c, "Next.")
	hits := p.got("/next")
	if len(hits) != 2 || hits[1].form.Get("Digits") != "1" {
		t.Errorf("%d requests", len(hits))
	}
	if tw.ModeCounts()[ModeDropsNextReply] != 1 {
		t.Errorf("played %v", tw.ModeCounts())
	}
}

func TestUnknownModes(t *testing.T) {
	tw := newProduct(t).line(nil)
	if tw.SetMode("sideways") == nil || tw.Once(ModeRepeats) == nil || tw.Once("sideways") == nil {
		t.Error("an unknown mode is taken")
	}
}

func TestReplicas(t *testing.T) {
	p := newProduct(t)
	p.public = "https://pay.example.org" // nothing listens there
	p.says(incoming, p.menu(`numDigits="1"`, "Choose.", "/next"))
	p.says("/next", `<Redirect>`+p.at(incoming)+`</Redirect>`)
	second := httptest.NewServer(p)
	defer second.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	tw := p.line(func(c *Config) { c.Targets = []string{p.server.URL, gone.URL, second.URL} })
	c := p.dial(tw)
	for range 6 {
		must(t, c.Press(context.Background(), "1"))
	}
	if got := len(p.got(incoming)); got != 7 {
		t.Errorf("%d deliveries, want 7", got)
	}
}

func TestPortIsDroppedOverHTTPS(t *testing.T) {
	var signature string
	var form url.Values
	replica := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == incoming {
			_ = r.ParseForm()
			signature, form = r.Header.Get("X-Twilio-Signature"), r.PostForm
		}
		twiml("")(w, r)
	}))
	tw, err := New(Config{
		PublicURL: "https://pay.example.org:8443", Targets: []string{replica}, Numbers: []Number{{Phone: ourNumber}},
		Now: func() time.Time { return testNow },
	})
	must(t, err)
	if _, err := tw.Call(context.Background(), CallOptions{From: callerPhone}); err != nil {
		t.Fatal(err)
	}
	if want := Sign(DevAuthToken, "https://pay.example.org"+incoming, form, PortKept); signature != want {
		t.Error("the port is signed")
	}
}

func TestCallbacksOutOfOrder(t *testing.T) {
	p := newProduct(t)
	p.says("/out", `<Say>Hello.</Say>`)
	tw := p.line(nil)
	api := newServer(t, tw.Handler())
	must(t, tw.SetMode(ModeCallbacksShuffled))
	sid := createCall(t, api, url.Values{
		"To": {callerPhone}, "From": {ourNumber}, "Url": {p.public + "/out#" + Overrides}, "StatusCallback": {p.public + "/out/status"},
		"StatusCallbackEvent": {"initiated", "ringing", "answered", "completed"},
	})
	ctx := context.Background()
	must(t, tw.RunPending(ctx))
	c, _ := tw.Lookup(sid)
	must(t, c.Answer(ctx, "human"))
	must(t, tw.RunPending(ctx))
	var order []string
	for _, h := range p.got("/out/status") {
		order = append(order, h.form.Get("SequenceNumber")+h.form.Get("CallStatus"))
	}
	if got, want := strings.Join(order, " "), "1ringing 0initiated 3completed 2in-progress"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
}

func TestRefusedCallbacksAreFaults(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, ``)
	p.handles("/twilio/voice/status", status(404))
	tw := p.line(nil)
	p.dial(tw)
	if faults := tw.Faults(); len(faults) != 1 || faults[0].Kind != FaultReply {
		t.Errorf("faults %v", faults)
	}
}

func TestNewRefusesNonsense(t *testing.T) {
	now := func() time.Time { return testNow }
	for name, cfg := range map[string]Config{
		"no clock":  {PublicURL: "http://127.0.0.1"},
		"no URL":    {Now: now},
		"no number": {Now: now, PublicURL: "http://127.0.0.1", Numbers: []Number{{Phone: "617"}}},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	tw, err := New(Config{Now: now, PublicURL: "http://127.0.0.1"})
	must(t, err)
	if _, err := tw.Call(context.Background(), CallOptions{To: "+1"}); err == nil {
		t.Error("a foreign number is called")
	}
}
