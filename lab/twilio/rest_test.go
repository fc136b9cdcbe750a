package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// swap sends twilio-go's requests to the stand-in.
type swap struct{ base *url.URL }

func (s swap) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = s.base.Scheme, s.base.Host, ""
	return http.DefaultTransport.RoundTrip(r)
}

// library returns twilio-go's API client, pointed at the stand-in.
func library(t *testing.T, base, token string) *openapi.ApiService {
	t.Helper()
	u, err := url.Parse(base)
	must(t, err)
	c := &client.Client{
		Credentials: client.NewCredentials(DevAccountSID, token),
		HTTPClient: &http.Client{Timeout: 5 * time.Second, Transport: swap{u}, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
	c.SetAccountSid(DevAccountSID)
	h := client.NewRequestHandler(c)
	h.Edge, h.Region = "", ""
	return openapi.NewApiService(h)
}

const theirPhone = "+16175550101"

func newMessage(change func(*openapi.CreateMessageParams)) *openapi.CreateMessageParams {
	p := &openapi.CreateMessageParams{}
	p.SetTo(theirPhone)
	p.SetFrom(ourNumber)
	p.SetBody("payment received")
	if change != nil {
		change(p)
	}
	return p
}

func TestMessagesByTwiliosLibrary(t *testing.T) {
	p := newProduct(t)
	tw := p.line(nil)
	api := library(t, newServer(t, tw.Handler()), DevAuthToken)
	sent, err := api.CreateMessage(newMessage(func(m *openapi.CreateMessageParams) { m.SetStatusCallback(p.public + "/sms/status") }))
	must(t, err)
	if *sent.Status != "queued" || *sent.NumSegments != "1" || !strings.HasPrefix(*sent.Sid, "SM") || len(*sent.Sid) != 34 {
		t.Errorf("created %+v", sent)
	}
	before, err := api.ListMessage((&openapi.ListMessageParams{}).SetTo(theirPhone).SetDateSent(testNow))
	must(t, err)
	if len(before) != 0 {
		t.Error("a queued text has a date of sending")
	}
	must(t, tw.RunPending(context.Background()))
	var states []string
	for _, h := range p.got("/sms/status") {
		states = append(states, h.form.Get("MessageStatus"))
		wantFields(t, h.form, map[string]string{"MessageSid": *sent.Sid, "To": theirPhone, "From": ourNumber})
	}
	if diff := cmp.Diff([]string{"sending", "sent", "delivered"}, states); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
	found, err := api.ListMessage((&openapi.ListMessageParams{}).SetTo(theirPhone).SetDateSent(testNow))
	must(t, err)
	if len(found) != 1 || *found[0].Body != "payment received" || *found[0].Status != "delivered" {
		t.Errorf("listed %+v", found)
	}
	fetched, err := api.FetchMessage(*sent.Sid, nil)
	must(t, err)
	if *fetched.Status != "delivered" || *fetched.DateCreated != testNow.Format(time.RFC1123Z) {
		t.Errorf("fetched %+v", fetched)
	}
	if texts := tw.Texts(theirPhone); len(texts) != 1 || texts[0].Body != "payment received" || len(tw.AllTexts()) != 1 {
		t.Errorf("texts %+v", texts)
	}
}

func TestListPages(t *testing.T) {
	tw := newProduct(t).line(nil)
	api := library(t, newServer(t, tw.Handler()), DevAuthToken)
	for range 5 {
		_, err := api.CreateMessage(newMessage(nil))
		must(t, err)
	}
	found, err := api.ListMessage((&openapi.ListMessageParams{}).SetTo(theirPhone).SetPageSize(2))
	must(t, err)
	if len(found) != 5 {
		t.Errorf("listed %d, want 5", len(found))
	}
}

func TestCreateRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change func(*openapi.CreateMessageParams)
		status int
		code   int
	}{
		{"no To", func(p *openapi.CreateMessageParams) { p.To = nil }, 400, 21604},
		{"bad To", func(p *openapi.CreateMessageParams) { p.SetTo("617") }, 400, 21211},
		{"foreign From", func(p *openapi.CreateMessageParams) { p.SetFrom("+16175550199") }, 400, 21606},
		{"no sender", func(p *openapi.CreateMessageParams) { p.From = nil }, 400, 21603},
		{"no body", func(p *openapi.CreateMessageParams) { p.Body = nil }, 400, 21602},
		{"long body", func(p *openapi.CreateMessageParams) { p.SetBody(strings.Repeat("a", 1601)) }, 400, 21617},
		{"relative callback", func(p *openapi.CreateMessageParams) { p.SetStatusCallback("/status") }, 400, 21609},
		{"unknown service", func(p *openapi.CreateMessageParams) { p.SetMessagingServiceSid("MG1") }, 400, 21701},
		{"validity", func(p *openapi.CreateMessageParams) { p.SetValidityPeriod(36001) }, 400, 21100},
		{"unknown field", func(p *openapi.CreateMessageParams) { p.SetSendAsMms(true) }, 400, 21100},
		{"landline", func(p *openapi.CreateMessageParams) { p.SetTo("+16175550190") }, 400, 21614},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tw := newProduct(t).line(nil)
			tw.SetOutcome("+16175550190", Outcome{CreateError: 21614})
			api := library(t, newServer(t, tw.Handler()), DevAuthToken)
			_, err := api.CreateMessage(newMessage(test.change))
			wantAPIError(t, err, test.status, test.code)
			if len(tw.AllTexts()) > 0 {
				t.Error("a refused text is stored")
			}
		})
	}
}

