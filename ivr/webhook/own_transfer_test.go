package webhook_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/ivr"
	"duebell/ivr/webhook"
)

var whisperURL = regexp.MustCompile(`<Number url="https://pay\.example\.org/twilio/voice/whisper/([A-Z2-7]{26})#ct=`)

// whisperRef is the reference in a transfer's whisper, or nothing.
func whisperRef(t *testing.T, doc string) string {
	t.Helper()
	m := whisperURL.FindStringSubmatch(doc)
	if m == nil {
		t.Fatalf("no whisper in %s", doc)
	}
	return m[1]
}

func atStep(t *testing.T, s ivr.Session) func(*webhook.Config) {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *webhook.Config) {
		c.Sessions = oneLease{webhook.TurnLease{Outcome: webhook.Acquired, Session: b}}
	}
}

// busy has another delivery hold the lease for good; waiting for it is soon over.
func busy(lang, step string) func(*webhook.Config) {
	return func(c *webhook.Config) {
		c.Sessions = oneLease{webhook.TurnLease{Outcome: webhook.Busy, Lang: lang, Step: step}}
		c.Timing.Wait = 40 * time.Millisecond
	}
}

func onceKnown(m ivr.Milestone) func(*webhook.Config) {
	return func(c *webhook.Config) { c.Calls = lastMilestones{&m} }
}

