package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/ivr/webhook"
	"duebell/lab/testenv"
	"duebell/store/sessions"
)

// onMini keeps calls in a Redis of this process.
func onMini(t testing.TB) (func(*clock) webhook.Sessions, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return onRedis(t, "redis://"+server.Addr()), server
}

// Each answer leads to the next turn, and a repeated request gets the same bytes.
func TestTurnsAreNumbered(t *testing.T) {
	l := open(t, onRedis(t, testenv.Redis(t)), nil)
	first := l.says("turn 0, try 1, arrived", webhook.IncomingPath)
	l.leads(first, turnPath(1))
	second := l.says("turn 1, try 2, keyed 1", turnPath(1), "Digits", "1")
	l.leads(second, turnPath(2))
	l.leads(l.says("turn 2, try 3, silent", turnPath(2)), turnPath(3))

	for _, repeat := range []struct {
		path string
		want posted
	}{{webhook.IncomingPath, first}, {turnPath(1), second}} {
		if got := l.post(repeat.path, "Digits", "9"); got.body != repeat.want.body {
			t.Errorf("%s repeated:\n%s\nfirst:\n%s", repeat.path, got.body, repeat.want.body)
		}
	}
	for n := 3; n < 7; n++ {
		l.says("keyed 2", turnPath(n), "Digits", "2")
	}
	l.leads(l.says("turn 6", turnPath(1), "Digits", "1"), turnPath(7)) // too old: what is awaited now
	if runs := l.engine.ran(); len(runs) != 7 {
		t.Errorf("%d runs for 7 turns", len(runs))
	}
}

// Of three deliveries at once one runs the turn, and all get its answer.
func TestEveryDeliveryThreeTimesAtOnce(t *testing.T) {
	place := onRedis(t, testenv.Redis(t))
	l := open(t, place, nil)
	other := open(t, place, func(c *webhook.Config) { c.Engine = l.engine }) // a second replica
	l.engine.does(takes(20 * time.Millisecond))
	steps := []struct {
		path  string
		pairs []string
	}{
		{webhook.IncomingPath, nil},
		{turnPath(1), []string{"Digits", "712345678"}},
		{turnPath(2), []string{"Result", "success", "PaymentToken", "pm_card_visa", "PaymentCardNumber", "xxxxxxxxxxxx4242"}},
		{turnPath(3), []string{"SpeechResult", "I authorize", "Confidence", "0.93"}},
		{turnPath(4), nil},
	}
	for n, step := range steps {
		got := make([]posted, 3)
		var all sync.WaitGroup
		for i := range got {
			replica := []*line{l, other}[i%2]
			all.Go(func() { got[i] = replica.post(step.path, step.pairs...) })
		}
		all.Wait()
		for _, g := range got {
			l.wants(g, "turn ")
			if g.body != got[0].body {
				t.Errorf("turn %d: two answers\n%s\n%s", n, got[0].body, g.body)
			}
		}
	}
	var turns []int
	for _, r := range l.engine.ran() {
		turns = append(turns, r.Turn)
	}
	if want := []int{0, 1, 2, 3, 4}; !slices.Equal(turns, want) {
		t.Errorf("turns run: %v, each should run once", turns)
	}
}

// A process that dies before its answer is stored leaves the turn to another, with the same input.
func TestKilledBeforeAnswering(t *testing.T) {
	for _, retry := range []string{turnPath(1), again(1, 1)} {
		t.Run(retry, func(t *testing.T) {
			kill := errors.New("kill")
			var kills sync.Map
			place := onRedis(t, testenv.Redis(t))
			l := open(t, place, func(c *webhook.Config) {
				c.BeforeFinish = func(call string, turn int) error {
					if _, again := kills.LoadOrStore(turn, true); again || turn != 1 {
						return nil
					}
					return kill
				}
			})
			l.says("turn 0", webhook.IncomingPath)
			if got := l.post(turnPath(1), "Digits", "4321"); !got.aborted {
				t.Fatalf("answered: %+v", got)
			}
			l.clock.move(webhook.DefaultTiming.Lease + time.Millisecond)
			// The "one moment" URL carries no input. What the dead process was given counts.
			l.leads(l.says("turn 1, try 2, keyed 4321", retry), turnPath(2))
			if runs := l.engine.ran(); len(runs) != 3 || runs[1].In.Keys != runs[2].In.Keys {
				t.Errorf("%v", runs)
			}
		})
	}
}

