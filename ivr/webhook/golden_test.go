package webhook_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/internal/twilio"
	"duebell/ivr"
	"duebell/ivr/webhook"
	standin "duebell/lab/twilio"
)

// update renews the golden documents; "duebell-lab prompts refresh" sets it.
var update = flag.Bool("update", false, "write the golden documents anew")

// Replies of every kind as TwiML, compared with golden files.
func TestRenderGolden(t *testing.T) {
	c, s := catalog(t), settings(t)
	for name, reply := range replies() {
		t.Run(name, func(t *testing.T) {
			reply.Lang = "en"
			got, err := webhook.Render(reply, place, c, s)
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, filepath.Join("twiml", name+".xml"), got, indent(string(got)))
			if again, _ := webhook.Render(reply, place, c, s); string(again) != string(got) {
				t.Error("the same reply gave other bytes")
			}
		})
	}
}

// H3, H5: what the person hears, as Twilio gets it, and what each key does. The words are said again
// once, to whoever is silent (the second question of the same document) or presses something else.
func TestWhisperGolden(t *testing.T) {
	down := func(d *handOffStore) { d.down = true }
	tests := []struct {
		name, path, keys string
		handOffs         func(*handOffStore)
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
			if tt.handOffs != nil {
				tt.handOffs(l.handOffs)
			}
			got := l.post(whispers+tt.path, "Digits", tt.keys, "CallSid", "CAagent", "ParentCallSid", "CA1", "Direction", "outbound-dial")
			if tt.golden == "" {
				if want := string(twilio.EmptyResponse()); got != want {
					t.Errorf("%s, want %s: the two sides are connected at its end", got, want)
				}
			} else {
				whisperGolden(t, tt.golden, got)
			}
			if len(l.handOffs.accepted) != tt.accepted {
				t.Errorf("accepted %v", l.handOffs.accepted)
			}
		})
	}
}

// The number that is dialled carries the address of its whisper.
func TestTransferWhisperGolden(t *testing.T) {
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

// whisperGolden compares a document of a whisper with its golden file, a line for each element.
func whisperGolden(t *testing.T, name, doc string) {
	t.Helper()
	checkGolden(t, filepath.Join("whisper", name+".xml"), []byte(doc), strings.ReplaceAll(doc, "><", ">\n<")+"\n")
}

// checkGolden fails on a document that Twilio would not take, or that differs from its golden file in testdata, as it is
// shown there. With -update it writes the file.
func checkGolden(t *testing.T, name string, doc []byte, shown string) {
	t.Helper()
	for _, problem := range standin.CheckVoice(doc, true) {
		t.Errorf("Twilio would not take it: %s", problem)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(shown), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), shown); diff != "" {
		t.Errorf("%s is stale; look at the change, and if it is meant: duebell-lab prompts refresh (-want +got)\n%s", file, diff)
	}
}
