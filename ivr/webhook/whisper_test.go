package webhook_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"duebell/billing"
	"duebell/handoff"
	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/ivr/webhook"
	standin "duebell/lab/twilio"
	"duebell/voiceprompts"
)

const (
	whisperPublic = "https://pay.example.org"
	whisperToken  = "devtoken0000000000000000000000000"
	whispers      = "/twilio/voice/whisper/"
)

var whisperTime = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

type whisperClock struct{}

func (whisperClock) Now() time.Time { return whisperTime }

// handOffStore keeps hand-offs in memory.
type handOffStore struct {
	mu       sync.Mutex
	callers  map[string]handoff.CallerContext
	accepted []string
	recorded []ivr.HandOff
	over     []string
	took     bool // what is answered to the end of a transfer
	down     bool
}

var errDatabaseDown = errors.New("the database is down")

func (d *handOffStore) RecordHandOff(_ context.Context, h ivr.HandOff) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errDatabaseDown
	}
	d.recorded = append(d.recorded, h)
	return nil
}

func (d *handOffStore) HandOffContext(_ context.Context, ref string, _ time.Time) (handoff.CallerContext, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, known := d.callers[ref]
	switch {
	case d.down:
		return c, errDatabaseDown
	case !known:
		return c, handoff.ErrUnknownRef
	}
	return c, nil
}

func (d *handOffStore) AcceptHandOff(_ context.Context, ref string, _ time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errDatabaseDown
	}
	if _, known := d.callers[ref]; !known {
		return handoff.ErrUnknownRef
	}
	d.accepted = append(d.accepted, ref)
	return nil
}

func (d *handOffStore) EndHandOff(_ context.Context, call string, turn int, o handoff.Outcome, _ time.Time) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return false, errDatabaseDown
	}
	d.over = append(d.over, strings.Join([]string{call, string(rune('0' + turn)), string(o)}, " "))
	return d.took, nil
}

// oneLease keeps one session and gives it to everybody, or to nobody.
type oneLease struct{ lease webhook.TurnLease }

func (p oneLease) Acquire(context.Context, webhook.Delivery) (webhook.TurnLease, error) {
	return p.lease, nil
}
func (oneLease) Finish(_ context.Context, _ webhook.Delivery, d webhook.TurnResult) (webhook.Answer, bool, error) {
	return d.Answer, true, nil
}
func (oneLease) Release(context.Context, webhook.Delivery) error { return nil }
func (oneLease) PutInterim(_ context.Context, _ webhook.Delivery, a webhook.Answer) (webhook.Answer, error) {
	return a, nil
}
func (oneLease) Awaited(context.Context, string) (int, error) { return 0, webhook.ErrNoCall }

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

type lastMilestones struct{ milestone *ivr.Milestone }

func (c lastMilestones) LastMilestone(context.Context, string) (ivr.Milestone, error) {
	if c.milestone == nil {
		return ivr.Milestone{}, ivr.ErrNoMilestone
	}
	return *c.milestone, nil
}
func (lastMilestones) CallEnded(context.Context, string, time.Time) error { return nil }

// whisperLine is a handler with a hand-off store, and a Twilio that posts to it.
type whisperLine struct {
	t        *testing.T
	handOffs *handOffStore
	engine   *whisperEngine
	router   *mux.Router
	drain    func()
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
	l := &whisperLine{t: t, engine: &whisperEngine{}, handOffs: &handOffStore{callers: map[string]handoff.CallerContext{
		"REF1": {Tier: "T2", Account: "5678", Lang: "es", Doing: "holding", Bill: handoff.BillDue, Payment: handoff.PaymentOpen},
	}}}
	validator, err := twilio.NewValidator(whisperPublic, whisperToken)
	if err != nil {
		t.Fatal(err)
	}
	policy := billing.DefaultPolicy()
	policy.AgentDial = "+16175550190"
	// Long times, so that a loaded machine changes nothing; but a failed verification is answered at once.
	timing := webhook.Timing{Lease: time.Minute, Wait: time.Minute, Budget: time.Minute, Note: time.Minute, Work: time.Minute}
	cfg := webhook.Config{
		Engine: l.engine, Sessions: oneLease{webhook.TurnLease{Outcome: webhook.Acquired}}, Calls: lastMilestones{}, Validator: validator,
		Prompts: whisperCatalog(t), Policy: policy, PublicURL: whisperPublic, CardConnector: "cards", BankConnector: "banks",
		Clock: whisperClock{}, Machine: whisperClock{}, Timing: timing, Log: slog.New(slog.DiscardHandler), HandOffs: l.handOffs,
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

// Whispers need Twilio's signature.
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
	if len(l.handOffs.accepted) != 0 {
		t.Error("accepted without a signature")
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
