package twilio_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"duebell/internal/twilio"

	"github.com/google/go-cmp/cmp"
)

const caSID = "CA00000000000000000000000000000001"

func call() twilio.Call {
	return twilio.Call{To: "+16175550101", From: "+18776236765", RingSeconds: 25, DetectMachine: true,
		URL:            twilio.VoiceURL(base, "/twilio/voice/outbound/r1"),
		FallbackURL:    twilio.VoiceURL(base, "/twilio/voice/fallback"),
		StatusCallback: twilio.VoiceURL(base, "/twilio/voice/status"),
	}
}

func TestPlaceCall(t *testing.T) {
	s := serve(t, reply(201, `{"sid":"`+caSID+`","status":"queued"}`))
	got, err := dial(t, s.URL).PlaceCall(t.Context(), call())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(twilio.PlacedCall{SID: caSID, Status: "queued"}, got); diff != "" {
		t.Error(diff)
	}
	c := call()
	want := url.Values{"To": {c.To}, "From": {c.From}, "Url": {c.URL}, "Method": {"POST"}, "FallbackUrl": {c.FallbackURL}, "FallbackMethod": {"POST"},
		"StatusCallback": {c.StatusCallback}, "StatusCallbackMethod": {"POST"}, "StatusCallbackEvent": {"initiated", "ringing", "answered", "completed"},
		"Timeout": {"25"}, "MachineDetection": {"Enable"}}
	if diff := cmp.Diff(want, s.form(0)); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string]func(*twilio.Call){
		"to nobody":    func(c *twilio.Call) { c.To = "" },
		"from nobody":  func(c *twilio.Call) { c.From = "anonymous" },
		"no overrides": func(c *twilio.Call) { c.URL = base + "/twilio/voice/outbound/r1" },
		"no fallback":  func(c *twilio.Call) { c.FallbackURL = "" },
		"no status":    func(c *twilio.Call) { c.StatusCallback = "" },
		"rings long":   func(c *twilio.Call) { c.RingSeconds = 601 },
	} {
		c := call()
		change(&c)
		if _, err := dial(t, s.URL).PlaceCall(t.Context(), c); err == nil {
			t.Errorf("%s: placed", name)
		}
	}
	if s.count() != 1 {
		t.Errorf("%d requests", s.count())
	}

	empty := serve(t, reply(201, `{}`))
	if _, err := dial(t, empty.URL).PlaceCall(t.Context(), call()); kind(err) != twilio.Unknown {
		t.Errorf("an answer without a SID: %v, want unknown", err)
	}
}

func kind(err error) twilio.ErrorKind {
	if e, ok := twilio.AsError(err); ok {
		return e.Kind
	}
	return ""
}

func TestFetchMessage(t *testing.T) {
	s := serve(t, reply(200, `{"sid":"`+smSID+`","to":"+16175550101","from":null,"messaging_service_sid":"MG1","body":"hi","status":"undelivered","error_code":30006,"date_created":"Tue, 23 Feb 2027 15:00:00 +0000"}`))
	got, err := dial(t, s.URL).FetchMessage(t.Context(), smSID)
	if err != nil {
		t.Fatal(err)
	}
	got.CreatedAt = got.CreatedAt.UTC()
	want := twilio.Message{SID: smSID, To: "+16175550101", ServiceSID: "MG1", Body: "hi", Status: twilio.MessageUndelivered, ErrorCode: 30006, CreatedAt: time.Date(2027, 2, 23, 15, 0, 0, 0, time.UTC)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := dial(t, s.URL).FetchMessage(t.Context(), "../Calls"); kind(err) != twilio.Refused || s.count() != 1 {
		t.Errorf("an odd SID: %v, %d requests", err, s.count())
	}
	other := serve(t, reply(200, `{"sid":"SM00000000000000000000000000000009"}`))
	if _, err := dial(t, other.URL).FetchMessage(t.Context(), smSID); kind(err) != twilio.Unknown {
		t.Errorf("another text's answer: %v", err)
	}
}

func TestFindMessages(t *testing.T) {
	since := time.Date(2027, 2, 23, 15, 0, 0, 0, time.UTC)
	row := func(sid, to, created string) string {
		return fmt.Sprintf(`{"sid":%q,"to":%q,"body":"b","status":"queued","date_created":%q}`, sid, to, created)
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case q.Get("To") != "+16175550101" || q.Has("DateSent"):
			t.Errorf("query %v", q)
		case q.Get("PageToken") == "":
			_, _ = fmt.Fprintf(w, `{"messages":[%s,%s,%s],"next_page_uri":"/2010-04-01/Accounts/%s/Messages.json?To=%%2B16175550101&PageSize=100&Page=1&PageToken=PASM1"}`,
				row("SM1", "+16175550101", "Tue, 23 Feb 2027 15:00:10 +0000"), row("SM2", "+16175550101", "Tue, 23 Feb 2027 09:59:59 -0500"),
				row("SM3", "+16175550199", "Tue, 23 Feb 2027 15:00:10 +0000"), account)
		case q.Get("PageToken") == "PASM1" && q.Get("Page") == "1":
			_, _ = fmt.Fprintf(w, `{"messages":[%s,%s],"next_page_uri":null}`, row("SM4", "+16175550101", "Tue, 23 Feb 2027 10:00:00 -0500"), row("SM5", "+16175550101", "some time"))
		default:
			t.Errorf("query %v", q)
		}
	})
	got, err := dial(t, s.URL).FindMessages(t.Context(), "+16175550101", since)
	if err != nil {
		t.Fatal(err)
	}
	var sids []string
	for _, m := range got {
		sids = append(sids, m.SID)
	}
	if diff := cmp.Diff([]string{"SM1", "SM4", "SM5"}, sids); diff != "" {
		t.Error(diff)
	}
}

