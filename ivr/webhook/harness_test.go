package webhook_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"duebell/billing"
	"duebell/internal/seal"
	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/ivr/webhook"
	standin "duebell/lab/twilio"
	"duebell/store/sessions"
	"duebell/voiceprompts"
)

const token = "devtoken0000000000000000000000000"

// clock is both clocks of a test: it runs, and can be moved on.
type clock struct {
	mu    sync.Mutex
	moved time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.moved)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved += d
}

// engine is a conversation of one question. It counts what it is asked.
type engine struct {
	mu   sync.Mutex
	runs []run
	// turn replaces what it does; nil says which turn this was and asks for a key.
	turn func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error)
}

type run struct {
	Turn int
	Step ivr.StepName
	In   ivr.Input
}

func (e *engine) Turn(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
	e.mu.Lock()
	e.runs = append(e.runs, run{s.Turn, s.Step, in})
	does := e.turn
	e.mu.Unlock()
	if does == nil {
		does = ask
	}
	return does(ctx, s, in)
}

func (e *engine) does(turn func(ctx context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.turn = turn
}

func (e *engine) Resume(m ivr.Milestone, turn int) ivr.Session {
	return ivr.Session{Call: m.Call, Called: m.Called, Language: ivr.Language{Tag: m.Lang}, Turn: turn, Step: ivr.LostPlace, Account: ivr.Account{Number: m.Account}}
}

// ran is what the engine was asked so far.
func (e *engine) ran() []run {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.runs)
}

func (e *engine) last() run {
	runs := e.ran()
	if len(runs) == 0 {
		return run{}
	}
	return runs[len(runs)-1]
}

// ask answers a turn: every answer differs from every other one, so that bytes tell runs apart.
func ask(_ context.Context, s ivr.Session, in ivr.Input) (ivr.Session, ivr.Reply, error) {
	s.Language.Tag, s.Step, s.Question.Misses = "en", ivr.MainMenu, s.Question.Misses+1
	keys := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, in.Keys)
	return s, ivr.Reply{Lang: "en", Say: sentence(fmt.Sprintf("turn %d, try %d, %s %s", s.Turn, s.Question.Misses, in.Kind, keys)), Wait: oneKey}, nil
}

var oneKey = ivr.Ask{Keys: true, MaxKeys: 1, Seconds: 7}

func sentence(words string) []ivr.Spoken {
	return []ivr.Spoken{{Key: "test", Lang: "en", Speech: voiceprompts.Speech(words)}}
}

// callStore is what the database knows of calls.
type callStore struct {
	mu        sync.Mutex
	milestone map[string]ivr.Milestone
	ended     map[string]int
	down      bool
}

func (l *callStore) LastMilestone(_ context.Context, call string) (ivr.Milestone, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return ivr.Milestone{}, errors.New("the database is down")
	}
	m, ok := l.milestone[call]
	if !ok {
		return ivr.Milestone{}, ivr.ErrNoMilestone
	}
	return m, nil
}

func (l *callStore) CallEnded(_ context.Context, call string, _ time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return errors.New("the database is down")
	}
	l.ended[call]++
	return nil
}

// line is the handler with a Twilio before it and everything behind it in the test's hands.
type line struct {
	t         testing.TB
	handler   *webhook.Handler
	router    *mux.Router
	engine    *engine
	callStore *callStore
	sessions  webhook.Sessions
	clock     *clock
	log       *lockedBuffer
	fields    url.Values // of every request
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open makes a line before the given place. change may alter the configuration.
func open(t testing.TB, place func(c *clock) webhook.Sessions, change func(*webhook.Config)) *line {
	t.Helper()
	l := &line{
		t: t, engine: &engine{}, clock: &clock{}, log: &lockedBuffer{},
		callStore: &callStore{milestone: map[string]ivr.Milestone{}, ended: map[string]int{}},
		fields:    url.Values{"CallSid": {"CA1"}, "From": {"+16175550101"}, "To": {"+18776236765"}, "CallStatus": {"in-progress"}},
	}
	l.sessions = place(l.clock)
	validator, err := twilio.NewValidator(publicURL, token)
	if err != nil {
		t.Fatal(err)
	}
	c := webhook.Config{
		Engine: l.engine, Sessions: l.sessions, Calls: l.callStore, Validator: validator, Prompts: catalog(t), Policy: billing.DefaultPolicy(),
		PublicURL: publicURL, CardConnector: "cards", BankConnector: "banks", Clock: l.clock, Machine: l.clock,
		Log: slog.New(slog.NewJSONHandler(l.log, nil)),
	}
	if change != nil {
		change(&c)
	}
	l.handler, err = webhook.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.handler.Drain(context.Background()); err != nil {
			t.Error(err)
		}
	})
	l.router = mux.NewRouter().SkipClean(true)
	l.handler.Register(l.router)
	return l
}

// onRedis keeps the calls in a Redis at that address.
func onRedis(t testing.TB, address string) func(*clock) webhook.Sessions {
	t.Helper()
	client, err := sessions.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	keys, err := seal.ParseKeys("k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *clock) webhook.Sessions { return sessions.New(client, keys, c, webhook.DefaultTiming.Lease) }
}

// posted is what Twilio got.
type posted struct {
	status  int
	kind    string
	body    string
	aborted bool // the connection was dropped
	took    time.Duration
}

func (l *line) post(path string, pairs ...string) posted {
	return l.postWith(context.Background(), path, pairs...)
}

// postWith posts for as long as ctx lives: at its end Twilio hangs up.
func (l *line) postWith(ctx context.Context, path string, pairs ...string) posted {
	form := url.Values{}
	for name, values := range l.fields {
		form[name] = slices.Clone(values)
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return l.send(ctx, path, form, sign(path, form))
}

func (l *line) send(ctx context.Context, path string, form url.Values, signature string) (got posted) {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", signature)
	w := httptest.NewRecorder()
	began := time.Now()
	defer func() {
		got.took = time.Since(began)
		if p := recover(); p != nil {
			if err, _ := p.(error); !errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			got.aborted = true
		}
	}()
	l.router.ServeHTTP(w, r)
	return posted{status: w.Code, kind: w.Header().Get("Content-Type"), body: w.Body.String()}
}

func sign(path string, form url.Values) string {
	return standin.Sign(token, publicURL+path, form, standin.PortKept)
}

// says posts and wants the words in the answer.
func (l *line) says(want, path string, pairs ...string) posted {
	l.t.Helper()
	got := l.post(path, pairs...)
	l.wants(got, want)
	return got
}

func (l *line) wants(got posted, want string) {
	l.t.Helper()
	if got.status != http.StatusOK || got.kind != twilio.ContentType {
		l.t.Errorf("%d %s", got.status, got.kind)
	}
	if !strings.Contains(got.body, want) {
		l.t.Errorf("%s\nwants %q", got.body, want)
	}
	for _, problem := range standin.CheckVoice([]byte(got.body), true) {
		l.t.Errorf("Twilio would not take %s\n%s", got.body, problem)
	}
}

// leads wants the answer to go on at a path.
func (l *line) leads(got posted, path string) {
	l.t.Helper()
	if want := publicURL + path + "#ct="; !strings.Contains(got.body, want) {
		l.t.Errorf("%s\ndoes not lead to %s", got.body, path)
	}
}

func turnPath(n int) string { return fmt.Sprintf("/twilio/voice/turn/%d", n) }

func again(n, k int) string { return fmt.Sprintf("/twilio/voice/turn/%d/again/%d", n, k) }
