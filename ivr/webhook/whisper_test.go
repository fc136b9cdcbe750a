package webhook_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"duebell/billing"
	"duebell/handoff"
	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/ivr/webhook"
	standin "duebell/lab/twilio"
	"duebell/voiceprompts"
)

var updateWhispers = flag.Bool("update-whispers", false, "write the golden whispers anew")

const (
	whisperPublic = "https://pay.example.org"
	whisperToken  = "devtoken0000000000000000000000000"
	whispers      = "/twilio/voice/whisper/"
)

var whisperTime = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

type whisperClock struct{}

func (whisperClock) Now() time.Time { return whisperTime }

// whisperDesk is what the database knows of hand-overs, in the test's hands.
type whisperDesk struct {
	mu       sync.Mutex
	callers  map[string]handoff.CallerContext
	accepted []string
	recorded []ivr.HandOff
	over     []string
	took     bool // what is answered to the end of a transfer
	down     bool
}

var errDeskDown = errors.New("the database is down")

func (d *whisperDesk) RecordHandOff(_ context.Context, h ivr.HandOff) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errDeskDown
	}
	d.recorded = append(d.recorded, h)
	return nil
}

func (d *whisperDesk) HandOffContext(_ context.Context, ref string, _ time.Time) (handoff.CallerContext, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, known := d.callers[ref]
	switch {
	case d.down:
		return c, errDeskDown
	case !known:
		return c, handoff.ErrUnknownRef
	}
	return c, nil
}

func (d *whisperDesk) AcceptHandOff(_ context.Context, ref string, _ time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errDeskDown
	}
	if _, known := d.callers[ref]; !known {
		return handoff.ErrUnknownRef
	}
	d.accepted = append(d.accepted, ref)
	return nil
}

func (d *whisperDesk) EndHandOff(_ context.Context, call string, turn int, o handoff.Outcome, _ time.Time) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return false, errDeskDown
	}
	d.over = append(d.over, strings.Join([]string{call, string(rune('0' + turn)), string(o)}, " "))
	return d.took, nil
}

// whisperPlace keeps one session and gives it to everybody, or to nobody.
type whisperPlace struct{ claim webhook.TurnLease }

func (p whisperPlace) Acquire(context.Context, webhook.Delivery) (webhook.TurnLease, error) {
	return p.claim, nil
}
func (whisperPlace) Finish(_ context.Context, _ webhook.Delivery, d webhook.TurnResult) (webhook.Answer, bool, error) {
	return d.Answer, true, nil
}
func (whisperPlace) Release(context.Context, webhook.Delivery) error { return nil }
func (whisperPlace) PutInterim(_ context.Context, _ webhook.Delivery, a webhook.Answer) (webhook.Answer, error) {
	return a, nil
}
func (whisperPlace) Awaited(context.Context, string) (int, error) { return 0, webhook.ErrNoCall }

// whisperEngine fails, but for answers to a person's step.
type whisperEngine struct{ heard []ivr.Input }

func (e *whisperEngine) Turn(_ context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
	if e.heard = append(e.heard, in); s.Step != ivr.Person && in.Kind != ivr.Lost {
		return s, ivr.Reply{}, errors.New("the engine fails")
	}
	return s, ivr.Reply{Lang: "en", Wait: ivr.HangUp{}}, nil
}

func (*whisperEngine) Resume(m ivr.Milestone, turn int) ivr.Session {
	return ivr.Session{Call: m.Call, Turn: turn}
}

type whisperCalls struct{ milestone *ivr.Milestone }

func (c whisperCalls) LastMilestone(context.Context, string) (ivr.Milestone, error) {
	if c.milestone == nil {
		return ivr.Milestone{}, ivr.ErrNoMilestone
	}
	return *c.milestone, nil
}
func (whisperCalls) CallEnded(context.Context, string, time.Time) error { return nil }

// whisperLine is a handler with a desk behind it and Twilio before it.
type whisperLine struct {
	t      *testing.T
	desk   *whisperDesk
	engine *whisperEngine
	router *mux.Router
	drain  func()
}

