package dev_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"duebell/lab/dev"
	"duebell/lab/processor"
)

// hand dials and presses through the page's API, as its scripts do.
type hand struct {
	t        *testing.T
	url, sid string
	question int
	said     string
	kind     string
}

type callView struct {
	SID      string
	Question int
	Running  bool
	Ask      struct{ Kind string }
	Lines    []struct{ Who, Text string }
}

func (h *hand) post(path string, body, into any) {
	h.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	res, err := http.Post(h.url+"/api/"+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		h.t.Fatal(err)
	}
	h.read(res, into)
}

func (h *hand) read(res *http.Response, into any) {
	h.t.Helper()
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		h.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %s\n%s", res.Status, &body, h.said)
	}
	if err := json.Unmarshal(body.Bytes(), into); err != nil {
		h.t.Fatal(err)
	}
}

// dial places a call and waits until something is asked.
func (h *hand) dial(from string) {
	h.t.Helper()
	var placed callView
	h.post("calls", map[string]string{"from": from}, &placed)
	h.sid = placed.SID
	end := time.After(patience)
	for h.kind != "gather" {
		var state struct{ Call callView }
		res, err := http.Get(h.url + "/api/state?call=" + h.sid)
		if err != nil {
			h.t.Fatal(err)
		}
		h.read(res, &state)
		h.see(state.Call)
		select {
		case <-end:
			h.t.Fatalf("nothing is asked: %s", h.said)
		default:
		}
	}
}

func (h *hand) see(v callView) {
	h.question, h.kind, h.said = v.Question, v.Ask.Kind, ""
	for _, l := range v.Lines {
		h.said += l.Who + ": " + l.Text + "\n"
	}
}

// act does one thing, once these words have been said.
func (h *hand) act(heard, name string, body map[string]any) {
	h.t.Helper()
	if !strings.Contains(strings.ToLower(h.said), strings.ToLower(heard)) {
		h.t.Fatalf("expected %q:\n%s", heard, h.said)
	}
	body["question"] = h.question
	var v callView
	h.post("calls/"+h.sid+"/"+name, body, &v)
	h.see(v)
}

func (h *hand) press(heard, keys string) {
	h.t.Helper()
	h.act(heard, "press", map[string]any{"keys": keys})
}

// paysAllByCard is a member's first call, from the greeting to the confirmation number.
func (h *hand) paysAllByCard(phone, account, born, zip string) {
	h.t.Helper()
	h.dial(phone)
	h.press("for English, press 1", "1")
	h.press("balance", "1")
	h.press("account number or member ID", account)
	h.press("date of birth", born)
	h.press("ZIP code", zip)
	h.press("to pay all of it, press 1", "1")
	h.press("a card, press 2", "2")
	h.press("if that is right, press 1", "1")
	h.act("card number", "pay-card", map[string]any{"number": "4242424242424242", "expiry": "12/34", "code": "123", "postal": zip})
	if !strings.Contains(h.said, "confirmation number") {
		h.t.Fatalf("no confirmation:\n%s", h.said)
	}
}

// A processor that was named beforehand takes the place of dev's own, also for Twilio's connector.
func TestAnExternalProcessor(t *testing.T) {
	t.Parallel()
	theirs := processor.New(processor.Config{Now: time.Now})
	t.Cleanup(theirs.Close)
	server := httptest.NewServer(theirs)
	t.Cleanup(server.Close)
	r := run(t, func(o *dev.Options) { o.Settings.StripeAPIURL = server.URL })
	h := &hand{t: t, url: r.phone}
	h.paysAllByCard("+16175550101", "712345678", "04121980", "02139")
	if charges := theirs.Charges(); len(charges) != 1 || charges[0].Cents != 19800 {
		t.Errorf("charged there: %+v", charges)
	}
}

// A Twilio that was named beforehand gets the texts; there is no telephone on the page then.
func TestAnExternalTwilio(t *testing.T) {
	t.Parallel()
	texts := make(chan url.Values, 10)
	var once sync.Mutex
	n := 0
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/Messages.json") {
			http.Error(w, `{"code": 20404, "message": "not found", "status": 404}`, http.StatusNotFound)
			return
		}
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		once.Lock()
		n++
		sid := "SM" + strings.Repeat("0", 31) + string(rune('0'+n))
		once.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]string{"sid": sid, "status": "accepted"})
		texts <- r.PostForm
	}))
	t.Cleanup(theirs.Close)
	r := run(t, func(o *dev.Options) { o.Settings.TwilioAPIURL = theirs.URL })
	p := &process{t: t, dir: filepath.Dir(r.dir)}
	env := p.settings()
	caller := p.outsider("CA00000000000000000000000000000003", "+16175550101")
	caller.dial("712345678", "04121980", "02139")
	caller.option("card")
	caller.option("if that is right")
	caller.pay(url.Values{"PaymentToken": {"pm_card_visa"}, "PaymentMethod": {"credit-card"}, "PaymentCardNumber": {"xxxxxxxxxxxx4242"}, "PaymentCardType": {"visa"}})
	confirmation := caller.confirmation()
	select {
	case text := <-texts:
		if text.Get("To") != "+16175550101" || !strings.Contains(text.Get("Body"), confirmation) || text.Get("MessagingServiceSid") != env["TWILIO_MESSAGING_SERVICE_SID"] {
			t.Errorf("texted: %v", text)
		}
	case <-time.After(patience):
		t.Error("no text was sent there")
	}
}

// The clock runs past 02:00 on the 1st by itself, and the new bills come.
func TestTheClockPassesTwo(t *testing.T) {
	t.Parallel()
	r := run(t, func(o *dev.Options) { o.Now = "2027-03-01T01:59:58-05:00" })
	env := (&process{t: t, dir: filepath.Dir(r.dir)}).settings()
	db, err := pgx.Connect(t.Context(), env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	end := time.After(patience)
	for {
		var loaded int
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM import_runs WHERE as_of >= '2027-03-01T02:00:00-05:00'`).Scan(&loaded); err != nil {
			t.Fatal(err)
		}
		if loaded > 0 {
			return
		}
		select {
		case <-again.C:
		case <-end:
			t.Fatal("02:00 has passed, and no import came")
		}
	}
}
