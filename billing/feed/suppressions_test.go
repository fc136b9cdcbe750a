package feed_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing/feed"
)

func readSuppressions(t *testing.T, text string) (rows []feed.Suppression, problems []string) {
	t.Helper()
	r, err := feed.OpenSuppressions(feed.Text("f.csv", text), func(p feed.Problem) { problems = append(problems, p.String()) })
	if err != nil {
		t.Fatal(err)
	}
	for r.Next() {
		if r.Row().Sound {
			rows = append(rows, r.Row().Suppression)
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return rows, problems
}

// TestSuppressions: as exported, as little as another system has, and in any order of columns.
func TestSuppressions(t *testing.T) {
	at := time.Date(2027, time.January, 5, 15, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		text string
		want feed.Suppression
	}{
		"as exported":    {"number,channel,purpose,source,at,words\n+16175550101,voice,all,key,2027-01-05T15:00:00Z,7\n", feed.Suppression{Number: "+16175550101", Channel: "voice", Purpose: "all", Source: "key", At: at, Words: "7"}},
		"the least":      {"Number,At\n+16175550101,2027-01-05T10:00:00-05:00\n", feed.Suppression{Number: "+16175550101", Channel: "sms", Purpose: "payments", Source: "import", At: at}},
		"another order":  {"at,source,number\n2027-01-05T15:00:00Z,twilio,+16175550101\n", feed.Suppression{Number: "+16175550101", Channel: "sms", Purpose: "payments", Source: "twilio", At: at}},
		"empty and BOM":  {"\ufeffnumber,at,channel,purpose,source,words\n+16175550101,2027-01-05T15:00:00Z,,,,\n", feed.Suppression{Number: "+16175550101", Channel: "sms", Purpose: "payments", Source: "import", At: at}},
		"words in words": {"number,at,words\n+16175550101,2027-01-05T15:00:00Z,\"stop, please\"\n", feed.Suppression{Number: "+16175550101", Channel: "sms", Purpose: "payments", Source: "import", At: at, Words: "stop, please"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, problems := readSuppressions(t, c.text)
			if len(rows) != 1 || problems != nil {
				t.Fatalf("%d rows, problems %q", len(rows), problems)
			}
			if rows[0].At = rows[0].At.UTC(); cmp.Diff(c.want, rows[0]) != "" {
				t.Error(cmp.Diff(c.want, rows[0]))
			}
		})
	}
}

// TestBadSuppressions: nothing is guessed, and no number is told.
func TestBadSuppressions(t *testing.T) {
	_, problems := readSuppressions(t, "number,at,channel,purpose,source\n617-555-0101,2027-01-05T15:00:00Z,sms,payments,text\n+16175550101,2027-01-05,fax,ads,dream\n,,,,\n")
	want := []string{
		"f.csv:2: number: want the number with + and country code, as +16175550101",
		"f.csv:3: at: want an instant with its offset, as 2027-01-31T23:59:59-05:00",
		"f.csv:3: channel: want one of: sms, voice",
		"f.csv:3: purpose: want one of: payments, all",
		"f.csv:3: source: want one of: text, twilio, key, speech, agent, letter, web, carrier, undeliverable, reassigned, import",
		"f.csv:4: number: must not be empty",
		"f.csv:4: at: want an instant with its offset, as 2027-01-31T23:59:59-05:00",
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for header, want := range map[string]string{
		"number,when":         "f.csv:1: column 2 is unknown in a suppressions file",
		"number,at,number":    "f.csv:1: column number is there twice",
		"phone,at":            "f.csv:1: column 1 is unknown in a suppressions file",
		"channel,purpose,at,": "f.csv:1: column 4 is unknown in a suppressions file",
	} {
		if _, problems := readSuppressions(t, header+"\n"); len(problems) == 0 || problems[0] != want {
			t.Errorf("%s: %q", header, problems)
		}
	}
}

// TestOwnKind tells our own files from those of billing.
func TestOwnKind(t *testing.T) {
	for text, want := range map[string]feed.Kind{
		"number,at\n": feed.Suppressions, "at,words,number\n": feed.Suppressions, "number,at,wording\n": feed.Consents,
		head(feed.Members) + "\n": "", head(feed.Payments) + "\n": "", "": "", "number\n": "",
	} {
		if got, err := feed.OwnKind(feed.Text("f.csv", text)); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