// A lease whose holder has died is taken over when it runs out, with the input that was stored first.
func TestADeadHolderIsWaitedFor(t *testing.T) {
	l := open(t, onRedis(t, testenv.Redis(t)), func(c *webhook.Config) {
		c.Timing = webhook.DefaultTiming
		c.Timing.Wait, c.Timing.Budget = 30*time.Millisecond, time.Second
	})
	l.says("turn 0", webhook.IncomingPath)
	dead := webhook.Delivery{Call: "CA1", Turn: 1, Holder: "dead", Input: []byte(`{"Input":{"Kind":"keyed","Keys":"7"}}`)}
	if c, err := l.sessions.Acquire(t.Context(), dead); err != nil || c.Outcome != webhook.Acquired {
		t.Fatal(c, err)
	}
	l.leads(l.says("One moment", turnPath(1), "Digits", "7"), again(1, 1))
	l.leads(l.says("One moment", again(1, 1)), again(1, 2))
	l.clock.move(webhook.DefaultTiming.Lease + time.Millisecond)
	l.says("keyed 7", again(1, 2))
}

// A call whose session is lost goes on from its milestone, counting on from the number in the URL.
func TestASessionThatRedisLost(t *testing.T) {
	place, server := onMini(t)
	l := open(t, place, nil)
	l.says("turn 0", webhook.IncomingPath)
	l.says("turn 1", turnPath(1), "Digits", "1")

	t.Run("with a milestone", func(t *testing.T) {
		server.FlushAll()
		l.callStore.milestone["CA1"] = ivr.Milestone{Call: "CA1", Lang: "en", Account: "712345678", Turn: 1}
		l.leads(l.says("turn 7, try 1, lost", turnPath(7), "Digits", "1"), turnPath(8)) // on from there, never back
		if got := l.engine.last(); got.Step != ivr.LostPlace {
			t.Errorf("%+v", got)
		}
		l.says("turn 8, try 2, keyed 2", turnPath(8), "Digits", "2")
	})
	t.Run("without one", func(t *testing.T) {
		server.FlushAll()
		delete(l.callStore.milestone, "CA1")
		l.leads(l.says("turn 9, try 1, arrived", turnPath(9), "Digits", "1"), turnPath(10))
	})
	t.Run("while its turn was worked on", func(t *testing.T) {
		l.engine.does(func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
			server.FlushAll()
			return ask(ctx, s, in)
		})
		l.says("turn 10, try 2, keyed 1", turnPath(10), "Digits", "1")
		l.engine.does(nil)
		l.says("turn 11, try 3, keyed 1", turnPath(11), "Digits", "1")
	})
	t.Run("garbage in its place", func(t *testing.T) {
		server.HSet("call:{CA1}", "session", "garbage")
		l.says("turn 12, try 1, arrived", turnPath(12), "Digits", "1")
		if !strings.Contains(l.log.String(), "cannot be read") {
			t.Error("nobody is told")
		}
	})
}

// TestASessionIsWrittenAndReadBack: between every two turns a session lies in Redis, whole.
func TestASessionIsWrittenAndReadBack(t *testing.T) {
	l := open(t, onRedis(t, testenv.Redis(t)), nil)
	full := fullSession()
	l.engine.does(func(context.Context, ivr.Session, ivr.Input) (ivr.Session, ivr.Reply, error) {
		return full, ivr.Reply{Lang: "en", Wait: oneKey}, nil
	})
	full.Turn = 0
	l.post(webhook.IncomingPath)
	var got ivr.Session
	l.engine.does(func(_ context.Context, s ivr.Session, _ ivr.Input) (ivr.Session, ivr.Reply, error) {
		got = s
		return s, ivr.Reply{Lang: "en", Wait: oneKey}, nil
	})
	l.post(turnPath(1))
	full.Turn = 1
	if diff := cmp.Diff(full, got); diff != "" {
		t.Error(diff)
	}
}

