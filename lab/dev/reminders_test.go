package dev_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"duebell/lab/dev"
)

// inbox is what the phone's page shows of the texts that came, and the clock that dev's commands move.
type inbox struct {
	*hand
	control string
	seen    map[shownText]bool
}

type shownText struct{ Number, Way, Body, State, Kind, At string }

// openInbox starts a dev on the morning of the 13th.
func openInbox(t *testing.T) *inbox {
	t.Helper()
	r := run(t, func(o *dev.Options) { o.Now = "2027-02-13T08:30:00-05:00" })
	env := (&process{t: t, dir: filepath.Dir(r.dir)}).settings()
	return &inbox{hand: &hand{t: t, url: r.phone}, control: env["DUEBELL_DEV_CONTROL"], seen: map[shownText]bool{}}
}

// until moves the clock and gives what came meanwhile: who got a text of which kind.
func (b *inbox) until(instant string) []string {
	b.t.Helper()
	res, err := http.PostForm(b.control+"/clock", url.Values{"until": {instant}}) //nolint:noctx // ends with the test's dev
	if err != nil {
		b.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %s", instant, res.Status)
	}
	return b.came()
}

// came is what has come since the last look.
func (b *inbox) came() (list []string) {
	b.t.Helper()
	res, err := http.Get(b.url + "/api/state")
	if err != nil {
		b.t.Fatal(err)
	}
	var state struct{ Texts []shownText }
	b.read(res, &state)
	for _, text := range state.Texts {
		said := text
		said.State = "" // it moves on; the text is the same
		if text.Way != "in" || b.seen[said] {
			continue
		}
		b.seen[said] = true
		switch {
		case text.Kind == "":
			text.Kind = text.State // Twilio's own answer
		case text.State != "sent" && text.State != "delivered":
			b.t.Errorf("a text to %s is %s", text.Number, text.State)
		case !strings.Contains(text.Body, "Health Connector"):
			b.t.Errorf("a text to %s has no words: %q", text.Number, text.Body)
		}
		list = append(list, text.Number+" "+text.Kind)
	}
	slices.Sort(list)
	return list
}

func (b *inbox) want(when string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.until(when), cmpopts.EquateEmpty()); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// From the 13th on the sample members get the reminders of each day, and nobody else gets any; Luis
// (0102) has paid, and the notice of Marcos's draw (0104) was due before.
func TestRemindersOfTheSampleMembers(t *testing.T) {
	t.Parallel()
	b := openInbox(t)
	b.want("2027-02-13T10:00", "+15085550103 due_soon", "+18575550106 due_soon")
	b.want("2027-02-20T10:00", "+15085550103 due_soon", "+16175550101 due_soon", "+16175550105 due_soon", "+18575550106 due_soon")
	b.want("2027-02-22T10:00", "+18575550106 due_soon")
	b.want("2027-02-23T10:00", "+15085550103 due_today", "+16175550101 due_today", "+16175550105 due_today", "+18575550106 due_today")
	b.want("2027-02-24T10:00", "+15085550103 past_due", "+16175550101 past_due", "+16175550105 past_due")
	b.want("2027-02-25T10:00", "+16175550101 grace_ending", "+16175550105 grace_ending")
	b.want("2027-02-28T20:00")
}

// Who pays by phone hears no more of it, and neither does who texts STOP; the others go on being reminded, into grace.
func TestPayingAndSTOPEndTheReminders(t *testing.T) {
	t.Parallel()
	b := openInbox(t)
	b.want("2027-02-13T10:00", "+15085550103 due_soon", "+18575550106 due_soon")
	b.want("2027-02-20T10:00", "+15085550103 due_soon", "+16175550101 due_soon", "+16175550105 due_soon", "+18575550106 due_soon")

	b.paysAllByCard("+15085550103", "734567890", "07081992", "01608")
	b.post("texts", map[string]string{"from": "+16175550105", "body": "STOP"}, new(any))
	b.want("2027-02-20T11:00", "+15085550103 payment_received", "+16175550105 Twilio's own answer")

	b.want("2027-02-22T10:00", "+18575550106 due_soon")
	b.want("2027-02-23T10:00", "+16175550101 due_today", "+18575550106 due_today")
	b.want("2027-02-24T10:00", "+16175550101 past_due")
	b.want("2027-02-25T10:00", "+16175550101 grace_ending")
	b.want("2027-02-28T20:00")

	b.post("texts", map[string]string{"from": "+16175550105", "body": "START"}, new(any))
	b.want("2027-03-19T20:00", "+15085550103 due_soon", "+16175550105 Twilio's own answer", "+17815550104 autopay_upcoming", "+18575550106 due_soon")
}