// TestFindMessagesDoesNotGuess: an answer that is not a whole list is an error, never an empty list.
func TestFindMessagesDoesNotGuess(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"no list":           reply(200, `{}`),
		"not JSON":          reply(200, `<html>`),
		"failure":           reply(500, `{"code":20500}`),
		"pages without end": reply(200, `{"messages":[],"next_page_uri":"/x?Page=1&PageToken=again"}`),
	} {
		s := serve(t, answer)
		if found, err := dial(t, s.URL).FindMessages(t.Context(), "+16175550101", time.Unix(0, 0)); kind(err) != twilio.Unknown {
			t.Errorf("%s: found %v, %v; want unknown", name, found, err)
		}
	}
	s := serve(t, reply(200, `{"messages":[],"next_page_uri":null}`))
	if found, err := dial(t, s.URL).FindMessages(t.Context(), "+16175550101", time.Unix(0, 0)); err != nil || len(found) != 0 {
		t.Errorf("an empty list: %v, %v", found, err)
	}
	if _, err := dial(t, s.URL).FindMessages(t.Context(), "sip:a@10.0.0.5", time.Unix(0, 0)); kind(err) != twilio.Refused {
		t.Errorf("an odd number: %v", err)
	}
}

func TestNumber(t *testing.T) {
	const pn = "PN00000000000000000000000000000001"
	number := `{"sid":"` + pn + `","phone_number":"+18776236765","voice_url":"https://x/v","voice_method":"POST","voice_fallback_url":"https://x/f","status_callback":"https://x/s","sms_url":"https://x/m","sms_method":"GET","trunk_sid":"TK1"}`
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"incoming_phone_numbers":[{"sid":"PN9","phone_number":"+187762367650"},`+number+`]}`)
			return
		}
		_, _ = io.WriteString(w, number)
	})
	c := dial(t, s.URL)
	want := twilio.PhoneNumber{SID: pn, E164: "+18776236765", VoiceURL: "https://x/v", VoiceMethod: "POST", VoiceFallbackURL: "https://x/f", StatusCallback: "https://x/s", SMSURL: "https://x/m", SMSMethod: "GET", TrunkSID: "TK1"}
	got, err := c.FetchNumber(t.Context(), "+18776236765")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, absent := range []string{"+18776236766", "8776236765"} {
		if _, err := c.FetchNumber(t.Context(), absent); !errors.Is(err, twilio.ErrNoSuchNumber) {
			t.Errorf("%s: %v", absent, err)
		}
	}

	hooks := twilio.NumberWebhooks{Voice: twilio.VoiceURL(base, "/twilio/voice/incoming"), VoiceFallback: twilio.VoiceURL(base, "/twilio/voice/fallback"),
		VoiceStatus: twilio.VoiceURL(base, "/twilio/voice/status"), SMS: base + "/twilio/sms/incoming"}
	if _, err := c.SetNumberWebhooks(t.Context(), pn, hooks); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"VoiceUrl": {hooks.Voice}, "VoiceMethod": {"POST"}, "VoiceFallbackUrl": {hooks.VoiceFallback}, "VoiceFallbackMethod": {"POST"},
		"StatusCallback": {hooks.VoiceStatus}, "StatusCallbackMethod": {"POST"}, "SmsUrl": {hooks.SMS}, "SmsMethod": {"POST"}}
	last := s.count() - 1
	if diff := cmp.Diff(form, s.form(last)); diff != "" {
		t.Error(diff)
	}
	if !strings.HasSuffix(s.request(last).URL.Path, "/IncomingPhoneNumbers/"+pn+".json") {
		t.Errorf("path %s", s.request(last).URL.Path)
	}
	hooks.Voice = base
	if _, err := c.SetNumberWebhooks(t.Context(), pn, hooks); kind(err) != twilio.Misconfigured {
		t.Errorf("a voice URL without overrides: %v", err)
	}
}

func TestService(t *testing.T) {
	const mg = "MG00000000000000000000000000000001"
	s := serve(t, reply(200, `{"sid":"`+mg+`","inbound_request_url":"https://x/in","inbound_method":"POST","status_callback":"https://x/s","use_inbound_webhook_on_number":true,"smart_encoding":true}`))
	c := dial(t, s.URL)
	want := twilio.MessagingService{SID: mg, InboundURL: "https://x/in", InboundMethod: "POST", StatusCallback: "https://x/s", UseNumberSMS: true, SmartEncoding: true}
	got, err := c.FetchService(t.Context(), mg)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r := s.request(0); r.URL.Path != "/v1/Services/"+mg || r.Header.Get("X-Twilio-Host") != "messaging.twilio.com" {
		t.Errorf("asked %s of %s", r.URL.Path, r.Header.Get("X-Twilio-Host"))
	}
	if _, err := c.SetServiceWebhooks(t.Context(), mg, base+"/twilio/sms/incoming", base+"/twilio/sms/status"); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"InboundRequestUrl": {base + "/twilio/sms/incoming"}, "InboundMethod": {"POST"}, "StatusCallback": {base + "/twilio/sms/status"}, "UseInboundWebhookOnNumber": {"false"}}
	if diff := cmp.Diff(form, s.form(1)); diff != "" {
		t.Error(diff)
	}
	if _, err := c.FetchService(t.Context(), ""); kind(err) != twilio.Misconfigured {
		t.Errorf("no service: %v", err)
	}
}
