package webhook_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/ivr"
	"duebell/ivr/webhook"
)

// placedCalls are the calls that the line has placed.
type placedCalls struct {
	mu       sync.Mutex
	placed   map[string]ivr.Placed
	answered []string
	progress []string
	down     bool
}

func (p *placedCalls) CallAnswered(_ context.Context, reference, call string, _ time.Time) (ivr.Placed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return ivr.Placed{}, errors.New("the database is down")
	}
	p.answered = append(p.answered, reference+" "+call)
	why, ok := p.placed[reference]
	if !ok {
		return ivr.Placed{}, ivr.ErrNotPlaced
	}
	return why, nil
}

func (p *placedCalls) CallProgress(_ context.Context, reference, call, status string, _ time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return errors.New("the database is down")
	}
	if _, ok := p.placed[reference]; !ok {
		return ivr.ErrNotPlaced
	}
	p.progress = append(p.progress, call+" "+status)
	return nil
}

const (
	theirCall = "abcdefghijklmnopqrstuvwx"
	outURL    = "/twilio/voice/out/" + theirCall
)

// openOutbound is a line that places calls; Twilio's requests speak of one of them.
func openOutbound(t *testing.T) (*line, *placedCalls) {
	t.Helper()
	calls := &placedCalls{placed: map[string]ivr.Placed{theirCall: {For: ivr.AskedFor, Lang: "en"}}}
	place, _ := onMini(t)
	l := open(t, place, func(c *webhook.Config) { c.Outbound = calls })
	l.fields.Set("From", "+18776236765")
	l.fields.Set("To", "+16175550101")
	l.fields.Set("Direction", "outbound-api")
	return l, calls
}

// TestACallThatWePlaced: answered it is a call like any other, from the number that we dialled.
func TestACallThatWePlaced(t *testing.T) {
	l, calls := openOutbound(t)
	var seen ivr.Session
	var placed *ivr.Placed
	l.engine.does(func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
		if s.Turn == 0 {
			seen, placed = s, in.Placed
		}
		return ask(ctx, s, in)
	})
	first := l.says("turn 0", outURL, "AnsweredBy", "human")
	l.leads(first, turnPath(1))
	if again := l.post(outURL, "AnsweredBy", "human"); again.body != first.body {
		t.Errorf("the same request again: %s", again.body)
	}
	if seen.Caller != "+16175550101" || seen.Called != "+18776236765" || seen.Attested != "" {
		t.Errorf("caller %q, called %q, attested %q", seen.Caller, seen.Called, seen.Attested)
	}
	if diff := cmp.Diff(&ivr.Placed{For: ivr.AskedFor, Lang: "en"}, placed); diff != "" {
		t.Errorf("the engine is told (-want +got):\n%s", diff)
	}
	l.says("turn 1", turnPath(1), "Digits", "1")
	if got := calls.answered[0]; got != theirCall+" CA1" {
		t.Errorf("recorded %q", got)
	}
}

// TestWhoAnswered: a machine is told apart; in doubt it is a person.
func TestWhoAnswered(t *testing.T) {
	for answeredBy, want := range map[string]bool{
		"human": false, "unknown": false, "": false, "machine_start": true, "machine_end_beep": true, "machine_end_other": true, "fax": true,
	} {
		l, _ := openOutbound(t)
		var machine bool
		l.engine.does(func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
			machine = in.Placed.Machine
			return ask(ctx, s, in)
		})
		l.says("turn 0", outURL, "AnsweredBy", answeredBy)
		if machine != want {
			t.Errorf("%q is a machine: %v", answeredBy, machine)
		}
	}
}