func whisperCatalog(t *testing.T) *voiceprompts.Catalog {
	t.Helper()
	c, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openWhisper(t *testing.T, change ...func(*webhook.Config)) *whisperLine {
	t.Helper()
	l := &whisperLine{t: t, engine: &whisperEngine{}, desk: &whisperDesk{callers: map[string]handoff.CallerContext{
		"REF1": {Tier: "T2", Account: "5678", Lang: "es", Doing: "holding", Bill: handoff.BillDue, Payment: handoff.PaymentOpen},
	}}}
	validator, err := twilio.NewValidator(whisperPublic, whisperToken)
	if err != nil {
		t.Fatal(err)
	}
	policy := billing.DefaultPolicy()
	policy.AgentDial = "+16175550190"
	// Machine time is small, in proportion: nothing here takes long but the one that never answers.
	timing := webhook.Timing{Lease: time.Second, Wait: 40 * time.Millisecond, Budget: 50 * time.Millisecond, Note: 5 * time.Second, Work: 5 * time.Second}
	cfg := webhook.Config{
		Engine: l.engine, Sessions: whisperPlace{webhook.TurnLease{Outcome: webhook.Acquired}}, Calls: whisperCalls{}, Validator: validator,
		Prompts: whisperCatalog(t), Policy: policy, PublicURL: whisperPublic, CardConnector: "cards", BankConnector: "banks",
		Clock: whisperClock{}, Machine: whisperClock{}, Timing: timing, Log: slog.New(slog.DiscardHandler), HandOffs: l.desk,
	}
	for _, c := range change {
		c(&cfg)
	}
	h, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.router = mux.NewRouter().SkipClean(true)
	h.Register(l.router)
	l.drain = func() {
		if err := h.Drain(context.Background()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(l.drain)
	return l
}

func (l *whisperLine) post(path string, pairs ...string) string {
	l.t.Helper()
	form := url.Values{"CallSid": {"CA1"}, "From": {"+16175550101"}, "To": {"+18776236765"}, "CallStatus": {"in-progress"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	w := l.send(path, form, standin.Sign(whisperToken, whisperPublic+path, form, standin.PortKept))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != twilio.ContentType {
		l.t.Fatalf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
	}
	return w.Body.String()
}

func (l *whisperLine) send(path string, form url.Values, signature string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", signature)
	w := httptest.NewRecorder()
	l.router.ServeHTTP(w, r)
	return w
}

func whisperGolden(t *testing.T, name, doc string) {
	t.Helper()
	for _, problem := range standin.CheckVoice([]byte(doc), true) {
		t.Errorf("Twilio would not take it: %s", problem)
	}
	file, shown := filepath.Join("testdata", "whisper", name+".xml"), strings.ReplaceAll(doc, "><", ">\n<")+"\n"
	if *updateWhispers {
		if err := os.WriteFile(file, []byte(shown), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), shown); diff != "" {
		t.Error(diff)
	}
}

// H3, H5: what the person hears, as Twilio gets it, and what each key does. The words are said again
// once, to whoever is silent (the second question of the same document) or presses something else.
func TestWhisper(t *testing.T) {
	down := func(d *whisperDesk) { d.down = true }
	tests := []struct {
		name, path, keys string
		desk             func(*whisperDesk)
		golden           string // empty: the two sides are connected
		accepted         int
	}{
		{"the person picks up", "REF1", "", nil, "offered", 0},
		{"1 takes the call", "REF1/accept", "1", nil, "", 1},
		{"1 at the second asking", "REF1/accept/last", "1", nil, "", 1},
		{"another key", "REF1/accept", "2", nil, "offered-again", 0},
		{"star", "REF1/accept", "*", nil, "offered-again", 0},
		{"another key twice", "REF1/accept/last", "2", nil, "not-taken", 0},
		{"no such reference", "REF9", "", nil, "gone", 0},
		{"no such reference to take", "REF9/accept", "1", nil, "gone", 0},
		{"the database is down", "REF1", "", down, "nothing-known", 0},
		{"taken while the database is down", "REF1/accept", "1", down, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := openWhisper(t)
			if tt.desk != nil {
				tt.desk(l.desk)
			}
			got := l.post(whispers+tt.path, "Digits", tt.keys, "CallSid", "CAagent", "ParentCallSid", "CA1", "Direction", "outbound-dial")
			if tt.golden == "" {
				if want := string(twilio.EmptyResponse()); got != want {
					t.Errorf("%s, want %s: the two sides are connected at its end", got, want)
				}
			} else {
				whisperGolden(t, tt.golden, got)
			}
			if len(l.desk.accepted) != tt.accepted {
				t.Errorf("accepted %v", l.desk.accepted)
			}
		})
	}
}

func TestAWhisperIsTwiliosAlone(t *testing.T) {
	l := openWhisper(t)
	form := url.Values{"CallSid": {"CAagent"}, "Digits": {"1"}}
	for _, path := range []string{"REF1", "REF1/accept", "REF1/accept/last"} {
		other := standin.Sign(whisperToken, whisperPublic+whispers+"REF2", form, standin.PortKept)
		for _, signature := range []string{"", "bm8=", other} {
			if w := l.send(whispers+path, form, signature); w.Code != http.StatusForbidden {
				t.Errorf("%s signed %q: %d", path, signature, w.Code)
			}
		}
	}
	if len(l.desk.accepted) != 0 {
		t.Error("accepted without a signature")
	}
}

func TestTransfersCarryTheirWhisper(t *testing.T) {
	settings := webhook.NewSettings(whisperCatalog(t), billing.DefaultPolicy(), "cards", "banks")
	settings.PublicURL = whisperPublic
	at := webhook.Place{Next: twilio.VoiceURL(whisperPublic, "/twilio/voice/turn/8"), Line: "+18776236765"}
	for name, to := range map[string]string{"transfer": "+16175550190", "transfer-sip": "sip:desk@pbx.example.org"} {
		reply := ivr.Reply{Lang: "en", Wait: ivr.Transferring{To: to, Seconds: 25, Whisper: "REF1"}}
		doc, err := webhook.Render(reply, at, whisperCatalog(t), settings)
		if err != nil {
			t.Fatal(err)
		}
		whisperGolden(t, name, string(doc))
	}
}

// Every question from which 0 reaches a person can be put in words.
func TestEveryQuestionHasWordsForThePerson(t *testing.T) {
	for _, step := range ivr.Conversation() {
		if step.Accepts != nil && step.Name != ivr.Person && !handoff.HasWords(string(step.Name)) {
			t.Errorf("the person cannot be told that the caller was at %s", step.Name)
		}
	}
}
