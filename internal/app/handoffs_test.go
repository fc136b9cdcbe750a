package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"duebell/billing"
	"duebell/billing/feed"
	"duebell/handoff"
	"duebell/internal/app"
	"duebell/internal/policyfile"
	"duebell/internal/seal"
	"duebell/internal/twilio"
	"duebell/ivr/webhook"
	"duebell/lab/samples"
	"duebell/lab/testenv"
	standin "duebell/lab/twilio"
	"duebell/store"
)

// lineTime is a Wednesday at ten in the morning in Boston: people are there.
var lineTime = time.Date(2027, time.February, 10, 15, 0, 0, 0, time.UTC)

type lineClock struct{}

func (lineClock) Now() time.Time { return lineTime }

// testLine is the serve role on real stores, with a stand-in Twilio and its callers before it.
type testLine struct {
	t      *testing.T
	twilio *standin.Twilio
	store  *store.Store
	pool   *pgxpool.Pool
	log    *lineLog
}

type lineLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lineLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func lineKeys(t *testing.T) seal.Keys {
	t.Helper()
	keys, err := seal.ParseKeys("k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func openTestLine(t *testing.T) *testLine {
	t.Helper()
	ctx := context.Background()
	l := &testLine{t: t, log: &lineLog{}}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	public := "http://" + listener.Addr().String()
	policy, err := policyfile.Load("")
	if err != nil {
		t.Fatal(err)
	}
	policy.AgentDial, policy.Languages = "+16175550190", []string{"en"}
	cfg := app.Config{Policy: policy, Data: lineKeys(t), Hash: lineKeys(t)}
	cfg.DatabaseURL, cfg.RedisURL, cfg.PublicURL = testenv.Postgres(t), testenv.Redis(t), public
	cfg.TwilioAccountSID, cfg.TwilioAuthToken, cfg.TwilioPhoneNumber = standin.DevAccountSID, standin.DevAuthToken, "+18776236765"
	cfg.TwilioPayConnectorCard, cfg.TwilioPayConnectorBank = "stripe_card", "duebell_bank"
	serve, err := app.NewServe(ctx, cfg, app.Deps{Clock: lineClock{}, Log: slog.New(slog.NewJSONHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: serve.Handler(), ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if err := serve.Close(); err != nil {
			t.Error(err)
		}
	})
	if l.pool, err = pgxpool.New(ctx, cfg.DatabaseURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.pool.Close)
	l.store = store.New(l.pool, nil, cfg.Data, cfg.Hash, app.SystemClock{})
	calendar, err := billing.NewCalendar(policy)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := samples.Import(ctx, l.store, samples.Stories(), lineTime.Add(-time.Hour), calendar, feed.RulesOf(policy, calendar.DateOf(lineTime))); err != nil {
		t.Fatal(err)
	}
	at := func(path string) string { return twilio.VoiceURL(public, path) }
	l.twilio, err = standin.New(standin.Config{
		PublicURL: public, OverridesRequired: true, Now: lineClock{}.Now, Seed: 1,
		Numbers: []standin.Number{{
			Phone: "+18776236765", VoiceURL: at(webhook.IncomingPath), VoiceFallbackURL: at(webhook.FallbackPath), StatusURL: public + webhook.StatusPath,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// call rings the line and presses keys until a person is asked for.
func (l *testLine) call(presses ...string) *standin.Call {
	l.t.Helper()
	ctx := context.Background()
	c, err := l.twilio.Call(ctx, standin.CallOptions{From: "+16175550101"})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, keys := range presses {
		if err := c.Press(ctx, keys); err != nil {
			l.t.Fatalf("%v\n%s", err, strings.Join(c.Transcript(), "\n"))
		}
	}
	return c
}

func heard(list []standin.Heard) string {
	var texts []string
	for _, h := range list {
		texts = append(texts, h.Text)
	}
	return strings.Join(texts, " ")
}

// proven is how a member gets to the question what to pay.
var proven = []string{"1", "712345678#", "04121980#", "02139#"}

// H3, H5: whoever answers hears who it is, and takes the call by key or does not; the caller talks to
// somebody, or hears that no one is free and is back where 0 was pressed.
func TestToAPersonAndBack(t *testing.T) {
	const (
		stranger = "A caller from the payment line. Identity not proven. 3 tries left to prove it. The caller speaks English. " +
			"The caller was at the main menu. No payment is under way. Press 1 to take the call."
		member = "A caller from the payment line. Identity proven, account ending in 5678. The caller speaks English. " +
			"The caller was hearing what is owed. A bill is due. No payment is under way. Press 1 to take the call."
	)
	tests := []struct {
		name     string
		plan     standin.AgentPlan
		presses  []string
		whisper  string
		outcome  handoff.Outcome
		back     string // what the caller hears next; empty: talks to somebody
		followUp bool   // people are left with something to do
	}{
		{"taken", standin.AgentPlan{Keys: []string{"1"}}, nil, stranger, handoff.Accepted, "", false},
		{"taken, a member", standin.AgentPlan{Keys: []string{"1"}}, proven, member, handoff.Accepted, "", false},
		{"taken at the second asking", standin.AgentPlan{Keys: []string{"", "1"}}, nil, stranger + " " + stranger, handoff.Accepted, "", false},
		{"taken behind a wrong key", standin.AgentPlan{Keys: []string{"5", "1"}}, nil, stranger + " " + stranger, handoff.Accepted, "", false},
		{
			"no key", standin.AgentPlan{}, nil, stranger + " " + stranger + " The call was not taken. Goodbye.",
			handoff.Declined, "to pay, press 1", true,
		},
		{
			"wrong keys", standin.AgentPlan{Keys: []string{"2", "2"}}, proven, member + " " + member + " The call was not taken. Goodbye.",
			handoff.Declined, "To pay all of it, press 1", true,
		},
		{"busy", standin.AgentPlan{Outcome: "busy"}, proven, "", handoff.Busy, "To pay all of it, press 1", true},
		{"no answer", standin.AgentPlan{Outcome: "no-answer"}, nil, "", handoff.NoAnswer, "to pay, press 1", true},
		{"failed", standin.AgentPlan{Outcome: "failed"}, nil, "", handoff.Failed, "to pay, press 1", true},
		{"canceled", standin.AgentPlan{Outcome: "canceled"}, nil, "", handoff.Canceled, "to pay, press 1", true},
	}
	l := openTestLine(t)
	ctx := context.Background()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := l.pool.Exec(ctx, "DELETE FROM handoff_refs; DELETE FROM handoffs"); err != nil {
				t.Fatal(err)
			}
			l.t = t
			l.twilio.SetAgent(tt.plan)
			c := l.call(append(tt.presses, "0")...)
			if got := heard(c.Agent().Heard()); got != tt.whisper {
				t.Errorf("the person hears %q\nwant %q", got, tt.whisper)
			}
			after := heard(c.HeardSinceInput())
			if tt.back == "" {
				if _, talks := c.State().(standin.AskDial); !talks {
					t.Fatalf("state %#v, heard %q", c.State(), after)
				}
				if err := c.AgentHangsUp(ctx); err != nil {
					t.Fatal(err)
				}
				if !c.Over() {
					t.Errorf("the call goes on: %q", heard(c.HeardSinceInput()))
				}
			} else {
				if !strings.Contains(after, "No one is free") || !strings.Contains(after, tt.back) {
					t.Errorf("the caller hears %q, wants %q", after, tt.back)
				}
				if err := c.HangUp(ctx); err != nil {
					t.Fatal(err)
				}
			}
			l.wantRequest(t, tt.outcome, tt.followUp)
		})
	}
	if faults := l.twilio.Faults(); len(faults) > 0 {
		t.Errorf("Twilio would not have it: %v", faults)
	}
	for _, secret := range []string{"04121980", "02139"} {
		if strings.Contains(l.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

func (l *testLine) wantRequest(t *testing.T, outcome handoff.Outcome, followUp bool) {
	t.Helper()
	ctx := context.Background()
	all, err := l.store.HandOffs(ctx, false, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []handoff.Request{{Kind: handoff.HandOver, Number: "+16175550101", Reason: "asked", Lang: "en", At: lineTime, Outcome: outcome, Open: followUp}}
	ignored := cmpopts.IgnoreFields(handoff.Request{}, "ID", "Account", "Tier", "Doing")
	same := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	if diff := cmp.Diff(want, all, ignored, same); diff != "" {
		t.Error(diff)
	}
	open, err := l.store.HandOffs(ctx, true, 10)
	if err != nil || (len(open) == 1) != followUp {
		t.Errorf("%d open, %v", len(open), err)
	}
}

// H5: whoever takes a caller with a payment that is not settled hears it last, and not to take another.
func TestThePersonHearsOfAnOpenPayment(t *testing.T) {
	l := openTestLine(t)
	const open = `INSERT INTO payment_attempts (key, call_sid, turn, account, cents, method, state, offered_at, token_sealed, authorized_at, reference, intent_id, not_before)
		VALUES ('open', 'CAearlier', 9, '712345678', 19800, 'card', 'unknown', $1, 'x', $1, '100000009', 'pi_1', $1)`
	if _, err := l.pool.Exec(context.Background(), open, lineTime.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	l.twilio.SetAgent(standin.AgentPlan{Keys: []string{"1"}})
	c := l.call(append(proven, "0")...)
	if got := heard(c.Agent().Heard()); !strings.HasSuffix(got, "Payment authorized, outcome not known. Do not take another. Press 1 to take the call.") {
		t.Errorf("the person hears %q", got)
	}
}

// A reference that leads nowhere connects nobody: the person is told so, and the caller goes on.
func TestAWhisperNeedsItsReference(t *testing.T) {
	l := openTestLine(t)
	const forget = `CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
		CREATE TRIGGER forget BEFORE INSERT ON handoff_refs FOR EACH ROW EXECUTE FUNCTION forget()`
	if _, err := l.pool.Exec(context.Background(), forget); err != nil {
		t.Fatal(err)
	}
	l.twilio.SetAgent(standin.AgentPlan{Keys: []string{"1"}})
	c := l.call("0")
	if got := heard(c.Agent().Heard()); got != "This call is no longer here. Goodbye." {
		t.Errorf("the person hears %q", got)
	}
	if after := heard(c.HeardSinceInput()); !strings.Contains(after, "No one is free") {
		t.Errorf("the caller hears %q", after)
	}
}
