package phone_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"duebell/billing"
	"duebell/lab/harness"
	"duebell/lab/phone"
	"duebell/lab/samples"
	"duebell/lab/twilio"
)

const lineNumber = "+18776236765"

// stage is an environment that records what was done to it.
type stage struct {
	mu   sync.Mutex
	now  time.Time
	done []string
	rows harness.Rows
	err  error
}

func (s *stage) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stage) Until(_ context.Context, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = at
	return s.err
}

func (s *stage) Rows(context.Context) (harness.Rows, error) { return s.rows, s.err }

func (s *stage) Charges(context.Context) ([]harness.Charge, error) { return nil, s.err }

func (s *stage) Trouble(_ context.Context, part, word string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, part+" "+word)
	return s.err
}

// line is a product of three questions: a key, words, a card.
func line(w http.ResponseWriter, r *http.Request) {
	pages := map[string]string{
		"/twilio/voice/incoming": `<Gather input="dtmf" numDigits="3" finishOnKey="#" action="/twilio/voice/turn/1"><Say>Press keys.</Say></Gather><Hangup/>`,
		"/twilio/voice/turn/1":   `<Gather input="speech" action="/twilio/voice/turn/2"><Say language="en-US">Say yes.</Say></Gather><Hangup/>`,
		"/twilio/voice/turn/2": `<Pay paymentConnector="card" tokenType="payment-method" action="http://` + r.Host + `/twilio/voice/turn/3" postalCode="false" securityCode="false">` +
			`<Prompt for="payment-card-number"><Say>Number.</Say></Prompt><Prompt for="payment-card-number" errorType="timeout invalid-card-number invalid-card-type"><Say>Again.</Say></Prompt>` +
			`<Prompt for="expiration-date"><Say>Date.</Say></Prompt><Prompt for="expiration-date" errorType="timeout invalid-date"><Say>Again.</Say></Prompt>` +
			`<Prompt for="payment-processing"><Say>One moment.</Say></Prompt></Pay><Hangup/>`,
		"/twilio/voice/turn/3": `<Dial action="/twilio/voice/turn/4">+16175550190</Dial>`,
		"/twilio/voice/turn/4": `<Hangup/>`,
	}
	switch page, known := pages[r.URL.Path]; {
	case known:
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = io.WriteString(w, "<Response>"+page+"</Response>")
	case r.URL.Path == "/twilio/sms/incoming":
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = io.WriteString(w, "<Response/>")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

type client struct {
	t     *testing.T
	url   string
	stage *stage
}

// open stands a phone before the product of line.
func open(t *testing.T) client {
	t.Helper()
	product := httptest.NewServer(http.HandlerFunc(line))
	t.Cleanup(product.Close)
	s := &stage{now: time.Date(2027, 2, 10, 15, 0, 0, 0, time.UTC)}
	company, err := twilio.New(twilio.Config{
		PublicURL: product.URL, Numbers: []twilio.Number{{Phone: lineNumber}}, Now: s.Now,
		Connectors: map[string]twilio.Connector{"card": {Kind: twilio.Stripe}},
		Tokenize:   func(context.Context, twilio.Card) (string, error) { return "pm_1", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(company.Close)
	return openWith(t, s, company)
}

func openWith(t *testing.T, s *stage, company *twilio.Twilio) client {
	t.Helper()
	cal, err := billing.NewCalendar(billing.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	p, err := phone.New(phone.Config{
		Line: func() *twilio.Twilio { return company }, Number: lineNumber, Environment: s, Stories: samples.Stories(), Calendar: cal,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return client{t, server.URL, s}
}

func (d client) post(path string, body any) (status int, answer map[string]any) {
	d.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	res, err := http.Post(d.url+"/phone/api/"+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// must posts what has to be taken.
func (d client) must(path string, body any) map[string]any {
	d.t.Helper()
	status, answer := d.post(path, body)
	if status != http.StatusOK {
		d.t.Fatalf("%s: %d %v", path, status, answer)
	}
	return answer
}

func (d client) state(sid string) map[string]any {
	d.t.Helper()
	res, err := http.Get(d.url + "/phone/api/state?call=" + sid)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	var state map[string]any
	if err := json.NewDecoder(res.Body).Decode(&state); err != nil {
		d.t.Fatal(err)
	}
	return state
}

func askOf(t *testing.T, view any) map[string]any {
	t.Helper()
	call, ok := view.(map[string]any)
	if !ok {
		t.Fatalf("no call in %v", view)
	}
	ask, ok := call["ask"].(map[string]any)
	if !ok {
		t.Fatalf("no question in %v", call)
	}
	return ask
}

// dial places a call and waits until the line asks something.
func (d client) dial() string {
	d.t.Helper()
	sid, _ := d.must("calls", map[string]string{"from": "(617) 555-0101"})["sid"].(string)
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for {
		if askOf(d.t, d.state(sid)["call"])["kind"] == "gather" {
			return sid
		}
		select {
		case <-deadline.C:
			d.t.Fatalf("the line never asks anything: %v", d.state(sid)["call"])
		default:
		}
	}
}

type object = map[string]any

func TestACallByHand(t *testing.T) {
	d := open(t)
	sid := d.dial()
	act := func(question int, name string, body object) object {
		t.Helper()
		body["question"] = question
		return d.must("calls/"+sid+"/"+name, body)
	}
	for _, step := range []struct {
		act  string
		body object
		want object // of what is asked then
	}{
		{"key", object{"keys": "1"}, object{"kind": "gather", "typed": 1.0, "keys": true}},
		{"key", object{"keys": "2#"}, object{"kind": "gather", "typed": 0.0, "speech": true, "words": "The line waits for you to speak."}},
		{"say", object{"text": "yes", "confidence": 0.4}, object{"kind": "pay", "step": "payment-card-number", "method": "credit-card"}},
		{"press", object{"keys": "1234#"}, object{"kind": "dial"}}, // no card: the only try is used up
	} {
		call := d.state(sid)["call"].(map[string]any)
		question := int(call["question"].(float64))
		ask := askOf(t, act(question, step.act, step.body))
		for name, want := range step.want {
			if diff := cmp.Diff(want, ask[name]); diff != "" {
				t.Errorf("after %s: %s: %s", step.act, name, diff)
			}
		}
	}
	var said []string
	for _, l := range d.state(sid)["call"].(map[string]any)["lines"].([]any) {
		if l := l.(map[string]any); l["who"] == "line" || l["who"] == "caller" {
			said = append(said, l["text"].(string))
		}
	}
	want := []string{"dials", "Press keys.", "presses 12#", "Say yes.", `says "yes"`, "Number.", "keys the payment-card-number"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("the conversation: %s", diff)
	}
}

func TestACardAndThenAPerson(t *testing.T) {
	d := open(t)
	sid := d.dial()
	d.must("calls/"+sid+"/press", object{"question": 0, "keys": "1"})
	d.must("calls/"+sid+"/say", object{"question": 1, "text": "yes"})
	view := d.must("calls/"+sid+"/pay-card", object{"question": 2, "number": "4242 4242 4242 4242", "expiry": "12/34"})
	if kind := askOf(t, view)["kind"]; kind != "dial" {
		t.Fatalf("after the card: %v", view)
	}
	raw, _ := json.Marshal(view)
	if bytes.Contains(raw, []byte("4242")) {
		t.Errorf("the card stands in the page's data: %s", raw)
	}
	if kind := askOf(t, d.must("calls/"+sid+"/person-hangs-up", object{"question": 3}))["kind"]; kind != "ended" {
		t.Errorf("after the person: %v", kind)
	}
}

func TestHangingUpIsAlwaysPossible(t *testing.T) {
	d := open(t)
	sid := d.dial()
	d.must("calls/"+sid+"/hang-up", object{})
	if ask := askOf(t, d.state(sid)["call"]); ask["kind"] != "ended" {
		t.Errorf("after hanging up: %v", ask)
	}
	d.must("calls/"+sid+"/hang-up", object{})
}

func TestRefusalsAreSentences(t *testing.T) {
	d := open(t)
	sid := d.dial()
	for _, c := range []struct {
		path   string
		body   any
		status int
		want   string
	}{
		{"calls", object{"from": "12"}, 400, "not a phone number"},
		{"calls", object{"from": "phone 6175550101"}, 400, "not a phone number"},
		{"calls", object{"form": "+16175550101"}, 400, "could not be read"},
		{"calls/" + sid + "/key", object{"question": 7, "keys": "1"}, 409, "has gone on"},
		{"calls/" + sid + "/press", object{"question": 0, "keys": "12345"}, 422, "complete after 3 of 5 keys"},
		{"calls/" + sid + "/say", object{"question": 0, "text": "hello"}, 422, "listens to keys alone"},
		{"calls/" + sid + "/sing", object{}, 404, "cannot do that"},
		{"calls/CA0/key", object{"keys": "1"}, 404, "no such call"},
		{"texts", object{"from": "+16175550101", "body": " "}, 400, "Write what"},
		{"clock", object{"move": "back"}, 400, "no such button"},
		{"clock", object{"move": "until", "at": "2027-02-10T09:59"}, 400, "only moves forward"},
		{"clock", object{"move": "until", "at": "tomorrow"}, 400, "Give the time"},
		{"trouble", object{"part": "processor", "word": "on fire"}, 400, "no such trouble"},
		{"agent", object{"outcome": "asleep"}, 400, "A person takes"},
	} {
		status, answer := d.post(c.path, c.body)
		words, _ := answer["error"].(string)
		if status != c.status || !strings.Contains(words, c.want) {
			t.Errorf("%s %v: %d %q, want %d and %q", c.path, c.body, status, words, c.status, c.want)
		}
	}
}

func TestTheClockButtons(t *testing.T) {
	for move, want := range map[string]string{
		"hour": "2027-02-10T11:00", "day": "2027-02-11T10:00", "banking-days": "2027-02-12T10:00",
		"day-before-due": "2027-02-22T10:00", "minutes-before-due": "2027-02-23T16:55", "next-bill": "2027-03-01T10:00",
	} {
		d := open(t)
		d.must("clock", object{"move": move})
		clock := d.state("")["clock"].(map[string]any)
		if clock["local"] != want {
			t.Errorf("%s: %v, want %s", move, clock["local"], want)
		}
	}
}

// A day later is the same time of day, also where that day has 23 hours.
func TestADayOfTheWallClock(t *testing.T) {
	d := open(t)
	d.must("clock", object{"move": "until", "at": "2027-03-13T12:00"})
	d.must("clock", object{"move": "day"})
	if at := d.state("")["clock"].(map[string]any)["local"]; at != "2027-03-14T12:00" {
		t.Errorf("a day after noon: %v", at)
	}
}

func TestRowsAndTexts(t *testing.T) {
	d := open(t)
	at := time.Date(2027, 2, 10, 15, 4, 5, 0, time.UTC)
	d.stage.rows = harness.Rows{
		Payments: []harness.PaymentRow{{Reference: "123456789", Account: "712345678", Cents: 19800, Method: "card", State: "taken", AuthorizedAt: at}},
		Ledger:   []harness.LedgerRow{{Account: "712345678", Kind: "reversal", Cents: -19800, ReceivedAt: at}},
		Texts:    []harness.TextRow{{To: "+16175550101", Kind: "receipt", State: "delivered", Body: "Thank you.", CreatedAt: at, SentAt: at}},
	}
	d.must("texts", object{"from": "+16175550101", "body": "STOP"})
	state := d.state("")
	for name, want := range map[string]any{
		"payments": []any{object{"reference": "123456789", "account": "712345678", "amount": "$198.00", "method": "card", "state": "taken", "at": "Feb 10, 10:04:05 AM"}},
		"ledger":   []any{object{"account": "712345678", "kind": "reversal", "amount": "−$198.00", "reference": "–", "at": "Feb 10, 10:04:05 AM"}},
	} {
		if diff := cmp.Diff(want, state[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var texts []string
	for _, x := range state["texts"].([]any) {
		x := x.(map[string]any)
		texts = append(texts, x["way"].(string)+": "+x["state"].(string))
	}
	want := []string{"in: delivered", "out: sent to the line", "in: Twilio's own answer"}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("texts: %s", diff)
	}
}

func TestTroubleIsShownUntilItActed(t *testing.T) {
	d := open(t)
	for _, x := range []object{
		{"part": "processor", "word": "slow 20s"}, {"part": "twilio", "word": "drops-next-reply"}, {"part": "database", "word": "down"}, {"part": "database", "word": "up"},
	} {
		d.must("trouble", x)
	}
	want := []string{"processor slow 20s", "twilio drops-next-reply", "database down", "database up"}
	if diff := cmp.Diff(want, d.stage.done); diff != "" {
		t.Errorf("what was broken: %s", diff)
	}
	shown := object{"processor": "slow 20s", "twilio": "", "database": "up"}
	if diff := cmp.Diff(shown, d.state("")["troubles"]); diff != "" {
		t.Errorf("what is shown: %s", diff)
	}
}

func TestADatabaseThatIsDown(t *testing.T) {
	d := open(t)
	d.stage.err = errors.New("no connection")
	if words, _ := d.state("")["trouble"].(string); !strings.Contains(words, "cannot be read") {
		t.Errorf("the page is told %q", words)
	}
}

func TestSomebodyElsesTelephoneCompany(t *testing.T) {
	d := openWith(t, &stage{now: time.Date(2027, 2, 10, 15, 0, 0, 0, time.UTC)}, nil)
	for path, body := range map[string]object{"calls": {"from": "+16175550101"}, "texts": {"from": "+16175550101", "body": "x"}, "agent": {"outcome": "busy"}} {
		status, answer := d.post(path, body)
		if words, _ := answer["error"].(string); status != http.StatusConflict || !strings.Contains(words, "TWILIO_API_URL") {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
	d.state("CA0")
}

func TestOnlyThisMachine(t *testing.T) {
	d := open(t)
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"by its own name", func(r *http.Request) { r.Host = "localhost:8080" }, 200},
		{"by a name that points here", func(r *http.Request) { r.Host = "evil.example" }, 403},
		{"from a page elsewhere", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
	} {
		r, err := http.NewRequest(http.MethodPost, d.url+"/phone/api/clock", strings.NewReader(`{"move":"hour"}`))
		if err != nil {
			t.Fatal(err)
		}
		c.change(r)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.name, res.StatusCode, c.want)
		}
	}
	p, err := phone.New(phone.Config{Line: func() *twilio.Twilio { return nil }, Environment: &stage{}})
	if err != nil {
		t.Fatal(err)
	}
	far := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/phone", nil)
	far.RemoteAddr = "192.0.2.7:4711"
	w := httptest.NewRecorder()
	p.ServeHTTP(w, far)
	if w.Code != http.StatusForbidden {
		t.Errorf("from another machine: %d", w.Code)
	}
}

func TestThePageNamesEverybody(t *testing.T) {
	d := open(t)
	res, err := http.Get(d.url + "/phone")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples.Stories() {
		for _, want := range []string{s.Name, s.Account, s.MemberID, s.ZIP} {
			if !bytes.Contains(page, []byte(want)) {
				t.Errorf("the page does not show %s", want)
			}
		}
	}
	for _, want := range []string{"04121980", "877-623-6765", "000123456789", "4242424242424242"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page does not show %s", want)
		}
	}
}
