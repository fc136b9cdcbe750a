package feed_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing/feed"
)

func readConsents(t *testing.T, text string) (rows []feed.GivenConsent, problems []string) {
	t.Helper()
	r, err := feed.OpenConsents(feed.Text("f.csv", text), func(p feed.Problem) { problems = append(problems, p.String()) })
	if err != nil {
		t.Fatal(err)
	}
	for r.Next() {
		if r.Row().Sound {
			rows = append(rows, r.Row().Consent)
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return rows, problems
}

// TestConsents: as exported, and as little as another system has.
func TestConsents(t *testing.T) {
	at := time.Date(2027, time.January, 5, 15, 0, 0, 0, time.UTC)
	for text, want := range map[string]feed.GivenConsent{
		"number,channel,purpose,source,at,wording\n+16175550101,voice,payments,letter,2027-01-05T15:00:00Z,form 12\n": {
			Number: "+16175550101", Channel: "voice", Purpose: "payments", Source: "letter", At: at, Wording: "form 12",
		},
		"number,at,wording\n+16175550101,2027-01-05T10:00:00-05:00,form 12\n": {
			Number: "+16175550101", Channel: "sms", Purpose: "payments", Source: "opt_in", At: at, Wording: "form 12",
		},
	} {
		rows, problems := readConsents(t, text)
		if len(rows) != 1 || problems != nil {
			t.Fatalf("%q: %d rows, problems %q", text, len(rows), problems)
		}
		if rows[0].At = rows[0].At.UTC(); cmp.Diff(want, rows[0]) != "" {
			t.Error(cmp.Diff(want, rows[0]))
		}
	}
}

// TestBadConsents: without the words that were agreed to it is no evidence (O1), and calls are opt-in only (N10).
func TestBadConsents(t *testing.T) {
	_, problems := readConsents(t, "number,at,wording,channel,source,purpose\n+16175550101,2027-01-05T15:00:00Z,,sms,,\n"+
		"+16175550101,2027-01-05T15:00:00Z,form 12,voice,application,\n+16175550101,2027-01-05T15:00:00Z,form 12,sms,dream,ads\n")
	want := []string{
		"f.csv:2: wording: must not be empty",
		"f.csv:3: source: reminder calls need an opt-in: a number on the application is none",
		"f.csv:4: source: want one of: application, opt_in, text, twilio, key, speech, agent, call, letter, web",
		"f.csv:4: purpose: want one of: payments",
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