func wantAPIError(t *testing.T, err error, status, code int) {
	t.Helper()
	var refused *client.TwilioRestError
	if !errors.As(err, &refused) || refused.Status != status || refused.Code != code {
		t.Errorf("error %v, want %d with %d", err, status, code)
	}
}

func TestWrongCredentials(t *testing.T) {
	api := library(t, newServer(t, newProduct(t).line(nil).Handler()), "wrong")
	_, err := api.CreateMessage(newMessage(nil))
	wantAPIError(t, err, 401, 20003)
}

func TestEveryTenthReplyIsLost(t *testing.T) {
	tw := newProduct(t).line(nil)
	api := library(t, newServer(t, tw.Handler()), DevAuthToken)
	must(t, tw.SetMode(ModeAPIDropsTenth))
	for i := 1; i <= 20; i++ {
		if _, err := api.CreateMessage(newMessage(nil)); (err != nil) != (i%10 == 0) {
			t.Errorf("create %d: %v", i, err)
		}
	}
	if n := len(tw.AllTexts()); n != 20 || tw.ModeCounts()[ModeAPIDropsTenth] != 2 {
		t.Errorf("%d texts stored, played %v", n, tw.ModeCounts())
	}
}

func TestAPIModes(t *testing.T) {
	tests := []struct {
		mode    Mode
		stored  int
		typed   bool // an error of Twilio's, not of the connection
		standby bool // standing, not once
	}{
		{ModeAPIDown, 0, false, true},
		{ModeAPIDropsReply, 1, false, true},
		{ModeAPIRateLimits, 0, true, true},
		{ModeAPIDown, 0, false, false},
		{ModeAPIDropsReply, 1, false, false},
	}
	for _, test := range tests {
		t.Run(string(test.mode), func(t *testing.T) {
			p := newProduct(t)
			tw := p.line(nil)
			api := library(t, newServer(t, tw.Handler()), DevAuthToken)
			if test.standby {
				must(t, tw.SetMode(test.mode))
			} else {
				must(t, tw.Once(test.mode))
			}
			_, err := api.CreateMessage(newMessage(func(m *openapi.CreateMessageParams) { m.SetStatusCallback(p.public + "/sms/status") }))
			var typed *client.TwilioRestError
			if err == nil || errors.As(err, &typed) != test.typed {
				t.Fatalf("error %v", err)
			}
			if test.typed {
				wantAPIError(t, err, 429, 20429)
			}
			if n := len(tw.AllTexts()); n != test.stored {
				t.Errorf("%d texts stored, want %d", n, test.stored)
			}
			must(t, tw.SetMode(ModeNormal))
			must(t, tw.RunPending(context.Background()))
			if n := len(p.got("/sms/status")); n != test.stored*3 {
				t.Errorf("%d callbacks", n)
			}
			if _, err := api.CreateMessage(newMessage(nil)); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if tw.ModeCounts()[test.mode] != 1 {
				t.Errorf("played %v", tw.ModeCounts())
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	tests := []struct {
		outcome Outcome
		want    string
		code    int
	}{
		{Outcome{}, "delivered", 0},
		{Outcome{Final: "sent"}, "sent", 0},
		{Outcome{Final: "undelivered"}, "undelivered", 30006},
		{Outcome{Final: "failed", ErrorCode: 30007}, "failed", 30007},
		{Outcome{Held: true}, "queued", 0},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			p := newProduct(t)
			tw := p.line(nil)
			tw.SetOutcome(theirPhone, test.outcome)
			api := library(t, newServer(t, tw.Handler()), DevAuthToken)
			_, err := api.CreateMessage(newMessage(func(m *openapi.CreateMessageParams) { m.SetStatusCallback(p.public + "/sms/status") }))
			must(t, err)
			must(t, tw.RunPending(context.Background()))
			if m := tw.Texts(theirPhone)[0]; m.Status != test.want || m.ErrorCode != test.code {
				t.Errorf("%s with %d", m.Status, m.ErrorCode)
			}
			if test.code != 0 && p.last("/sms/status").Get("ErrorCode") == "" {
				t.Error("the callback has no ErrorCode")
			}
		})
	}
}

func TestAutoDeliver(t *testing.T) {
	p := newProduct(t)
	tw := p.line(func(c *Config) { c.AutoDeliver = true })
	api := library(t, newServer(t, tw.Handler()), DevAuthToken)
	_, err := api.CreateMessage(newMessage(nil))
	must(t, err)
	must(t, tw.RunPending(context.Background()))
	if m := tw.Texts(theirPhone)[0]; m.Status != "delivered" {
		t.Errorf("status %s", m.Status)
	}
}

func TestServiceSendsAndSchedules(t *testing.T) {
	p := newProduct(t)
	now := testNow
	tw := p.line(func(c *Config) { c.MessagingServiceSID = "MG1"; c.Now = func() time.Time { return now } })
	base := newServer(t, tw.Handler())
	api := library(t, base, DevAuthToken)
	viaService := func(m *openapi.CreateMessageParams) { m.From = nil; m.SetMessagingServiceSid("MG1") }
	sent, err := api.CreateMessage(newMessage(viaService))
	must(t, err)
	if *sent.Status != "accepted" || sent.From != nil || *sent.NumSegments != "0" {
		t.Errorf("created %s from %v, %s segments", *sent.Status, sent.From, *sent.NumSegments)
	}
	later, err := api.CreateMessage(newMessage(func(m *openapi.CreateMessageParams) {
		viaService(m)
		m.SetScheduleType("fixed")
		m.SetSendAt(now.Add(time.Hour))
	}))
	must(t, err)
	must(t, tw.RunPending(context.Background()))
	if texts := tw.AllTexts(); texts[0].Status != "delivered" || texts[0].From != ourNumber || texts[1].Status != "scheduled" {
		t.Errorf("texts %+v", texts)
	}
	if _, err := api.UpdateMessage(*sent.Sid, (&openapi.UpdateMessageParams{}).SetStatus("canceled")); err == nil {
		t.Error("a delivered text is cancelled")
	}
	cancelled, err := api.UpdateMessage(*later.Sid, (&openapi.UpdateMessageParams{}).SetStatus("canceled"))
	must(t, err)
	if *cancelled.Status != "canceled" {
		t.Errorf("status %s", *cancelled.Status)
	}
	_, err = api.CreateMessage(newMessage(func(m *openapi.CreateMessageParams) {
		viaService(m)
		m.SetScheduleType("fixed")
		m.SetSendAt(now.Add(time.Minute))
	}))
	wantAPIError(t, err, 400, 35114)
	body := get(t, base+"/v1/Services/MG1")
	if body["sid"] != "MG1" {
		t.Errorf("service %v", body)
	}
	body = post(t, base+"/v1/Services/MG1", url.Values{"InboundRequestUrl": {p.public + "/svc/incoming"}, "UseInboundWebhookOnNumber": {"false"}})
	if body["inbound_request_url"] != p.public+"/svc/incoming" {
		t.Errorf("service %v", body)
	}
	p.says("/svc/incoming", ``)
	must(t, tw.TextFrom(context.Background(), theirPhone, "hello"))
	wantFields(t, p.last("/svc/incoming"), map[string]string{"Body": "hello", "MessagingServiceSid": "MG1"})
}

func TestNumbers(t *testing.T) {
	p := newProduct(t)
	tw := p.line(nil)
	base := newServer(t, tw.Handler())
	api := library(t, base, DevAuthToken)
	numbers, err := api.ListIncomingPhoneNumber((&openapi.ListIncomingPhoneNumberParams{}).SetPhoneNumber(ourNumber))
	must(t, err)
	if len(numbers) != 1 || *numbers[0].VoiceUrl != p.public+incoming+"#"+Overrides {
		t.Fatalf("numbers %+v", numbers)
	}
	changed, err := api.UpdateIncomingPhoneNumber(*numbers[0].Sid, (&openapi.UpdateIncomingPhoneNumberParams{}).SetVoiceUrl(p.public+"/other#"+Overrides))
	must(t, err)
	if *changed.VoiceUrl != p.public+"/other#"+Overrides {
		t.Errorf("changed %v", *changed.VoiceUrl)
	}
	p.says("/other", `<Say>Other.</Say>`)
	wantHeard(t, p.dial(tw), "Other.")
	if _, err := api.UpdateIncomingPhoneNumber("PN0", (&openapi.UpdateIncomingPhoneNumberParams{}).SetVoiceUrl(p.public)); err == nil {
		t.Error("an unknown number is updated")
	}
	if body := get(t, base+"/2010-04-01/Accounts/"+DevAccountSID+".json"); body["status"] != "active" {
		t.Errorf("account %v", body)
	}
}

// get and post speak to REST without a library.
func get(t *testing.T, target string) map[string]any {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, target, nil)
	must(t, err)
	return ask(t, req)
}

func post(t *testing.T, target string, form url.Values) map[string]any {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return ask(t, req)
}

func ask(t *testing.T, req *http.Request) map[string]any {
	t.Helper()
	req.SetBasicAuth(DevAccountSID, DevAuthToken)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	var body map[string]any
	must(t, json.NewDecoder(res.Body).Decode(&body))
	return body
}