// Where the line itself gives a caller to a person, the person hears as much as is known, and it is on record.
func TestOwnTransfersAreAnnounced(t *testing.T) {
	member := ivr.Member{ID: "100200300401"}
	known := ivr.Milestone{Call: "CA1", Lang: "es", Member: member, Account: "712345678", Attempt: "attempt-1"}
	guest := ivr.Milestone{Call: "CA1", Lang: "en", Account: "712345678"}
	tests := []struct {
		name   string
		path   string
		change []func(*webhook.Config)
		want   ivr.HandOff
	}{
		{
			"a turn that fails", "/twilio/voice/turn/4",
			[]func(*webhook.Config){atStep(t, ivr.Session{
				Call: "CA1", Turn: 3, Language: ivr.Language{Tag: "en"}, Step: ivr.ReadBack, Member: member, Account: ivr.Account{Number: "712345678"}, Tries: ivr.Tries{Verify: 1},
			})},
			ivr.HandOff{
				Turn: 4, Verified: true, Account: "712345678", Lang: "en", Step: ivr.ReadBack,
				Context: ivr.AgentContext{Tier: "T2", Account: "5678", Doing: ivr.ReadBack, TriesLeft: 2},
			},
		},
		{
			"a turn that fails where money may have moved", "/twilio/voice/turn/4",
			[]func(*webhook.Config){atStep(t, ivr.Session{
				Call: "CA1", Turn: 3, Language: ivr.Language{Tag: "en"}, Step: ivr.Terms, Guest: ivr.Guest{Paying: true}, Account: ivr.Account{Number: "712345678"}, Attempt: "attempt-1",
			})},
			ivr.HandOff{
				Turn: 4, Account: "712345678", Attempt: "attempt-1", Lang: "en", Step: ivr.Terms,
				Context: ivr.AgentContext{Tier: "T1", Account: "5678", Doing: ivr.Terms, Payment: "unknown", TriesLeft: 3},
			},
		},
		{
			"one moment, for the last time", "/twilio/voice/turn/4/again/3",
			[]func(*webhook.Config){busy("en", "holding"), onceKnown(known)},
			ivr.HandOff{
				Turn: 4, Verified: true, Account: "712345678", Attempt: "attempt-1", Lang: "es", Step: ivr.Holding,
				Context: ivr.AgentContext{Tier: "T2", Account: "5678", Doing: ivr.Holding, Payment: "unknown", TriesLeft: -1},
			},
		},
		{
			"the same, of a guest", "/twilio/voice/turn/4/again/3",
			[]func(*webhook.Config){busy("en", "ask-amount"), onceKnown(guest)},
			ivr.HandOff{
				Turn: 4, Account: "712345678", Lang: "en", Step: ivr.AskAmount,
				Context: ivr.AgentContext{Tier: "T1", Account: "5678", Doing: ivr.AskAmount, TriesLeft: -1},
			},
		},
		{
			"a fallback for a call of which nothing is known", "/twilio/voice/fallback", nil,
			ivr.HandOff{Context: ivr.AgentContext{Tier: "T0", TriesLeft: -1}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := openWhisper(t, tt.change...)
			doc := l.post(tt.path, "Digits", "1")
			ref := whisperRef(t, doc)
			if again := whisperRef(t, l.post(tt.path, "Digits", "1")); again != ref {
				t.Errorf("the same request leads to %s and to %s", ref, again)
			}
			l.drain()
			tt.want.Call, tt.want.Ref, tt.want.Reason, tt.want.At = "CA1", ref, "trouble", whisperTime
			if len(l.handOffs.recorded) != 2 {
				t.Fatalf("%d records of two deliveries", len(l.handOffs.recorded))
			}
			for _, got := range l.handOffs.recorded {
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// A transfer is made even where its record cannot be written.
func TestOwnTransfersAreMadeWithoutARecord(t *testing.T) {
	l := openWhisper(t)
	l.handOffs.down = true
	if doc := l.post("/twilio/voice/fallback"); whisperRef(t, doc) == "" {
		t.Error(doc)
	}
}

// Without a hand-off store transfers have no whisper.
func TestWithoutHandOffsNothingIsWhispered(t *testing.T) {
	l := openWhisper(t, func(c *webhook.Config) { c.HandOffs = nil })
	if doc := l.post("/twilio/voice/fallback"); !strings.Contains(doc, "<Number>+16175550190</Number>") {
		t.Errorf("%s", doc)
	}
	if w := l.send(whispers+"REF1", nil, "any"); w.Code != 404 {
		t.Errorf("a whisper answers %d", w.Code)
	}
}

// H5: what became of a transfer is recorded for the turn that made it. The key that the person pressed counts
// where Twilio does not say that the two sides were connected.
func TestTheEndOfATransfer(t *testing.T) {
	tests := []struct {
		name   string
		step   ivr.StepName
		status string
		keyed  bool
		over   string
		ends   bool // the caller is through
	}{
		{"taken", ivr.Person, "completed", true, "CA1 3 declined", true}, // the store knows better, and its word counts
		{"busy", ivr.Person, "busy", false, "CA1 3 busy", false},
		{"our own, taken", ivr.LostPlace, "completed", true, "CA1 3 declined", true},
		{"our own, hung up in the whisper", ivr.LostPlace, "completed", false, "CA1 3 declined", false},
		{"our own, no answer", ivr.LostPlace, "no-answer", false, "CA1 3 no-answer", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := openWhisper(t, atStep(t, ivr.Session{Call: "CA1", Turn: 3, Language: ivr.Language{Tag: "en"}, Step: tt.step}))
			l.handOffs.took = tt.keyed
			l.post("/twilio/voice/turn/4", "DialCallStatus", tt.status, "DialBridged", "false")
			if diff := cmp.Diff([]string{tt.over}, l.handOffs.over); diff != "" {
				t.Error(diff)
			}
			switch {
			case tt.step == ivr.Person:
				if len(l.engine.heard) != 1 || l.engine.heard[0].Transfer.Bridged != tt.ends {
					t.Errorf("the conversation hears %+v", l.engine.heard)
				}
			case tt.ends != (len(l.engine.heard) == 0):
				t.Errorf("the conversation hears %+v", l.engine.heard)
			}
		})
	}
}

// If the end of a transfer cannot be recorded, Twilio's word on it counts.
func TestTheEndOfATransferWithoutTheDatabase(t *testing.T) {
	l := openWhisper(t, atStep(t, ivr.Session{Call: "CA1", Turn: 3, Language: ivr.Language{Tag: "en"}, Step: ivr.Person}))
	l.handOffs.down = true
	l.post("/twilio/voice/turn/4", "DialCallStatus", "completed", "DialBridged", "true")
	if len(l.engine.heard) != 1 || !l.engine.heard[0].Transfer.Bridged {
		t.Errorf("the conversation hears %+v", l.engine.heard)
	}
}