// Without Twilio's signature no route answers.
func TestWhoMayPost(t *testing.T) {
	place, _ := onMini(t)
	l := open(t, place, nil)
	form := url.Values{"CallSid": {"CA1"}, "From": {"+16175550101"}, "To": {"+18776236765"}}
	paths := []string{
		webhook.IncomingPath, turnPath(1), again(1, 1), webhook.StatusPath, webhook.FallbackPath,
	}
	for _, path := range paths {
		for name, signature := range map[string]string{"missing": "", "wrong": sign(path+"x", form), "not base64": "%%"} {
			if got := l.send(t.Context(), path, form, signature); got.status != http.StatusForbidden {
				t.Errorf("%s, signature %s: %d", path, name, got.status)
			}
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		w := httptest.NewRecorder()
		l.router.ServeHTTP(w, r)
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, w.Code)
		}
	}
	for _, path := range []string{
		turnPath(1) + "/", "//twilio/voice/turn/1", "/twilio/voice/turn/-1", "/twilio/voice/turn/1234567", again(1, 0), again(1, 4), "/twilio/voice/turn/1/again/",
	} {
		if got := l.send(t.Context(), path, form, sign(path, form)); got.status != http.StatusNotFound {
			t.Errorf("%s: %d, and never a redirect: it would lose what was keyed", path, got.status)
		}
	}
	if runs := l.engine.ran(); len(runs) != 0 {
		t.Errorf("something ran: %v", runs)
	}
	for _, odd := range []string{"", "CA 1", "call:{x}", strings.Repeat("C", 65)} {
		got := l.post(turnPath(1), "CallSid", odd, "Digits", "1")
		l.wants(got, "<Hangup>")
	}
}

// The end of a call is recorded; an agent's leg and calls in progress are not.
func TestStatus(t *testing.T) {
	place, _ := onMini(t)
	l := open(t, place, nil)
	for _, status := range []string{"initiated", "ringing", "in-progress", "completed", "completed", "canceled"} {
		if got := l.post(webhook.StatusPath, "CallStatus", status, "SequenceNumber", "1"); got.status != http.StatusNoContent || got.body != "" {
			t.Errorf("%s: %d %q", status, got.status, got.body)
		}
	}
	l.post(webhook.StatusPath, "CallStatus", "completed", "CallSid", "CA2", "ParentCallSid", "CA1") // the agent's leg
	if diff := cmp.Diff(map[string]int{"CA1": 3}, l.callStore.ended); diff != "" {
		t.Error(diff)
	}
	l.callStore.down = true
	if got := l.post(webhook.StatusPath, "CallStatus", "completed"); got.status != http.StatusNoContent {
		t.Errorf("without a database: %d", got.status)
	}
}

// The fallback answers the turn whose URL failed, or the awaited one.
func TestFallback(t *testing.T) {
	at := func(path string) []string {
		return []string{"ErrorCode", "11200", "ErrorUrl", publicURL + path}
	}
	t.Run("the turn was never begun", func(t *testing.T) {
		place, _ := onMini(t)
		l := open(t, place, nil)
		l.says("turn 0", webhook.IncomingPath)
		first := l.says("turn 1, try 2, lost", webhook.FallbackPath, at(turnPath(1))...)
		l.leads(first, turnPath(2))
		if repeat := l.post(webhook.FallbackPath, at(turnPath(1)+twilio.Overrides)...); repeat.body != first.body {
			t.Error("a repeat got other bytes")
		}
		l.says("turn 2, try 3, lost", webhook.FallbackPath) // no URL at fault: what is awaited
	})
	t.Run("its process died", func(t *testing.T) {
		place, _ := onMini(t)
		dies := errors.New("kill")
		l := open(t, place, func(c *webhook.Config) {
			c.BeforeFinish = func(_ string, turn int) error {
				if turn == 1 {
					return dies
				}
				return nil
			}
		})
		l.says("turn 0", webhook.IncomingPath)
		l.post(turnPath(1), "Digits", "5")
		dies = nil
		l.clock.move(webhook.DefaultTiming.Lease + time.Millisecond)
		l.says("turn 1, try 2, keyed 5", webhook.FallbackPath, at(turnPath(1))...)
	})
	t.Run("its answer was lost on the way", func(t *testing.T) {
		place, _ := onMini(t)
		l := open(t, place, nil)
		l.says("turn 0", webhook.IncomingPath)
		answer := l.says("turn 1, try 2, keyed 5", turnPath(1), "Digits", "5")
		if got := l.post(webhook.FallbackPath, at(again(1, 2))...); got.body != answer.body {
			t.Errorf("%s", got.body)
		}
	})
	t.Run("the call never arrived", func(t *testing.T) {
		place, _ := onMini(t)
		l := open(t, place, nil)
		l.leads(l.says("turn 0, try 1, arrived", webhook.FallbackPath, at(webhook.IncomingPath)...), turnPath(1))
	})
	for name, tt := range map[string]struct {
		change func(*webhook.Config)
		want   string
	}{
		"nothing is known of it, and somebody can be dialled": {withAgents, "<Number>+16175550190</Number>"},
		"nothing is known of it, and nobody can be dialled":   {nil, "We cannot look up accounts"},
	} {
		t.Run(name, func(t *testing.T) {
			place, _ := onMini(t)
			l := open(t, place, tt.change)
			got := l.says(tt.want, webhook.FallbackPath, "ErrorCode", "11200")
			if nobody := tt.change == nil; nobody == strings.Contains(got.body, "connecting you") {
				t.Errorf("%s", got.body)
			}
			if runs := l.engine.ran(); len(runs) != 0 {
				t.Errorf("something ran: %v", runs)
			}
		})
	}
}

