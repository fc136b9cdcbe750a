package twilio

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

const smsIncoming = "/twilio/sms/incoming"

func TestTextFrom(t *testing.T) {
	p := newProduct(t)
	p.says(smsIncoming, `<Message statusCallback="/sms/status">You are welcome &amp; heard.</Message>`)
	tw := p.line(nil)
	must(t, tw.TextFrom(context.Background(), theirPhone, " thanks "))
	wantFields(t, p.last(smsIncoming), map[string]string{"From": theirPhone, "To": ourNumber, "Body": " thanks ", "SmsStatus": "received", "NumMedia": "0", "NumSegments": "1"})
	if p.last(smsIncoming).Has("OptOutType") {
		t.Error("an OptOutType")
	}
	must(t, tw.RunPending(context.Background()))
	texts := tw.Texts(theirPhone)
	if len(texts) != 1 || texts[0].Body != "You are welcome & heard." || texts[0].Status != "delivered" || texts[0].Direction != "outbound-reply" {
		t.Errorf("texts %+v", texts)
	}
	if n := len(p.got("/sms/status")); n != 3 {
		t.Errorf("%d callbacks", n)
	}
}

func TestTwiliosOwnWords(t *testing.T) {
	ctx := context.Background()
	p := newProduct(t)
	p.says(smsIncoming, ``)
	tw := p.line(func(c *Config) { c.AdvancedOptOut = true })
	api := library(t, newServer(t, tw.Handler()), DevAuthToken)
	must(t, tw.TextFrom(ctx, theirPhone, " stop "))
	wantFields(t, p.last(smsIncoming), map[string]string{"OptOutType": "STOP"})
	must(t, tw.TextFrom(ctx, theirPhone, "STOP"))
	if n := len(tw.AutoReplies(theirPhone)); n != 1 {
		t.Errorf("%d automatic replies, want 1", n)
	}
	_, err := api.CreateMessage(newMessage(nil))
	wantAPIError(t, err, 400, 21610)
	must(t, tw.TextFrom(ctx, theirPhone, "YES")) // not confirmed to open the number again
	_, err = api.CreateMessage(newMessage(nil))
	wantAPIError(t, err, 400, 21610)
	must(t, tw.TextFrom(ctx, theirPhone, "Unstop"))
	_, err = api.CreateMessage(newMessage(nil))
	must(t, err)
	must(t, tw.TextFrom(ctx, theirPhone, "Stop!")) // not one of Twilio's words
	if p.last(smsIncoming).Has("OptOutType") {
		t.Error("Stop! is taken for STOP")
	}
	must(t, tw.TextFrom(ctx, theirPhone, "help"))
	if n := len(tw.AutoReplies(theirPhone)); n != 3 || len(tw.Texts(theirPhone)) != 1 {
		t.Errorf("%d automatic replies, %d texts", n, len(tw.Texts(theirPhone)))
	}
}

func TestRepliesToBlockedNumbersFail(t *testing.T) {
	ctx := context.Background()
	p := newProduct(t)
	p.says(smsIncoming, ``)
	tw := p.line(nil)
	must(t, tw.TextFrom(ctx, theirPhone, "END"))
	p.says(smsIncoming, `<Message>More.</Message>`)
	must(t, tw.TextFrom(ctx, theirPhone, "hello?"))
	must(t, tw.RunPending(ctx))
	if texts := tw.Texts(theirPhone); len(texts) != 1 || texts[0].Status != "failed" || texts[0].ErrorCode != 21610 {
		t.Errorf("texts %+v", texts)
	}
}

func TestWrongAnswersToTexts(t *testing.T) {
	tests := []struct {
		name, body string
		answer     http.HandlerFunc
		want       FaultKind
	}{
		{"second answer", "STOP", twiml(`<Message>You are out.</Message>`), FaultSecondAnswer},
		{"voice verb", "hi", twiml(`<Say>Hi.</Say>`), FaultTwiML},
		{"empty message", "hi", twiml(`<Message/>`), FaultTwiML},
		{"text and body", "hi", twiml(`<Message>a<Body>b</Body></Message>`), FaultTwiML},
		{"refused", "hi", status(403), FaultReply},
		{"created", "hi", status(201), FaultReply},
		{"redirect", "hi", twiml(`<Redirect>http://127.0.0.1/</Redirect>`), FaultUnsupported},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProduct(t)
			p.handles(smsIncoming, test.answer)
			tw := p.line(nil)
			err := tw.TextFrom(context.Background(), theirPhone, test.body)
			var fault Fault
			if !errors.As(err, &fault) || fault.Kind != test.want || len(tw.Faults()) != 1 {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestTextsMayBeLost(t *testing.T) {
	p := newProduct(t)
	p.handles(smsIncoming, status(503))
	tw := p.line(nil)
	if err := tw.TextFrom(context.Background(), theirPhone, "hi"); err == nil || len(tw.Faults()) > 0 {
		t.Errorf("error %v, faults %v", err, tw.Faults())
	}
}

func TestCallbacksTwice(t *testing.T) {
	p := newProduct(t)
	tw := p.line(nil)
	api := library(t, newServer(t, tw.Handler()), DevAuthToken)
	must(t, tw.SetMode(ModeCallbacksTwice))
	_, err := api.CreateMessage(newMessage(func(m *openapi.CreateMessageParams) { m.SetStatusCallback(p.public + "/sms/status") }))
	must(t, err)
	must(t, tw.RunPending(context.Background()))
	if n := len(p.got("/sms/status")); n != 6 {
		t.Errorf("%d callbacks, want 6", n)
	}
}

func TestSegments(t *testing.T) {
	tests := []struct {
		body string
		want int
	}{
		{"", 1},
		{strings.Repeat("a", 160), 1},
		{strings.Repeat("a", 161), 2},
		{strings.Repeat("a", 307), 3},
		{strings.Repeat("€", 80), 1},
		{strings.Repeat("€", 81), 2},
		{strings.Repeat("á", 70), 1},
		{strings.Repeat("á", 71), 2},
		{strings.Repeat("é", 160), 1},
		{strings.Repeat("🙂", 35), 1},
		{strings.Repeat("🙂", 36), 2},
	}
	for _, test := range tests {
		if got := segments(test.body); got != test.want {
			t.Errorf("%.4s… × %d: %d segments, want %d", test.body, len([]rune(test.body)), got, test.want)
		}
	}
}
