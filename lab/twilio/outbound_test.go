package twilio

import (
	"context"
	"errors"
	"net/url"
	"testing"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// createCall places a call by REST and gives its SID.
func createCall(t *testing.T, base string, form url.Values) string {
	t.Helper()
	body := post(t, base+"/2010-04-01/Accounts/"+DevAccountSID+"/Calls.json", form)
	sid, ok := body["sid"].(string)
	if !ok {
		t.Fatalf("create: %v", body)
	}
	return sid
}

func TestOutboundCalls(t *testing.T) {
	ctx := context.Background()
	p := newProduct(t)
	p.says("/out/r1", p.menu(`numDigits="1"`, "A reminder.", "/out/r1/key"))
	p.says("/out/r1/key", `<Say>Thanks.</Say>`)
	tw := p.line(nil)
	api := library(t, newServer(t, tw.Handler()), DevAuthToken)
	placed, err := api.CreateCall((&openapi.CreateCallParams{}).SetTo(theirPhone).SetFrom(ourNumber).SetUrl(p.public + "/out/r1#" + Overrides).
		SetMachineDetection("Enable").SetStatusCallback(p.public + "/out/status").SetStatusCallbackEvent([]string{"ringing", "completed"}))
	must(t, err)
	if *placed.Status != "queued" || *placed.Direction != "outbound-api" {
		t.Errorf("created %s %s", *placed.Status, *placed.Direction)
	}
	must(t, tw.RunPending(ctx))
	calls := tw.Outbound()
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	c := calls[0]
	if _, ringing := c.State().(Ringing); !ringing {
		t.Fatalf("state %#v", c.State())
	}
	if err := c.Press(ctx, "1"); !errors.Is(err, ErrRefused) {
		t.Errorf("keys into a ringing phone: %v", err)
	}
	must(t, c.Answer(ctx, "human"))
	wantHeard(t, c, "A reminder.")
	wantFields(t, p.last("/out/r1"), map[string]string{"AnsweredBy": "human", "Direction": "outbound-api", "To": theirPhone, "From": ourNumber, "CallStatus": "in-progress"})
	must(t, c.Press(ctx, "1"))
	wantHeard(t, c, "Thanks.")
	if hits := p.got("/out/status"); len(hits) != 2 || hits[1].form.Get("CallStatus") != "completed" || hits[1].form.Get("SequenceNumber") != "1" {
		t.Errorf("status %v", hits)
	}
	fetched, err := api.FetchCall(*placed.Sid, nil)
	must(t, err)
	if *fetched.Status != "completed" {
		t.Errorf("status %s", *fetched.Status)
	}
	if err := c.Answer(ctx, ""); !errors.Is(err, ErrEnded) {
		t.Errorf("answered again: %v", err)
	}
}

func TestOutboundNotAnswered(t *testing.T) {
	ctx := context.Background()
	p := newProduct(t)
	tw := p.line(nil)
	base := newServer(t, tw.Handler())
	for _, want := range []string{"busy", "no-answer", "failed"} {
		sid := createCall(t, base, url.Values{"To": {theirPhone}, "From": {ourNumber}, "Url": {p.public + "/out#" + Overrides}, "StatusCallback": {p.public + "/out/status"}})
		must(t, tw.RunPending(ctx))
		c, _ := tw.Lookup(sid)
		must(t, c.NotAnswered(ctx, want))
		wantFields(t, p.last("/out/status"), map[string]string{"CallStatus": want, "CallSid": sid})
	}
	if len(p.got("/out")) > 0 {
		t.Error("an unanswered call asked for its document")
	}
}

func TestCallRefusals(t *testing.T) {
	p := newProduct(t)
	good := p.public + "/out#" + Overrides
	tests := []struct {
		name   string
		change func(*openapi.CreateCallParams)
		code   int
	}{
		{"no To", func(c *openapi.CreateCallParams) { c.To = nil }, 21201},
		{"foreign From", func(c *openapi.CreateCallParams) { c.SetFrom(theirPhone) }, 21210},
		{"no document", func(c *openapi.CreateCallParams) { c.Url = nil }, 21205},
		{"both documents", func(c *openapi.CreateCallParams) { c.SetTwiml("<Response/>") }, 21218},
		{"no overrides", func(c *openapi.CreateCallParams) { c.SetUrl(p.public + "/out") }, 21205},
		{"event in one string", func(c *openapi.CreateCallParams) { c.SetStatusCallbackEvent([]string{"ringing completed"}) }, 21100},
		{"inline Pay", func(c *openapi.CreateCallParams) {
			c.Url = nil
			c.SetTwiml("<Response>" + pay("", "") + "</Response>")
		}, 12100},
		{"recorded", func(c *openapi.CreateCallParams) { c.SetRecord(true) }, 21100},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tw := p.line(nil)
			api := library(t, newServer(t, tw.Handler()), DevAuthToken)
			params := (&openapi.CreateCallParams{}).SetTo(theirPhone).SetFrom(ourNumber).SetUrl(good)
			test.change(params)
			_, err := api.CreateCall(params)
			wantAPIError(t, err, 400, test.code)
			must(t, tw.RunPending(context.Background()))
			if len(tw.Outbound()) > 0 {
				t.Error("a refused call is placed")
			}
		})
	}
}

func TestCallsAreUpdatedByREST(t *testing.T) {
	ctx := context.Background()
	p := newProduct(t)
	p.says(incoming, p.menu("", "Choose.", "/next"))
	p.says("/moved", p.menu("", "Moved.", "/next"))
	tw := p.line(nil)
	api := library(t, newServer(t, tw.Handler()), DevAuthToken)
	c := p.dial(tw)
	_, err := api.UpdateCall(c.SID, (&openapi.UpdateCallParams{}).SetUrl(p.public+"/moved#"+Overrides))
	must(t, err)
	must(t, tw.RunPending(ctx))
	wantHeard(t, c, "Choose. | Moved.")
	_, err = api.UpdateCall(c.SID, (&openapi.UpdateCallParams{}).SetStatus("completed"))
	must(t, err)
	must(t, tw.RunPending(ctx))
	wantEnded(t, c, "ended by REST")
	if _, err = api.UpdateCall(c.SID, (&openapi.UpdateCallParams{}).SetStatus("completed")); err == nil {
		t.Error("an ended call is updated")
	}
}

func TestInlineTwiml(t *testing.T) {
	ctx := context.Background()
	p := newProduct(t)
	tw := p.line(nil)
	sid := createCall(t, newServer(t, tw.Handler()), url.Values{"To": {theirPhone}, "From": {ourNumber}, "Twiml": {"<Response><Say>Hello.</Say></Response>"}})
	must(t, tw.RunPending(ctx))
	c, _ := tw.Lookup(sid)
	must(t, c.Answer(ctx, ""))
	wantHeard(t, c, "Hello.")
}

func TestEndedCallsAreForgotten(t *testing.T) {
	p := newProduct(t)
	p.says(incoming, ``)
	tw := p.line(func(c *Config) { c.EndedCallsKept = 2 })
	first := p.dial(tw)
	p.dial(tw)
	last := p.dial(tw)
	if _, known := tw.Lookup(first.SID); known {
		t.Error("the oldest call is still known")
	}
	if _, known := tw.Lookup(last.SID); !known {
		t.Error("the last call is forgotten")
	}
}