// Logs and measurements name call, turn and step, and nothing that was keyed or said.
func TestWhatIsToldOutside(t *testing.T) {
	place, _ := onMini(t)
	type seen struct {
		Turn int
		Path string
		Said string
	}
	var observed []seen
	measured := map[string]int{}
	l := open(t, place, func(c *webhook.Config) {
		c.Observe = func(_ string, turn int, path string, r ivr.Reply) {
			observed = append(observed, seen{turn, path, r.Say[0].Speech.Text()})
		}
		c.Measure = func(step, outcome string, took time.Duration) {
			if took < 0 {
				t.Errorf("%s took %v", step, took)
			}
			measured[step+" "+outcome]++
		}
	})
	l.post(webhook.IncomingPath)
	l.post(turnPath(1), "Digits", "712345678")
	l.post(turnPath(1), "Digits", "712345678")
	l.post(turnPath(2), "SpeechResult", "Quetzalcoatl", "Confidence", "0.9")
	l.post(turnPath(3), "Result", "success", "PaymentToken", "pm_canary_token", "PaymentCardNumber", "xxxxxxxxxxxx8642", "ExpirationDate", "1131", "PaymentCardPostalCode", "97531")

	want := []seen{
		{0, webhook.IncomingPath, "turn 0, try 1, arrived"}, {1, turnPath(1), "turn 1, try 2, keyed 712345678"},
		{2, turnPath(2), "turn 2, try 3, spoke"}, {3, turnPath(3), "turn 3, try 4, captured"},
	}
	if diff := cmp.Diff(want, observed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"arrival answered": 1, "main-menu answered": 3, "main-menu repeated": 1}, measured); diff != "" {
		t.Error(diff)
	}
	log := l.log.String()
	for _, secret := range []string{"12345", "Quetz", "coatl", "canary", "8642", "1131", "97531", "6175550"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
	if lines := strings.Count(log, "turn answered"); lines != 5 {
		t.Errorf("%d lines for 5 requests:\n%s", lines, log)
	}
}

// A missing part, or a sentence that cannot be said, is an error at the start.
func TestNewRefusesWhatWouldFailLater(t *testing.T) {
	if _, err := webhook.New(webhook.Config{}); err == nil {
		t.Error("a handler of nothing")
	}
	place, _ := onMini(t)
	good := open(t, place, nil).handler.Config
	for name, spoil := range map[string]func(*webhook.Config){
		"a person who cannot be dialled":  func(c *webhook.Config) { c.Policy.AgentDial = "5550190" },
		"a voice that Twilio cannot have": func(c *webhook.Config) { c.Policy.Voices = map[string]string{"en": "Ann"} },
		"a public URL without a scheme":   func(c *webhook.Config) { c.PublicURL = "pay.example.org" },
	} {
		c := good
		spoil(&c)
		if _, err := webhook.New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

var _ webhook.Sessions = (*sessions.Sessions)(nil)
