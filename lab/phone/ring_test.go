package phone_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"duebell/lab/twilio"
)

// placing is a telephone company through which the product has placed calls.
func placing(t *testing.T, many int) (client, *twilio.Twilio) {
	t.Helper()
	product := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		page := `<Gather input="dtmf" numDigits="1" action="/out/1/key"><Say>You asked us to call you.</Say></Gather><Hangup/>`
		if r.FormValue("AnsweredBy") != "human" {
			page = `<Say>Good-bye.</Say><Hangup/>`
		}
		_, _ = io.WriteString(w, "<Response>"+page+"</Response>")
	}))
	t.Cleanup(product.Close)
	s := &stage{now: time.Date(2027, 2, 10, 15, 0, 0, 0, time.UTC)}
	company, err := twilio.New(twilio.Config{PublicURL: product.URL, Numbers: []twilio.Number{{Phone: lineNumber}}, Now: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(company.Close)
	for range many {
		form := url.Values{"To": {"+16175550101"}, "From": {lineNumber}, "Url": {product.URL + "/out/1"}, "MachineDetection": {"Enable"}, "Timeout": {"30"}}
		r := httptest.NewRequest(http.MethodPost, "/2010-04-01/Accounts/"+twilio.DevAccountSID+"/Calls.json", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(twilio.DevAccountSID, twilio.DevAuthToken)
		w := httptest.NewRecorder()
		company.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusCreated {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if err := company.RunPending(context.Background()); err != nil {
		t.Fatal(err)
	}
	return openWith(t, s, company), company
}

// ringing are the SIDs of the calls that ring on the page.
func (d client) ringing() []string {
	d.t.Helper()
	var sids []string
	for _, c := range d.state("")["ringing"].([]any) {
		if to := c.(object)["to"]; to != "+16175550101" {
			d.t.Errorf("it rings at %v", to)
		}
		sids = append(sids, c.(object)["sid"].(string))
	}
	return sids
}

// wait waits until a call has come to a question or its end.
func (d client) wait(sid, kind string) {
	d.t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for askOf(d.t, d.state(sid)["call"])["kind"] != kind {
		select {
		case <-deadline.C:
			d.t.Fatalf("it never comes to %s: %v", kind, d.state(sid)["call"])
		default:
		}
	}
}

// TestTheLineCalls: a call that rings is answered, by a person or a machine, turned away, or rings out.
func TestTheLineCalls(t *testing.T) {
	d, company := placing(t, 4)
	sids := d.ringing()
	if len(sids) != 4 {
		t.Fatalf("%d calls ring", len(sids))
	}
	if sid := d.must("ringing/"+sids[0]+"/person", object{})["sid"]; sid != sids[0] {
		t.Errorf("answered %v", sid)
	}
	d.wait(sids[0], "gather")
	if view := d.state(sids[0])["call"].(object); view["from"] != "+16175550101" {
		t.Errorf("it is %v's", view["from"])
	}
	d.must("calls/"+sids[0]+"/hang-up", object{})
	d.must("ringing/"+sids[1]+"/machine", object{})
	d.wait(sids[1], "ended")
	d.must("ringing/"+sids[2]+"/busy", object{})
	if left := d.ringing(); len(left) != 1 || left[0] != sids[3] {
		t.Errorf("there ring %v", left)
	}
	for path, want := range map[string]int{sids[2] + "/person": http.StatusConflict, "CA1/person": http.StatusConflict, sids[3] + "/dog": http.StatusNotFound} {
		if status, answer := d.post("ringing/"+path, object{}); status != want {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
	if err := d.stage.Until(context.Background(), d.stage.Now().Add(30*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := company.RunPending(context.Background()); err != nil {
		t.Fatal(err)
	}
	if left := d.ringing(); len(left) != 0 {
		t.Errorf("after half a minute there ring %v", left)
	}
}