// TestACallThatNobodyPlaced: an apology and the end, whoever it is.
func TestACallThatNobodyPlaced(t *testing.T) {
	l, calls := openOutbound(t)
	l.says("<Hangup", "/twilio/voice/out/aaaaaaaaaaaaaaaaaaaaaaaa")
	calls.down = true
	l.says("<Hangup", outURL)
	if runs := l.engine.ran(); len(runs) != 0 {
		t.Errorf("the conversation began: %v", runs)
	}
	for _, path := range []string{"/twilio/voice/out/", "/twilio/voice/out/short", "/twilio/voice/out/ABCDEFGHIJKLMNOPQRSTUVWX", outURL + "/else"} {
		if got := l.post(path); got.status != 404 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

// TestFallbackOfACallThatWePlaced: of its first document, and of a later turn.
func TestFallbackOfACallThatWePlaced(t *testing.T) {
	l, _ := openOutbound(t)
	l.says("turn 0", outURL+"/fallback", "ErrorCode", "11200", "ErrorUrl", publicURL+outURL)
	if first := l.ran0(); first.In.Kind != ivr.Arrived || first.In.Placed == nil {
		t.Errorf("it begins with %+v", first.In)
	}
	l.says("turn 1", turnPath(1), "Digits", "1")
	l.says("turn 2", outURL+"/fallback", "ErrorCode", "11200", "ErrorUrl", publicURL+turnPath(2))
	if got := l.engine.last(); got.Turn != 2 || got.In.Kind != ivr.Lost {
		t.Errorf("the fallback of turn 2 ran %+v", got)
	}
}

func (l *line) ran0() run { return l.engine.ran()[0] }

// TestSessionLostWithoutATrace: until it is known again why we called, the least is allowed.
func TestSessionLostWithoutATrace(t *testing.T) {
	l, _ := openOutbound(t)
	var seen ivr.Session
	l.engine.does(func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
		seen = s
		return ask(ctx, s, in)
	})
	l.says("turn 4", turnPath(4), "Digits", "1")
	if seen.PlacedFor != ivr.Reminder {
		t.Errorf("placed for %q", seen.PlacedFor)
	}
}

// TestStatusOfAPlacedCall: every status reaches the store, the end also the call's row; Twilio is asked to send again what was not recorded.
func TestStatusOfAPlacedCall(t *testing.T) {
	l, calls := openOutbound(t)
	for _, status := range []string{"initiated", "ringing", "in-progress", "completed"} {
		if got := l.post(outURL+"/status", "CallStatus", status); got.status != 204 {
			t.Errorf("%s: %d", status, got.status)
		}
	}
	want := []string{"CA1 initiated", "CA1 ringing", "CA1 in-progress", "CA1 completed"}
	if diff := cmp.Diff(want, calls.progress); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if l.callStore.ended["CA1"] != 1 {
		t.Error("its end was not recorded")
	}
	if got := l.post("/twilio/voice/out/aaaaaaaaaaaaaaaaaaaaaaaa/status", "CallStatus", "completed"); got.status != 204 {
		t.Errorf("of a call that is not ours: %d", got.status)
	}
	calls.down = true
	if got := l.post(outURL+"/status", "CallStatus", "completed"); got.status != 500 {
		t.Errorf("while the database is down: %d", got.status)
	}
}

// TestOutboundURLs: each is one that Twilio may be given, and answers here.
func TestOutboundURLs(t *testing.T) {
	document, fallback, status := webhook.OutboundURLs(publicURL+"/", theirCall)
	overrides := "#ct=2000&rt=6500&rc=1&rp=ct,rt,5xx"
	want := []string{publicURL + outURL + overrides, publicURL + outURL + "/fallback" + overrides, publicURL + outURL + "/status" + overrides}
	if diff := cmp.Diff(want, []string{document, fallback, status}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhoMayPostAboutCallsOfOurs: nobody without Twilio's signature.
func TestWhoMayPostAboutCallsOfOurs(t *testing.T) {
	l, calls := openOutbound(t)
	for _, path := range []string{outURL, outURL + "/fallback", outURL + "/status"} {
		if got := l.send(context.Background(), path, l.fields, sign(path+"x", l.fields)); got.status != 403 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if len(calls.answered)+len(calls.progress) != 0 {
		t.Error("something was recorded")
	}
}

// TestALineThatPlacesNoCalls has no such address.
func TestALineThatPlacesNoCalls(t *testing.T) {
	place, _ := onMini(t)
	l := open(t, place, nil)
	if got := l.post(outURL); got.status != 404 {
		t.Errorf("status %d", got.status)
	}
}
